// Penny's own files as somebody has them in hand, from the wheel or the npm package, with a Pyodide that lies anywhere.
import {Site, share} from './site.js';

/**
 * What the wheel and the npm package bring along. worker: the workers' JavaScript, in one file; core: WebAssembly;
 * python: zip with the packages penny and cloudpickle
 * @typedef {{worker: string, core: Uint8Array, python: Uint8Array}} Files
 */

/** No file of Penny's is fetched, and of Pyodide's only what every start of it fetches. */
export class EmbeddedSite extends Site {
  /**
   * @param {import('../hosts/host.js').Host} host
   * @param {WebAssembly.Module} core
   * @param {Uint8Array} python zip with the packages penny and cloudpickle
   * @param {import('./pyodide.js').Origin} origin of Pyodide
   */
  constructor(host, core, python, {indexURL, wasmURL, packagesURL, version, lock}) {
    super(host, indexURL);
    const shared = share(python);
    // The rest of a manifest says where to fetch what is here.
    const manifest = /** @type {import('./site.js').Manifest} */ (
      /** @type {unknown} */ ({pyodide: indexURL, pyodideWasm: wasmURL, packages: packagesURL, pyodideVersion: version, snapshot: null})
    );
    this.manifest = async () => manifest;
    this.core = async () => core;
    this.python = async () => shared;
    if (lock) this.lock = lock;
  }

  /** Which snapshots fit: of this build of Pyodide, with these files in it. */
  async #kind() {
    const {host} = this;
    // It has the checksum of the other files in it, by which Pyodide refuses snapshots of other builds.
    const loader = await host.load((await this.indexURL()) + 'pyodide.mjs');
    const digests = [new Uint8Array(await loader.arrayBuffer()), await this.python()].map(host.digest);
    return (await Promise.all(digests)).join(' ');
  }

  /** @override */
  async keptSnapshot() {
    return this.host.takesSnapshots() ? await this.host.kept(await this.#kind()) : null;
  }

  /** @override @param {Uint8Array} snapshot */
  async keepSnapshot(snapshot) {
    if (this.host.takesSnapshots()) await this.host.keep(await this.#kind(), snapshot);
  }
}
