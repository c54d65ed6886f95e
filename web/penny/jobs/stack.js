// The tasks that a worker runs, one on top of another: while a join waits it runs what belongs to the join, and an
// urgent task may run on top of a long one. An ordinary task costs Python one crossing, which ends the last task and
// waits for the next.
import * as L from '../core/layout.js';
import {copyBytes} from '../core/payload.js';
import {TaskReader} from './reader.js';

/**
 * @typedef {import('../core/core.js').Core} Core
 * @typedef {import('./outcomes.js').Outcomes} Outcomes
 * @typedef {import('../kernels/calls.js').Kernels} Kernels
 *
 * Where Python gets what is small: a place in its own memory. That may grow, so `memory` is to be asked for anew.
 * @typedef {{readonly memory: Uint8Array, readonly address: number, readonly size: number}} Inbox
 *
 * What a worker has to say to the page. announce: tells the client by message that it was woken; only
 * where the page lacks Atomics.waitAsync. watch: a task has to be watched. coroutine: the async worker has
 * to run.
 * @typedef {{workers: number, announce?: () => void, watch(): void, coroutine(): void}} PoolOfWorker
 */

/** A task's code is the serial of its function * CODE_SERIAL, + bits of Code. */
const CODE_SERIAL = 2 ** L.Code.SHIFT;

export class Stack {
  /** Slots of the tasks, the innermost last. @type {number[]} */
  #tasks = [];

  /**
   * @param {Core} core of the worker
   * @param {Inbox} inbox
   * @param {Outcomes} outcomes
   * @param {Kernels} kernels
   */
  constructor(core, inbox, outcomes, kernels) {
    this.core = core;
    this.inbox = inbox;
    this.outcomes = outcomes;
    this.kernels = kernels;
    this.reader = new TaskReader(core);
    const {participant} = core;
    this.#innermostWord = (L.WORKER_ADDRESS + participant * L.WORKER_BYTES) / 4 + L.WORKER_INNERMOST_WORD;
  }
  /** @type {number} */
  #innermostWord;

  /** The innermost task's slot. */
  get innermost() {
    return this.#tasks[this.#tasks.length - 1];
  }

  /** What names the innermost task: its slot and which use of it. */
  get handle() {
    return this.core.hint(this.innermost);
  }

  /** Waits for the next task. @returns {number} its code; STOPPED: the scheduler stops */
  start() {
    const {core, kernels, outcomes} = this;
    for (;;) {
      const task = outcomes.isEmpty
        ? core.exports.worker_next(core.participant, -1)
        : outcomes.wait(-1, milliseconds => core.exports.worker_next(core.participant, milliseconds));
      if (task === L.Wait.STOPPED) return task;
      if (!kernels.isKernel(task)) return this.begin(task);
      kernels.run(task);
    }
  }

  /**
   * Puts a task, now RUNNING, on the stack and its arguments into the inbox, if they fit.
   * @param {number} task its slot
   * @returns {number} its code: enum code in numbers.h
   */
  begin(task) {
    const {core, reader} = this;
    this.#tasks.push(task);
    this.#tellInnermost();
    let code = reader.serial(task) * CODE_SERIAL + L.Code.IS_TASK + (reader.hasKwargs(task) ? L.Code.HAS_KWARGS : 0);
    if (core.exports.hungry(this.handle)) code += L.Code.HUNGRY;
    if (core.taskWord(task, L.TASK_QUEUE_WORD) === L.INTERACTIVE) code += L.Code.IS_INTERACTIVE;
    const from = core.payload(task);
    const size = reader.size(task);
    if (size > this.inbox.size) return code + L.Code.IS_LARGE;
    const {memory, address} = this.inbox;
    copyBytes(core.bytes, from, size, memory, address);
    if (size > L.TASK_PAYLOAD_BYTES) reader.argumentsRead(task);
    return code;
  }

  /**
   * Ends the innermost task; no other is taken.
   * @param {number} raised 1 if the outcome is an exception
   * @param {Uint8Array} source where its pickle lies
   * @param {number} from
   * @param {number} size
   */
  finish(raised, source, from, size) {
    this.outcomes.finish(this.#pop(), raised, source, from, size);
  }

  /**
   * Ends the innermost task, whose outcome is large, or refers to arrays.
   * @param {number} raised
   * @param {import('../core/payload.js').Pieces} pieces its pickle
   * @param {number[]} arrays their numbers, each once; held by this worker
   */
  finishLarge(raised, pieces, arrays) {
    this.outcomes.finishLarge(this.#pop(), raised, pieces, arrays);
  }

  #pop() {
    const task = /** @type {number} */ (this.#tasks.pop());
    this.#tellInnermost();
    return task;
  }

  /** While there is none the word stays: the keeper compares it with tasks that run. */
  #tellInnermost() {
    if (this.#tasks.length) this.core.words[this.#innermostWord] = this.handle + 1;
  }
}
