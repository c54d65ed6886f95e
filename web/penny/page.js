// What a page can do with Penny: `Penny.*` of penny.js.
import {addPython} from './boot.js';
import {requireIsolation} from './isolation.js';
import {checkWorkers} from './limits.js';
import {installOnPage, openPagePool, poolOptions} from './page_pool.js';
import {Scheduler} from './scheduler.js';
import {site} from './starter.js';

export {run} from './program.js';
export {memorySnapshot} from './starter.js';

/**
 * @typedef {import('./page_pool.js').SchedulerOptions} SchedulerOptions
 * @typedef {import('./program.js').RunOptions} RunOptions
 */

/**
 * A Scheduler for JavaScript. Resolves before its workers are up: tasks may be submitted at once.
 * @param {SchedulerOptions} [options]
 */
export async function scheduler(options = {}) {
  requireIsolation();
  const {client, pool} = openPagePool(await site.core(), poolOptions(options));
  return new Scheduler(client, pool);
}

/**
 * Makes `import penny` work in a Pyodide of the page's own.
 * @param {import('./boot.js').Pyodide} pyodide
 * @param {SchedulerOptions} [options] for the schedulers that Python opens: default number of workers and of trace,
 *     files, output
 */
export async function install(pyodide, options = {}) {
  requireIsolation();
  checkWorkers(options.workers);
  const [module, python] = await Promise.all([site.core(), site.python()]);
  addPython(pyodide, python);
  installOnPage(pyodide, module, options);
}
