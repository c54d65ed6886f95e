// What the async worker's Python (penny/engines/ported/coroutines.py) calls of the core: it takes coroutine tasks, any number
// of them, and ends each when it is done. Nothing here blocks.
import * as L from '../core/layout.js';
import {Outcomes} from '../jobs/outcomes.js';
import {TaskReader} from '../jobs/reader.js';
import {nameFunction} from '../trace/names.js';
import {Box, withBytes} from './boxes.js';

/**
 * @typedef {import('../core/core.js').Core} Core
 * @typedef {import('./boxes.js').Buffer} Buffer
 * @typedef {import('./boxes.js').BufferList} BufferList
 * @typedef {import('./boxes.js').PyodideModule} PyodideModule
 * @typedef {import('../jobs/stack.js').PoolOfWorker} PoolOfWorker
 */

/** How often an outcome without room is tried again, ms. */
const ROOM_INTERVAL = 5;
/** How often an engine without Atomics.waitAsync looks for tasks, ms: as often as browsers let nested timers fire. */
const POLL_INTERVAL = 4;

export class CoroutinePort {
  #stopped = false;
  #retrying = false;

  /**
   * @param {PyodideModule} module
   * @param {Core} core of the async worker
   * @param {Buffer} outbox
   * @param {PoolOfWorker} pool
   */
  constructor(module, core, outbox, pool) {
    this.core = core;
    this.outbox = new Box(module, outbox);
    this.reader = new TaskReader(core);
    this.outcomes = new Outcomes(core, pool.announce);
    core.exports.worker_start(L.ASYNC_WORKER);
  }

  /** @returns {number} a coroutine task's handle; NOTHING: there is none just now; STOPPED */
  take() {
    const task = this.core.exports.coroutine_next();
    if (task === L.Wait.STOPPED) this.#stopped = true;
    return task < 0 ? task : this.core.hint(task);
  }

  /** @param {number} handle @returns {number} serial of its function */
  serial(handle) {
    return this.reader.serial(handle & L.INDEX_MASK);
  }

  /** @param {number} handle @returns {boolean} whether its arguments have keywords */
  has_kwargs(handle) {
    return this.reader.hasKwargs(handle & L.INDEX_MASK);
  }

  /** @param {number} handle @returns {Uint8Array} its pickled function, a copy */
  function(handle) {
    return this.reader.function(handle & L.INDEX_MASK);
  }

  /** @param {number} place in the function table @returns {Uint8Array | undefined} what is there; undefined: no more */
  bundle(place) {
    return this.core.bundle(place);
  }

  /** @param {number} handle @returns {number} bytes of its pickled arguments */
  arguments_size(handle) {
    return this.reader.size(handle & L.INDEX_MASK);
  }

  /**
   * @param {number} handle
   * @param {number} offset into the arguments
   * @param {Buffer} buffer as long as what is to be read
   */
  read_arguments(handle, offset, buffer) {
    withBytes(buffer, bytes => this.reader.read(handle & L.INDEX_MASK, offset, bytes));
  }

  /** All of the arguments that is wanted has been read. @param {number} handle */
  arguments_read(handle) {
    this.reader.argumentsRead(handle & L.INDEX_MASK);
  }

  /**
   * Ends a task.
   * @param {number} handle
   * @param {number} raised 1 if the outcome is an exception
   * @param {number} size of its pickled outcome, as of Box.withPayload()
   * @param {BufferList} [list]
   * @param {import('./boxes.js').IntList} [arrays]
   */
  finish(handle, raised, size, list, arrays) {
    const task = handle & L.INDEX_MASK;
    const {outbox, outcomes} = this;
    if (!list) outcomes.finish(task, raised, outbox.memory, outbox.address, size);
    else outbox.withPayload((pieces, held) => outcomes.finishLarge(task, raised, pieces, held), size, list, arrays);
    this.#retryLater();
  }

  #retryLater() {
    if (this.#retrying || this.outcomes.flush()) return;
    this.#retrying = true;
    setTimeout(() => {
      this.#retrying = false;
      this.#retryLater();
    }, ROOM_INTERVAL);
  }

  /** @param {number} handle @returns {number} one of CancelReason */
  cancel_asked(handle) {
    return this.core.exports.cancel_asked(handle);
  }

  /** Why the doorbell was rung since the last call: CANCEL of Reason. */
  reasons() {
    return this.core.exports.doorbell_reasons(L.ASYNC_WORKER);
  }

  /** Whether what happens is recorded. */
  get traced() {
    return this.core.traced;
  }

  /**
   * Lets the trace know what a function is called.
   * @param {number} serial
   * @param {string} name
   */
  name_function(serial, name) {
    nameFunction(this.core, serial, name);
  }

  /** Bytes that the shared heap can hold at most. */
  get heap_limit() {
    return this.core.exports.heap_limit();
  }

  /**
   * Calls `look`, which takes what there is and sees to cancels, whenever there may be something. Resolves
   * when the scheduler stops.
   * @param {() => void} look
   */
  async attend(look) {
    const {words} = this.core;
    const event = (L.WORKER_ADDRESS + L.ASYNC_WORKER * L.WORKER_BYTES) / 4 + L.WORKER_EVENT_WORD;
    while (!this.#stopped) {
      const seen = Atomics.load(words, event); // before looking
      look();
      if (this.#stopped) break;
      if ('waitAsync' in Atomics) await Atomics.waitAsync(words, event, seen).value;
      else await new Promise(later => setTimeout(later, POLL_INTERVAL));
    }
  }
}
