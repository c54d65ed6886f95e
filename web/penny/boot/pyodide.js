// Starting Pyodide from shared parts: a compiled module, one memory snapshot. Where that fails, it starts plainly.
import {setClock} from '../core/clock.js';
import {inWords} from '../hosts/in_words.js';
import {isFile, pathOf, urlOf} from './paths.js';
import {beforeC, configOf, forSnapshot, fromSnapshot, growTo, identityOf, onAbort, onFatalError, preload, relink} from './private.js';

/**
 * @typedef {import('./site.js').Parts} Parts
 * @typedef {any} Pyodide
 */

/**
 * A memory snapshot with packages imported (snapshots.md). libraries: those in it, in the order in which they are loaded; link: what of
 * them is not in memory; modules: what was imported; variables: of the environment, that were read by that, and their values
 * @typedef {{bytes: Uint8Array, libraries: {path: string, module: WebAssembly.Module}[], link: import('./private.js').Linked,
 *            modules: string[], variables: Record<string, string | null>}} Packed
 *
 * Where a Pyodide comes from, so that others can be started from there.
 * @typedef {{indexURL: string, wasmURL?: string, packagesURL?: string, version?: string, lock?: () => Promise<string>}} Origin
 */

/**
 * Where a Pyodide that somebody else has started comes from.
 * @param {Pyodide} pyodide
 * @returns {Origin}
 */
export function originOf(pyodide) {
  const config = configOf(pyodide);
  return {
    indexURL: urlOf(config.indexURL),
    packagesURL: urlOf(config.packageBaseUrl ?? config.indexURL),
    version: pyodide.version,
    async lock() {
      const lock = await config.lockFileContents;
      if (lock === undefined) return (await fetch(config.lockFileURL)).text(); // Pyodide 0.27 does not keep it
      return typeof lock === 'string' ? lock : JSON.stringify(lock);
    },
  };
}

/**
 * Where a Pyodide of Penny's writes what it has compiled, and looks for it: not beside the sources, which may be a program's
 * own. With what is installed it goes to workers, which would otherwise compile it each.
 */
export const PYCACHE = 'import sys; sys.pycache_prefix = "/lib/python%d.%d/pycache" % sys.version_info[:2]; del sys';

/** Where the zip with Python packages lies in each Pyodide's file system; the snapshot knows it. */
export const PYTHON_ZIP = '/lib/penny-python.zip';

/**
 * Imports Pyodide's scripts ahead of time.
 * @param {string} indexURL
 */
export async function prepare(indexURL) {
  const [{loadPyodide, version}] = await Promise.all([
    import(/* @vite-ignore */ /* webpackIgnore: true */ indexURL + 'pyodide.mjs'),
    // Up to 0.29 it is called pyodide.asm.js. loadPyodide() imports what it needs, and says what is missing.
    import(/* @vite-ignore */ /* webpackIgnore: true */ indexURL + 'pyodide.asm.mjs').catch(() => {}),
  ]);
  return {loadPyodide, version};
}

/**
 * Starts Pyodide with `penny` and `cloudpickle` importable.
 * @param {Parts} parts
 * @param {{makeSnapshot?: boolean, ahead?: number, packed?: Packed}} [options] makeSnapshot: so that makeSnapshot() can be
 *     called; such a Pyodide is good for nothing else. ahead: ms by which Python's clock is ahead of
 *     `performance.now()`. packed: to start from, if that can be: see isRestored()
 * @returns {Promise<Pyodide>}
 */
export async function bootPyodide(parts, {makeSnapshot = false, ahead = 0, packed} = {}) {
  const {loadPyodide, options} = await loading(parts);
  /** @param {Uint8Array} bytes @param {any} [more] options */
  const restore = async (bytes, more) => {
    // A copy: TextDecoder, which Pyodide uses on it, refuses shared memory.
    const snapshot = bytes.slice();
    const pyodide = await withModule(parts, ahead, () => loadPyodide({...options, ...fromSnapshot(snapshot), ...more}));
    // Pyodide keeps its options for life: a copy of 31 MB for each worker, unless it is taken away.
    snapshot.buffer.transfer?.(0);
    return pyodide;
  };
  let pyodide;
  if (packed) {
    try {
      const {bytes, libraries, link} = packed;
      const early = (/** @type {any} */ module) => {
        growTo(module, bytes.length);
        relink(module, preload(module, libraries), link);
      };
      pyodide = await restore(bytes, await beforeC(parts.indexURL, early));
      restoredFrom.set(identityOf(pyodide), packed);
    } catch (error) {
      console.debug(`Penny: the snapshot with packages could not be used: ${error}`);
    }
  }
  if (!pyodide && parts.snapshot && !makeSnapshot) {
    try {
      pyodide = await restore(parts.snapshot);
    } catch (error) {
      console.warn(`Penny: the memory snapshot could not be used, starting plainly: ${error}`);
    }
  }
  const restored = pyodide !== undefined;
  pyodide ??= await withModule(parts, ahead, () =>
    loadPyodide({...options, ...forSnapshot(makeSnapshot)}),
  );
  addPython(pyodide, parts.python, parts.apart);
  if (!restored) pyodide.runPython(PYCACHE); // else the snapshot has it
  // A snapshot freezes the state of the random number generator: without this every worker would
  // draw the same numbers, and give what it makes the numbers that another gives.
  if (restored)
    pyodide.runPython('from penny.hosts.renewed import renew; renew(); del renew');
  return pyodide;
}

