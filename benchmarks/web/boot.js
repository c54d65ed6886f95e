// How long until four workers are ready. One sample a page load.
import {time} from './harness.js';

const WORKERS = 4;

/** Each worker with a loadPyodide of its own. */
export async function plain() {
  /** @type {Worker[]} */
  const workers = [];
  const milliseconds = await time(() =>
    Promise.all(
      Array.from({length: WORKERS}, () => {
        const worker = new Worker(new URL('./plain_worker.js', import.meta.url), {type: 'module'});
        workers.push(worker);
        return new Promise(resolve => (worker.onmessage = resolve));
      }),
    ),
  );
  for (const worker of workers) worker.terminate();
  return milliseconds;
}

/** Penny's, from the first line on: fetching the snapshot, or making it, is part of it. */
export async function penny() {
  const {Penny} = /** @type {any} */ (globalThis);
  return await time(async () => {
    const scheduler = await Penny.scheduler({workers: WORKERS});
    let ready = 0;
    await new Promise((resolve, reject) =>
      scheduler.addEventListener('worker', (/** @type {CustomEvent} */ {detail}) => {
        if (detail.state === 'lost') reject(new Error(detail.error));
        if (detail.state === 'ready' && ++ready === WORKERS) resolve(undefined);
      }),
    );
  });
}
