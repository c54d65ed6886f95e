// Where Penny's files are, and loading them once for all workers: the page fetches and compiles,
// workers get the compiled modules and the bytes by message.

/**
 * manifest.json, beside this file.
 * @typedef {{version: string, pyodide: string, pyodideVersion: string, pythonVersion: string, magicNumber: string,
 *            pyodideWasm?: string, packages?: string, python: string, apart?: string, core: string, snapshot: string | null}} Manifest
 *   pythonVersion, magicNumber: of that Pyodide, and of its bytecode, in hexadecimal; pyodideWasm: where its WebAssembly
 *   lies, if elsewhere; packages: where the wheels of its packages lie, if elsewhere
 *
 * What a worker needs to start. apart: URL of Penny's modules that are fetched when they are imported
 * @typedef {{
 *   version?: string,
 *   indexURL: string,
 *   core: WebAssembly.Module | null,
 *   pyodide: WebAssembly.Module,
 *   packagesURL: string,
 *   stdlib: Uint8Array,
 *   lock: string,
 *   python: Uint8Array,
 *   apart?: string,
 *   snapshot: Uint8Array | null,
 * }} Parts
 * @typedef {Parts & {core: WebAssembly.Module}} SharedParts what a worker needs to start that shares memory
 *   version: Pyodide's, if a certain one has to be there; stdlib: zip with Python's standard library; python: zip with the packages penny and cloudpickle. core: null where there is no shared memory. These and
 *   the snapshot lie in shared memory if there is any: passing them on costs nothing then.
 */

/**
 * A copy in shared memory, where there is any: to pass that on costs nothing.
 * @param {Uint8Array} bytes
 */
export function share(bytes) {
  if (typeof SharedArrayBuffer === 'undefined') return bytes;
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

/** @param {Response} response */
const bytesOf = async response => new Uint8Array(await response.arrayBuffer());

/** @param {Uint8Array<ArrayBuffer>} bytes by gzip */
const unpacked = async bytes =>
  bytesOf(new Response(new Response(bytes).body?.pipeThrough(new DecompressionStream('gzip'))));

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
  /**
   * @param {import('../hosts/host.js').Host} host
   * @param {string} base URL of the folder with manifest.json
   */
  constructor(host, base) {
    this.host = host;
    this.base = base;
    this.manifest = once(async () => {
      const url = new URL('manifest.json', base).href;
      return /** @type {Manifest} */ (await (await host.load(url)).json());
    });
    /** The compiled core. */
    this.core = once(async () => {
      host.requireSharedMemory();
      return await this.#compile((await this.manifest()).core);
    });
    /** The zip with the packages penny and cloudpickle, in shared memory. */
    this.python = once(async () =>
      share(await bytesOf(await host.load(this.url((await this.manifest()).python)))),
    );
    /** URL of Penny's modules that are not among these. */
    this.apart = once(async () => {
      const {apart} = await this.manifest();
      return apart && this.url(apart);
    });
    /** Pyodide's lock file. */
    this.lock = once(async () =>
      (await host.load(this.url((await this.manifest()).pyodide + 'pyodide-lock.json'))).text(),
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

  /** The compiled core; null where there is no memory to share. */
  async coreToShare() {
    return this.host.sharesMemory() ? await this.core() : null;
  }

  /** Where Pyodide's scripts lie. */
  async indexURL() {
    return this.url((await this.manifest()).pyodide);
  }

  /**
   * The memory snapshot that was made here before, if it was kept.
   * @returns {Promise<Uint8Array | null>}
   */
  async keptSnapshot() {
    return null;
  }

  /** @param {Uint8Array} snapshot that was made here: to be kept, where there is a place */
  async keepSnapshot(snapshot) {}

  /** @param {string} path */
  async #compile(path) {
    const response = await this.host.load(this.url(path));
    // While it comes, if the server says what it is: engines refuse to otherwise.
    return /^application\/wasm\s*(;|$)/i.test(response.headers.get('Content-Type') ?? '')
      ? await WebAssembly.compileStreaming(response)
      : await WebAssembly.compile(await response.arrayBuffer());
  }

  /** @returns {Promise<Parts>} */
  async #parts() {
    const {host} = this;
    const manifest = await this.manifest();
    const pyodideFile = (/** @type {string} */ name) => manifest.pyodide + name;
    const [core, pyodide, stdlib, lock, python, snapshot] = await Promise.all([
      this.coreToShare(),
      this.#compile(manifest.pyodideWasm ?? pyodideFile('pyodide.asm.wasm')),
      host.load(this.url(pyodideFile('python_stdlib.zip'))).then(bytesOf),
      this.lock(),
      this.python(),
      manifest.snapshot && host.takesSnapshots() ? this.#snapshot(manifest.snapshot) : null,
    ]);
    return {
      version: manifest.pyodideVersion,
      indexURL: this.url(manifest.pyodide),
      core,
      pyodide,
      packagesURL: this.url(manifest.packages ?? manifest.pyodide),
      stdlib: share(stdlib),
      lock,
      python,
      apart: await this.apart(),
      snapshot,
    };
  }

  /**
   * The prebuilt memory snapshot, or null: Penny starts without one, only slower.
   * @param {string} path
   */
  async #snapshot(path) {
    try {
      const bytes = await bytesOf(await this.host.load(this.url(path)));
      // Not by its name: some servers unpack what is called .gz, or rather let the browser do it.
      const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
      return share(isPacked ? await unpacked(bytes) : bytes);
    } catch (error) {
      console.warn(`Penny starts without its memory snapshot: ${error}`);
      return null;
    }
  }
}
