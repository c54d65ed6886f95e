// What people use now: a worker with Pyodide behind Comlink.
import * as Comlink from './comlink.js';

const indexURL = new URL('./penny/pyodide/', import.meta.url).href;
const {loadPyodide} = await import(indexURL + 'pyodide.mjs');
const pyodide = await loadPyodide({indexURL});
const f = pyodide.runPython('def f(x):\n    return x + 1\nf');
Comlink.expose({f: (/** @type {number} */ x) => f(x)});
postMessage('ready');
