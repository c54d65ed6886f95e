// What a trace costs: the same programs on two workers that are traced and on two that are not, in turn.
import {alternate} from './harness.js';

const TINY = 20_000;
const NAPS = 1_000;

/**
 * Opens both schedulers for the time of the measurement.
 * @param {string[]} functions of forkjoin_tasks.py
 * @param {(submit: (name: string, ...args: number[]) => Promise<any>) => Promise<unknown>} run
 * @param {{rounds: number, warmup: number}} options
 */
async function onAndOff(functions, run, options) {
  const {Penny} = /** @type {any} */ (globalThis);
  const source = await (await fetch('./forkjoin_tasks.py')).text();
  const schedulers = await Promise.all([true, false].map(trace => Penny.scheduler({workers: 2, trace})));
  for (const scheduler of schedulers) for (const name of functions) scheduler.define(name, source);
  const [on, off] = schedulers.map(scheduler => async () => {
    await run((name, ...args) => scheduler.submit(name, ...args));
  });
  const times = await alternate({on, off}, options);
  await Promise.all(schedulers.map(scheduler => scheduler.shutdown()));
  return times;
}

/** n-queens 12 with a spawn per placement in the first rows. */
export const queensTimes = () =>
  onAndOff(['queens_rows'], submit => submit('queens_rows', 12), {rounds: 9, warmup: 3});

/** Tasks that compute for 1 ms each. */
export const napTimes = () =>
  onAndOff(
    ['compute'],
    submit => Promise.all(Array.from({length: NAPS}, () => submit('compute', 0.001))),
    {rounds: 15, warmup: 3},
  );

/** Tasks that do nothing: the worst case. */
export const tinyTimes = () =>
  onAndOff(
    ['square'],
    submit => Promise.all(Array.from({length: TINY}, (_, x) => submit('square', x))),
    {rounds: 41, warmup: 5},
  );
