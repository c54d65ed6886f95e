// What the page shares between all schedulers and programs: the site's files, loaded once, and the
// memory snapshot from which workers start.
import {requireIsolation} from './isolation.js';
import {Site, share} from './site.js';

/**
 * @typedef {import('./site.js').Parts} Parts
 * @typedef {import('./messages.js').ToPage} ToPage
 * @typedef {import('./messages.js').ToWorker} ToWorker
 */

export const site = new Site(new URL('.', import.meta.url).href);

/** @type {Promise<Parts> | undefined} */
let parts;

/** The parts from which workers start, with a snapshot made here if the site ships none. */
export function startingParts() {
  parts ??= load().catch(error => {
    parts = undefined; // whoever asks next tries again
    throw error;
  });
  return parts;
}

/** @returns {Promise<Parts>} */
async function load() {
  const parts = await site.parts();
  if (parts.snapshot) return parts;
  try {
    return {...parts, snapshot: share(await makeSnapshot(parts))};
  } catch (error) {
    console.warn(`Penny starts without a memory snapshot: ${error}`);
    return parts;
  }
}

/** Where Pyodide's scripts lie. */
export const indexURL = async () => site.url((await site.manifest()).pyodide);

/**
 * Has a worker make the memory snapshot from which all others start.
 * @param {Parts} parts
 * @returns {Promise<Uint8Array>}
 */
async function makeSnapshot(parts) {
  const worker = newWorker('penny snapshot');
  try {
    return await new Promise((resolve, reject) => {
      worker.onerror = event => reject(new Error(notStarted(event)));
      worker.onmessage = (/** @type {MessageEvent<ToPage>} */ {data}) => {
        if (data.type === 'snapshot') resolve(data.snapshot);
        else if (data.type === 'failed') reject(new Error(data.error));
      };
      tell(worker, {type: 'snapshot', parts});
    });
  } finally {
    worker.terminate();
  }
}

/** Makes the memory snapshot that a site may ship (see manifest.json). */
export async function memorySnapshot() {
  requireIsolation();
  return await makeSnapshot(await site.parts());
}

export const WORKER_URL = new URL('./worker.js', import.meta.url);

/** @param {string} name */
export const newWorker = name => new Worker(WORKER_URL, {type: 'module', name});

/**
 * Why a worker could not be started, in words.
 * @param {unknown} reason what the constructor threw, or the worker's error event
 */
export function notStarted(reason) {
  if (reason instanceof ErrorEvent && reason.message) return reason.message;
  const said = reason instanceof Event ? '' : `: ${reason}`;
  const hint =
    WORKER_URL.origin === location.origin
      ? "is it there, does it have the page's Cross-Origin-Embedder-Policy, does the page's Content-Security-Policy allow it?"
      : `it has to be of the page's own origin, ${location.origin}`;
  return `${WORKER_URL} could not be loaded as a worker${said} (${hint})`;
}

let locks = 0;
const pageId = Math.random().toString(36).slice(2);

/** The name of a Web Lock, a new one. */
export const newLock = () => `penny-${pageId}-${locks++}`;

/** @param {Worker} worker @param {ToWorker} message */
export const tell = (worker, message) => worker.postMessage(message);
