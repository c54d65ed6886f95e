// What the Python of the engine `messages` calls: a client's, a worker's, and that of the worker for coroutines. They have
// the methods that the pool's have (client_port.js, worker_port.js, coroutine_port.js), as far as there is something behind
// them: so Python is the same (penny/engines/ported/).
import * as L from '../core/layout.js';
import {copyBytes, joined} from '../core/payload.js';
import {INTERACTIVE} from '../messages/protocol.js';
import {LARGE, Reader, Writer} from '../messages/records.js';
import {Forms, tellEnded} from '../messages/tasks.js';
import {Box, withBytes} from './boxes.js';
import {Completions} from './completions.js';

/**
 * @typedef {import('./boxes.js').Buffer} Buffer
 * @typedef {import('./boxes.js').BufferList} BufferList
 * @typedef {import('./boxes.js').IntList} IntList
 * @typedef {import('./boxes.js').PyodideModule} PyodideModule
 * @typedef {import('../messages/pool.js').MessagePool} MessagePool
 * @typedef {import('../messages/submitting.js').RemotePool} RemotePool
 * @typedef {import('../messages/calls.js').Arrived} Arrived
 * @typedef {import('../messages/tasks.js').Tasks} Tasks
 */

/** What a payload takes at most: as much as an object of a Pyodide's, bytes. */
const PAYLOAD_MAX = 2 ** 31 - 1;

/** So many outcomes at once at most: as of client_port.js. */
const BATCH = 128;

const CODE_SERIAL = 2 ** L.Code.SHIFT;

/** Of whoever submits. */
export class MessageClientPort {
  /**
   * @param {PyodideModule} module
   * @param {MessagePool | RemotePool} pool
   * @param {Buffer} inbox
   * @param {Buffer} outbox
   * @param {{close(): Promise<void>}} opened
   */
  constructor(module, pool, inbox, outbox, opened) {
    this.pool = pool;
    this.inbox = new Box(module, inbox);
    this.outbox = new Box(module, outbox);
    this.#completions = new Completions(module);
    this.opened = opened;
  }

  /** Where pickles of small arguments lie, one after the other, until their calls are sent. */
  #arena = new Uint8Array(LARGE);
  #used = 0;

