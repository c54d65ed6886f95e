// Handing 64 MB to a worker: as a shared array, and as a message.
import {alternate, time} from './harness.js';

const BYTES = 64 * 2 ** 20;
const WARM = 300;
const PAUSE_MS = 100;

/** Runs when what the run before has left is collected: to free 64 MB takes longer than a task. @param {() => Promise<void>} run */
const rested = run => async () => {
  await new Promise(resolve => setTimeout(resolve, PAUSE_MS));
  return time(run);
};

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
  // What a handful of calls would measure is code that the engine has not compiled yet.
  for (let n = 0; n < WARM; n++) await scheduler.submit('touch', array, 0);
  const worker = new Worker(new URL('./handover_worker.js', import.meta.url), {type: 'module'});
  const buffer = new ArrayBuffer(BYTES);
  const i = BYTES / 8;
  let touched = 0;
  const times = await alternate(
    {
      shared: rested(async () => {
        const value = await scheduler.submit('touch', array, i);
        if (value !== ++touched || array.data[i] !== value) throw new Error(`element ${i} is ${value}`);
      }),
      copied: rested(
        () =>
          new Promise(resolve => {
            worker.onmessage = () => resolve();
            worker.postMessage({buffer, i});
          }),
      ),
    },
    {rounds: 15},
  );
  worker.terminate();
  await scheduler.shutdown();
  return times;
}
