// How a kernel ends that does not return.
import {Failure} from '../core/layout.js';

/** The names of the errors, by failure. @type {Record<number, string>} */
const NAMES = {
  [Failure.TRAPPED]: 'KernelTrap',
  [Failure.CANCEL_DUE]: 'KernelCancelled',
  [Failure.WORKER_LOST]: 'KernelLost',
  [Failure.OVERFLOW]: 'KernelTrap',
  [Failure.MISUSED]: 'KernelMisuse',
};

/** @type {Record<number, string>} */
const MESSAGES = {
  [Failure.TRAPPED]: 'the kernel trapped',
  [Failure.CANCEL_DUE]: 'the kernel was asked to end',
  [Failure.WORKER_LOST]: 'a worker died while it ran a job that this kernel had spawned',
  [Failure.OVERFLOW]:
    'the worker’s kernel stack is used up: recurse or spawn less deeply, or with smaller frames, or open fewer lanes',
  [Failure.MISUSED]:
    'penny_join: this job is not spawned, was joined before, or runs below its joiner; or penny_close: calls of this ' +
    'lane are not joined, or none is open',
};

/**
 * How a kernel ended that did not return. Its name says how: KernelTrap (also where the kernel stack was used up),
 * KernelCancelled, KernelLost (a worker that ran one of its jobs died), KernelMisuse (of spawn and join).
 */
export class KernelError extends Error {
  /**
   * @param {number} failure
   * @param {string} message
   */
  constructor(failure, message = MESSAGES[failure]) {
    super(message);
    this.failure = failure;
    this.name = NAMES[failure];
  }
}

/** @param {unknown} error that a kernel was left by @returns {KernelError} */
export function kernelError(error) {
  if (error instanceof KernelError) return error;
  const {message} = /** @type {Error} */ (error);
  // A full JavaScript stack is a RangeError: deep recursion in a kernel is the usual reason.
  return new KernelError(Failure.TRAPPED, `${MESSAGES[Failure.TRAPPED]}: ${message}`);
}
