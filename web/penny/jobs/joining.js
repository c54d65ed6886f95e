// Joining: a worker waits for a job that it has promoted and another runs, helps meanwhile, and reads the outcome.
import {CorruptionError} from '../core/corruption.js';
import * as L from '../core/layout.js';
import {copyBytes} from '../core/payload.js';

export class Joining {
  /** The slot of the job whose outcome was found. */
  #joined = L.NONE;

  /**
   * @param {import('../core/core.js').Core} core of the worker
   * @param {import('./stack.js').Stack} stack
   * @param {import('./stack.js').PoolOfWorker} pool
   */
  constructor(core, stack, pool) {
    this.core = core;
    this.stack = stack;
    this.pool = pool;
  }

  /** @param {number} handle of a job @returns {boolean} whether a worker has it, or had it */
  begun(handle) {
    const word = this.core.taskWord(handle & L.INDEX_MASK, L.TASK_STATE_WORD);
    return (word & L.STATE_MASK) !== L.State.QUEUED;
  }

  /** @param {number} handle of a job */
  ended(handle) {
    return this.core.exports.job_ended(handle) === 1;
  }

  /** @param {number} handle of a job @returns {boolean} false: it does not run */
  askCancel(handle) {
    const asked = this.core.exports.job_ask_cancel(handle) === 1;
    if (asked) this.pool.watch();
    return asked;
  }

  /**
   * Waits for a job that another worker runs.
   * @param {number} handle
   * @param {boolean} help whether tasks may be taken meanwhile that belong to this join: belongs() in belonging.c
   * @param {number} hears bits of Reason: what is to interrupt it, beside a cancel
   * @param {number} milliseconds at most; negative: no bound
   * @returns {number} code of a task to run before the next call; or one of Joined: the job's pickled outcome lies in
   *     the inbox or, if it is larger, may be read, then release() it; INTERRUPTED: there is a cancel, or something
   *     that it hears
   */
  join(handle, help, hears, milliseconds) {
    const {core, stack} = this;
    const {kernels} = stack;
    // The latch of another use of the slot would never be set for us.
    if (core.hint(handle & L.INDEX_MASK) !== handle)
      throw new CorruptionError(`the job that is waited for, ${handle}, is not there`);
    const deadline = performance.now() + milliseconds;
    for (let left = milliseconds; ; left = Math.max(0, deadline - performance.now())) {
      const result = stack.outcomes.wait(milliseconds < 0 ? -1 : left, bound =>
        core.exports.worker_join(core.participant, handle, this.#helps(help), hears, bound),
      );
      if (result >= 0 && kernels.isKernel(result)) kernels.run(result);
      else if (result >= 0) return stack.begin(result);
      else if (result === L.Wait.NOTHING) return L.Joined.NOTHING;
      else return result === L.Wait.ENDED ? this.outcome(handle) : L.Joined.INTERRUPTED;
    }
  }

  /** Others may have to begin before an outcome that was laid aside finds room. @param {boolean} help */
  #helps(help) {
    if (!help) return L.Help.NO_HELP;
    return this.stack.outcomes.isEmpty ? L.Help.BELONGING : L.Help.ANYTHING;
  }

  /** @param {number} handle of a job that has ended @returns {number} one of Joined, as join() does */
  outcome(handle) {
    const {core} = this;
    const {inbox} = this.stack;
    const task = handle & L.INDEX_MASK;
    this.#joined = task;
    const state = core.taskWord(task, L.TASK_STATE_WORD) & L.STATE_MASK;
    if (state === L.State.LOST) return L.Joined.LOST;
    const from = core.payload(task);
    const {size} = this;
    if (size <= inbox.size) copyBytes(core.bytes, from, size, inbox.memory, inbox.address);
    return state === L.State.RETURNED ? L.Joined.RETURNED : L.Joined.RAISED;
  }

  /** Bytes of the outcome that was found. */
  get size() {
    return this.stack.reader.size(this.#joined);
  }

  /**
   * Reads of the outcome that was found.
   * @param {number} offset
   * @param {Uint8Array} target as long as what is to be read
   */
  read(offset, target) {
    this.stack.reader.read(this.#joined, offset, target);
  }

  /** The worker that ran the job whose outcome was found. */
  get worker() {
    return (this.core.taskWord(this.#joined, L.TASK_STATE_WORD) >> L.PARTICIPANT_SHIFT) & L.PARTICIPANT_MASK;
  }

  /** Why the job whose outcome was found had been asked to end: one of CancelReason. */
  get asked() {
    return this.core.exports.task_was_asked(this.#joined);
  }

  /** @param {number} handle of a job whose outcome was read */
  release(handle) {
    this.core.exports.job_free(handle, this.core.participant);
  }
}
