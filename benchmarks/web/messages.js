// What a task costs by the engine `messages`, from the page's Python, beside a pool of messages made by hand.
import {alternate} from './bench/harness.js';
import {messagePool} from './bench/pools.js';
import {loadPython} from './bench/python.js';
import {cleared} from './cleared.js';

const WORKERS = 2;
const BULK = 10_000;
const ONE_BY_ONE = 1_000;

export async function fromPython() {
  const {Penny} = /** @type {any} */ (globalThis);
  const pyodide = await loadPython();
  await Penny.install(pyodide);
  const byHand = await messagePool(WORKERS);
  pyodide.globals.set('submit_by_hand', byHand.submit);
  await pyodide.runPythonAsync(`
import penny

def f(x):
    return x + 1

scheduler = penny.Scheduler(workers=${WORKERS}, engine="messages")

def submit_to_penny(x):
    return scheduler.submit(f, x)

async def bulk(submit):
    futures = [submit(x) for x in range(${BULK})]
    results = [await future for future in futures]
    assert results[-1] == ${BULK}

async def one_by_one(submit):
    for x in range(${ONE_BY_ONE}):
        assert await submit(x) == x + 1
`);
  /** @param {string} code */
  const python = code => () => pyodide.runPythonAsync(code);
  const bulk = await alternate({
    penny: cleared(python('await bulk(submit_to_penny)')),
    message: cleared(python('await bulk(submit_by_hand)')),
  });
  const one = await alternate({
    penny: python('await one_by_one(submit_to_penny)'),
    message: python('await one_by_one(submit_by_hand)'),
  });
  const {workers} = JSON.parse(pyodide.runPython('import json; json.dumps(scheduler.stats())'));
  const ran = workers.filter((/** @type {{run: number}} */ {run}) => run > 0).length;
  if (ran !== WORKERS) throw new Error(`${ran} of ${WORKERS} workers have run tasks`);
  await pyodide.runPythonAsync('await scheduler.aclose()');
  byHand.close();
  return {bulk, one, tasks: BULK, calls: ONE_BY_ONE};
}
