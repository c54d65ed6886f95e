// A pool of Comlink workers, as one writes it: each call to the worker with the fewest under way.
import {leastBusy, startWorkers} from './bench/pools.js';
import * as Comlink from './comlink.js';

/** @param {number} size */
export async function comlinkPool(size) {
  const workers = await startWorkers(size, new URL('./comlink_worker.js', import.meta.url));
  const pool = workers.map(worker => ({remote: /** @type {any} */ (Comlink.wrap(worker)), busy: 0}));
  return {
    /** @param {number} x */
    async submit(x) {
      const least = leastBusy(pool);
      least.busy++;
      try {
        return await least.remote.f(x);
      } finally {
        least.busy--;
      }
    },
    close: () => workers.forEach(worker => worker.terminate()),
  };
}
