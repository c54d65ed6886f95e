// A pool of Comlink workers, as one writes it: each call to the worker with the fewest under way.
import * as Comlink from './comlink.js';

/** @param {number} size */
export async function comlinkPool(size) {
  const workers = await Promise.all(
    Array.from({length: size}, async () => {
      const worker = new Worker(new URL('./comlink_worker.js', import.meta.url), {type: 'module'});
      await new Promise(resolve => worker.addEventListener('message', resolve, {once: true}));
      return {worker, remote: /** @type {any} */ (Comlink.wrap(worker)), busy: 0};
    }),
  );
  return {
    /** @param {number} x */
    async submit(x) {
      let least = workers[0];
      for (const candidate of workers) if (candidate.busy < least.busy) least = candidate;
      least.busy++;
      try {
        return await least.remote.f(x);
      } finally {
        least.busy--;
      }
    },
    close() {
      for (const {worker} of workers) worker.terminate();
    },
  };
}
