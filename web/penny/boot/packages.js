// Installing packages in a Pyodide: penny/hosts/packages.py does it, which knows how requirements are met.

/**
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @param {{lock: string}} parts lock: the lock file of that Pyodide
 * @param {string[]} packages names, requirements, URLs of wheels
 * @param {{compile?: boolean}} [options] compile: import each once, so that its bytecode is there, too
 * @throws {PackagesError}
 */
export async function addPackages(pyodide, {lock}, packages, {compile = false} = {}) {
  if (!packages.length) return;
  const names = JSON.parse(lock).packages;
  const known = packages.filter(name => Object.hasOwn(names, normalized(name)));
  const error = await pyodide.pyimport('penny.hosts.packages').add(packages, known, compile);
  if (error) throw new PackagesError(error);
}

/** Packages that are not to be had, or don't go together. */
export class PackagesError extends Error {
  /** @param {string} reason in a line, which is all that there is to say */
  constructor(reason) {
    super(reason);
    this.name = 'PackagesError';
    this.stack = '';
  }
}

/** @param {string} name of a distribution */
export const normalized = name => name.toLowerCase().replace(/[-_.]+/g, '-');
