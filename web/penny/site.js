// Where Penny's files are, and loading them once for all workers: the page fetches and compiles,
// workers get the compiled modules and the bytes by message.
import {requireIsolation} from './isolation.js';

/**
 * manifest.json, beside this file.
 * @typedef {{version: string, pyodide: string, pyodideVersion: string, python: string, core: string,
 *            snapshot: string | null}} Manifest
 *
 * What a worker needs to start.
 * @typedef {{
 *   indexURL: string,
 *   core: WebAssembly.Module,
 *   pyodide: WebAssembly.Module,
 *   stdlibURL: string,
 *   lock: string,
 *   python: Uint8Array,
 *   snapshot: Uint8Array | null,
 * }} Parts python: zip with the packages penny and cloudpickle. python and snapshot lie in shared
 *   memory: passing them on costs nothing.
 */

/** @param {string} url */
async function load(url) {
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
 * A copy in shared memory.
 * @param {Uint8Array} bytes
 */
export function share(bytes) {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

/** @param {Response} response */
const bytesOf = async response => new Uint8Array(await response.arrayBuffer());

/**
 * Whether a snapshot made elsewhere may be used here. Pyodide decides at its start, by what the engine
 * can do, how it calls C functions, and a snapshot holds the decision: where the engine has WebAssembly
 * GC, and is not iOS. (JSPI is asked for again at each use.)
 */
function acceptsSnapshots() {
  const structType = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 3, 1, 0x5f, 0]);
  const {userAgent, platform, maxTouchPoints} = navigator;
  const iOS = /iPad|iPhone|iPod/.test(userAgent) || (platform === 'MacIntel' && maxTouchPoints > 1);
  return !iOS && WebAssembly.validate(structType);
}

/**
 * @template T
 * @param {() => Promise<T>} make
 * @returns {() => Promise<T>} calls make once; again after it failed
 */
function once(make) {
  /** @type {Promise<T> | undefined} */
  let promise;
  return () => {
    promise ??= make().catch(error => {
      promise = undefined;
      throw error;
    });
    return promise;
  };
}

export class Site {
  /** @param {string} base URL of the folder with manifest.json */
  constructor(base) {
    this.base = base;
    this.manifest = once(async () => {
      const url = new URL('manifest.json', base).href;
      return /** @type {Manifest} */ (await (await load(url)).json());
    });
    /** The compiled core. */
    this.core = once(async () => {
      requireIsolation();
      return await this.#compile((await this.manifest()).core);
    });
    /** The zip with the packages penny and cloudpickle, in shared memory. */
    this.python = once(async () =>
      share(await bytesOf(await load(this.url((await this.manifest()).python)))),
    );
    /** All a worker needs. */
    this.parts = once(() => this.#parts());
  }

  /**
   * @param {string} path relative to the manifest
   * @returns {string}
   */
  url(path) {
    return new URL(path, this.base).href;
  }

  /** @param {string} path */
  async #compile(path) {
    return await WebAssembly.compileStreaming(load(this.url(path)));
  }

  /** @returns {Promise<Parts>} */
  async #parts() {
    const manifest = await this.manifest();
    const pyodideFile = (/** @type {string} */ name) => manifest.pyodide + name;
    const [core, pyodide, stdlib, lock, python, snapshot] = await Promise.all([
      this.core(),
      this.#compile(pyodideFile('pyodide.asm.wasm')),
      load(this.url(pyodideFile('python_stdlib.zip'))).then(r => r.blob()),
      load(this.url(pyodideFile('pyodide-lock.json'))).then(r => r.text()),
      this.python(),
      manifest.snapshot && acceptsSnapshots() ? this.#snapshot(manifest.snapshot) : null,
    ]);
    return {
      indexURL: this.url(manifest.pyodide),
      core,
      pyodide,
      stdlibURL: URL.createObjectURL(stdlib),
      lock,
      python,
      snapshot,
    };
  }

  /**
   * The prebuilt memory snapshot, or null: Penny starts without one, only slower.
   * @param {string} path
   */
  async #snapshot(path) {
    try {
      let response = await load(this.url(path));
      if (path.endsWith('.gz'))
        response = new Response(response.body?.pipeThrough(new DecompressionStream('gzip')));
      return share(await bytesOf(response));
    } catch (error) {
      console.warn(`Penny starts without its memory snapshot: ${error}`);
      return null;
    }
  }
}
