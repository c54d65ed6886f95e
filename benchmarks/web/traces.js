// What a trace costs: the same programs on two workers that are traced and on two that are not, in turn.
import {alternate} from './harness.js';

const TINY = 2_000;
const NAPS = 1_000;

/** Two schedulers are not equally fast, by some percent, with nothing traced. So there are several pairs. */
const PAIRS = 8;

/**
 * @param {string} name of a function of forkjoin_tasks.py
 * @param {(submit: (...args: number[]) => Promise<any>) => Promise<unknown>} run
 * @param {{rounds: number, warmup: number}} options of each pair
 * @returns {Promise<Record<'on' | 'off', number[]>>} ms
 */
async function onAndOff(name, run, options) {
  const {Penny} = /** @type {any} */ (globalThis);
  const source = await (await fetch('./forkjoin_tasks.py')).text();
  const times = {on: /** @type {number[]} */ ([]), off: /** @type {number[]} */ ([])};
  for (let pair = 0; pair < PAIRS; pair++) {
    /** @type {Record<string, () => Promise<void>>} */
    const runs = {};
    const schedulers = [];
    for (const kind of pair % 2 ? ['off', 'on'] : ['on', 'off']) {
      const scheduler = await Penny.scheduler({workers: 2, trace: kind === 'on'});
      scheduler.define(name, source);
      schedulers.push(scheduler);
      runs[kind] = async () => {
        await run((...args) => scheduler.submit(name, ...args));
      };
    }
    const {on, off} = await alternate(runs, options);
    times.on.push(...on);
    times.off.push(...off);
    await Promise.all(schedulers.map(scheduler => scheduler.shutdown()));
  }
  return times;
}

/** n-queens 12 with a spawn per placement in the first rows. */
export const queensTimes = () => onAndOff('queens_rows', submit => submit(12), {rounds: 3, warmup: 1});

/** Tasks that compute for 1 ms each. */
export const napTimes = () =>
  onAndOff(
    'compute',
    submit => Promise.all(Array.from({length: NAPS}, () => submit(0.001))),
    {rounds: 3, warmup: 1},
  );

/** Tasks that do nothing: the worst case. Short rounds: the two of a pair lie close together in time. */
export const tinyTimes = () =>
  onAndOff(
    'square',
    submit => Promise.all(Array.from({length: TINY}, (_, x) => submit(x))),
    {rounds: 250, warmup: 25},
  );
