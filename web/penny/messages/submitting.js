// What the coroutines of a worker submit: it goes to the pool by their worker's channel, and what becomes of it comes back.
import {Outcome} from '../core/layout.js';

/**
 * @typedef {import('./calls.js').Arrived} Arrived
 * @typedef {{flags: number, interactive: boolean, limit: number}} Options
 * @typedef {import('./protocol.js').Submission} Submission
 * @typedef {import('./protocol.js').Outcome} OutcomeMessage
 */

/** The worker's half, with the methods of a MessagePool that a client's port calls. */
export class RemotePool {
  oncompletions = () => {};
  closed = false;
  #lastNumber = 0;
  /** @type {Arrived[]} */
  #arrived = [];

  /**
   * @param {MessagePort} channel
   * @param {number} workers
   */
  constructor(channel, workers) {
    this.channel = channel;
    this.workers = workers;
  }

  /** @param {Submission} message */
  #post(message) {
    this.channel.postMessage(message);
  }

  /** @param {Uint8Array} form */
  addFunction(form) {
    this.#post({type: 'function', number: ++this.#lastNumber, form});
    return this.#lastNumber;
  }

  /** @param {number} number */
  dropFunction(number) {
    this.#post({type: 'drop', number});
  }

  /** @param {Uint8Array} form @returns {number} there is no room: definitions go with each pickle */
  addBundle(form) {
    return -1;
  }

  /** @param {number} place */
  dropBundle(place) {}

  /**
   * @param {number} ticket
   * @param {number} number
   * @param {Options} options
   * @param {Uint8Array} bytes
   * @param {number} from
   * @param {number} size
   */
  submit(ticket, number, options, bytes, from, size) {
    this.#post({type: 'submit', ticket, number, options, bytes: bytes.slice(from, from + size)});
  }

  /** @param {number} ticket @returns {boolean} false: nobody here knows whether a worker has it */
  cancel(ticket) {
    return false;
  }

  /** @param {number} ticket */
  askCancel(ticket) {
    this.#post({type: 'ask', ticket});
    return true;
  }

  /** @param {number} ticket */
  running(ticket) {
    return false;
  }

  get hasArrived() {
    return this.#arrived.length > 0;
  }

  /** @param {OutcomeMessage} message */
  arrive({ticket, outcome, worker, bytes}) {
    this.#arrived.push({ticket, outcome, worker, bytes, from: 0, size: bytes.length});
    this.oncompletions();
  }

  /** @param {(arrived: Arrived) => boolean} take @param {number} most */
  collect(take, most) {
    let taken = 0;
    while (taken < this.#arrived.length && taken < most && take(this.#arrived[taken])) taken++;
    this.#arrived.splice(0, taken);
  }

  stats() {
    return {workers: [], heap: {used: 0, size: 0, limit: 0}, pending: 0};
  }
}

/**
 * What is wanted of a pool here: see MessagePool.
 * @typedef {object} Pool
 * @property {(form: Uint8Array) => number} addFunction
 * @property {(number: number) => void} dropFunction
 * @property {(ticket: any, number: number, options: Options, bytes: Uint8Array<ArrayBuffer>, from: number, size: number) => void} submit
 * @property {(ticket: any) => boolean} cancel
 * @property {(ticket: any) => boolean} askCancel
 */

/** The pool's half: submits for one worker, whose channel it is. */
export class Submitted {
  /** By the number that the worker has given it. @type {Map<number, number>} */
  #functions = new Map();
  /** By the worker's ticket; each is the ticket of the call at the pool. @type {Map<number, {remote: Submitted, ticket: number}>} */
  #calls = new Map();

  /**
   * @param {Pool} pool
   * @param {MessagePort} channel
   */
  constructor(pool, channel) {
    this.pool = pool;
    this.channel = channel;
  }

  /** @param {Submission} message */
  hear(message) {
    const {pool} = this;
    switch (message.type) {
      case 'function':
        this.#functions.set(message.number, pool.addFunction(message.form));
        break;
      case 'drop':
        pool.dropFunction(/** @type {number} */ (this.#functions.get(message.number)));
        this.#functions.delete(message.number);
        break;
      case 'submit': {
        const call = {remote: this, ticket: message.ticket};
        this.#calls.set(message.ticket, call);
        const {bytes} = message;
        pool.submit(call, /** @type {number} */ (this.#functions.get(message.number)), message.options, bytes, 0, bytes.length);
        break;
      }
      case 'ask': {
        const call = this.#calls.get(message.ticket);
        if (!call) break;
        if (pool.cancel(call)) this.arrive({ticket: call, outcome: Outcome.CANCELLED, worker: 0, bytes: new Uint8Array(), from: 0, size: 0});
        else pool.askCancel(call);
        break;
      }
    }
  }

  /** @param {Arrived} arrived */
  arrive({ticket: {ticket}, outcome, worker, bytes, from, size}) {
    this.#calls.delete(ticket);
    /** @type {OutcomeMessage} */
    const message = {type: 'outcome', ticket, outcome, worker, bytes: bytes.slice(from, from + size)};
    this.channel.postMessage(message);
  }

  /** The worker is gone: nobody waits for what it has submitted. */
  gone() {
    for (const call of this.#calls.values()) if (!this.pool.cancel(call)) this.pool.askCancel(call);
    this.#calls.clear();
  }
}
