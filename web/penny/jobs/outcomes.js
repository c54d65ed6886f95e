// Outcomes on their way into shared memory. One that finds no room in the heap is laid aside, the worker goes
// on with other tasks, and tries again: tasks that start and end meanwhile free some.
import * as L from '../core/layout.js';
import {joined, lengthOf} from '../core/payload.js';
import {FULL, fill, fillSmall} from '../core/slots.js';

/**
 * How long a worker that holds an outcome without room waits for tasks before it tries again, ms: whoever frees some tells
 * nobody. A try costs microseconds.
 */
const ROOM_INTERVAL = 5;

export class Outcomes {
  /** Those laid aside. @type {{task: number, state: number, bytes: Uint8Array, arrays: number[]}[]} */
  #aside = [];

  /**
   * @param {import('../core/core.js').Core} core of the worker
   * @param {() => void} [announce] tells the client by message that it was woken
   */
  constructor(core, announce) {
    this.core = core;
    this.announce = announce;
  }

  /** Whether none has been laid aside. */
  get isEmpty() {
    return !this.#aside.length;
  }

  /**
   * Ends a task.
   * @param {number} task its slot
   * @param {number} raised 1 if the outcome is an exception
   * @param {Uint8Array} source where its pickle lies
   * @param {number} from
   * @param {number} size
   */
  finish(task, raised, source, from, size) {
    const state = raised ? L.State.RAISED : L.State.RETURNED;
    if (this.#aside.length) this.#retry();
    this.core.arrays.uncarry(task); // what the arguments referred to
    if (size <= L.TASK_PAYLOAD_BYTES) {
      fillSmall(this.core, task, source, from, size);
      this.#end(task, state, size, 0);
    } else {
      this.#finishOrLayAside(task, state, source.subarray(from, from + size), []);
    }
  }

  /**
   * Ends a task whose outcome is large, or refers to arrays.
   * @param {number} task its slot
   * @param {number} raised
   * @param {import('../core/payload.js').Pieces} pieces its pickle
   * @param {number[]} arrays their numbers, each once; held by this worker
   */
  finishLarge(task, raised, pieces, arrays) {
    if (this.#aside.length) this.#retry();
    this.core.arrays.uncarry(task);
    this.#finishOrLayAside(task, raised ? L.State.RAISED : L.State.RETURNED, pieces, arrays);
  }

  /**
   * @param {number} task
   * @param {number} state
   * @param {import('../core/payload.js').Pieces} pieces
   * @param {number[]} arrays
   */
  #finishOrLayAside(task, state, pieces, arrays) {
    if (this.#finish(task, state, pieces, arrays)) return;
    this.#aside.push({task, state, bytes: joined(pieces), arrays});
    this.core.arrays.holdAll(arrays);
    this.core.exports.worker_wants_room(this.core.participant, 1);
    if (this.core.traced) this.core.exports.trace_aside(task);
  }

  /**
   * @param {number} task
   * @param {number} state
   * @param {import('../core/payload.js').Pieces} pieces
   * @param {number[]} arrays
   * @returns {boolean} whether there was room
   */
  #finish(task, state, pieces, arrays) {
    const {core} = this;
    const size = lengthOf(pieces);
    const block = fill(core, task, size, pieces, arrays, core.exports.heap_allocate);
    if (block === FULL) return false;
    this.#end(task, state, size, block);
    return true;
  }

  /**
   * @param {number} task
   * @param {number} state
   * @param {number} size
   * @param {number} block
   */
  #end(task, state, size, block) {
    const how = this.core.exports.task_finish(task, this.core.participant, state, size, block);
    if (how === L.Finish.WOKE_CLIENT) this.announce?.();
  }

  #retry() {
    while (this.#aside.length) {
      const {task, state, bytes, arrays} = this.#aside[0];
      if (!this.#finish(task, state, bytes, arrays)) return;
      this.#aside.shift();
      this.core.arrays.dropAll(arrays);
    }
    this.core.exports.worker_wants_room(this.core.participant, 0);
  }

  /** Tries to give out what lies here. @returns {boolean} whether nothing is left */
  flush() {
    if (this.#aside.length) this.#retry();
    return !this.#aside.length;
  }

  /**
   * Waits by `wait`, in slices while something lies here.
   * @param {number} milliseconds at most; negative: no bound
   * @param {(milliseconds: number) => number} wait
   * @returns {number} what `wait` returned
   */
  wait(milliseconds, wait) {
    if (!this.#aside.length) return wait(milliseconds);
    const deadline = performance.now() + milliseconds;
    for (;;) {
      const empty = this.flush();
      const left = milliseconds < 0 ? Infinity : Math.max(0, deadline - performance.now());
      if (empty) return wait(milliseconds < 0 ? -1 : left);
      const result = wait(Math.min(ROOM_INTERVAL, left));
      if (result !== L.Wait.NOTHING || left === 0) return result;
    }
  }
}
