// One program on pools of 1, 2 and 4 workers, in turn, and on two unconnected workers that each run the whole at the
// same time: what the machine itself can do. Each function gives milliseconds by program and pool.
import {alternate} from './harness.js';
import {program, withSchedulers} from './forkjoin.js';
import {open, run} from './kernels.js';
import {indexSource} from './stdlib_index.js';

export const SIZES = [1, 2, 4];

/**
 * Runs one program.
 * @template P
 * @param {P[]} pools of SIZES workers, and another one of one worker
 * @param {(pool: P) => Promise<number>} run gives milliseconds
 * @param {{rounds: number, warmup: number}} options
 * @param {Record<string, () => Promise<number>>} [others] to be run in turn with these
 */
async function onEach(pools, run, options, others = {}) {
  const runs = Object.fromEntries(SIZES.map((size, i) => [size, () => run(pools[i])]));
  const both = [pools[0], pools[SIZES.length]];
  return await alternate(
    {...runs, ...others, unconnected: async () => Math.max(...(await Promise.all(both.map(run))))},
    options,
  );
}

/** Python's: a spawn at every call; and without, serially, in a worker. */
export const pythonTimes = () =>
  withSchedulers([...SIZES, 1], async (...schedulers) => {
    const programs = {
      fib: [program(['fib_spawn', 28], 317_811), program(['fib', 28], 317_811)],
      nqueens: [program(['queens_spawn', 11], 2_680), program(['queens', 11], 2_680)],
      // The tree below one child of T3's root: the fourth largest of 2000, and as unbalanced as the whole.
      uts: [program(['uts_subtree', 208], 242_289), program(['uts_subtree_serial', 208], 242_289)],
    };
    /** @type {Record<string, Record<string, number[]>>} */
    const times = {};
    for (const [name, [run, serial]] of Object.entries(programs))
      times[name] = await onEach(schedulers, run, {rounds: 7, warmup: 4}, {serial: () => serial(schedulers[0])});
    return times;
  });

/**
 * What the simulation is fed with, as the workers measure it: ms of rounds of spawns (see forkjoin_tasks.py), µs of each
 * steal by request, [µs to publish, µs until it ended] of each job that is handed to a worker awake and asleep.
 */
export const costs = () =>
  withSchedulers([1, 2], async (one, two) => {
    const turns = 10_000;
    for (let i = 0; i < 10; i++) await one.call('spawn_join', turns, 100); // warms up
    const rounds = await one.call('spawn_join', turns, 101);
    for (let i = 0; i < 3; i++) await two.call('steal_latency', 1_000, 1);
    await two.call('handovers', 200);
    /** @type {{latencies: number[], awake: number[][], asleep: number[][]}} */
    const handed = {latencies: [], awake: [], asleep: []};
    for (let round = 0; round < 5; round++) {
      handed.latencies.push(...(await two.call('steal_latency', 500, 0.5)));
      const [awake, asleep] = await two.call('handovers', 200);
      handed.awake.push(...awake);
      handed.asleep.push(...asleep);
    }
    return {turns, rounds, ...handed};
  });

/** The main job: a task for each module of Python's standard library. */
export const stdlibIndexTimes = async () => {
  const {Penny} = /** @type {any} */ (globalThis);
  const source = await indexSource();
  const schedulers = await Promise.all(
    SIZES.map(async workers => {
      const scheduler = await Penny.scheduler({workers});
      for (const name of ['count', 'modules']) scheduler.define(name, source);
      return scheduler;
    }),
  );
  /** @type {string[]} */
  const names = await schedulers[0].submit('modules');
  /** @type {number | undefined} */
  let functions;
  const index = (/** @type {any} */ scheduler) => async () => {
    const counts = await Promise.all(names.map(name => scheduler.submit('count', name)));
    const total = counts.reduce((sum, count) => sum + count, 0);
    functions ??= total; // of the one worker's first run
    if (total !== functions || total < names.length)
      throw new Error(`${total} functions in ${names.length} modules instead of ${functions}`);
  };
  const runs = Object.fromEntries(SIZES.map((size, i) => [size, index(schedulers[i])]));
  const times = await alternate(runs, {rounds: 5, warmup: 1});
  await Promise.all(schedulers.map(scheduler => scheduler.shutdown()));
  return times;
};

/** C's, in workers without Python. */
export async function kernelTimes() {
  const pools = await Promise.all([...SIZES, 1].map(open));
  for (const pool of pools)
    for (const prepare of ['prepare', 'prepare_quicksort'])
      if ((await pool.call(prepare)).result !== 1) throw new Error(`${prepare}: no room`);
  /** @type {Record<string, {args?: number[], expected?: number, times?: number}>} */
  const programs = {
    fib: {args: [36], expected: 14_930_352, times: 2},
    uts_t1: {expected: 4_130_071},
    uts_t3: {expected: 4_112_897},
    quicksort: {expected: 1},
    matmul: {times: 2},
    mandelbrot: {times: 2},
  };
  /** @type {Record<string, Record<string, number[]>>} */
  const times = {};
  for (const [name, {args = [], expected, times: calls}] of Object.entries(programs)) {
    // What one worker without others gives is right.
    const result = expected ?? (await pools[0].call(name, args)).result;
    times[name] = await onEach(
      pools,
      pool => run(pool, result, name, args, calls)(),
      {rounds: 7, warmup: 2},
    );
  }
  for (const pool of pools) pool.close();
  return times;
}
