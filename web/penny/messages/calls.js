// What a call is from its submission to its outcome, and where it waits until a worker can have it.
import * as L from '../core/layout.js';
import {LARGE} from './records.js';

/**
 * What has become of a call, whose pickle lies in `bytes`.
 * @typedef {{ticket: any, outcome: number, worker: number, bytes: Uint8Array, from: number, size: number}} Arrived
 */

/** How long functions are expected to take is known for each. */
export class TableFunction {
  /** ms that a call of it takes; infinite: nobody knows. */
  expected = Infinity;
  /** Whether that is of its first call, which has to load it. */
  #rough = false;

  /**
   * @param {number} number by which workers know it
   * @param {Uint8Array} form its pickle
   */
  constructor(number, form) {
    this.number = number;
    this.form = form;
  }

  /**
   * Calls have taken so long, ms each. One that took long counts at once, and is forgotten by and by: what waits behind
   * a call at its worker can't go elsewhere.
   * @param {number} ms
   */
  took(ms) {
    const unknown = this.expected === Infinity;
    this.expected = unknown || this.#rough ? ms : Math.max(ms, this.expected + (ms - this.expected) / 4);
    this.#rough = unknown;
  }
}

export class Call {
  /** Why it was asked to end. */
  asked = L.CancelReason.NOT_ASKED;
  /** Whether its worker has heard so: of a coroutine. */
  heard = false;
  /** The number of the worker that has it; null: it waits. @type {number | null} */
  worker = null;

  /**
   * @param {number} id
   * @param {any} ticket of whoever submits
   * @param {TableFunction} fn
   * @param {{bits: number, limit: number, coroutine: boolean}} options limit: ms that it may run; 0: no limit
   * @param {Uint8Array<ArrayBuffer>} bytes where its pickled arguments lie; if they are large, nothing else
   * @param {number} from
   * @param {number} size
   */
  constructor(id, ticket, fn, {bits, limit, coroutine}, bytes, from, size) {
    this.id = id;
    this.ticket = ticket;
    this.fn = fn;
    this.bits = bits;
    this.limit = limit;
    this.coroutine = coroutine;
    this.bytes = bytes;
    this.from = from;
    this.size = size;
  }

  /** Whether its arguments are handed over, and not copied: then nobody else can have them any more. */
  get isLarge() {
    return this.size >= LARGE;
  }
}

/** Calls in the order in which they are to begin. */
export class Queue {
  /** @type {(Call | null)[]} */
  #calls = [];
  #first = 0;
  /** How many there are. */
  length = 0;

  /** @param {Call} call */
  push(call) {
    this.#calls.push(call);
    this.length++;
  }

  /** Puts calls before all others. @param {Call[]} calls in their order */
  putBack(calls) {
    this.#calls.splice(0, this.#first, ...calls);
    this.#first = 0;
    this.length += calls.length;
  }

  /** The next one; undefined: there is none. */
  peek() {
    const calls = this.#calls;
    while (this.#first < calls.length) {
      const call = calls[this.#first];
      if (call) return call;
      this.#first++;
    }
    if (calls.length) {
      calls.length = 0;
      this.#first = 0;
    }
    return undefined;
  }

  /** Takes the one that peek() has given. */
  shift() {
    this.#calls[this.#first++] = null;
    this.length--;
    // What was taken from it is let go by the half.
    if (this.#first > 1024 && this.#first * 2 > this.#calls.length) {
      this.#calls.splice(0, this.#first);
      this.#first = 0;
    }
  }

  /** @param {Call} call that waits here */
  remove(call) {
    const at = this.#calls.indexOf(call, this.#first);
    if (at < 0) return;
    this.#calls[at] = null;
    this.length--;
  }

  /** All of them, which are here no longer. */
  takeAll() {
    const calls = /** @type {Call[]} */ (this.#calls.slice(this.#first).filter(call => call !== null));
    this.#calls.length = 0;
    this.#first = this.length = 0;
    return calls;
  }
}
