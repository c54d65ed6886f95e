// What a Python client (penny/engines/ported/client.py) calls: a Client whose payloads lie in two bytearrays
// of Python's, the outbox for arguments, the inbox for outcomes. JavaScript knows where they are in
// Pyodide's memory, so bytes cross the bridge without becoming objects.
//
// A record in the inbox: a struct arrival (numbers.h); then the payload, padded to a multiple of 4. What lies in the
// inbox is a batch; it stays until Python has said that it has taken it: web/penny/tasks/README.md.
import {entryAt} from '../core/core.js';
import * as L from '../core/layout.js';
import {Outcome} from '../core/layout.js';
import {copyBytes} from '../core/payload.js';
import {KernelModules} from '../kernels/modules.js';
import {HeapLimitError, KEEP, queueOf} from '../tasks/calls.js';
import {traceAsJson} from '../trace/json.js';
import {ArraysPort} from './arrays_port.js';
import {Box, withBytes} from './boxes.js';
import {Completions} from './completions.js';

/** So many outcomes at once at most: whoever waits for one of them should not wait for thousands. */
const BATCH = 128;

/** @type {number[]} */
const NO_ARRAYS = [];

/**
 * @typedef {import('../tasks/client.js').Client} Client
 * @typedef {import('../tasks/calls.js').TableFunction} TableFunction
 * @typedef {import('./boxes.js').Buffer} Buffer
 * @typedef {import('./boxes.js').BufferList} BufferList
 * @typedef {import('./boxes.js').IntList} IntList
 * @typedef {import('../core/payload.js').Pieces} Pieces
 * @typedef {import('./boxes.js').PyodideModule} PyodideModule
 */

export class ClientPort {
  /**
   * @param {PyodideModule} module
   * @param {Client} client
   * @param {Buffer} inbox
   * @param {Buffer} outbox
   * @param {{workers: number, close(): Promise<void>, canSleep?: () => boolean}} pool
   */
  constructor(module, client, inbox, outbox, pool) {
    this.client = client;
    this.inbox = new Box(module, inbox);
    this.outbox = new Box(module, outbox);
    this.#completions = new Completions(module);
    this.pool = pool;
    this.arrays = new ArraysPort(client.core);
  }

  /**
   * Says whose tasks those are that are submitted from now on.
   * @param {number} parent handle of a coroutine task; -1: nobody's
   */
  below(parent) {
    this.#parent = parent;
  }
  #parent = -1;

