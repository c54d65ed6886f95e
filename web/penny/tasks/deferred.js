// Back-pressure: the calls of a client that have found no slot or no room yet, in order. Those of the batch do not hold
// up the others.
import * as L from '../core/layout.js';
import {release} from './calls.js';

/**
 * @typedef {import('./calls.js').Ticket} Ticket
 * @typedef {import('./calls.js').Call} Call
 *
 * What becomes of them. place: whether there was room for one; slotsAreTaken: whether it is this client's own tasks
 * that leave no slot to such a call; giveUp: there never will be room for it
 * @typedef {{place(ticket: Ticket, call: Call): boolean, slotsAreTaken(queue: number): boolean,
 *            giveUp(ticket: Ticket, call: Call): void}} Placer
 */

/**
 * How long a call that finds no room waits until it tries again, unless a completion comes first, ms: others
 * make room, too, and tell nobody.
 */
const RETRY_MS = 10;
/**
 * A call that finds no room although nobody has anything under way tries again so often, and then no more: it is functions
 * and arrays that hold the room, and it stays so.
 */
const RETRIES = 5;

export class Deferred {
  /** @type {Map<Ticket, Call>} */
  #urgent = new Map();
  /** @type {Map<Ticket, Call>} */
  #batch = new Map();
  #retries = 0;
  /** When these are tried again though nothing of the client's has ended. */
  retryAt = Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #closed = false;

  /**
   * @param {import('../core/core.js').Core} core of the client
   * @param {Placer} placer
   */
  constructor(core, placer) {
    this.core = core;
    this.placer = placer;
  }

  /** Nothing is tried any more. */
  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Whether a call for this queue has to wait for others. @param {number} queue */
  holdsUp(queue) {
    return this.#of(queue).size > 0;
  }

  /** @param {number} queue */
  #of(queue) {
    return queue === L.BATCH ? this.#batch : this.#urgent;
  }

  /**
   * @param {Ticket} ticket
   * @param {Call} call
   */
  add(ticket, call) {
    this.#of(call.options.queue).set(ticket, call);
    call.fn.references++;
    this.core.arrays.holdAll(call.arrays);
    // Else the end of one of those calls feed().
    if (!this.placer.slotsAreTaken(call.options.queue)) this.#feedLater();
  }

  /** It does not wait any more. @param {Ticket} ticket of one that does */
  remove(ticket) {
    const queue = this.#urgent.has(ticket) ? this.#urgent : this.#batch;
    const {fn, arrays} = /** @type {Call} */ (queue.get(ticket));
    queue.delete(ticket);
    release(this.core, fn);
    this.core.arrays.dropAll(arrays);
  }

  /** A completion of ours need not come: what we have under way may take hours, and the room may be another's. */
  #feedLater() {
    if (this.retryAt < Infinity || this.#closed) return;
    this.retryAt = performance.now() + RETRY_MS;
    this.#timer = setTimeout(() => this.feedAgain(), RETRY_MS);
  }

  /** Feeds though only time has passed. */
  feedAgain() {
    clearTimeout(this.#timer);
    this.retryAt = Infinity;
    this.feed(true);
  }

  /**
   * Places what waits here, as far as there is room.
   * @param {boolean} [again] whether only time has passed
   */
  feed(again = false) {
    const {placer} = this;
    for (const queue of [this.#urgent, this.#batch])
      for (const [ticket, call] of queue) {
        if (!placer.place(ticket, call)) {
          if (placer.slotsAreTaken(call.options.queue)) return; // the end of one of them calls this again
          // If functions and arrays hold the room, it stays so; but look more than once.
          this.#retries = again && this.core.exports.quiescent() ? this.#retries + 1 : 0;
          if (this.#retries < RETRIES) {
            this.#feedLater();
            return;
          }
          placer.giveUp(ticket, call);
        }
        this.#retries = 0;
        this.remove(ticket);
      }
  }
}
