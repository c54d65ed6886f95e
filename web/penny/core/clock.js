// One clock. Each page and worker counts its `performance.now()` from the moment it was made; Python's
// `time.monotonic` and `time.perf_counter`, and C's clock_gettime, would differ by that. Workers read the page's.

/**
 * How a context, a page or a worker, tells the time.
 * @typedef {{origin: number, zero: number}} Clock
 *   origin: its `performance.timeOrigin`; zero: when its `performance.now()` was 0, by the system's clock as that
 *   goes now. Both in ms since 1970
 */

// Kept: to get it from the global object takes twice as long as to ask it.
const stopwatch = performance;

/** When `performance.now()` was 0 here, on the page's clock. */
let origin = stopwatch.timeOrigin;
/** By how much the page's is ahead of this context's, ms. */
let ahead = 0;

/** A time that is the same in all threads of a page, ms; never goes back, whatever the system's clock does. */
export const clock = () => origin + stopwatch.now();

/**
 * From now on `clock` is the page's.
 * @param {Clock} page measured just before
 * @returns {number} ms that the page's `performance.now()` is ahead of this context's
 */
export function followClock(page) {
  ahead = aheadOf(page, ownClock());
  origin = page.origin + ahead;
  return ahead;
}

/** ms that the page's `performance.now()` is ahead of this context's. */
export const aheadHere = () => ahead;

/** Readings of the system's clock, of which the best counts. */
const READINGS = 8;

/** @returns {Clock} this context's; the page's, once it follows that: for workers of its own */
export const clockHere = () => ({origin: origin - ahead, zero: ownClock().zero - ahead});

/** @returns {Clock} this context's */
function ownClock() {
  let zero = -Infinity;
  // Date.now() is rounded down, and the other one is read later: all readings are too low.
  for (let i = 0; i < READINGS; i++) zero = Math.max(zero, Date.now() - stopwatch.now());
  return {origin: stopwatch.timeOrigin, zero};
}

/**
 * Up to here the difference of two origins is believed, which browsers know to the microsecond, ms. Where it is
 * more, the system's clock was set, or the computer slept, between the starts of the two contexts, and the
 * browser has counted that in. Then what was measured counts, to a millisecond or two.
 */
const BELIEVED = 5;

/**
 * @param {Clock} theirs
 * @param {Clock} ours measured at about the same time
 */
export function aheadOf(theirs, ours) {
  const told = ours.origin - theirs.origin;
  const measured = ours.zero - theirs.zero;
  return Math.abs(told - measured) <= BELIEVED ? told : measured;
}

/** WASI's number of the clock that Python's `time.monotonic` and `perf_counter` read. */
const CLOCK_MONOTONIC = 1;

/**
 * Sets the clock of an Emscripten module that is about to be instantiated. Modules that are linked to it later
 * get the same imports.
 * @param {any} imports its imports
 * @param {number} ahead ms to add to `performance.now()`
 * @param {() => WebAssembly.Memory} memory the module's, once it runs
 */
export function setClock(imports, ahead, memory) {
  const {env, wasi_snapshot_preview1: wasi} = imports;
  const now = () => stopwatch.now() + ahead;
  const getTime = wasi.clock_time_get;
  let view = new BigInt64Array();
  /** @type {(clock: number, precision: bigint, to: number) => number} */
  const shifted = (clock, precision, to) => {
    if (clock !== CLOCK_MONOTONIC) return getTime(clock, precision, to);
    const {buffer} = memory();
    if (view.buffer !== buffer) view = new BigInt64Array(buffer); // it has grown
    view[to >>> 3] = BigInt(Math.round(now() * 1e6));
    return 0;
  };
  // Emscripten's linker knows functions by these.
  wasi.clock_time_get = Object.assign(shifted, {sig: getTime.sig});
  env.emscripten_get_now = Object.assign(now, {sig: env.emscripten_get_now.sig});
}
