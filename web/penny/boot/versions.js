// Which Python a Pyodide is. Functions travel as bytecode, which another Python's interpreter runs as something else,
// without a word; so those that exchange them must have the same.

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
