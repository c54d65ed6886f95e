// The core alone: fork-join fib in one thread and in two.
import {alternate} from './harness.js';
import {Core, createMemory} from './penny/core/core.js';

const N = 38;
const FIB = 39_088_169;
const THREADS = 2;

export async function coreFib() {
  const module = await WebAssembly.compileStreaming(fetch('./fib.wasm'));
  /** @param {number} threads */
  async function start(threads) {
    const memory = createMemory(4 * 2 ** 20);
    const core = new Core(module, memory, 64);
    core.initialise(threads, 4 * 2 ** 20);
    const workers = await Promise.all(
      Array.from({length: threads}, async (_, number) => {
        const worker = new Worker(new URL('./core_fib_worker.js', import.meta.url), {type: 'module'});
        await new Promise(resolve => {
          worker.onmessage = resolve;
          worker.postMessage({module, memory, number});
        });
        return worker;
      }),
    );
    for (const worker of workers.slice(1)) worker.postMessage({serve: true});
    return {
      /** @returns {Promise<number>} ms, by the thread's own clock */
      run: () =>
        new Promise((resolve, reject) => {
          workers[0].onmessage = ({data}) =>
            data.result === FIB ? resolve(data.ms) : reject(new Error(`fib gave ${data.result}`));
          workers[0].postMessage({n: N});
        }),
      stop() {
        core.exports.stop();
        for (const worker of workers) worker.terminate();
      },
    };
  }
  // The second thread of the pair would steal the other's time: each round starts its threads anew.
  /** @param {number} threads */
  const run = threads => async () => {
    const pool = await start(threads);
    await pool.run();
    const ms = await pool.run();
    pool.stop();
    return ms;
  };
  return await alternate({one: run(1), two: run(THREADS)}, {rounds: 7, warmup: 1});
}
