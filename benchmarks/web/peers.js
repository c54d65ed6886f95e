// What a task costs with Penny, a pool written by hand, and the libraries that people use now, all in one page:
// f(x) = x + 1 in Python, by a Pyodide in each worker. Each library is used as its own documentation says.
import {alternate} from './bench/harness.js';
import {measureOverhead} from './bench/overhead.js';
import {messagePool, pennyPool} from './bench/pools.js';
import {comlinkPool} from './comlink_pool.js';
import * as multithreading from './node_modules/multithreading/src/browser/lib.js';
import './workerpool.js'; // defines the global that its documentation uses

const WORKERS = 2;
const ROUNDS = 9;

/**
 * A pool with dedicated workers. It queues by itself, and gives a worker one call at a time.
 * @param {number} size
 */
async function workerpoolPool(size) {
  const {workerpool} = /** @type {any} */ (globalThis);
  const pool = workerpool.pool(new URL('./workerpool_worker.js', import.meta.url).href, {
    minWorkers: size,
    maxWorkers: size,
    workerType: 'web',
    workerOpts: {type: 'module'},
  });
  return {submit: (/** @type {number} */ x) => pool.exec('f', [x]), close: () => pool.terminate()};
}

/**
 * The library's one pool. A function that is spawned is sent as text; what it needs it imports.
 * @param {number} size
 */
async function multithreadingPool(size) {
  const {initRuntime, move, shutdown, spawn} = multithreading;
  initRuntime({maxWorkers: size});
  const call = async (/** @type {number} */ x) => {
    const {f} = await import('./multithreading_task.js');
    return f(x);
  };
  /** @param {number} x */
  const submit = async x => {
    const result = await spawn(move(x), call).join();
    if (!result.ok) throw result.error;
    return /** @type {number} */ (result.value);
  };
  // A worker that gets its second call before it has loaded the function answers that it knows none.
  await Promise.all(Array.from({length: size}, (_, x) => submit(x)));
  return {submit, close: shutdown};
}

export async function peers() {
  /** @type {import('./bench/overhead.js').Row[]} */
  const rows = [];
  await measureOverhead({
    workers: WORKERS,
    rounds: ROUNDS,
    others: {
      message: messagePool,
      comlink: comlinkPool,
      workerpool: workerpoolPool,
      multithreading: multithreadingPool,
    },
    report: row => rows.push(row),
  });
  return {rows, workers: WORKERS, rounds: ROUNDS};
}

const CALLS = 500;

/** Tasks one at a time, in one worker. µs each. @returns {Promise<Record<string, number[]>>} by who */
export async function oneAtATime() {
  const pools = {penny: await pennyPool(1), message: await messagePool(1)};
  const times = await alternate(
    Object.fromEntries(
      Object.entries(pools).map(([who, {submit}]) => [
        who,
        async () => {
          for (let x = 0; x < CALLS; x++) if ((await submit(x)) !== x + 1) throw new Error('a wrong result');
        },
      ]),
    ),
    {rounds: ROUNDS, warmup: 3},
  );
  for (const {close} of Object.values(pools)) await close();
  return Object.fromEntries(Object.entries(times).map(([who, ms]) => [who, ms.map(t => (t * 1000) / CALLS)]));
}
