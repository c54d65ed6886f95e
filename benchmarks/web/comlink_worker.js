// What people use now: a worker with Pyodide behind Comlink.
import {loadFunction} from './bench/python.js';
import * as Comlink from './comlink.js';

Comlink.expose({f: await loadFunction()});
postMessage('ready');
