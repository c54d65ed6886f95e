// Which Python a Pyodide is. Functions travel as bytecode, which another Python's interpreter runs as something else,
// without a word; so those that exchange them must have the same. And from which Pyodides workers can be started.

/**
 * version: such as 3.14.2; magic: the number that its bytecode has in .pyc files, in hexadecimal: the same for Pythons
 * that can run each other's
 * @typedef {{version: string, magic: string}} PythonVersion
 */

/**
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @returns {PythonVersion}
 */
export function pythonOf(pyodide) {
  const util = pyodide.pyimport('importlib.util');
  const number = util.MAGIC_NUMBER;
  const sys = pyodide.pyimport('sys');
  const found = {version: sys.version.split(' ')[0], magic: number.hex()};
  for (const proxy of [util, number, sys]) proxy.destroy();
  return found;
}

/** Two Pythons that can't run each other's bytecode. */
export class PythonVersionError extends Error {
  /**
   * @param {PythonVersion} client
   * @param {PythonVersion} workers
   * @param {string} [pyodide] version of the Pyodide that would do
   */
  constructor(client, workers, pyodide) {
    const words = (/** @type {PythonVersion} */ {version, magic}) => `Python ${version} (bytecode ${magic})`;
    super(
      `this Pyodide has ${words(client)}, but Penny's workers have ${words(workers)}, and functions travel between them ` +
        `as bytecode: both have to be the same${pyodide ? `. Load Pyodide ${pyodide} here` : ''}`,
    );
    this.name = 'PythonVersionError';
  }
}

/**
 * @param {PythonVersion} client
 * @param {PythonVersion} workers
 * @param {string} [pyodide]
 * @throws {PythonVersionError} they are different
 */
export function requireSamePython(client, workers, pyodide) {
  if (client.magic !== workers.magic) throw new PythonVersionError(client, workers, pyodide);
}

/** The Pyodides from which workers are started by the tests: tests/hosts/test_pyodide_versions.py. */
const KNOWN = {words: 'Pyodide 0.27 to 0.29, 314 and 315 (Python 3.12 to 3.15)', first: 27, series: [314, 315]};

/** A Pyodide from which nobody has tried to start workers. */
export class PyodideVersionError extends Error {
  /** @param {string} pyodide @param {string} python its versions */
  constructor(pyodide, python) {
    super(`Penny needs ${KNOWN.words}, and this is Pyodide ${pyodide} (Python ${python})`);
    this.name = 'PyodideVersionError';
  }
}

/**
 * @param {import('./pyodide.js').Pyodide} pyodide from which workers are to be started
 * @throws {PyodideVersionError}
 */
export function requireKnownPyodide(pyodide) {
  const [series, minor] = pyodide.version.split('.').map(Number);
  const known = series === 0 ? minor >= KNOWN.first : KNOWN.series.includes(series);
  if (!known) throw new PyodideVersionError(pyodide.version, pythonOf(pyodide).version);
}
