// Kernels in workers without Python: what a spawn costs, and what a second worker brings. Each function gives
// milliseconds, pair by pair.
import {alternate} from './harness.js';
import {Core, KEEPER, createMemory} from './penny/core/core.js';
import {KernelModules} from './penny/kernels/modules.js';

const HEAP = 384 * 2 ** 20;
const [FIB_N, FIB] = [36, 14_930_352];
/** One that takes a millisecond or two: of many short runs some are disturbed by nothing. */
const [SHORT_N, SHORT_FIB, SHORT_SPAWNS] = [27, 196_418, 317_810];
/** What its peers run: benchmarks/kernels/native_fib.cpp and pthreads_fib.c. */
const [PEERS_N, PEERS_FIB] = [30, 832_040];
const [LARGE, SMALL] = [22, 10]; // heights of trees: 2 ** height - 1 nodes

/**
 * A pool; its first worker is called, the others serve.
 * @param {number} workers
 */
export async function open(workers) {
  const [module, kernels] = await Promise.all([
    WebAssembly.compileStreaming(fetch('./penny/core.wasm')),
    fetch('./kernels.wasm').then(answer => answer.arrayBuffer()),
  ]);
  const memory = createMemory(HEAP);
  const core = new Core(module, memory, KEEPER);
  core.initialise(workers, HEAP);
  new KernelModules(core).add(new Uint8Array(kernels));
  const threads = await Promise.all(
    Array.from({length: workers}, async (_, number) => {
      const worker = new Worker(new URL('./kernels_worker.js', import.meta.url), {type: 'module'});
      await new Promise(resolve => {
        worker.onmessage = resolve;
        worker.postMessage({module, memory, number});
      });
      return worker;
    }),
  );
  for (const thread of threads.slice(1)) thread.postMessage({serve: true});
  return {
    /**
     * @param {string} name
     * @param {number[]} [args]
     * @param {number} [times]
     * @returns {Promise<{result: number, ms: number}>} ms by the worker's own clock
     */
    call: (name, args = [], times = 1) =>
      new Promise(resolve => {
        threads[0].onmessage = ({data}) => resolve(data);
        threads[0].postMessage({name, args, times});
      }),
    close() {
      core.exports.stop();
      for (const thread of threads) thread.terminate();
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof open>>} Pool */

/**
 * A run that gives its time and checks its result.
 * @param {Pool} pool
 * @param {unknown} expected
 * @param {string} name
 * @param {number[]} [args]
 * @param {number} [times]
 */
export const run = (pool, expected, name, args, times) => async () => {
  const {result, ms} = await pool.call(name, args, times);
  if (result !== expected) throw new Error(`${name} gave ${result}, not ${expected}`);
  return ms;
};

/** The sum of a tree's values. @param {number} height */
const treeSum = height => ((2 ** height - 1) * (2 ** height - 2)) / 2;

export async function fib() {
  const pool = await open(1);
  const times = await alternate(
    {
      spawned: run(pool, SHORT_FIB, 'fib', [SHORT_N]),
      serial: run(pool, SHORT_FIB, 'fib_serial', [SHORT_N]),
      jobs: run(pool, SHORT_FIB, 'fib_jobs', [SHORT_N]),
    },
    {rounds: 101, warmup: 20},
  );
  pool.close();
  return {...times, spawns: SHORT_SPAWNS};
}

/** ns of the best runs: the plain function, fib with a spawn at every call on one worker, and on two. */
export async function fibBesidePeers() {
  const [one, two] = [await open(1), await open(2)];
  const args = [PEERS_N];
  const times = await alternate(
    {
      plain: run(one, PEERS_FIB, 'fib_serial', args),
      one: run(one, PEERS_FIB, 'fib', args),
      two: run(two, PEERS_FIB, 'fib', args),
    },
    {rounds: 7, warmup: 5},
  );
  for (const pool of [one, two]) pool.close();
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, Math.min(...ms) * 1e6]));
}

export async function largeTree() {
  const pool = await open(1);
  const args = [(await pool.call('plant_tree', [LARGE])).result];
  const sum = treeSum(LARGE);
  const times = await alternate(
    {spawned: run(pool, sum, 'tree', args, 5), serial: run(pool, sum, 'tree_serial', args, 5)},
    {rounds: 31, warmup: 5},
  );
  pool.close();
  return times;
}

export async function smallTree() {
  const pool = await open(2);
  const args = [(await pool.call('plant_tree', [SMALL])).result];
  const sum = treeSum(SMALL);
  const times = await alternate(
    {two: run(pool, sum, 'tree', args, 1000), serial: run(pool, sum, 'tree_serial', args, 1000)},
    {rounds: 101, warmup: 20},
  );
  pool.close();
  return times;
}

/**
 * One worker, two workers, and two unconnected ones that each do the whole.
 * @param {unknown} expected
 * @param {string} name
 * @param {{times?: number, height?: number}} [options] height of a tree that is its argument
 */
async function speedup(expected, name, {times, height} = {}) {
  const [one, two, other] = [await open(1), await open(2), await open(1)];
  const runs = [];
  for (const pool of [one, two, other]) {
    const prepared = await pool.call('prepare');
    if (prepared.result !== 1) throw new Error('prepare: no room');
    const args = height ? [(await pool.call('plant_tree', [height])).result] : name === 'fib' ? [FIB_N] : [];
    const check = expected ?? (await pool.call(name, args)).result;
    runs.push(run(pool, check, name, args, times));
  }
  const [runOne, runTwo, runOther] = runs;
  const measured = await alternate({
    one: runOne,
    two: runTwo,
    unconnected: async () => Math.max(...(await Promise.all([runOne(), runOther()]))),
  });
  for (const pool of [one, two, other]) pool.close();
  return measured;
}

export const fibSpeedup = () => speedup(FIB, 'fib', {times: 3});
export const matmulSpeedup = () => speedup(undefined, 'matmul', {times: 3});
export const mandelbrotSpeedup = () => speedup(undefined, 'mandelbrot', {times: 3});
export const nbodySpeedup = () => speedup(1, 'nbody', {times: 2});
export const treeSpeedup = () => speedup(treeSum(LARGE), 'tree', {times: 10, height: LARGE});
export const mergesortSpeedup = () => speedup(1, 'mergesort');
