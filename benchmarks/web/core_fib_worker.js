import {Core} from './penny/core/core.js';

/** @type {any} */
let core;
let number = 0;

/** @param {MessageEvent} event */
self.onmessage = ({data}) => {
  if (data.module) {
    number = data.number;
    core = new Core(data.module, data.memory, number).exports;
    postMessage('ready');
  } else if (data.serve) {
    core.fib_serve(number);
  } else {
    const began = performance.now();
    const result = core.fib_run(number, data.n);
    postMessage({result, ms: performance.now() - began});
  }
};
