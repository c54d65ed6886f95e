// Handing 64 MB to a worker: as a shared array, and as a message.
import {alternate} from './harness.js';

const BYTES = 64 * 2 ** 20;

/** A scheduler of one worker with an array, and functions of handover_tasks.py. @param {string} name */
async function open(name) {
  const {Penny} = /** @type {any} */ (globalThis);
  const scheduler = await Penny.scheduler({workers: 1});
  scheduler.define(name, await (await fetch('./handover_tasks.py')).text());
  return {scheduler, array: scheduler.array([BYTES / 4], 'float32')};
}

export async function handoverTimes() {
  const {scheduler, array} = await open('touch');
  const module = new Uint8Array(await (await fetch('./handover.wasm')).arrayBuffer());
  await scheduler.submit('touch', array, 0, module);
  const worker = new Worker(new URL('./handover_worker.js', import.meta.url), {type: 'module'});
  const buffer = new ArrayBuffer(BYTES);
  const i = BYTES / 8;
  let touched = 0;
  const times = await alternate(
    {
      shared: async () => {
        const value = await scheduler.submit('touch', array, i);
        if (value !== ++touched || array.data[i] !== value) throw new Error(`element ${i} is ${value}`);
      },
      copied: () =>
        new Promise(resolve => {
          worker.onmessage = () => resolve();
          worker.postMessage({buffer, i});
        }),
    },
    {rounds: 15},
  );
  worker.terminate();
  await scheduler.shutdown();
  return times;
}
