// What a task costs, from JavaScript and from the page's Python, beside a Comlink pool.
import {alternate} from './harness.js';
import {comlinkPool} from './comlink_pool.js';
import {cleared} from './cleared.js';

const WORKERS = 2;
const BULK = 20_000;
const ONE_BY_ONE = 1_000;

export async function fromJavaScript() {
  const {Penny} = /** @type {any} */ (globalThis);
  const scheduler = await Penny.scheduler({workers: WORKERS});
  scheduler.define('f', 'def f(x):\n    return x + 1');
  const comlink = await comlinkPool(WORKERS);
  /** @type {Record<string, (x: number) => Promise<number>>} */
  const submits = {
    penny: x => scheduler.submit('f', x),
    comlink: x => comlink.submit(x),
  };
  /** @param {(x: number) => Promise<number>} submit */
  const bulk = submit => async () => {
    const results = await Promise.all(Array.from({length: BULK}, (_, x) => submit(x)));
    check(results.at(-1) === BULK);
  };
  /** @param {(x: number) => Promise<number>} submit */
  const oneByOne = submit => async () => {
    for (let x = 0; x < ONE_BY_ONE; x++) check((await submit(x)) === x + 1);
  };
  const bulkTimes = await alternate({penny: bulk(submits.penny), comlink: bulk(submits.comlink)});
  const oneTimes = await alternate({penny: oneByOne(submits.penny), comlink: oneByOne(submits.comlink)});
  await scheduler.shutdown();
  comlink.close();
  return {bulk: bulkTimes, one: oneTimes, tasks: BULK, calls: ONE_BY_ONE};
}

export async function fromPython() {
  const {Penny} = /** @type {any} */ (globalThis);
  const indexURL = new URL('./penny/pyodide/', import.meta.url).href;
  const {loadPyodide} = await import(indexURL + 'pyodide.mjs');
  const pyodide = await loadPyodide({indexURL});
  await Penny.install(pyodide);
  const comlink = await comlinkPool(WORKERS);
  pyodide.globals.set('comlink_submit', comlink.submit);
  await pyodide.runPythonAsync(`
import penny

def f(x):
    return x + 1

scheduler = penny.Scheduler(workers=${WORKERS})

async def bulk(submit):
    futures = [submit(x) for x in range(${BULK})]
    results = [await future for future in futures]
    assert results[-1] == ${BULK}

async def one_by_one(submit):
    for x in range(${ONE_BY_ONE}):
        assert await submit(x) == x + 1

def penny_submit(x):
    return scheduler.submit(f, x)
`);
  /** @param {string} code */
  const python = code => () => pyodide.runPythonAsync(code);
  const bulk = await alternate({
    penny: cleared(python('await bulk(penny_submit)')),
    comlink: cleared(python('await bulk(comlink_submit)')),
  });
  const one = await alternate({
    penny: python('await one_by_one(penny_submit)'),
    comlink: python('await one_by_one(comlink_submit)'),
  });
  await pyodide.runPythonAsync('await scheduler.aclose()');
  comlink.close();
  return {bulk, one, tasks: BULK, calls: ONE_BY_ONE};
}

/** @param {boolean} right */
function check(right) {
  if (!right) throw new Error('a wrong result');
}
