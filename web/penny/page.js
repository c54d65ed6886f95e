// What a page can do with Penny: `Penny.*` of penny.js.
import * as program from './api/program.js';
import {Scheduler} from './api/scheduler.js';
import {addPython} from './boot/pyodide.js';
import {pythonOf, requireSamePython} from './boot/versions.js';
import {Page} from './hosts/browser.js';
import {checkWorkers} from './pool/limits.js';
import {openPagePool, poolOptions} from './pool/page_pools.js';
import {Starter} from './pool/starter.js';
import {installOnPage} from './ports/on_page.js';

/**
 * @typedef {import('./pool/page_pools.js').SchedulerOptions} SchedulerOptions
 * @typedef {import('./api/program.js').RunOptions} RunOptions
 */

const host = new Page(new URL('./worker.js', import.meta.url));
const starter = new Starter(host, new URL('.', import.meta.url).href);

/**
 * A Scheduler for JavaScript. Resolves before its workers are up: tasks may be submitted at once.
 * @param {SchedulerOptions} [options]
 */
export async function scheduler(options = {}) {
  host.requireSharedMemory();
  const {client, pool} = openPagePool(starter, await starter.site.core(), poolOptions(host, options));
  return new Scheduler(client, pool);
}

/**
 * Makes `import penny` work in a Pyodide of the page's own.
 * @param {import('./boot/pyodide.js').Pyodide} pyodide
 * @param {SchedulerOptions} [options] for the schedulers that Python opens: default number of workers and of trace,
 *     files, output
 * @throws {import('./boot/versions.js').PythonVersionError} its Python is not that of the workers
 */
export async function install(pyodide, options = {}) {
  host.requireSharedMemory();
  checkWorkers(options.workers);
  const {site} = starter;
  const {pythonVersion, magicNumber, pyodideVersion} = await site.manifest();
  requireSamePython(pythonOf(pyodide), {version: pythonVersion, magic: magicNumber}, pyodideVersion);
  const [module, python] = await Promise.all([site.core(), site.python()]);
  addPython(pyodide, python);
  installOnPage(starter, pyodide, module, options);
}

/**
 * Runs a Python program.
 * @param {string} source
 * @param {RunOptions} [options]
 * @returns {Promise<number>} its exit status; a traceback has gone to stderr, or a line about what its Python died of
 */
export const run = (source, options) => program.run(starter, source, options);

/**
 * Keyword arguments, as last argument of submit().
 * @param {Record<string, unknown>} values
 */
export const keywords = values => ({[Symbol.for('penny.keywords')]: values});

/** Makes the memory snapshot that a site may ship (see manifest.json). */
export const memorySnapshot = () => starter.memorySnapshot();
