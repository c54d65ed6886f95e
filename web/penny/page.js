// What a page can do with Penny: `Penny.*` of penny.js.
import * as runtime from './api/runtime.js';
import {Site} from './boot/site.js';
import {Page} from './hosts/browser.js';
import {Starter} from './pool/starter.js';

/**
 * @typedef {import('./api/runtime.js').SchedulerOptions} SchedulerOptions
 * @typedef {import('./api/runtime.js').RunOptions} RunOptions
 */

const host = new Page(new URL('./worker.js', import.meta.url));
const starter = new Starter(host, new Site(host, new URL('.', import.meta.url).href));

/** @param {SchedulerOptions} [options] */
export const scheduler = options => runtime.scheduler(starter, options);

/** @param {import('./boot/pyodide.js').Pyodide} pyodide @param {SchedulerOptions} [options] */
export const install = (pyodide, options) => runtime.install(starter, pyodide, options);

/** @param {string} source @param {RunOptions} [options] */
export const run = (source, options) => runtime.run(starter, source, options);

/** Makes the memory snapshot that a site may ship (see manifest.json). */
export const memorySnapshot = () => starter.memorySnapshot();
