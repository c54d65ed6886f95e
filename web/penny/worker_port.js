// What a pool worker's loop (penny/worker.py) calls: one crossing per task, step(), which ends the
// last task and waits for the next.
import * as L from './layout.js';
import {Box, withBytes} from './client_port.js';

/**
 * @typedef {import('./core.js').Core} Core
 * @typedef {import('./client_port.js').Buffer} Buffer
 * @typedef {import('./client_port.js').PyodideModule} PyodideModule
 */

const STOPPED = -1;
/** How long a worker that holds a result without room waits for tasks before it tries again, ms. */
const ROOM_INTERVAL = 5;

export class WorkerPort {
  /** The task this worker runs: slot index, or NONE. */
  #task = L.NONE;
  /** Results for which the heap had no room. @type {{task: number, state: number, bytes: Uint8Array}[]} */
  #aside = [];

  /**
   * @param {PyodideModule} module
   * @param {Core} core
   * @param {number} worker
   * @param {Buffer} inbox
   * @param {Buffer} outbox
   * @param {() => void} [announce] tells the client by message that it was woken; only where the page
   *     lacks Atomics.waitAsync
   */
  constructor(module, core, worker, inbox, outbox, announce) {
    this.core = core;
    this.worker = worker;
    this.inbox = new Box(module, inbox);
    this.outbox = new Box(module, outbox);
    this.announce = announce;
    core.exports.worker_start(worker);
  }

  /**
   * Ends the task just run, whose pickled outcome lies in the outbox, and waits for the next, whose
   * arguments come into the inbox.
   * @param {number} raised 1 if the outcome is an exception
   * @param {number} size of the outcome in bytes
   * @returns {number} the function's serial * 4, + 1 if the arguments have keywords, + 2 if they are
   *     too large for the inbox (call arguments_size() and read_arguments()); -1: the scheduler stops
   */
  step(raised, size) {
    const {memory, address} = this.outbox;
    this.#finish(raised, memory, address, size);
    return this.#next();
  }

  /**
   * Like step(), for an outcome larger than the outbox.
   * @param {number} raised
   * @param {Buffer} buffer
   */
  step_large(raised, buffer) {
    withBytes(buffer, bytes => this.#finish(raised, bytes, 0, bytes.length));
    return this.#next();
  }

  /** The first step. */
  start() {
    return this.#next();
  }

  /**
   * @param {number} raised
   * @param {Uint8Array} source
   * @param {number} from
   * @param {number} size
   */
  #finish(raised, source, from, size) {
    const state = raised ? L.STATE_RAISED : L.STATE_RETURNED;
    const task = this.#task;
    if (this.#aside.length) this.#retryAside();
    if (size <= L.TASK_PAYLOAD_BYTES) {
      const to = L.TASK_ADDRESS + task * L.TASK_BYTES + L.TASK_PAYLOAD;
      const {bytes} = this.core;
      for (let i = 0; i < size; i++) bytes[to + i] = source[from + i];
      this.#end(task, state, size, 0);
    } else if (!this.#finishInHeap(task, state, source.subarray(from, from + size))) {
      this.#aside.push({task, state, bytes: source.slice(from, from + size)});
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

  #retryAside() {
    while (this.#aside.length) {
      const {task, state, bytes} = this.#aside[0];
      if (!this.#finishInHeap(task, state, bytes)) return;
      this.#aside.shift();
    }
    this.core.exports.worker_wants_room(this.worker, 0);
  }

  #next() {
    const {core} = this;
    let task;
    // Results without room come before sleep: others' tasks start and end meanwhile and free some.
    while (this.#aside.length) {
      this.#retryAside();
      task = core.exports.worker_next(this.worker, this.#aside.length ? ROOM_INTERVAL : 0);
      if (task >= 0 || task === STOPPED) break;
      task = undefined;
    }
    task ??= core.exports.worker_next(this.worker, -1);
    if (task < 0) return -1;
    this.#task = task;
    const row = core.taskWord(task, L.TASK_FUNCTION_WORD);
    core.reach(row + L.FUNCTION_BYTES);
    let code =
      core.words[(row >> 2) + L.FUNCTION_SERIAL_WORD] * 4 +
      (core.taskWord(task, L.TASK_FLAGS_WORD) & 1);
    const size = core.taskWord(task, L.TASK_SIZE_WORD);
    if (size > this.inbox.size) return code + 2;
    const {memory, address} = this.inbox;
    const from = core.payload(task);
    if (size <= 64) for (let i = 0; i < size; i++) memory[address + i] = core.bytes[from + i];
    else {
      memory.set(core.bytes.subarray(from, from + size), address);
      core.exports.task_arguments_read(task, this.worker);
    }
    return code;
  }

  /** Bytes that the shared heap can hold at most. */
  get heap_limit() {
    return this.core.exports.heap_limit();
  }

  /** Bytes of the present task's arguments. */
  arguments_size() {
    return this.core.taskWord(this.#task, L.TASK_SIZE_WORD);
  }

  /** @param {Buffer} buffer of arguments_size() bytes */
  read_arguments(buffer) {
    const {core} = this;
    const from = core.payload(this.#task);
    withBytes(buffer, bytes => bytes.set(core.bytes.subarray(from, from + bytes.length)));
    core.exports.task_arguments_read(this.#task, this.worker);
  }

  /** The pickled function of the present task, a copy. */
  function() {
    const {core} = this;
    const row = core.taskWord(this.#task, L.TASK_FUNCTION_WORD);
    const size = core.words[(row >> 2) + L.FUNCTION_SIZE_WORD];
    core.reach(row + L.FUNCTION_BYTES + size);
    return core.bytes.slice(row + L.FUNCTION_BYTES, row + L.FUNCTION_BYTES + size);
  }
}
