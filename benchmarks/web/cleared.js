// Runs that do not pay for what the run before them has left.
import {time} from './bench/harness.js';

/** Time that finalizers get, ms: they come in turns of their own, by thousands. */
const TO_FINALIZE = 200;

/**
 * A run that begins when what the run before it has left is collected. Else it would pay for that: to clear away 20,000
 * promises that Python has seen takes as long as 20,000 tasks take in Penny.
 * @param {() => Promise<unknown>} run
 * @returns {() => Promise<number>} gives the time that it took, ms
 */
export function cleared(run) {
  return async () => {
    const {gc} = /** @type {{gc: () => void}} */ (/** @type {unknown} */ (globalThis)); // --expose-gc: run.py
    for (let i = 0; i < 2; i++) {
      gc();
      await new Promise(resolve => setTimeout(resolve, TO_FINALIZE)); // finalizers, which leave more
    }
    return time(run);
  };
}
