// What a worker unpacks or loads before it runs anything.
import {install} from './installed.js';
import {mountMachine} from './machine.js';

/** The working directory of each Pyodide, which is importable where something was unpacked into it. */
const HOME = '/home/pyodide';

/**
 * Where a program finds its files, if they lie elsewhere than in that directory: its archives have absolute paths.
 * directory: the working directory; path: what its modules are imported from; folders: whose files came along;
 * partial: of which folders not all did; keep: whether what is written is wanted with its contents (written.js)
 * @typedef {{directory: string, path: string, folders: string[], partial: string[], keep: boolean}} Place
 *
 * What is added to a Python. installed: what its submitter has, and the libraries of that; packages: names of Pyodide packages, URLs of wheels; files: zip archives, unpacked into
 * the working directory, or to their place; machine: folders of the machine, where there is one; script: the program, for the source lines in
 * tracebacks
 * @typedef {{installed?: import('./installed.js').Installed, libraries?: import('./installed.js').Library[],
 *            packages: string[], files: ArrayBuffer[], place?: Place, machine?: import('./machine.js').Machine,
 *            script?: {filename: string, source: string}}} Extras
 */

/**
 * Unpacks zip archives into the working directory, or to their place.
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @param {ArrayBuffer[]} files
 * @param {Place} [place]
 */
export function unpack(pyodide, files, place) {
  for (const zip of files) pyodide.unpackArchive(zip.slice(0), 'zip', {extractDir: place ? '/' : HOME});
  if (!place) return;
  for (const folder of place.folders) pyodide.FS.mkdirTree(folder);
  pyodide.FS.chdir(place.directory);
  const path = pyodide.pyimport('sys').path;
  path.insert(0, place.path);
  path.destroy();
  pyodide.pyimport('penny.hints.command').told(place.folders, place.partial);
}

/**
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @param {Extras} extras
 */
export async function addExtras(pyodide, {installed, libraries = [], packages, files, place, machine, script}) {
  if (script) pyodide.pyimport('penny.hosts.script').remember(script.filename, script.source);
  if (installed) install(pyodide, installed, libraries);
  unpack(pyodide, files, place);
  if (files.length && !place) pyodide.runPython(`import sys; sys.path.insert(0, "${HOME}")`);
  if (machine) mountMachine(pyodide, machine);
  await addPackages(pyodide, packages);
}

/**
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @param {string[]} packages names of Pyodide's, URLs of wheels
 */
export async function addPackages(pyodide, packages) {
  if (!packages.length) return;
  /** @type {string[]} */
  const errors = [];
  await pyodide.loadPackage(packages, {
    messageCallback: () => {},
    errorCallback: (/** @type {string} */ message) => errors.push(message),
  });
  if (errors.length) throw new Error(`could not load packages ${packages.join(', ')}: ${errors.join('; ')}`);
}
