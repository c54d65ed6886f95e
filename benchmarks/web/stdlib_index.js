// The main job, on one worker and on two, beside two unconnected workers that each do half.
import {alternate, time} from './harness.js';

/** @param {any[]} items @param {number} part @param {number} of */
const share = (items, part, of) => items.filter((_, i) => i % of === part);

/** The example, and a function that counts a module's functions. */
export const indexSource = async () => `${await (await fetch('./stdlib_index.py')).text()}

def count(module):
    return len(index(module))
`;

export async function stdlibIndex() {
  const {Penny} = /** @type {any} */ (globalThis);
  const source = await indexSource();
  const {Page} = await import('./penny/hosts/browser.js');
  const {Site} = await import('./penny/boot/site.js');
  const base = new URL('./penny/', import.meta.url);
  const parts = await new Site(new Page(new URL('worker.js', base)), base.href).parts();

  const plain = await Promise.all([0, 1].map(() => plainWorker(parts, source)));
  /** @type {string[]} */
  const names = await plain[0].run('modules');
  const schedulers = await Promise.all(
    [1, 2].map(async workers => {
      const scheduler = await Penny.scheduler({workers});
      scheduler.define('count', source);
      return scheduler;
    }),
  );
  const functions = await plain[0].run(names);

  /** @param {any} scheduler */
  const onPool = scheduler => async () => {
    const counts = await Promise.all(names.map(name => scheduler.submit('count', name)));
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total !== functions) throw new Error(`${total} functions instead of ${functions}`);
  };
  const times = await alternate(
    {
      one: onPool(schedulers[0]),
      two: onPool(schedulers[1]),
      plainAll: () => time(() => plain[0].run(names)),
      plainHalves: () =>
        time(() => Promise.all(plain.map((worker, i) => worker.run(share(names, i, 2))))),
    },
    {rounds: 3, warmup: 1},
  );
  for (const scheduler of schedulers) await scheduler.shutdown();
  for (const {worker} of plain) worker.terminate();
  return times;
}

/** @param {any} parts @param {string} source */
async function plainWorker(parts, source) {
  const worker = new Worker(new URL('./plain_worker.js#parts', import.meta.url), {type: 'module'});
  /** @param {any} message */
  const ask = message =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({data}) => resolve(data);
      worker.onerror = reject;
      worker.postMessage(message);
    });
  const setup = `${source.replace('__name__ == "__main__"', 'False')}

def run(names):
    from pyodide.ffi import to_js
    if names == "modules":
        return to_js(modules())
    return sum(count(name) for name in names)
`;
  await ask({parts, setup});
  return {worker, run: (/** @type {any} */ argument) => ask({argument})};
}
