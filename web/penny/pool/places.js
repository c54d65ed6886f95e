// What starts workers, by where their Pyodide lies; Penny's own files are at hand.
import {EmbeddedSite} from '../boot/embedded_site.js';
import {originOf} from '../boot/pyodide.js';
import {requireKnownPyodide} from '../boot/versions.js';
import {Starter} from './starter.js';

/** @typedef {import('../boot/pyodide.js').Pyodide} Pyodide */

export class Places {
  /** @type {Map<string, Starter>} */
  #byPlace = new Map();
  /** @type {WeakMap<Pyodide, Starter>} */
  #byPyodide = new WeakMap();

  /**
   * @param {import('../hosts/host.js').Host} host
   * @param {WebAssembly.Module} core
   * @param {Uint8Array} python zip with the packages penny and cloudpickle
   */
  constructor(host, core, python) {
    this.host = host;
    this.core = core;
    this.python = python;
  }

  /** @param {import('../boot/pyodide.js').Origin} origin */
  #starter(origin) {
    return new Starter(this.host, new EmbeddedSite(this.host, this.core, this.python, origin));
  }

  /**
   * @param {string} indexURL where Pyodide lies
   * @param {string} [wasmURL] its WebAssembly, if elsewhere
   */
  startingAt(indexURL, wasmURL) {
    const starter = this.#byPlace.get(indexURL) ?? this.#starter({indexURL, wasmURL});
    this.#byPlace.set(indexURL, starter);
    return starter;
  }

  /**
   * @param {Pyodide} pyodide
   * @throws {import('../boot/versions.js').PyodideVersionError}
   */
  startingLike(pyodide) {
    requireKnownPyodide(pyodide);
    const starter = this.#byPyodide.get(pyodide) ?? this.#starter(originOf(pyodide));
    this.#byPyodide.set(pyodide, starter);
    return starter;
  }
}
