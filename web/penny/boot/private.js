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

// ---- Emscripten: libraries in a memory snapshot (boot/snapshots.md) -------------------------------

/**
 * Option of loadPyodide(): to do something when memory and table are there, and no C code has run yet.
 * @param {string} indexURL of Pyodide
 * @param {(module: any) => void} early synchronous, so that what it does is the same each time
 */
export async function beforeC(indexURL, early) {
  const {default: create} = await import(/* @vite-ignore */ /* webpackIgnore: true */ indexURL + 'pyodide.asm.mjs');
  return {
    createPyodideModule(/** @type {any} */ settings) {
      settings.preRun.push(early);
      return create(settings);
    },
  };
}

/** Names on Emscripten's module without which no library can be in a snapshot. */
const LINKING = [
  ...['LDSO', 'wasmTable', 'freeTableIndexes', 'preloadedWasm', 'HEAPU32', 'loadWebAssemblyModule', 'newDSO', 'growMemory'],
  ...['getDylinkMetadata', 'reportUndefinedSymbols', 'setWasmTableEntry', 'updateTableMap', '_emscripten_get_sbrk_ptr'],
];

/** What of it this Pyodide lacks. @param {any} module @returns {string[]} */
export const lacking = module => LINKING.filter(name => module[name] === undefined);

/** Grows memory to a snapshot's size. @param {any} module @param {number} size bytes */
export function growTo(module, size) {
  if (size > module.HEAPU8.length) module.growMemory(size);
}

/**
 * Where table and heap ended after each library was loaded.
 * @typedef {{path: string, table: number, heap: number}[]} Places
 */

/** @param {string} path */
const fileOf = path => path.slice(path.lastIndexOf('/') + 1);

/**
 * Loads libraries before main(), those first that others need. Nothing has taken memory yet, nor a place in the table: so
 * they get the same ones each time.
 * @param {any} module
 * @param {{path: string, module: WebAssembly.Module}[]} libraries
 * @returns {Places}
 */
export function preload(module, libraries) {
  const missing = lacking(module);
  if (missing.length) throw new Error(`this Pyodide has no ${missing.join(', ')}`);
  const {LDSO} = module;
  /** @type {Places} */
  const places = [];
  const byFile = new Map(libraries.map(library => [fileOf(library.path), library]));
  if (byFile.size < libraries.length) throw new Error('two libraries have the same name');
  const load = (/** @type {{path: string, module: WebAssembly.Module}} */ {path, module: compiled}) => {
    if (LDSO.loadedLibsByName[path]) return;
    for (const needed of module.getDylinkMetadata(compiled).neededDynlibs) {
      const other = byFile.get(needed);
      if (!other) throw new Error(`${path} needs ${needed}, which is not there`);
      load(other);
    }
    // Who is missing is asked once, in the end: it takes longer than loading.
    const flags = {global: false, nodelete: true, allowUndefined: true};
    const exports = module.loadWebAssemblyModule(compiled, flags, path, {});
    const library = module.newDSO(path, undefined, exports);
    library.global = false;
    const heap = module.HEAPU32[module._emscripten_get_sbrk_ptr() >>> 2];
    places.push({path, table: module.wasmTable.length, heap});
    LDSO.loadedLibsByName[fileOf(path)] = library; // as others ask for it; there is no search path yet
  };
  libraries.forEach(load);
  module.reportUndefinedSymbols();
  for (const name of byFile.keys()) delete LDSO.loadedLibsByName[name];
  // The last says where all ends, if there is none, too.
  places.push({path: '', table: module.wasmTable.length, heap: module.HEAPU32[module._emscripten_get_sbrk_ptr() >>> 2]});
  return places;
}

/**
 * What of libraries is not in linear memory. handles: of dlopen, with paths; globals: paths of libraries whose symbols others
 * see; late: what came into the table after they were loaded, null: nothing; free: places in the table
 * @typedef {{places: Places, handles: [number, string][], globals: string[],
 *            late: ({library: string, name: string} | null)[], free: number[]}} Linked
 */

/**
 * @param {any} module
 * @param {Places} places as preload() has returned
 * @returns {Linked}
 * @throws {Error} something can't be made again
 */
export function linked(module, places) {
  const {table} = places[places.length - 1];
  const {LDSO, wasmTable, freeTableIndexes} = module;
  /** @type {[number, string][]} */
  const handles = [];
  for (const [handle, {name}] of /** @type {[string, any][]} */ (Object.entries(LDSO.loadedLibsByHandle)))
    if (Number(handle)) handles.push([Number(handle), name]);
  const libraries = /** @type {[string, any][]} */ (Object.entries(LDSO.loadedLibsByName)).filter(([name]) => name.startsWith('/'));
  const names = new Map();
  for (const [library, {exports}] of libraries)
    for (const [name, value] of Object.entries(exports)) if (!names.has(value)) names.set(value, {library, name});
  const late = [];
  for (let i = table; i < wasmTable.length; i++) {
    const entry = freeTableIndexes.includes(i) ? null : wasmTable.get(i);
    const found = entry && names.get(entry);
    if (entry && !found) throw new Error(`a function that C calls by its number (${i}) is no library's`);
    late.push(found ?? null);
  }
  if (freeTableIndexes.some((/** @type {number} */ i) => i < table)) throw new Error('the table has lost a function');
  const globals = libraries.filter(([, {global}]) => global).map(([name]) => name);
  return {places, handles, globals, late, free: [...freeTableIndexes]};
}

/**
 * The counterpart of linked(), in a new worker, where preload() has loaded the same libraries in the same order.
 * @param {any} module
 * @param {Places} places as it has returned
 * @param {Linked} linked
 * @throws {Error} they lie elsewhere
 */
export function relink(module, places, {places: before, handles, globals, late, free}) {
  const [here, there] = [places, before].map(each => JSON.stringify(each));
  if (here !== there) throw new Error(`libraries lie elsewhere: ${here} and not ${there}`);
  const {table} = places[places.length - 1];
  const {LDSO, wasmTable, freeTableIndexes} = module;
  const library = (/** @type {string} */ path) => {
    const found = LDSO.loadedLibsByName[path];
    if (!found) throw new Error(`${path} is not loaded`);
    return found;
  };
  for (const [handle, path] of handles) LDSO.loadedLibsByHandle[handle] = library(path);
  for (const path of globals) library(path).global = true;
  if (late.length) wasmTable.grow(late.length);
  late.forEach((entry, i) => {
    if (!entry) return;
    module.setWasmTableEntry(table + i, library(entry.library).exports[entry.name]);
    module.updateTableMap(table + i, 1);
  });
  freeTableIndexes.splice(0, freeTableIndexes.length, ...free);
}

/** Paths of files that are open, but for the terminal. @param {FileSystem} FS @returns {string[]} */
export const openFiles = FS =>
  FS.streams.filter((/** @type {any} */ stream) => stream && stream.fd > 2).map((/** @type {any} */ {path}) => path);

/** Paths of libraries that were loaded. @param {any} module @returns {string[]} */
export const loadedLibraries = module => Object.keys(module.LDSO.loadedLibsByName).filter(name => name.startsWith('/'));

/**
 * Hears of each path that is looked up.
 * @param {FileSystem} FS
 * @param {(path: string) => void} visit
 * @returns {() => void} ends it
 */
export function watchPaths(FS, visit) {
  const {lookupPath} = FS;
  FS.lookupPath = (/** @type {string} */ path, /** @type {any[]} */ ...more) => {
    visit(path);
    return lookupPath.call(FS, path, ...more);
  };
  return () => void (FS.lookupPath = lookupPath);
}
