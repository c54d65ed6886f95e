// What a page can do with Penny: `Penny.*` of penny.js.
import * as runtime from './api/runtime.js';
import {Site} from './boot/site.js';
import {pythonOf, requireSamePython} from './boot/versions.js';
import {Page} from './hosts/browser.js';
import {Starter} from './pool/starter.js';

/**
 * @typedef {import('./api/runtime.js').SchedulerOptions} SchedulerOptions
 * @typedef {import('./api/runtime.js').RunOptions} RunOptions
 */

const host = new Page(new URL('./worker.js', import.meta.url));
const starter = new Starter(host, new Site(host, new URL('.', import.meta.url).href));

/** @param {SchedulerOptions & {engine?: 'pool' | 'messages'}} [options] */
export const scheduler = options => runtime.scheduler(starter, options);

/**
 * Makes `import penny` work in a Pyodide of the page's own.
 * @param {import('./boot/pyodide.js').Pyodide} pyodide
 * @param {SchedulerOptions} [options] for the schedulers that Python opens: default number of workers and of trace,
 *     files; output, default: where the Pyodide prints (its sys.stdout as it is then)
 * @throws {import('./boot/versions.js').PythonVersionError} its Python is not that of the workers
 */
export async function install(pyodide, options = {}) {
  const {pythonVersion, magicNumber, pyodideVersion} = await starter.site.manifest();
  requireSamePython(pythonOf(pyodide), {version: pythonVersion, magic: magicNumber}, pyodideVersion);
  await runtime.install(starter, pyodide, options);
}

/** @param {string} source @param {RunOptions} [options] */
export const run = (source, options) => runtime.run(starter, source, options);

/**
 * Keyword arguments, as last argument of submit().
 * @param {Record<string, unknown>} values
 */
export const keywords = values => ({[Symbol.for('penny.keywords')]: values});

/** Makes the memory snapshot that a site may ship (see manifest.json). */
export const memorySnapshot = () => starter.memorySnapshot();
/** Resolved when no snapshot with packages is being made, for tests. */
export const settled = () => starter.settled();
