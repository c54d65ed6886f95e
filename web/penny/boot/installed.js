// What is installed in a Pyodide, as one piece that other Pyodides share: the files' bytes lie in shared memory once, and
// libraries (.so) are compiled once.
import {layFiles, shareLibrary} from './private.js';
import {normalized} from './packages.js';
import {share} from './site.js';

/**
 * @typedef {import('./pyodide.js').Pyodide} Pyodide
 *
 * A file. at: where its bytes begin; mtime: when it was changed, ms: a .pyc knows that of its .py
 * @typedef {{path: string, at: number, size: number, mtime: number}} File
 *
 * What is installed somewhere. id: another one for whatever differs; bytes: of all files, in shared memory; loaded: as
 * `pyodide.loadedPackages` has it
 * @typedef {{id: string, files: File[], bytes: Uint8Array, loaded: Record<string, string>}} Installed
 *
 * @typedef {{path: string, module: WebAssembly.Module}} Library
 */

/** What was read last, of each Pyodide: the next pool mostly has the same. @type {WeakMap<Pyodide, Installed>} */
const last = new WeakMap();

/**
 * What is in some files, one after the other.
 * @param {Pyodide} pyodide
 * @param {string[]} paths
 */
export function contentsOf({FS}, paths) {
  const contents = paths.map(path => FS.readFile(path));
  const bytes = new Uint8Array(contents.reduce((size, each) => size + each.length, 0));
  let at = 0;
  for (const each of contents) {
    bytes.set(each, at);
    at += each.length;
  }
  return bytes;
}

/**
 * Reads what is installed in a Pyodide.
 * @param {Pyodide} pyodide
 * @param {string[]} paths of the files
 * @param {string[]} leftOut names of packages of which there is none
 * @returns {Installed | undefined} undefined: there are no files
 */
export function readInstalled(pyodide, paths, leftOut) {
  if (!paths.length) return undefined;
  const {FS} = pyodide;
  let at = 0;
  /** @type {File[]} */
  const files = paths.map(path => {
    const {size, mtime} = FS.stat(path);
    const file = {path, at, size, mtime: Math.floor(Number(mtime))};
    at += size;
    return file;
  });
  const before = last.get(pyodide);
  if (before && sameFiles(before.files, files)) return before;
  const contents = new Uint8Array(at);
  for (const {path, at} of files) contents.set(FS.readFile(path), at);
  const bytes = share(contents);
  const loaded = {...pyodide.loadedPackages};
  for (const name of Object.keys(loaded)) if (leftOut.includes(normalized(name))) delete loaded[name];
  const installed = {id: `${Math.random()} ${Math.random()}`, files, bytes, loaded};
  last.set(pyodide, installed);
  return installed;
}

/** @param {File[]} files @param {File[]} others */
const sameFiles = (files, others) =>
  files.length === others.length &&
  files.every(({path, size, mtime}, i) => {
    const other = others[i];
    return path === other.path && size === other.size && mtime === other.mtime;
  });

/** The first bytes of every WebAssembly module: \0asm. */
const MAGIC = [0, 0x61, 0x73, 0x6d];

/**
 * Compiles the libraries among the files.
 * @param {Installed} installed
 * @returns {Promise<Library[]>}
 */
export async function compiled({files, bytes}) {
  const found = await Promise.all(
    files.map(async ({path, at, size}) => {
      if (!/\.so(\.|$)/.test(path) || !MAGIC.every((byte, i) => bytes[at + i] === byte)) return [];
      try {
        // A copy: nothing is compiled from shared memory.
        return [{path, module: await WebAssembly.compile(/** @type {any} */ (bytes.slice(at, at + size)))}];
      } catch {
        return []; // whoever imports it hears what is wrong with it
      }
    }),
  );
  return found.flat();
}

/**
 * Installs it in another Pyodide. The bytes stay where they are, and a library is instantiated when it is imported.
 * @param {Pyodide} pyodide
 * @param {Installed} installed
 * @param {Library[]} libraries
 */
export function install(pyodide, {files, bytes, loaded}, libraries) {
  layFiles(pyodide.FS, files.map(({path, at, size, mtime}) => ({path, bytes: bytes.subarray(at, at + size), mtime})));
  for (const {path, module} of libraries) shareLibrary(pyodide, path, module, bytes.buffer);
  Object.assign(pyodide.loadedPackages, loaded);
  const importlib = pyodide.pyimport('importlib');
  importlib.invalidate_caches();
  importlib.destroy();
}
