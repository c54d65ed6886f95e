// Pools that stay until the page is left, for what they cost from outside.
import {time} from './harness.js';

/** A page without any. */
export async function nothing() {}

/**
 * ms until so many workers are ready, each with a loadPyodide of its own.
 * @param {number} workers
 */
export const plain = workers =>
  time(() =>
    Promise.all(
      Array.from({length: workers}, () => {
        const worker = new Worker(new URL('./plain_worker.js', import.meta.url), {type: 'module'});
        return new Promise((resolve, reject) => {
          worker.onmessage = resolve;
          worker.onerror = event => reject(new Error(event.message));
        });
      }),
    ),
  );

/**
 * ms until so many workers are ready, Penny's: one compiled module and one memory snapshot for all.
 * @param {number} workers
 */
export const shared = async workers => {
  const {Penny} = /** @type {any} */ (globalThis);
  return await time(async () => {
    const scheduler = await Penny.scheduler({workers});
    let ready = 0;
    await new Promise((resolve, reject) =>
      scheduler.addEventListener('worker', (/** @type {CustomEvent} */ {detail}) => {
        if (detail.state === 'lost') reject(new Error(detail.error));
        if (detail.state === 'ready' && ++ready === workers) resolve(undefined);
      }),
    );
  });
};

/**
 * Opens a pool whose workers have all run something, and then have nothing to do.
 * @param {number} workers 0: none
 */
export async function idle(workers) {
  const {Penny} = /** @type {any} */ (globalThis);
  if (!workers) return;
  const scheduler = await Penny.scheduler({workers});
  scheduler.define('spin', 'def spin(n):\n    return sum(range(n))');
  await Promise.all(Array.from({length: 50 * workers}, () => scheduler.submit('spin', 20_000)));
}
