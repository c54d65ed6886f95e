// Pools whose workers import packages. One sample a page load.
import {time} from './harness.js';

const WORKERS = 4;

/** @param {string[]} paths of wheels */
const urls = paths => paths.map(path => new URL(path, location.href).href);

/**
 * ms until each of four workers has started Pyodide, loaded packages and run some code.
 * @param {string[]} wheels
 * @param {string} code
 */
export async function plain(wheels, code) {
  return await time(() =>
    Promise.all(
      Array.from({length: WORKERS}, () => {
        const worker = new Worker(new URL('./plain_worker.js#packages', import.meta.url), {type: 'module'});
        worker.postMessage({wheels: urls(wheels), code});
        return new Promise((resolve, reject) => {
          worker.onmessage = resolve;
          worker.onerror = event => reject(new Error(event.message));
        });
      }),
    ),
  );
}

/**
 * ms until each of Penny's four workers has run some code. The pool stays.
 * @param {string[]} wheels
 * @param {string} code
 */
async function opened(wheels, code) {
  const {Penny} = /** @type {any} */ (globalThis);
  const scheduler = await Penny.scheduler({workers: WORKERS, packages: urls(wheels)});
  // Each waits for the others, so that each has one.
  const source = `def load(code, flags, mine):
    import penny
    exec(code, {'__name__': 'measured'})
    flags[mine] = 1
    while not all(flags[i] for i in range(len(flags))):
        penny.cancelled()
    return penny.current_worker()`;
  scheduler.define('load', source);
  const flags = scheduler.array([WORKERS], 'int32');
  const tasks = Array.from({length: WORKERS}, (_, i) => scheduler.submit('load', code, flags, i));
  const seen = new Set(await Promise.all(tasks));
  if (seen.size !== WORKERS) throw new Error(`only ${seen.size} workers have run it`);
  return scheduler;
}

/**
 * ms, the first pool of a page.
 * @param {string[]} wheels
 * @param {string} code
 */
export const first = (wheels, code) => time(() => opened(wheels, code));

/**
 * ms, a later pool of the page, without packages and with those that an earlier one had.
 * @param {string[]} wheels
 * @param {string} code
 */
export async function later(wheels, code) {
  await (await opened(wheels, code)).shutdown();
  const page = new URL('penny/page.js', location.href).href;
  await (await import(page)).settled(); // the snapshot is made once the pool is gone
  const times = [];
  for (const [paths, source] of /** @type {[string[], string][]} */ ([[[], ''], [wheels, code]])) {
    /** @type {any} */
    let scheduler;
    times.push(await time(async () => (scheduler = await opened(paths, source))));
    await scheduler.shutdown();
  }
  return times;
}

/**
 * ms that opening a Scheduler takes, and a submission, of a page's Python: as it is, and without looking at what is
 * installed.
 * @param {number} rounds
 */
export async function nothingInstalled(rounds) {
  const {Penny} = /** @type {any} */ (globalThis);
  /** @type {[number, number][]} */
  const times = [];
  const output = (/** @type {string} */ stream, /** @type {string} */ text) => {
    for (const line of text.split('\n')) if (line.startsWith('[')) times.push(JSON.parse(line));
  };
  const source = `
import json, time, penny
for _ in range(${rounds}):
    pair = []
    for packages in ("same", None):
        began = time.perf_counter()
        s = penny.Scheduler(1, packages=packages)
        pair.append(1000 * (time.perf_counter() - began))
        s.submit(int).result()
        s.shutdown()
    print(json.dumps(pair), flush=True)
`;
  const status = await Penny.run(source, {output, workers: 1});
  if (status) throw new Error(`the program ended with status ${status}`);
  return times;
}
