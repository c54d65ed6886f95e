// A page of a browser.
import {digest, keep, kept} from './browser_store.js';
import {trustAdvice, trustedScript} from './browser_trusted.js';
import {lacksHeaders, requireIsolation} from './isolation.js';

/**
 * @typedef {import('./host.js').Host} Host
 * @typedef {import('./host.js').Hearing} Hearing
 * @typedef {import('./host.js').Thread} Thread
 */

const BEYOND =
  "the service worker of data-isolate does not answer for it, since it is in another folder: does the page's " +
  'Content-Security-Policy allow worker-src blob:? Or put penny-isolate.js into a folder above both';

let lives = 0;
const pageId = Math.random().toString(36).slice(2);

/**
 * A script of this origin that imports another.
 * @param {URL} script
 */
const importerOf = script =>
  URL.createObjectURL(new Blob([`import ${JSON.stringify(script.href)};`], {type: 'text/javascript'}));

/**
 * A page; or a worker of its own, which may start workers as well.
 * @implements {Host}
 */
export class Page {
  requireSharedMemory = requireIsolation;
  sharesMemory = () => globalThis.crossOriginIsolated === true;
  digest = digest;
  kept = kept;
  keep = keep;

  /** @param {URL} script of its workers: a module */
  constructor(script) {
    this.script = script;
  }

  get base() {
    return globalThis.document?.baseURI ?? location.href;
  }

  processors() {
    return navigator.hardwareConcurrency;
  }

  sleeps() {
    return !globalThis.document;
  }

  /** @param {string} url */
  async load(url) {
    let response;
    try {
      response = await fetch(url);
    } catch (error) {
      throw new Error(`Penny could not load ${url}: ${error}`);
    }
    if (!response.ok) throw new Error(`Penny could not load ${url}: HTTP status ${response.status}`);
    return response;
  }

  /**
   * Pyodide decides at its start, by what the engine can do, how it calls C functions, and a snapshot holds the
   * decision: where the engine has WebAssembly GC, and is not iOS. (JSPI is asked for again at each use.)
   */
  takesSnapshots() {
    const structType = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 3, 1, 0x5f, 0]);
    const {userAgent, platform, maxTouchPoints} = navigator;
    const iOS = /iPad|iPhone|iPod/.test(userAgent) || (platform === 'MacIntel' && maxTouchPoints > 1);
    return !iOS && WebAssembly.validate(structType);
  }

  /**
   * @param {string} name
   * @param {Hearing} hear
   * @returns {Thread}
   */
  startWorker(name, hear) {
    let worker;
    try {
      worker = new Worker(this.#script(), {type: 'module', name});
    } catch (error) {
      throw new Error(this.#notStarted(error));
    }
    worker.onmessage = ({data}) => hear.message(data);
    worker.onerror = event => {
      event.preventDefault();
      hear.error({said: event.message, notStarted: this.#notStarted(event)});
    };
    return {
      life: `penny-${pageId}-${lives++}`,
      post: (message, transfer = []) => worker.postMessage(message, transfer),
      terminate: () => worker.terminate(),
      hold() {}, // pages stay
    };
  }

  /** URL of the script from which workers can be made. @returns {any} a string, or a TrustedScriptURL */
  #script() {
    // A worker's script has to be of the page's own origin, and isolated as the page is; what that imports has not. A
    // worker that was made so makes its own so.
    const imports = this.#isElsewhere || lacksHeaders(this.script) || location.protocol === 'blob:';
    const url = imports ? (this.#importer ??= importerOf(this.script)) : this.script.href;
    return trustedScript(url);
  }
  /** @type {string | undefined} */
  #importer;

  get #isElsewhere() {
    return this.script.origin !== self.origin; // null in a sandbox, whatever its URL
  }

  /**
   * Why a worker could not be started, in words.
   * @param {unknown} reason what the constructor threw, or the worker's error event
   */
  #notStarted(reason) {
    if (reason instanceof ErrorEvent && reason.message) return reason.message;
    const said = reason instanceof Event ? '' : `: ${reason}`;
    const hint =
      trustAdvice(reason) ||
      (lacksHeaders(this.script) && BEYOND) ||
      (this.#isElsewhere
        ? "it is of another origin: does the page's Content-Security-Policy allow it and worker-src blob:, and does its " +
          'server send Access-Control-Allow-Origin, and Cross-Origin-Resource-Policy: cross-origin?'
        : "is it there, does it have the page's Cross-Origin-Embedder-Policy, does the page's Content-Security-Policy " +
          'allow it by worker-src?');
    return `${this.script} could not be loaded as a worker${said} (${hint})`;
  }

  /**
   * By a Web Lock that the worker holds: terminate() and crashes fire no event, but a lock is free once its holder is
   * gone.
   * @param {Thread} thread
   * @param {() => void} then
   */
  whenGone({life}, then) {
    navigator.locks.request(life, then);
  }
}
