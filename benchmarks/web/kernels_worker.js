// A worker without Python that calls kernels, or serves those who do.
import {Core} from './penny/core/core.js';
import {Kernels} from './penny/kernels/calls.js';

const STOPPED = -1;

/** @type {Core} */
let core;
/** @type {Kernels} */
let kernels;

function serve() {
  for (;;) {
    const task = core.exports.worker_next(core.participant, -1);
    if (task === STOPPED) return;
    kernels.run(task);
  }
}

/**
 * @param {string} name
 * @param {number[]} args
 * @param {number} times
 */
function call(name, args, times) {
  let result;
  const began = performance.now();
  for (let i = 0; i < times; i++) result = kernels.call(1, name, args);
  postMessage({result, ms: performance.now() - began});
}

self.onmessage = (/** @type {MessageEvent} */ {data}) => {
  if (data.module) {
    core = new Core(data.module, data.memory, data.number);
    core.exports.worker_start(data.number);
    kernels = new Kernels(core, () => {});
    postMessage('ready');
  } else if (data.serve) serve();
  else call(data.name, data.args, data.times);
};
