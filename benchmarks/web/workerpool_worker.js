// A dedicated worker of workerpool, with Pyodide.
import './workerpool.js';
import {loadFunction} from './bench/python.js';

/** @type {any} */ (globalThis).workerpool.worker({f: await loadFunction()});
