// What a worker unpacks or loads before it runs anything.
import {install} from './installed.js';
import {mountMachine} from './machine.js';

/** The working directory of each Pyodide, which is importable where something was unpacked into it. */
const HOME = '/home/pyodide';

/**
 * What is added to a Python. installed: what its submitter has, and the libraries of that; packages: names of Pyodide packages, URLs of wheels; files: zip archives, unpacked into
 * the working directory; machine: folders of the machine, where there is one; script: the program, for the source lines in
 * tracebacks
 * @typedef {{installed?: import('./installed.js').Installed, libraries?: import('./installed.js').Library[],
 *            packages: string[], files: ArrayBuffer[], machine?: import('./machine.js').Machine,
 *            script?: {filename: string, source: string}}} Extras
 */

/**
 * Unpacks zip archives into the working directory.
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @param {ArrayBuffer[]} files
 */
export function unpack(pyodide, files) {
  for (const zip of files) pyodide.unpackArchive(zip.slice(0), 'zip', {extractDir: HOME});
}

/**
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @param {Extras} extras
 */
export async function addExtras(pyodide, {installed, libraries = [], packages, files, machine, script}) {
  if (script) pyodide.pyimport('penny.hosts.script').remember(script.filename, script.source);
  if (installed) install(pyodide, installed, libraries);
  unpack(pyodide, files);
  if (files.length) pyodide.runPython(`import sys; sys.path.insert(0, "${HOME}")`);
  if (machine) mountMachine(pyodide, machine);
  if (!packages.length) return;
  /** @type {string[]} */
  const errors = [];
  await pyodide.loadPackage(packages, {
    messageCallback: () => {},
    errorCallback: (/** @type {string} */ message) => errors.push(message),
  });
  if (errors.length) throw new Error(`could not load packages ${packages.join(', ')}: ${errors.join('; ')}`);
}
