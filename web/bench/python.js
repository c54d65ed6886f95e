// A Pyodide of one's own, loaded plainly, as somebody without Penny does it; on a page or in a worker.
import {SOURCE} from './pools.js';

export async function loadPython() {
  const indexURL = new URL('../penny/pyodide/', import.meta.url).href;
  const {loadPyodide} = await import(indexURL + 'pyodide.mjs');
  return await loadPyodide({indexURL});
}

/** Python's f, for JavaScript. @returns {Promise<(x: number) => number>} */
export async function loadFunction() {
  const pyodide = await loadPython();
  return pyodide.runPython(`${SOURCE}f`);
}
