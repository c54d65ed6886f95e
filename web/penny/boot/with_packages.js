// Making a memory snapshot with packages imported: snapshots.md.
import {beforeC, forSnapshot, layFiles, linked, loadedLibraries, moduleOf, openFiles, preload, watchPaths} from './private.js';
import {PYCACHE, addPython, loading, withModule} from './pyodide.js';
import {readable} from './readable.js';

/**
 * What a snapshot is to have. modules: names, in the order in which they are imported; libraries: paths of those that these
 * load
 * @typedef {{modules: string[], libraries: string[]}} Imports
 */

/**
 * Makes one, in a Pyodide of its own.
 * @param {import('./site.js').Parts} parts
 * @param {import('./installed.js').Installed} installed
 * @param {string[]} modules
 * @param {import('./installed.js').Library[]} libraries that these load
 * @returns {Promise<import('./pyodide.js').Packed>}
 * @throws {Error} that says why there can't be one
 */
export async function makePacked(parts, {files, bytes}, modules, libraries) {
  const {loadPyodide, options} = await loading(parts);
  /** @type {import('./private.js').Places | undefined} */
  let places;
  const early = await beforeC(parts.indexURL, module => void (places = preload(module, libraries)));
  const making = {...options, ...forSnapshot(true), ...early, jsglobals: readable(globalThis)};
  const pyodide = await withModule(parts, 0, () => loadPyodide(making));
  addPython(pyodide, parts.python, parts.apart);
  pyodide.runPython(PYCACHE);
  let printed = 0;
  const print = {write: (/** @type {Uint8Array} */ bytes) => ((printed += bytes.length), bytes.length)};
  pyodide.setStdout(print);
  pyodide.setStderr(print);
  layFiles(pyodide.FS, files.map(({path, at, size, mtime}) => ({path, bytes: bytes.subarray(at, at + size), mtime})));
  pyodide.runPython('import penny.hosts.snapshot');
  const {roots, known} = JSON.parse(pyodide.runPython('penny.hosts.imports.places()'));
  /** @type {Set<string>} */
  const strange = new Set();
  const unwatch = watchPaths(pyodide.FS, path => {
    if (!known.includes(path) && !roots.some((/** @type {string} */ root) => `${path}/`.startsWith(root))) strange.add(path);
  });
  const {refused, variables} = JSON.parse(pyodide.runPython(`penny.hosts.imports.import_all(${JSON.stringify(JSON.stringify(modules))})`));
  unwatch();
  if (refused) throw new Error(refused);
  if (strange.size) throw new Error(`files that a worker may have are looked for: ${[...strange].join(', ')}`);
  pyodide.runPython('del penny; import sys; sys.stdout.flush(); sys.stderr.flush(); del sys');
  if (printed) throw new Error('something was printed as they were imported');
  const open = openFiles(pyodide.FS);
  if (open.length) throw new Error(`files are open: ${open.join(', ')}`);
  const module = moduleOf(pyodide);
  const others = loadedLibraries(module).filter(path => !libraries.some(library => library.path === path));
  if (others.length) throw new Error(`${others.join(', ')} was loaded, too`);
  if (!places) throw new Error('this Pyodide calls nobody before it runs');
  const link = linked(module, places);
  return {bytes: pyodide.makeMemorySnapshot(), libraries, link, modules, variables};
}

/**
 * @param {string[]} paths
 * @param {import('./installed.js').Library[]} libraries
 * @returns {import('./installed.js').Library[]} those, in that order
 */
export const inOrder = (paths, libraries) =>
  paths.map(path => {
    const library = libraries.find(library => library.path === path);
    if (!library) throw new Error(`${path} could not be compiled`);
    return library;
  });
