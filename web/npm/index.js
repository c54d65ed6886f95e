// The npm package `penny-runtime`: an ES module with all of Penny's files in it. Pyodide is the app's.
import {packedCore, packedPython, packedWorker, pyodideVersion} from 'penny-files';
import * as runtime from '../penny/api/runtime.js';
import {addPython} from '../penny/boot/pyodide.js';
import {embedded, installFrom} from '../penny/embedded.js';
import {checkWorkers} from '../penny/pool/limits.js';

/**
 * @typedef {import('../penny/api/runtime.js').SchedulerOptions} SchedulerOptions
 * @typedef {import('../penny/api/runtime.js').RunOptions} RunOptions
 * @typedef {import('../penny/api/scheduler.js').Scheduler} Scheduler
 * @typedef {import('../penny/api/shared_array.js').SharedArray} SharedArray
 * @typedef {import('pyodide').PyodideAPI} PyodideAPI
 *
 * Where Pyodide lies that Penny starts by itself: the folder of pyodide.mjs, absolute or relative to the page. Default:
 * that of jsDelivr's whose version Penny is tested with.
 * @typedef {{indexURL?: string}} Place
 */

/** The Pyodide that Penny starts where nothing else is said. */
export const defaultIndexURL = `https://cdn.jsdelivr.net/pyodide/v${pyodideVersion}/full/`;

/** @type {Promise<ReturnType<typeof embedded>> | undefined} */
let unpacking;
const penny = () => (unpacking ??= unpack());

/** @param {Uint8Array<ArrayBuffer>} packed by gzip */
const unpacked = packed => new Response(new Response(packed).body?.pipeThrough(new DecompressionStream('gzip')));

async function unpack() {
  const bytes = [packedCore, packedPython].map(packed => unpacked(packed).arrayBuffer());
  const [worker, core, python] = await Promise.all([unpacked(packedWorker).text(), ...bytes]);
  return embedded({worker, core: new Uint8Array(core), python: new Uint8Array(python)});
}

/** @param {string} [indexURL] */
async function startingAt(indexURL = defaultIndexURL) {
  const {href} = new URL(indexURL.endsWith('/') ? indexURL : `${indexURL}/`, globalThis.document?.baseURI ?? location.href);
  return (await penny()).startingAt(href);
}

/**
 * A Scheduler for JavaScript. Resolves before its workers are up: tasks may be submitted at once.
 * @param {SchedulerOptions & Place & {engine?: 'pool' | 'messages'}} [options] engine: default: the pool where the page is
 *     cross-origin isolated, else tasks go by messages
 * @returns {Promise<Scheduler>}
 * @throws {Error} IsolationError: the pool was asked for and the page is not cross-origin isolated; RangeError, TypeError: a wrong number of workers
 */
export async function scheduler({indexURL, ...options} = {}) {
  return await runtime.scheduler(await startingAt(indexURL), options);
}

/**
 * Makes `import penny` work in a Pyodide of the page's own. Workers are started from the same Pyodide: its files, its
 * lock file.
 * @param {PyodideAPI} pyodide
 * @param {SchedulerOptions} [options] for the schedulers that Python opens: default number of workers and of trace,
 *     files; output, default: where the Pyodide prints (its sys.stdout as it is then)
 * @returns {Promise<void>}
 * @throws {Error} IsolationError: the page is not cross-origin isolated
 */
export async function install(pyodide, options = {}) {
  checkWorkers(options.workers);
  const places = await penny();
  addPython(pyodide, places.python);
  await installFrom(places, pyodide, options);
}

/**
 * Runs a Python program, in a worker of its own, or on the page ({on: 'page'}).
 * @param {string} source
 * @param {RunOptions & Place} [options]
 * @returns {Promise<number>} its exit status; a traceback has gone to stderr, or a line about what its Python died of
 * @throws {Error} IsolationError: the page is not cross-origin isolated
 */
export async function run(source, {indexURL, ...options} = {}) {
  return await runtime.run(await startingAt(indexURL), source, options);
}

/**
 * Keyword arguments, as last argument of a Scheduler's submit().
 * @param {Record<string, unknown>} values
 */
export const keywords = values => ({[Symbol.for('penny.keywords')]: values});