  /**
   * @param {number} ticket
   * @param {number} handle of the function
   * @param {number} flags
   * @param {boolean} interactive
   * @param {number} limit ms that it may run; 0: no limit
   * @param {number} size of the pickled arguments, as of Box.withPayload()
   * @param {BufferList} [list]
   * @param {IntList} [arrays]
   * @returns {boolean} true: it is queued
   */
  submit(ticket, handle, flags, interactive, limit, size, list, arrays) {
    const {outbox, pool} = this;
    const options = {flags, interactive, limit};
    if (list || size >= LARGE) {
      const bytes = outbox.withPayload(pieces => joined(pieces), size, list, arrays);
      pool.submit(ticket, handle, options, bytes, 0, size);
      return true;
    }
    if (this.#used + size > LARGE) {
      this.#arena = new Uint8Array(LARGE);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += size;
    copyBytes(outbox.memory, outbox.address, size, this.#arena, from);
    pool.submit(ticket, handle, options, this.#arena, from, size);
    return true;
  }

  /** @param {Buffer} buffer @returns {number} handle */
  add_function(buffer) {
    return this.pool.addFunction(withBytes(buffer, bytes => bytes.slice()));
  }

  /** @param {number} handle */
  drop_function(handle) {
    this.pool.dropFunction(handle);
  }

  /** @param {Buffer} buffer @returns {number} where workers find it */
  add_bundle(buffer) {
    return this.pool.addBundle(withBytes(buffer, bytes => bytes.slice()));
  }

  /** @param {number} place */
  drop_bundle(place) {
    this.pool.dropBundle(place);
  }

  /** It does not matter whose tasks those are that are submitted: nobody runs others while it waits. @param {number} parent */
  below(parent) {}

  /** @param {number} ticket */
  cancel(ticket) {
    return this.pool.cancel(ticket);
  }

  /** @param {number} ticket */
  ask_cancel(ticket) {
    return this.pool.askCancel(ticket);
  }

  /** @param {number} ticket */
  running(ticket) {
    return this.pool.running(ticket);
  }

  /**
   * Packs outcomes into the inbox: see ClientPort.collect().
   * @param {number} taken
   * @returns {number}
   */
  collect(taken) {
    if (taken !== this.#batches) return this.#filled;
    this.#filled = 0;
    try {
      this.#pack();
    } finally {
      if (this.#filled) this.#batches++;
    }
    return this.#filled;
  }
  #batches = 0;
  #filled = 0;

  #pack() {
    const {memory, address, size: room} = this.inbox;
    const view = new DataView(memory.buffer);
    let full = false;
    this.pool.collect(arrived => {
      const {bytes, from, size} = arrived;
      const offset = this.#filled;
      const apart = L.Arrival.BYTES + size > room;
      if (full || (offset && (apart || offset + L.Arrival.BYTES + size > room))) return false;
      this.#header(view, address + offset, arrived, apart ? ++this.#lastLarge : 0);
      this.#filled = offset + L.Arrival.BYTES;
      if (apart) {
        this.#large.set(this.#lastLarge, bytes.subarray(from, from + size));
        full = true;
      } else {
        copyBytes(bytes, from, size, memory, address + this.#filled);
        this.#filled += (size + 3) & ~3;
      }
      return true;
    }, BATCH);
  }
  /** Outcomes that are being read. @type {Map<number, Uint8Array>} */
  #large = new Map();
  #lastLarge = 0;

  /**
   * @param {DataView} view
   * @param {number} at
   * @param {Arrived} arrived
   * @param {number} large
   */
  #header(view, at, {ticket, outcome, worker, size}, large) {
    view.setUint32(at + L.Arrival.ticket, ticket, true); // its lower half
    view.setUint32(at + L.Arrival.ticket + 4, ticket / 2 ** 32, true);
    view.setInt16(at + L.Arrival.outcome, outcome, true);
    view.setUint16(at + L.Arrival.worker, worker, true);
    view.setUint32(at + L.Arrival.size, size, true);
    view.setUint32(at + L.Arrival.large, large, true);
  }

  /**
   * @param {number} large
   * @param {number} offset into the payload
   * @param {Buffer} buffer as long as what is to be read
   */
  read_outcome(large, offset, buffer) {
    const outcome = /** @type {Uint8Array} */ (this.#large.get(large));
    withBytes(buffer, bytes => bytes.set(outcome.subarray(offset, offset + bytes.length)));
  }

  /** @param {number} large */
  release(large) {
    this.#large.delete(large);
  }

  /**
   * @param {() => number} callback completes futures; called when there is something to collect()
   * @param {() => void} step as of Completions
   */
  on_completions(callback, step) {
    const deliver = this.#completions.delivering(callback, step);
    const complete = () => {
      try {
        deliver();
      } finally {
        // Who waits takes a batch and goes on when it has what it waits for; the rest is the event loop's.
        if (this.pool.hasArrived) setTimeout(() => this.pool.hasArrived && complete());
      }
    };
    this.pool.oncompletions = complete;
  }

  /** Calls no callback any more. */
  off_completions() {
    this.pool.oncompletions = () => {};
    this.tell();
  }

  /** A future was completed: see Completions. */
  tell() {
    this.#completions.tell();
  }

  /** @param {number} milliseconds */
  next_told(milliseconds) {
    return this.#completions.nextTold(milliseconds);
  }
  /** @type {Completions} */
  #completions;

  get heap_limit() {
    return PAYLOAD_MAX;
  }

  get workers() {
    return this.pool.workers;
  }

  /** Statistics as JSON, in the form of penny.Scheduler.stats. */
  stats() {
    return JSON.stringify(this.pool.stats());
  }

  /** Nothing is recorded. */
  trace() {
    return '';
  }

  /** Whether all workers have ended. */
  closed() {
    return this.pool.closed;
  }

  /** Ends the workers. Resolves when they are gone. */
  async close() {
    await this.opened.close();
    this.pool.oncompletions();
  }
}

/** Of a worker that runs one task at a time. */
export class MessageWorkerPort {
  /**
   * @param {PyodideModule} module
   * @param {Tasks} tasks
   * @param {Buffer} inbox
   * @param {Buffer} outbox
   */
  constructor(module, tasks, inbox, outbox) {
    this.tasks = tasks;
    this.inbox = new Box(module, inbox);
    this.outbox = new Box(module, outbox);
  }

  /** Ends the task, and goes to the next: see WorkerPort. @param {number} raised @param {number} size @returns {number} */
  step(raised, size) {
    const {outbox} = this;
    this.tasks.end(raised, outbox.memory, outbox.address, size);
    return this.start();
  }

  /** Goes to the next task, whose arguments come into the inbox. @returns {number} its code; NOTHING: there is none */
  start() {
    const {tasks, inbox} = this;
    if (!tasks.next()) return L.Wait.NOTHING;
    const {number, bits, bytes, from, size} = tasks.task;
    let code = number * CODE_SERIAL + L.Code.IS_TASK;
    if (bits & L.Flag.HAS_KWARGS) code += L.Code.HAS_KWARGS;
    if (bits & INTERACTIVE) code += L.Code.IS_INTERACTIVE;
    if (size > inbox.size) return code + L.Code.IS_LARGE;
    copyBytes(bytes, from, size, inbox.memory, inbox.address);
    return code;
  }

  /**
   * Ends the task.
   * @param {number} raised
   * @param {number} size of its pickled outcome, as of Box.withPayload()
   * @param {BufferList} [list]
   * @param {IntList} [arrays]
   */
  finish(raised, size, list, arrays) {
    const {outbox, tasks} = this;
    if (list) tasks.endLarge(raised, outbox.withPayload(pieces => joined(pieces), size, list, arrays));
    else tasks.end(raised, outbox.memory, outbox.address, size);
  }

  arguments_size() {
    return this.tasks.task.size;
  }

  /**
   * @param {number} offset into the arguments
   * @param {Buffer} buffer as long as what is to be read
   */
  read_arguments(offset, buffer) {
    readPayload(this.tasks.task, offset, buffer);
  }

  arguments_read() {}

  /** The pickled function of the task. */
  function() {
    return this.tasks.forms.get(this.tasks.task.number);
  }

  /** @param {number} place @returns {Uint8Array | undefined} the definitions there; undefined: they are there no more */
  bundle(place) {
    return this.tasks.forms.get(place);
  }

  get heap_limit() {
    return PAYLOAD_MAX;
  }
}

/**
 * @param {{bytes: Uint8Array, from: number}} payload
 * @param {number} offset into it
 * @param {Buffer} buffer as long as what is to be read
 */
function readPayload({bytes, from}, offset, buffer) {
  withBytes(buffer, target => target.set(bytes.subarray(from + offset, from + offset + target.length)));
}

/**
 * A coroutine task. asked: of CancelReason
 * @typedef {{number: number, bits: number, bytes: Uint8Array, from: number, size: number, asked: number}} Coroutine
 */

/** Of the worker that runs coroutine tasks, any number of them side by side. */
export class MessageCoroutinePort {
  #forms = new Forms();
  /** By handle, which is the call's id. @type {Map<number, Coroutine>} */
  #coroutines = new Map();
  /** Those that have not begun. @type {number[]} */
  #waiting = [];
  #outcomes = new Writer();
  #cancelled = false;

  traced = false;

  /**
   * @param {PyodideModule} module
   * @param {MessagePort} channel
   * @param {Buffer} outbox
   * @param {RemotePool} pool by which coroutines submit
   */
  constructor(module, channel, outbox, pool) {
    this.channel = channel;
    this.pool = pool;
    this.outbox = new Box(module, outbox);
  }

  /**
   * Calls `look` whenever there may be something to do. Resolves when there is nothing more.
   * @param {() => void} look
   * @returns {Promise<void>}
   */
  attend(look) {
    return new Promise(leave => {
      this.channel.onmessage = ({data}) => {
        const message = /** @type {import('../messages/protocol.js').ToWorker} */ (data);
        if (message.type === 'leave') leave();
        else if (message.type === 'cancel') this.#cancel(message, look);
        else if (message.type === 'outcome') this.pool.arrive(message);
        else {
          this.#take(message);
          look();
        }
      };
    });
  }

  /** @param {import('../messages/protocol.js').Group} group */
  #take(group) {
    this.#forms.take(group);
    const reader = new Reader(group);
    while (reader.next()) {
      const {id, number, bits, bytes, from, size} = reader;
      this.#coroutines.set(id, {number, bits, bytes, from, size, asked: L.CancelReason.NOT_ASKED});
      this.#waiting.push(id);
    }
  }

  /** @param {import('../messages/protocol.js').Cancel} message @param {() => void} look */
  #cancel({id, reason}, look) {
    this.channel.postMessage({type: 'heard', id});
    const coroutine = this.#coroutines.get(id);
    if (!coroutine || coroutine.asked !== L.CancelReason.NOT_ASKED) return;
    coroutine.asked = reason;
    this.#cancelled = true;
    look();
  }

  /** @returns {number} a coroutine task's handle; NOTHING: there is none just now */
  take() {
    return this.#waiting.shift() ?? L.Wait.NOTHING;
  }

  /** @param {number} handle */
  #coroutine(handle) {
    return /** @type {Coroutine} */ (this.#coroutines.get(handle));
  }

  /** @param {number} handle */
  serial(handle) {
    return this.#coroutine(handle).number;
  }

  /** @param {number} handle */
  has_kwargs(handle) {
    return (this.#coroutine(handle).bits & L.Flag.HAS_KWARGS) !== 0;
  }

  /** @param {number} handle */
  function(handle) {
    return this.#forms.get(this.#coroutine(handle).number);
  }

  /** @param {number} place */
  bundle(place) {
    return this.#forms.get(place);
  }

  /** @param {number} handle */
  arguments_size(handle) {
    return this.#coroutine(handle).size;
  }

  /**
   * @param {number} handle
   * @param {number} offset
   * @param {Buffer} buffer
   */
  read_arguments(handle, offset, buffer) {
    readPayload(this.#coroutine(handle), offset, buffer);
  }

  /** @param {number} handle */
  arguments_read(handle) {
    this.#coroutine(handle).bytes = new Uint8Array();
  }

  /**
   * Ends a task.
   * @param {number} handle
   * @param {number} raised
   * @param {number} size of its pickled outcome, as of Box.withPayload()
   * @param {BufferList} [list]
   * @param {IntList} [arrays]
   */
  finish(handle, raised, size, list, arrays) {
    const {outbox, channel} = this;
    this.#coroutines.delete(handle);
    if (list) this.#outcomes.addLarge(handle, raised, 0, outbox.withPayload(pieces => joined(pieces), size, list, arrays));
    else this.#outcomes.add(handle, raised, 0, outbox.memory, outbox.address, size);
    tellEnded(channel, this.#outcomes, 0);
  }

  /** Why there is something to look at since the last call. */
  reasons() {
    const reasons = this.#cancelled ? L.Reason.CANCEL : 0;
    this.#cancelled = false;
    return reasons;
  }

  /** @param {number} handle @returns {number} one of CancelReason */
  cancel_asked(handle) {
    return this.#coroutine(handle).asked;
  }

  get heap_limit() {
    return PAYLOAD_MAX;
  }
}
