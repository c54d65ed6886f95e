// A scheduler's trace, as it lies in shared memory: rings of events, one for each participant, which overwrite their
// oldest; and a log, into which the keeper copies them now and then. The protocol, and why what is read is
// whole: penny/wasm_core/trace/README.md. What becomes of it: chrome.js.
import {clock} from '../core/clock.js';
import * as L from '../core/layout.js';
import {unheld} from '../hosts/holding.js';
import {readNames, traceAddress} from './names.js';

/**
 * @typedef {import('../core/core.js').Core} Core
 *
 * Events of one participant, without a gap. first: position of the first of them; words: four 32-bit words of each,
 * when (low, high), what (low, high), see struct trace_event.
 * @typedef {{first: number, words: Int32Array}} Piece
 *
 * What one participant did, oldest first; where a piece does not begin at the end of the one before, events are
 * lost, and so are those before the first piece if that does not begin at `first`.
 * @typedef {{participant: number, first: number, pieces: Piece[]}} Track
 *
 * All that is known when it is read. now: ms since the trace's epoch; names: of functions, by serial, or
 * NAME_IS_PLACE + place in the table.
 * @typedef {{workers: number, now: number, tracks: Track[], names: Map<number, string>}} Recording
 */

const WORDS = L.EVENT_BYTES / 4;

/** How often the keeper copies, ms. A ring fills in a tenth of a second, if a worker does nothing but tiny tasks. */
const INTERVAL = 40;

/** @param {number} workers @returns {number[]} whoever has a ring, in the order of the rings */
export function participants(workers) {
  const others = Array.from({length: 1 + L.CLIENTS_MAX}, (_, i) => L.ASYNC_WORKER + i);
  return [...Array(workers).keys(), ...others];
}

/** How many positions `to` is after `from`: they wrap at 2 ** 32. @param {number} from @param {number} to */
const distance = (from, to) => (to - from) >>> 0;

/** @param {Core} core @param {number} ring its number */
export function ringWord(core, ring) {
  return (traceAddress(core) + L.TRACE_BYTES + ring * L.RING_BYTES) / 4;
}

/**
 * What a ring has from a position on.
 * @param {Core} core of the reader
 * @param {number} ring its number
 * @param {number} from
 * @returns {Piece[]} they begin later than `from`, or after a gap, if something was overwritten
 */
export function readRing(core, ring, from) {
  const {exports, words} = core;
  const own = ringWord(core, participants(core.workers).indexOf(core.participant));
  const copy = own + L.RING_COPY / 4;
  const pieces = [];
  // What is written meanwhile is for the next time: one who writes fast would keep us for ever.
  const head = exports.trace_head(ring) >>> 0;
  for (let next = from; distance(next, head) > 0 && distance(next, head) < 2 ** 31; ) {
    const count = exports.trace_read(ring, next);
    const first = words[own + L.RING_COPIED_WORD] >>> 0;
    if (count) pieces.push({first, words: words.slice(copy, copy + count * WORDS)});
    next = (first + count) >>> 0;
  }
  return pieces;
}

/** @param {Piece} piece */
const end = ({first, words}) => (first + words.length / WORDS) >>> 0;

// ---- the keeper's log -------------------------------------------------------------------------------

/** Copies the rings into the log while the page's event loop turns. When that is full it stops. */
export class Tracer {
  /** @type {ReturnType<typeof setInterval>} */
  #timer;
  /** The next position of each ring. @type {number[]} */
  #next;

  /**
   * @param {Core} core the keeper's
   */
  constructor(core) {
    this.core = core;
    core.reach(core.memory.buffer.byteLength);
    this.#next = participants(core.workers).map(
      (_, ring) => core.words[ringWord(core, ring) + L.RING_FIRST_WORD] >>> 0,
    );
    this.#timer = unheld(setInterval(() => this.drain(), INTERVAL));
  }

  /** Copies what is new, while there is room. */
  drain() {
    this.#next = this.#next.map((from, ring) => this.core.exports.trace_log(ring, from) >>> 0);
  }

  stop() {
    clearInterval(this.#timer);
  }
}

/**
 * The runs of the log, by ring.
 * @param {Core} core
 * @param {number} rings
 * @param {number} logged entries
 * @returns {Piece[][]}
 */
function readLog(core, rings, logged) {
  const log = (traceAddress(core) + L.TRACE_LOG) / 4;
  /** @type {Piece[][]} */
  const pieces = Array.from({length: rings}, () => []);
  for (let at = 0; at < logged; ) {
    const run = log + at * WORDS;
    const [ring, count, first] = core.words.subarray(run, run + WORDS);
    const words = core.words.slice(run + WORDS, run + (1 + count) * WORDS);
    pieces[ring].push({first: first >>> 0, words});
    at += 1 + count;
  }
  return pieces;
}

// ---- reading all of it ------------------------------------------------------------------------------

/**
 * All that is known so far. The page and a host worker may ask at any time.
 * @param {Core} core of a memory that is traced
 * @returns {Recording}
 */
export function readTrace(core) {
  const {workers} = core;
  core.reach(core.memory.buffer.byteLength);
  const logged = traceAddress(core) / 4 + L.TRACE_LOGGED_WORD;
  for (;;) {
    const before = Atomics.load(core.words, logged);
    const inLog = readLog(core, workers + 1 + L.CLIENTS_MAX, before);
    let hasGap = false;
    const tracks = participants(workers).map((participant, ring) => {
      const first = core.words[ringWord(core, ring) + L.RING_FIRST_WORD] >>> 0;
      const pieces = inLog[ring];
      const from = pieces.length ? end(pieces[pieces.length - 1]) : first;
      const newest = readRing(core, ring, from);
      hasGap ||= lostEvents({first: from, pieces: newest}) > 0;
      return {participant, first, pieces: [...pieces, ...newest]};
    });
    // What is missing may have come into the log meanwhile.
    if (hasGap && Atomics.load(core.words, logged) !== before) continue;
    const epoch = new DataView(core.memory.buffer).getFloat64(traceAddress(core) + L.TRACE_EPOCH, true);
    return {workers, now: clock() - epoch, tracks, names: readNames(core)};
  }
}

/**
 * How many events are lost between `first` and the end of the last piece.
 * @param {{first: number, pieces: Piece[]}} track
 */
export function lostEvents({first, pieces}) {
  let lost = 0;
  let expected = first;
  for (const piece of pieces) {
    lost += distance(expected, piece.first);
    expected = end(piece);
  }
  return lost;
}