/** Those that have packages from a snapshot, by their identity. @type {WeakMap<object, Packed>} */
const restoredFrom = new WeakMap();

/** The snapshot from which it has packages, if it has. @param {Pyodide} pyodide */
export const packedOf = pyodide => restoredFrom.get(identityOf(pyodide));

/**
 * What starts a Pyodide, and the options that all have.
 * @param {Parts} parts
 */
export async function loading(parts) {
  const {loadPyodide, version} = await prepare(parts.indexURL);
  if (parts.version && version !== parts.version)
    throw new Error(`at ${parts.indexURL} lies Pyodide ${version}, and not ${parts.version}, for which Penny was built`);
  const options = {
    ...(isFile(parts.indexURL) ? filesOf(parts, version) : {indexURL: parts.indexURL, packageBaseUrl: parts.packagesURL}),
    lockFileContents: parts.lock, // so Pyodide would know no place of packages by itself
  };
  return {loadPyodide, options};
}

/**
 * Where Pyodide lies in the file system, it wants paths. The wheels of packages are fetched into its folder, as by itself.
 * @param {Parts} parts
 * @param {string} version
 */
const filesOf = ({indexURL, packagesURL}, version) => ({
  indexURL: pathOf(indexURL),
  packageBaseUrl: isFile(packagesURL) ? pathOf(packagesURL) : packagesURL,
  get cdnUrl() {
    return `https://cdn.jsdelivr.net/pyodide/v${version}/full/`;
  },
  set cdnUrl(_) {}, // to the place of packages, which is the cache here
});

/**
 * Makes `penny` and `cloudpickle` importable in a Pyodide.
 * @param {Pyodide} pyodide
 * @param {Uint8Array} python
 * @param {string} [apart] URL of more modules of Penny's: penny/bridge/apart.py
 */
export function addPython(pyodide, python, apart) {
  pyodide.FS.writeFile(PYTHON_ZIP, python.slice());
  if (apart) pyodide.FS.writeFile('/lib/penny-apart', apart);
  const path = pyodide.pyimport('sys').path;
  if (!path.includes(PYTHON_ZIP)) path.append(PYTHON_ZIP);
  path.destroy();
}

/** What a program ends with that calls abort(), as a shell has it: 128 + SIGABRT. */
const ABORTED = 134;

/**
 * How a Python died. status: its exit status; reason: in a line; details: with where it was, if that is known.
 * @typedef {{status: number, reason: string, details: string}} Death
 * begins(): it is about to, before it dumps its stack; ends(): nothing in it can be used any more
 * @typedef {{begins?: () => void, ends: (death: Death) => void}} DeathListener
 */

/** Who wants to hear of the death of a Pyodide, by its identity. @type {WeakMap<object, DeathListener[]>} */
const deathListeners = new WeakMap();

/**
 * Tells of the death of a Pyodide, once: of a trap, a stack overflow, abort(), or an exit at once (os._exit, a signal).
 * What Pyodide throws then says nothing: it may end as the unhandled rejection of some callback of the event loop's, or be
 * caught.
 * @param {Pyodide} pyodide
 * @param {DeathListener} listener
 */
