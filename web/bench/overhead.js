// What a task costs: f(x) = x + 1 in Python, submitted and awaited in several ways, by Penny, by pools of
// another make and by plain calls. `penny bench` measures this, and benchmarks/ with more pools.
import {alternate} from './harness.js';
import {pennyPool} from './pools.js';
import {loadPython} from './python.js';

const [FEW, MANY] = [1_000, 10_000]; // tasks a round, one at a time and at once

/** Spawns a round: each costs less than a thousandth of a submitted task. */
const SPAWNS = 50_000;

/** The engine compiles a worker's WebAssembly anew, and better, over about its first two seconds of running. */
const WARM_UP_SECONDS = 2;

/**
 * @typedef {import('./pools.js').FunctionPool} FunctionPool
 * @typedef {{operation: string, us: Record<string, number[]>}} Row µs per task of each round, by who
 */

/**
 * Measures row by row; each ends up in `report`. Rows and their order are OPERATIONS of penny/cli/bench.py.
 * @param {object} options
 * @param {number} options.workers of each pool
 * @param {number} options.rounds
 * @param {Record<string, (size: number) => Promise<FunctionPool>>} options.others opens further pools, by name
 * @param {(row: Row) => unknown} options.report
 */
export async function measureOverhead({workers, rounds, others, report}) {
  /** @type {Record<string, FunctionPool>} */
  const pools = {};
  for (const [who, open] of Object.entries({penny: pennyPool, ...others})) pools[who] = await open(workers);
  const page = await openPage(workers);
  for (const pool of Object.values(pools)) await warmUp(() => manyAtOnce(pool.submit));

  /**
   * @param {string} operation
   * @param {number} tasks in a round
   * @param {(submit: FunctionPool['submit'], who: string) => Promise<void>} run
   * @param {() => void} serial
   */
  async function measure(operation, tasks, run, serial) {
    const runs = Object.entries(pools).map(([who, {submit}]) => [who, () => run(submit, who)]);
    const all = Object.fromEntries([...runs, ['serial', async () => serial()]]);
    await report(row(operation, tasks, await alternate(all, {rounds, warmup: 1})));
  }
  const serial = (/** @type {number} */ tasks) => () => {
    for (let x = 0; x < tasks; x++) check(page.f(x), x);
  };
  await measure('submit-await', FEW, oneAtATime, serial(FEW));
  await measure('bulk', MANY, manyAtOnce, serial(MANY));
  await measure('python-submit-await', FEW, page.run('one_at_a_time', FEW), page.serial(FEW));
  await measure('python-bulk', MANY, page.run('many_at_once', MANY), page.serial(MANY));

  await page.close();
  for (const pool of Object.values(pools)) await pool.close();
  await measureHost(workers, rounds, report);
  await measureSpawn(rounds, report);
}

/** @param {FunctionPool['submit']} submit */
async function oneAtATime(submit) {
  for (let x = 0; x < FEW; x++) check(await submit(x), x);
}

/** @param {FunctionPool['submit']} submit */
async function manyAtOnce(submit) {
  const results = await Promise.all(Array.from({length: MANY}, (_, x) => submit(x)));
  results.forEach(check);
}

/** @param {number} result @param {number} x */
function check(result, x) {
  if (result !== x + 1) throw new Error(`f(${x}) gave ${result}`);
}

/** @param {() => Promise<unknown>} run */
async function warmUp(run) {
  const end = performance.now() + WARM_UP_SECONDS * 1000;
  do await run();
  while (performance.now() < end);
}

/**
 * @param {string} operation
 * @param {number} tasks
 * @param {Record<string, number[]>} ms
 * @returns {Row}
 */
function row(operation, tasks, ms) {
  const us = Object.entries(ms).map(([who, times]) => [who, times.map(time => (time * 1000) / tasks)]);
  return {operation, us: Object.fromEntries(us)};
}

/** @param {string} name */
const source = async name => await (await fetch(new URL(name, import.meta.url))).text();

/**
 * The page's own Python, which submits to all pools: to Penny by `Scheduler.submit`, to others by their
 * JavaScript.
 * @param {number} workers
 */
async function openPage(workers) {
  const {Penny} = /** @type {any} */ (globalThis);
  const pyodide = await loadPython();
  await Penny.install(pyodide);
  pyodide.runPython(await source('overhead.py'));
  pyodide.runPython(`
import penny

scheduler = penny.Scheduler(workers=${workers})

def submit_to_penny(x):
    return scheduler.submit(f, x)
`);
  const python = (/** @type {string} */ name) => pyodide.globals.get(name);
  const [toPenny, serial] = [python('submit_to_penny'), python('serial')];
  await warmUp(() => python('many_at_once')(toPenny, MANY));
  return {
    /** @type {(x: number) => number} */
    f: python('f'),
    /** @param {string} name @param {number} tasks */
    run: (name, tasks) => {
      const run = python(name);
      return (/** @type {FunctionPool['submit']} */ submit, /** @type {string} */ who) =>
        run(who === 'penny' ? toPenny : submit, tasks);
    },
    /** @param {number} tasks */
    serial: tasks => () => serial(tasks),
    close: () => pyodide.runPythonAsync('await scheduler.aclose()'),
  };
}

/**
 * Python in a host worker, which waits in `result()`.
 * @param {number} workers
 * @param {number} rounds
 * @param {(row: Row) => unknown} report
 */
async function measureHost(workers, rounds, report) {
  const {Penny} = /** @type {any} */ (globalThis);
  const program = (await source('overhead.py')) + (await source('overhead_host.py'));
  const said = {stdout: '', stderr: ''};
  const status = await Penny.run(program, {
    argv: ['overhead_host.py', workers, rounds, FEW, MANY, WARM_UP_SECONDS].map(String),
    output: (/** @type {'stdout' | 'stderr'} */ stream, /** @type {string} */ text) => (said[stream] += text),
  });
  if (status !== 0) throw new Error(`overhead_host.py ended with status ${status}: ${said.stderr}`);
  const times = JSON.parse(said.stdout);
  await report(row('host-submit-await', FEW, times['host-submit-await']));
  await report(row('host-bulk', MANY, times['host-bulk']));
}

/**
 * Spawn and join in a task of a pool of one: nobody steals.
 * @param {number} rounds
 * @param {(row: Row) => unknown} report
 */
async function measureSpawn(rounds, report) {
  const {Penny} = /** @type {any} */ (globalThis);
  const scheduler = await Penny.scheduler({workers: 1});
  scheduler.define('inside_a_task', await source('overhead.py'));
  await warmUp(() => scheduler.submit('inside_a_task', SPAWNS, 1));
  /** @type {number[][]} */
  const times = await scheduler.submit('inside_a_task', SPAWNS, rounds);
  await scheduler.shutdown();
  const [penny, serial] = [0, 1].map(i => times.map(both => both[i]));
  await report(row('spawn-join', SPAWNS, {penny, serial}));
}
