// What Pyodide and Emscripten keep to themselves, and Penny uses all the same. Nothing else does, and
// tests/node/boot/private.test.mjs says what of it another Pyodide has no more.

/**
 * @typedef {any} Pyodide
 * @typedef {any} FileSystem Emscripten's FS
 */

// ---- Pyodide -------------------------------------------------------------------------------------

/** Emscripten's module, whose memory is Python's: HEAPU8. @param {Pyodide} pyodide */
export const moduleOf = pyodide => pyodide._module;

/** What is one object for each Pyodide, whoever has a proxy of it. @param {Pyodide} pyodide @returns {object} */
export const identityOf = pyodide => pyodide._api;

/**
 * What it was started with: indexURL, packageBaseUrl, lockFileURL, lockFileContents.
 * @param {Pyodide} pyodide
 */
export const configOf = pyodide => pyodide._api.config;

/** Whether a Pyodide can be suspended (JSPI). @param {Pyodide} pyodide @returns {boolean} */
export const suspends = pyodide => pyodide._module.jspiSupported;

/**
 * Calls a function of Python's on a stack that can be suspended, if any can: as soon as no JavaScript runs any more, or in a
 * later turn of the event loop. Pyodide's own callPromising() waits a turn in any case.
 * @param {any} module see moduleOf()
 * @param {any} callable
 * @param {boolean} soon whether not to wait for a turn
 */
export function callSuspendable({API: api, jspiSupported}, callable, soon) {
  if (!jspiSupported) {
    const call = () => callable();
    if (soon) queueMicrotask(call);
    else api.scheduleCallback(call, 0);
    return;
  }
  const {scheduleCallback} = api;
  if (soon) api.scheduleCallback = (/** @type {() => void} */ go) => go();
  try {
    callable.callPromising();
  } finally {
    api.scheduleCallback = scheduleCallback;
  }
}

/** Options of loadPyodide(): to start from a snapshot. @param {Uint8Array} snapshot */
export const fromSnapshot = snapshot => ({_loadSnapshot: snapshot});

/** The same: so that makeMemorySnapshot() can be called. @param {boolean} make */
export const forSnapshot = make => ({_makeSnapshot: make});

/**
 * Whatever called into Python and does not return from there passes through Pyodide's fatal_error.
 * @param {Pyodide} pyodide
 * @param {(error: unknown, fatal: (error: unknown) => never) => never} handle does it, by fatal
 */
export function onFatalError({_api: api}, handle) {
  const fatal = api.fatal_error;
  api.fatal_error = (/** @type {unknown} */ error) => {
    // No death: Python was called in the midst of its own.
    if (error instanceof api.NoGilError) return fatal(error);
    return handle(error, fatal);
  };
}

/** abort() was called in C. @param {Pyodide} pyodide @param {() => void} tell */
export function onAbort({_module: module}, tell) {
  const before = module.onAbort;
  module.onAbort = (/** @type {unknown[]} */ ...what) => {
    tell();
    before?.(...what);
  };
}

// ---- Emscripten: files whose bytes lie somewhere else, compiled libraries -------------------------

/**
 * The files in some folders and below, those alone that lie in the file system's own memory: path, size, mtime.
 * @param {FileSystem} FS
 * @param {string[]} folders
 */
export function filesIn(FS, folders) {
  /** @type {[string, number, number][]} */
  const found = [];
  for (const folder of folders)
    walk(FS, folder, (path, node) => found.push([path, node.usedBytes, Math.floor(Number(node.mtime))]));
  return found;
}

/**
 * @param {FileSystem} FS
 * @param {string} folder of a file system in memory; of others nothing is visited: they may have a network behind them
 * @param {(path: string, node: any) => void} visit
 */
function walk(FS, folder, visit) {
  const go = (/** @type {string} */ path, /** @type {any} */ node) => {
    if (FS.isDir(node.mode)) {
      if (node.mounted || typeof node.contents !== 'object') return; // another file system's
      for (const [name, child] of Object.entries(node.contents)) go(`${path}/${name}`, child);
    } else if (FS.isFile(node.mode)) visit(path, node);
  };
  if (FS.analyzePath(folder).exists) go(folder, FS.lookupPath(folder).node);
}

/**
 * Files that nobody can write to, since their bytes are others', too.
 * @param {FileSystem} FS
 * @param {Iterable<{path: string, bytes: Uint8Array, mtime: number}>} files bytes: they stay where they are; mtime: ms
 */
export function layFiles(FS, files) {
  const folders = new Set();
  for (const {path, bytes, mtime} of files) {
    const folder = path.slice(0, path.lastIndexOf('/'));
    if (!folders.has(folder)) FS.mkdirTree(folder);
    folders.add(folder);
    FS.writeFile(path, bytes, {canOwn: true});
    const {node} = FS.lookupPath(path);
    node.mtime = mtime;
    node.mode &= ~0o222;
  }
}

/**
 * Files that are open get bytes of their own, before those that they were given are somebody else's.
 * @param {FileSystem} FS
 * @param {string} folder
 */
export function keepOpenFiles(FS, folder) {
  const open = new Set(FS.streams.filter(Boolean).map((/** @type {any} */ {node}) => node));
  walk(FS, folder, (_, node) => {
    if (open.has(node)) node.contents = node.contents.slice();
  });
}

/**
 * Has dlopen(path) take the compiled module instead of the file. Emscripten looks for a library's exports here first.
 * Where there is no such thing any more, each Pyodide compiles its own.
 * @param {Pyodide} pyodide
 * @param {string} path
 * @param {WebAssembly.Module} compiled
 * @param {ArrayBufferLike} buffer where the file lies that it is compiled from
 */
export function shareLibrary({FS, _module: module}, path, compiled, buffer) {
  if (!module.preloadedWasm || !module.loadWebAssemblyModule) {
    console.debug(`Penny: this Pyodide shares no compiled libraries; it will compile ${path} itself`);
    return;
  }
  Object.defineProperty(module.preloadedWasm, path, {
    configurable: true,
    enumerable: true,
    get() {
      if (FS.lookupPath(path).node.contents.buffer !== buffer) return undefined; // another one has been installed
      const exports = module.loadWebAssemblyModule(compiled, {global: false, nodelete: true}, path, {});
      Object.defineProperty(module.preloadedWasm, path, {value: exports});
      return exports;
    },
  });
}
