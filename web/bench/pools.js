// Ways to have f(x) = x + 1 computed by Python in other threads.

/**
 * @typedef {object} FunctionPool Computes f in workers.
 * @property {(x: number) => PromiseLike<number>} submit
 * @property {() => unknown} close
 */

/** Python of the function that everybody computes. */
export const SOURCE = 'def f(x):\n    return x + 1\n';

/**
 * Penny's.
 * @param {number} size
 * @returns {Promise<FunctionPool>}
 */
export async function pennyPool(size) {
  const {Penny} = /** @type {any} */ (globalThis);
  const scheduler = await Penny.scheduler({workers: size});
  scheduler.define('f', SOURCE);
  return {submit: x => scheduler.submit('f', x), close: () => scheduler.shutdown()};
}

/**
 * As one writes it by hand: numbered messages, each to the worker with the fewest under way.
 * @param {number} size
 * @returns {Promise<FunctionPool>}
 */
export async function messagePool(size) {
  const workers = await startWorkers(size, new URL('./message_worker.js', import.meta.url));
  /** @type {Map<number, (result: number) => void>} */
  const waiting = new Map();
  let calls = 0;
  const pool = workers.map(worker => {
    const member = {worker, busy: 0};
    worker.onmessage = ({data: {id, result}}) => {
      member.busy--;
      waiting.get(id)?.(result);
      waiting.delete(id);
    };
    return member;
  });
  return {
    submit: x =>
      new Promise(resolve => {
        const member = leastBusy(pool);
        member.busy++;
        const id = calls++;
        waiting.set(id, resolve);
        member.worker.postMessage({id, x});
      }),
    close: () => workers.forEach(worker => worker.terminate()),
  };
}

/**
 * Starts module workers; resolves when each has said something.
 * @param {number} size
 * @param {URL} url
 */
export const startWorkers = (size, url) =>
  Promise.all(
    Array.from({length: size}, () => {
      const worker = new Worker(url, {type: 'module'});
      return /** @type {Promise<Worker>} */ (
        new Promise((resolve, reject) => {
          worker.addEventListener('message', () => resolve(worker), {once: true});
          worker.addEventListener('error', event => reject(new Error(event.message || `${url} did not load`)));
        })
      );
    }),
  );

/**
 * @template {{busy: number}} Member
 * @param {Member[]} members
 */
export function leastBusy(members) {
  let least = members[0];
  for (const member of members) if (member.busy < least.busy) least = member;
  return least;
}