export function onDeath(pyodide, listener) {
  const identity = identityOf(pyodide);
  const known = deathListeners.get(identity);
  if (known) {
    known.push(listener);
    return;
  }
  const listeners = [listener];
  deathListeners.set(identity, listeners);
  // abort() ends in a trap that says "unreachable".
  let aborted = false;
  onAbort(pyodide, () => (aborted = true));
  let told = false;
  const tell = (/** @type {Death} */ death) => {
    if (told) return;
    told = true;
    for (const {ends} of listeners) ends(death);
  };
  onFatalError(pyodide, (error, fatal) => {
    for (const {begins} of listeners) begins?.();
    try {
      return fatal(error);
    } catch (thrown) {
      error = thrown; // what is thrown for an exit is another object
      throw thrown;
    } finally {
      // At the end of the engine's stack all this may fail half-way: the callers of the one that died call it again.
      tell(deathOf(error, aborted));
    }
  });
}

/**
 * @param {any} error what Pyodide died of
 * @param {boolean} aborted whether abort() was called
 * @returns {Death}
 */
function deathOf(error, aborted) {
  if (typeof error?.status === 'number') {
    const {status} = error;
    const signal = status > 128 ? ` or signal ${status - 128}` : '';
    const reason = `Python exited at once with status ${status} (os._exit${signal})`;
    return {status, reason, details: reason};
  }
  const died = aborted
    ? 'Python aborted (a fatal error, os.abort or a signal)'
    : `Python died of a fatal error: ${error}`;
  return {status: ABORTED, reason: died, details: `${died}\n${inWords(error)}`};
}

/**
 * Has Python look at the worker's interrupt word between bytecodes. Pyodide reads element 0 of its interrupt
 * buffer and then stores 0 there, so that what comes in between would be lost: here reading takes the ring
 * away, in one step, and the store does nothing.
 * @param {Pyodide} pyodide
 * @param {import('../core/core.js').Core} core of a worker
 */
export function hearDoorbell(pyodide, core) {
  const {participant, exports} = core;
  pyodide.setInterruptBuffer({
    get 0() {
      return exports.doorbell_take(participant);
    },
    set 0(_) {},
  });
}

/**
 * The memory of a Pyodide started with makeSnapshot, with all imported that a worker needs.
 * @param {Pyodide} pyodide
 * @returns {Uint8Array}
 */
export function makeSnapshot(pyodide) {
  pyodide.runPython('import penny.hosts.snapshot');
  return pyodide.makeMemorySnapshot();
}

/**
 * Calls `load` such that Pyodide gets what Penny has of it instead of fetching its own: the module, instantiated with
 * another clock, the standard library and the lock file. No URLs of blobs, which policies forbid.
 * @template T
 * @param {Parts} parts
 * @param {number} ahead ms by which its clock is ahead of `performance.now()`
 * @param {() => Promise<T>} load
 * @returns {Promise<T>}
 */
export async function withModule(parts, ahead, load) {
  const {fetch} = globalThis;
  const {instantiate, instantiateStreaming} = WebAssembly;
  const placeholder = new Response();
  /** @type {Record<string, () => Response>} */
  const answers = {
    // Not even a fetch of its own: unread bodies would use up the browser's connections.
    [new URL('pyodide.asm.wasm', parts.indexURL).href]: () => placeholder,
    [new URL('python_stdlib.zip', parts.indexURL).href]: () => new Response(parts.stdlib.slice()),
    // Pyodide 0.27 knows no lockFileContents.
    [new URL('pyodide-lock.json', parts.indexURL).href]: () => new Response(new TextEncoder().encode(parts.lock)),
  };
  globalThis.fetch = async (input, init) => {
    const answer = answers[new URL(input instanceof Request ? input.url : input, parts.indexURL).href];
    return answer ? answer() : fetch(input, init);
  };
  /** @param {any} [imports] */
  const ours = async imports => {
    /** @type {any} */
    let instance;
    // Up to Pyodide 0.29 the module imports its memory.
    if (ahead) setClock(imports, ahead, () => instance.exports.memory ?? imports.env.memory);
    instance = await instantiate.call(WebAssembly, parts.pyodide, imports);
    return {module: parts.pyodide, instance};
  };
  WebAssembly.instantiateStreaming = async (source, imports) =>
    (await source) === placeholder ? ours(imports) : instantiateStreaming.call(WebAssembly, source, imports);
  // A Pyodide of the file system reads its own file, and would compile it once more.
  WebAssembly.instantiate = /** @type {any} */ (
    async (/** @type {any} */ source, /** @type {any} */ imports) =>
      imports?.wasi_snapshot_preview1 && !(source instanceof WebAssembly.Module)
        ? ours(imports)
        : instantiate.call(WebAssembly, source, imports)
  );
  try {
    return await load();
  } finally {
    globalThis.fetch = fetch;
    WebAssembly.instantiate = instantiate;
    WebAssembly.instantiateStreaming = instantiateStreaming;
  }
}
