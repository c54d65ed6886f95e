// What Emscripten's file system and linker keep to themselves: files whose bytes lie somewhere else, compiled libraries.

/** @typedef {any} FileSystem Emscripten's FS */

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
 * @param {string} folder
 * @param {(path: string, node: any) => void} visit
 */
function walk(FS, folder, visit) {
  const go = (/** @type {string} */ path, /** @type {any} */ node) => {
    if (FS.isDir(node.mode)) {
      if (node.mounted) return; // another file system's
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
 * @param {{FS: FileSystem, _module: any}} pyodide
 * @param {string} path
 * @param {WebAssembly.Module} compiled
 * @param {ArrayBufferLike} buffer where the file lies that it is compiled from
 */
export function shareLibrary({FS, _module: module}, path, compiled, buffer) {
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