  /**
   * @param {number} ticket of the call: a number that Python never uses again
   * @param {number} handle of the function
   * @param {number} flags
   * @param {boolean} interactive
   * @param {number} limit ms that it may run; 0: no limit
   * @param {number} size of the pickled arguments, as of Box.withPayload()
   * @param {BufferList} [list]
   * @param {IntList} [arrays]
   * @returns {boolean} false: the heap could never hold the arguments, nothing was queued
   */
  submit(ticket, handle, flags, interactive, limit, size, list, arrays) {
    const fn = this.#function(handle);
    const queue = queueOf(flags, interactive);
    const options = {flags: flags & L.Flag.HAS_KWARGS, queue, limit, parent: this.#parent};
    try {
      if (!list) {
        this.client.submit(fn, options, this.outbox.payload(size), NO_ARRAYS, ticket);
      } else {
        const submit = (/** @type {Pieces} */ pieces, /** @type {number[]} */ held) =>
          this.client.submit(fn, options, pieces, held, ticket);
        this.outbox.withPayload(submit, size, list, arrays);
      }
      return true;
    } catch (error) {
      if (error instanceof HeapLimitError) return false;
      throw error;
    }
  }

  /**
   * @param {Buffer} buffer
   * @returns {number} handle; -1 if the heap could never hold the function
   */
  add_function(buffer) {
    const fn = withBytes(buffer, bytes => {
      const limit = this.client.core.exports.heap_limit();
      return bytes.length > limit ? null : this.client.addFunction(bytes.slice());
    });
    if (!fn) return -1;
    this.#functions.set(++this.#lastHandle, fn);
    return this.#lastHandle;
  }
  /** By handle: numbers cross the bridge cheaper than objects. @type {Map<number, TableFunction>} */
  #functions = new Map();
  #lastHandle = 0;

  /**
   * Adds a module of kernels, for all workers.
   * @param {Buffer} buffer the module
   * @returns {number} its number, from 1; -1: there is no room
   */
  add_kernels(buffer) {
    this.#kernels ??= new KernelModules(this.client.core);
    const modules = this.#kernels;
    return withBytes(buffer, bytes => modules.add(bytes.slice())) || -1;
  }
  /** @type {KernelModules | undefined} */
  #kernels;

  /**
   * Puts definitions of modules that workers lack into the function table.
   * @param {Buffer} buffer
   * @returns {number} where workers find it: Core.place(); -1: there is no room now
   */
  add_bundle(buffer) {
    const {core} = this.client;
    const entry = withBytes(buffer, bytes => core.addFunction(bytes.slice()));
    return entry ? core.place(entry) : -1;
  }

  /** @param {number} place of add_bundle() */
  drop_bundle(place) {
    this.client.core.exports.function_drop(this.client.participant, entryAt(place));
  }

  /** @param {number} handle */
  drop_function(handle) {
    this.client.dropFunction(this.#function(handle));
    this.#functions.delete(handle);
  }

  /** @param {number} handle */
  #function(handle) {
    return /** @type {TableFunction} */ (this.#functions.get(handle));
  }

  /** @param {number} ticket */
  cancel(ticket) {
    return this.client.cancel(ticket);
  }

  /** @param {number} ticket */
  ask_cancel(ticket) {
    return this.client.askCancel(ticket);
  }

  /** @param {number} ticket */
  running(ticket) {
    return this.client.running(ticket);
  }

  /**
   * Packs outcomes into the inbox: the next batch, or once more the last one if that has not been taken.
   * @param {number} taken how many batches have been taken
   * @returns {number} bytes that the batch takes in the inbox; 0: there is none
   */
  collect(taken) {
    if (taken !== this.#batches) return this.#used;
    try {
      this.#pack();
    } finally {
      // Also if it threw: what was packed is out of the client, and nowhere else.
      if (this.#used) this.#batches++;
    }
    return this.#used;
  }
  /** How many batches there have been, and the bytes of the last one. */
  #batches = 0;
  #used = 0;

  #pack() {
    const {memory, address, size: room} = this.inbox;
    const {core} = this.client;
    const view = new DataView(memory.buffer);
    let full = false;
    this.#used = 0;
    this.client.collect((ticket, outcome, from, bytes, worker, slot) => {
      const size = outcome === Outcome.NO_ROOM ? 0 : bytes;
      const offset = this.#used;
      // Read by read_outcome(), which takes as long as it takes: in a batch of its own.
      const apart = L.Arrival.BYTES + size > room || (slot !== L.NONE && core.arrays.carries(slot));
      if (full || (offset && (apart || offset + L.Arrival.BYTES + size > room))) return false;
      this.#header(view, address + offset, ticket, outcome, worker, size, apart ? ++this.#lastLarge : 0);
      if (apart) {
        this.#large.set(this.#lastLarge, {from, size, slot});
        this.#used = L.Arrival.BYTES;
        full = true;
        return slot === L.NONE ? true : KEEP;
      }
      const to = address + offset + L.Arrival.BYTES;
      copyBytes(core.bytes, from, size, memory, to);
      this.#used = offset + L.Arrival.BYTES + ((size + 3) & ~3);
      return true;
    }, BATCH);
  }
  /** Outcomes that are being read. @type {Map<number, {from: number, size: number, slot: number}>} */
  #large = new Map();
  #lastLarge = 0;

  /**
   * @param {number} large
   * @param {number} offset into the payload
   * @param {Buffer} buffer as long as what is to be read
   */
  read_outcome(large, offset, buffer) {
    const {from} = /** @type {{from: number}} */ (this.#large.get(large));
    const {core} = this.client;
    withBytes(buffer, bytes => bytes.set(core.bytes.subarray(from + offset, from + offset + bytes.length)));
  }

  /** @param {number} large */
  release(large) {
    const {slot} = /** @type {{slot: number}} */ (this.#large.get(large));
    this.#large.delete(large);
    if (slot !== L.NONE) this.client.free(slot);
  }

  /**
   * @param {DataView} view
   * @param {number} at
   * @param {number} ticket
   * @param {number} outcome
   * @param {number} worker
   * @param {number} size
   * @param {number} large
   */
  #header(view, at, ticket, outcome, worker, size, large) {
    view.setUint32(at + L.Arrival.ticket, ticket, true); // its lower half
    view.setUint32(at + L.Arrival.ticket + 4, ticket / 2 ** 32, true);
    view.setInt16(at + L.Arrival.outcome, outcome, true);
    view.setUint16(at + L.Arrival.worker, worker, true);
    view.setUint32(at + L.Arrival.size, size, true);
    view.setUint32(at + L.Arrival.large, large, true);
  }

  /** Whether workers would start while this sleeps. */
  can_sleep() {
    return this.pool.canSleep?.() ?? true;
  }

  /** @param {number} milliseconds */
  wait(milliseconds) {
    this.client.wait(milliseconds);
  }

  /**
   * @param {() => number} callback completes futures; called when there is something to collect()
   * @param {() => void} step as of Completions
   */
  on_completions(callback, step) {
    this.client.oncompletions = this.#completions.delivering(callback, step);
  }

  /** Calls no callback any more. */
  off_completions() {
    this.client.oncompletions = () => {};
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

  /** Bytes that the shared heap can hold at most. */
  get heap_limit() {
    return this.client.core.exports.heap_limit();
  }

  get workers() {
    return this.pool.workers;
  }

  /** Statistics as JSON, in the form of penny.Scheduler.stats. */
  stats() {
    const {core, pending} = this.client;
    return JSON.stringify({...core.statistics(this.pool.workers), pending});
  }

  /** What the workers did and when, as JSON of a Chrome trace; empty: nothing was recorded. */
  trace() {
    return traceAsJson(this.client.core);
  }

  /** Whether all workers have ended. */
  closed() {
    return this.client.closed;
  }

  /** Ends the workers. Resolves when they are gone. */
  async close() {
    await this.pool.close();
    this.client.close();
  }
}
