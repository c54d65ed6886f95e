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
   * @param {Partial<import('./pyodide.js').Origin> & {indexURL: string}} origin of Pyodide
   */
  constructor(host, core, python, {indexURL, packagesURL, lock, build}) {
    super(host, indexURL);
    const shared = share(python);
    this.build = build;
    // The rest of a manifest says where to fetch what is here.
    const manifest = /** @type {import('./site.js').Manifest} */ ({pyodide: indexURL, packages: packagesURL, snapshot: null});
    this.manifest = async () => manifest;
    this.core = async () => core;
    this.python = async () => shared;
    if (lock) this.lock = lock;
  }

  /** Which snapshots fit: of this build of Pyodide, with these files in it. */
  async #kind() {
    const {host, build} = this;
    const pyodide = build ?? (await host.digest(new TextEncoder().encode(await this.lock())));
    return `${pyodide} ${await host.digest(await this.python())}`;
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
