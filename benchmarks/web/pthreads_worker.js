// The main thread of benchmarks/kernels/pthreads_fib.c: a classic worker, as Emscripten's script is a classic one.
'use strict';
const pthreads = new URL('pthreads_fib.js', location.href).href;
Object.assign(globalThis, {
  Module: {
    print: (/** @type {string} */ line) => postMessage(line),
    mainScriptUrlOrBlob: pthreads, // what its threads load
  },
});
/** @type {any} */ (globalThis).importScripts(pthreads);
