// The npm package `penny-runtime` in Node, Deno and Bun. Its files lie beside it, Pyodide in node_modules.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import {core, python as packages, worker} from 'penny-node-files';
import * as runtime from '../penny/api/runtime.js';
import {onNode} from '../penny/node.js';
import {runFile} from '../run/files.js';

/**
 * @typedef {import('../penny/api/runtime.js').SchedulerOptions} SchedulerOptions
 * @typedef {import('../penny/api/runtime.js').RunOptions} RunOptions
 * @typedef {import('../penny/api/scheduler.js').Scheduler} Scheduler
 * @typedef {import('../penny/api/shared_array.js').SharedArray} SharedArray
 * @typedef {import('pyodide').PyodideAPI} PyodideAPI
 *
 * Where Pyodide lies that Penny starts by itself: the folder of pyodide.mjs, a path or a file: URL. Default: that of the
 * npm package `pyodide`, as this package or the current directory has it.
 * @typedef {{indexURL?: string}} Place
 */

/** @type {ReturnType<typeof onNode> | undefined} */
let places;
const penny = () => (places ??= onNode(worker, readFileSync(core), readFileSync(packages)));

/** The folder of the npm package `pyodide`. */
function pyodideFolder() {
  for (const from of [import.meta.url, pathToFileURL(path.resolve('package.json'))]) {
    try {
      return path.dirname(createRequire(from).resolve('pyodide/package.json'));
    } catch {
      // not installed there
    }
  }
  throw new Error('Penny needs Pyodide: npm install pyodide; or say where it lies, by indexURL');
}

/** @param {string} [indexURL] */
function startingAt(indexURL = pyodideFolder()) {
  const folder = indexURL.endsWith('/') ? indexURL : `${indexURL}/`;
  const url = folder.startsWith('file:') ? new URL(folder) : pathToFileURL(path.resolve(folder) + path.sep);
  return penny().startingAt(url.href);
}

/**
 * A Scheduler for JavaScript. Resolves before its workers are up: tasks may be submitted at once. While something is
 * pending the program goes on; a Scheduler that has nothing to do holds it not.
 * @param {SchedulerOptions & Place} [options]
 * @returns {Promise<Scheduler>}
 * @throws {Error} RangeError, TypeError: a wrong number of workers; Pyodide is not installed
 */
export async function scheduler({indexURL, ...options} = {}) {
  return await runtime.scheduler(startingAt(indexURL), options);
}

/**
 * Makes `import penny` work in a Pyodide of the program's own. Workers are started from the same Pyodide: its files, its
 * lock file.
 * @param {PyodideAPI} pyodide
 * @param {SchedulerOptions} [options] for the schedulers that Python opens: default number of workers and of trace,
 *     files, output
 * @returns {Promise<void>}
 */
export async function install(pyodide, options) {
  await runtime.install(penny().startingLike(pyodide), pyodide, options);
}

/**
 * Runs a Python program, in a worker of its own, or in this thread ({on: 'page'}).
 * @param {string} source
 * @param {RunOptions & Place} [options]
 * @returns {Promise<number>} its exit status; a traceback has gone to stderr, or a line about what its Python died of
 */
export async function run(source, {indexURL, ...options} = {}) {
  return await runtime.run(startingAt(indexURL), source, options);
}

/**
 * Runs a Python file as the command `python` would, on all cores: it has this process's variables, stdin, stdout and
 * stderr, and the files of the current directory and of its own folder, as have its tasks. Ctrl-C is a KeyboardInterrupt in it, a second
 * one ends it.
 * @param {string} file a path; `-`: what stdin has
 * @param {{args?: string[]} & import('../run/files.js').Folders & RunOptions & Place} [options] args: the rest of its
 *     sys.argv; folders: more of those that it may read; write: those in which it may change files; else as of run()
 * @returns {Promise<number>} its exit status
 * @throws {Error} the file can't be read; Pyodide is not installed
 */
export async function python(file, {indexURL, ...options} = {}) {
  const starter = startingAt(indexURL);
  return await runFile((source, rest) => runtime.run(starter, source, rest), file, options);
}

/**
 * Keyword arguments, as last argument of a Scheduler's submit().
 * @param {Record<string, unknown>} values
 */
export const keywords = values => ({[Symbol.for('penny.keywords')]: values});
