// Outcomes on their way into shared memory. One that finds no room in the heap is laid aside, the worker goes
// on with other tasks, and tries again: tasks that start and end meanwhile free some.
import * as L from './layout.js';

/** How long a worker that holds an outcome without room waits for tasks before it tries again, ms. */
const ROOM_INTERVAL = 5;
/** What the core's waits return when the time is over (stealing.c). */
const NOTHING = -2;

export class Aside {
  /** @type {{task: number, state: number, bytes: Uint8Array}[]} */
  #outcomes = [];

  /**
   * @param {import('./core.js').Core} core
   * @param {number} worker
   * @param {() => void} [announce] tells the client by message that it was woken
   */
  constructor(core, worker, announce) {
    this.core = core;
    this.worker = worker;
    this.announce = announce;
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
    const state = raised ? L.STATE_RAISED : L.STATE_RETURNED;
    if (this.#outcomes.length) this.#retry();
    if (size <= L.TASK_PAYLOAD_BYTES) {
      const to = L.TASK_ADDRESS + task * L.TASK_BYTES + L.TASK_PAYLOAD;
      const {bytes} = this.core;
      for (let i = 0; i < size; i++) bytes[to + i] = source[from + i];
      this.#end(task, state, size, 0);
    } else if (!this.#finishInHeap(task, state, source.subarray(from, from + size))) {
      this.#outcomes.push({task, state, bytes: source.slice(from, from + size)});
      this.core.exports.worker_wants_room(this.worker, 1);
    }
  }

  /**
   * @param {number} task
   * @param {number} state
   * @param {Uint8Array} bytes
   * @returns {boolean} whether the heap had room
   */
  #finishInHeap(task, state, bytes) {
    const {core} = this;
    const block = core.exports.heap_allocate(this.worker, bytes.length) >>> 0;
    if (!block) return false;
    core.reach(block + bytes.length);
    core.bytes.set(bytes, block);
    this.#end(task, state, bytes.length, block);
    return true;
  }

  /**
   * @param {number} task
   * @param {number} state
   * @param {number} size
   * @param {number} block
   */
  #end(task, state, size, block) {
    const woke = this.core.exports.task_finish(task, this.worker, state, size, block);
    if (woke === 2) this.announce?.();
  }

  #retry() {
    while (this.#outcomes.length) {
      const {task, state, bytes} = this.#outcomes[0];
      if (!this.#finishInHeap(task, state, bytes)) return;
      this.#outcomes.shift();
    }
    this.core.exports.worker_wants_room(this.worker, 0);
  }

  /** Tries to give out what lies here. @returns {boolean} whether nothing is left */
  flush() {
    if (this.#outcomes.length) this.#retry();
    return !this.#outcomes.length;
  }

  /**
   * Waits by `wait`, in slices while something lies here.
   * @param {number} milliseconds at most; negative: no bound
   * @param {(milliseconds: number) => number} wait
   * @returns {number} what `wait` returned
   */
  wait(milliseconds, wait) {
    if (!this.#outcomes.length) return wait(milliseconds);
    const deadline = performance.now() + milliseconds;
    for (;;) {
      const empty = this.flush();
      const left = milliseconds < 0 ? Infinity : Math.max(0, deadline - performance.now());
      if (empty) return wait(milliseconds < 0 ? -1 : left);
      const result = wait(Math.min(ROOM_INTERVAL, left));
      if (result !== NOTHING || left === 0) return result;
    }
  }
}
