// What a Python has beside its standard library before it runs anything.
import {install} from './installed.js';
import {mountMachine} from './machine.js';
import {HOME, unpack} from './place.js';
import {packedOf} from './pyodide.js';

/**
 * files: zip archives, unpacked into the working directory, or to their place; machine: folders of the machine, where there
 * is one; script: the program, for the source lines in tracebacks
 * @typedef {{files: ArrayBuffer[], place?: import('./place.js').Place, machine?: import('./machine.js').Machine,
 *            script?: {filename: string, source: string}}} Files
 *
 * What the workers of a pool are to have. installed: what their submitter has; packages: names, requirements, URLs of
 * wheels, beside that; environment: variables that it has set
 * @typedef {Files & {installed?: import('./installed.js').Installed, packages: string[], environment?: Record<string, string>}} Wanted
 *
 * What one is given. installed: with the packages that were wanted; libraries: of that, compiled
 * @typedef {Files & {installed?: import('./installed.js').Installed, libraries?: import('./installed.js').Library[]}} Extras
 */

/**
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @param {Extras} extras
 */
export function addExtras(pyodide, {installed, libraries = [], files, place, machine, script}) {
  const inIt = packedOf(pyodide)?.libraries.map(({path}) => path) ?? [];
  if (script) pyodide.pyimport('penny.hosts.script').remember(script.filename, script.source);
  // Modules of the submitter's may be among these files. Those that are installed are as it has them now, and nobody may write
  // to them: a snapshot has them already.
  const own = files.length ? (installed?.files ?? []).filter(({path}) => path.startsWith(`${HOME}/`)) : [];
  for (const {path} of own) if (pyodide.FS.analyzePath(path).exists) pyodide.FS.unlink(path);
  unpack(pyodide, files, place);
  if (installed) install(pyodide, installed, libraries.filter(({path}) => !inIt.includes(path)));
  if (files.length && !place) pyodide.runPython(`import sys; sys.path.insert(0, "${HOME}")`);
  if (machine) mountMachine(pyodide, machine);
}
