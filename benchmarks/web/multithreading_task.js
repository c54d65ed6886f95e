// What a function that `multithreading` has spawned imports: Pyodide, once in each worker.
import {loadFunction} from './bench/python.js';

export const f = await loadFunction();
