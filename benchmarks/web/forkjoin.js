// Fork-join in Python: what spawn and join cost, and what a second worker brings.
//
// The engine compiles a worker's WebAssembly anew, and better, over about its first two seconds of running:
// everything is warmed up for longer.
import {alternate, time} from './harness.js';

/**
 * A scheduler whose functions are those of forkjoin_tasks.py.
 * @param {number} workers
 */
async function open(workers) {
  const {Penny} = /** @type {any} */ (globalThis);
  const source = await (await fetch('./forkjoin_tasks.py')).text();
  const scheduler = await Penny.scheduler({workers});
  /** @type {Set<string>} */
  const defined = new Set();
  return {
    /** @param {string} name @param {...number} args */
    call(name, ...args) {
      if (!defined.has(name)) scheduler.define(name, source);
      defined.add(name);
      return scheduler.submit(name, ...args);
    },
    close: () => scheduler.shutdown(),
  };
}

/** @typedef {Awaited<ReturnType<typeof open>>} Opened */

/**
 * Opens schedulers of so many workers for the time of `use`.
 * @template T
 * @param {number[]} sizes
 * @param {(...schedulers: Opened[]) => Promise<T>} use
 */
export async function withSchedulers(sizes, use) {
  const schedulers = await Promise.all(sizes.map(open));
  const result = await use(...schedulers);
  await Promise.all(schedulers.map(scheduler => scheduler.close()));
  return result;
}

/**
 * A task whose result is known: calls it, and returns its time.
 * @param {[name: string, ...args: number[]]} call
 * @param {number} expected
 */
export const program = (call, expected) => (/** @type {Opened} */ scheduler) =>
  time(async () => {
    const result = await scheduler.call(...call);
    if (result !== expected) throw new Error(`${call} gave ${result} instead of ${expected}`);
  });

const fibSerial = program(['fib', 32], 2_178_309);
const fibSpawn = program(['fib_spawn', 32], 2_178_309);
const queensSerial = program(['queens', 12], 14_200);
const queensSpawn = program(['queens_spawn', 12], 14_200);
const queensRows = program(['queens_rows', 12], 14_200);
const uts = program(['uts'], 4_112_897);

/**
 * A program on one worker, on two, and on two unconnected workers that each run the whole at the same
 * time; and serially in one worker, if there is such a variant.
 * @param {(scheduler: Opened) => Promise<number>} run
 * @param {{serial?: (scheduler: Opened) => Promise<number>, rounds?: number, warmup?: number}} [options]
 */
const speedup = (run, {serial, rounds = 7, warmup = 2} = {}) =>
  withSchedulers([1, 1, 2], (one, other, two) =>
    alternate(
      {
        one: () => run(one),
        two: () => run(two),
        unconnected: () => time(() => Promise.all([run(one), run(other)])),
        ...(serial && {serial: () => serial(one)}),
      },
      {rounds, warmup},
    ),
  );

export const fibTimes = () => speedup(fibSpawn, {serial: fibSerial});
export const queensTimes = () => speedup(queensSpawn);
// A round takes a minute.
export const utsTimes = () => speedup(uts, {rounds: 5, warmup: 1});

export const queensRowsTimes = () =>
  withSchedulers([1, 2], (one, two) =>
    alternate({serial: () => queensSerial(one), two: () => queensRows(two)}, {warmup: 4}),
  );

/** Of each round the ms of so many turns: an empty loop, plain calls, spawn and join. */
export const spawnJoinTimes = () =>
  withSchedulers([1], async scheduler => {
    const turns = 10_000;
    // Warms up: in tasks of their own, since what is on the stack is not exchanged for better code.
    for (let i = 0; i < 10; i++) await scheduler.call('spawn_join', turns, 150);
    return {turns, rounds: await scheduler.call('spawn_join', turns, 301)};
  });

/** Times as the worker takes them, of a list comprehension and of parallel_map, in turn. */
export const mapTimes = () =>
  withSchedulers([2], async scheduler => {
    for (let i = 0; i < 50; i++) await scheduler.call('map_both', 100_000, 3); // warms up
    const rounds = [];
    for (let i = 0; i < 20; i++) rounds.push(...(await scheduler.call('map_both', 100_000, 5)));
    return {serial: rounds.map(times => times[0]), parallel: rounds.map(times => times[1])};
  });

/** ms of the slices of a serial loop beside a worker that sleeps in a task, and beside a hungry one: of each run. */
export const hungryTimes = () =>
  withSchedulers([2], async scheduler => {
    const seconds = 10;
    for (let i = 0; i < 10; i++) await scheduler.call('slices_beside', 0.5, i % 2); // warms up
    /** @type {Record<string, number[][]>} */
    const slices = {alone: [], beside: []};
    for (let round = 0; round < 6; round++) {
      const [alone, beside] = await scheduler.call('slices_beside', seconds, round % 2);
      slices.alone.push(alone);
      slices.beside.push(beside);
    }
    return slices;
  });

/** µs of each request. */
export const stealLatencies = () =>
  withSchedulers([2], async scheduler => {
    for (let i = 0; i < 5; i++) await scheduler.call('steal_latency', 1_000, 1); // warms up
    return await scheduler.call('steal_latency', 2_000, 2);
  });
