// What workers do, told while they do it: from the rings of a trace, read by the page a few times a second. What it
// tells is spans of time and counts, not events, so that a listener that adds them up keeps up with any program.
import {clock} from '../core/clock.js';
import * as L from '../core/layout.js';
import {traceAddress} from './names.js';
import {participants, readRing, ringWord} from './rings.js';

/**
 * What a worker does in a span of time: a task that it had from a client or from its own deque; one that it has stolen;
 * it waits, in a join; or it has nothing to do.
 * @typedef {'task' | 'stolen' | 'join' | 'idle'} Doing
 *
 * Times are ms, on the page's clock: `performance.timeOrigin + performance.now()`. Worker: its number, ASYNC_WORKER for
 * the one of the coroutines, which is said to be in a join while there are any.
 * @typedef {object} Listener
 * @property {(worker: number, doing: Doing, begin: number, end: number) => void} spent each worker's spans in order, none
 *     on top of another; one that goes on is told in parts
 * @property {(thief: number, victim: number, at: number) => void} stole a task, which the thief begins
 * @property {(at: number) => void} queued a task: a client submitted it, or a worker promoted a job of its own
 * @property {(worker: number, at: number) => void} began a task
 * @property {(worker: number, at: number) => void} ended a task: it has returned, raised, or died with its worker
 * @property {(worker: number, at: number) => void} died
 */

/** How often the rings are read, ms. */
const INTERVAL = 50;

/** Which kind of span an event ends. @type {Record<number, number>} */
const ENDS = {
  [L.TRACE_ENDED]: L.TRACE_BEGAN,
  [L.TRACE_ASIDE]: L.TRACE_BEGAN,
  [L.TRACE_JOINED]: L.TRACE_JOINS,
  [L.TRACE_SPUN]: L.TRACE_SPINS,
  [L.TRACE_UNPARKED]: L.TRACE_PARKS,
};

/** What is known of a participant. */
class Participant {
  /** Spans that have not ended, the innermost last. @type {{kind: number, task: number, stolen: boolean}[]} */
  open = [];
  /** Tasks that have ended, and whose outcomes wait for room. @type {Set<number>} */
  aside = new Set();
  /** Until when all was told, ms. */
  told = 0;
  /** When it died, as far as its own ring does not say so yet. @type {number[]} */
  deaths = [];
  /** How many deaths were told. */
  died = 0;

  /**
   * @param {number} number
   * @param {number} next position in its ring
   */
  constructor(number, next) {
    this.number = number;
    this.next = next;
  }

  /** @returns {Doing | undefined} */
  get doing() {
    const top = this.open.at(-1);
    if (!top) return undefined;
    if (this.number === L.ASYNC_WORKER) return 'join';
    if (top.kind === L.TRACE_BEGAN) return top.stolen ? 'stolen' : 'task';
    if (top.kind === L.TRACE_JOINS) return 'join';
    // Who waits in a join spins and sleeps, too.
    return this.open.some(({kind}) => kind === L.TRACE_JOINS) ? 'join' : 'idle';
  }
}

/** Reads a pool's rings while it runs. */
export class LiveTrace {
  /** @type {ReturnType<typeof setInterval>} */
  #timer;
  /** In the order of the rings. @type {Participant[]} */
  #all;

  /**
   * @param {import('../core/core.js').Core} core the keeper's, of a memory that is traced
   * @param {Listener} listener
   */
  constructor(core, listener) {
    this.core = core;
    this.listener = listener;
    core.reach(core.memory.buffer.byteLength);
    this.#all = participants(core.workers).map(
      (number, ring) => new Participant(number, core.words[ringWord(core, ring) + L.RING_FIRST_WORD] >>> 0),
    );
    this.#timer = setInterval(() => this.read(), INTERVAL);
  }

  /** Tells what is new. */
  read() {
    const {core} = this;
    core.reach(core.memory.buffer.byteLength);
    const epoch = new DataView(core.memory.buffer).getFloat64(traceAddress(core) + L.TRACE_EPOCH, true);
    const now = clock();
    // The clients' first: they know who has died.
    for (let ring = this.#all.length - 1; ring >= 0; ring--) {
      const one = this.#all[ring];
      for (const {first, words} of readRing(core, ring, one.next)) {
        if (first !== one.next) this.#forget(one);
        for (let at = 0; at < words.length; at += 4) this.#take(one, epoch, words, at);
        one.next = (first + words.length / 4) >>> 0;
      }
      this.#die(one); // no successor has begun
      // An event is written some time after the moment that it is of, so a begin may be still to come.
      const {doing} = one;
      if (doing) this.#spend(one, doing === 'idle' ? now - INTERVAL : now);
    }
  }

  /** Tells the rest. */
  stop() {
    clearInterval(this.#timer);
    this.read();
  }

  /**
   * What it has done until then.
   * @param {Participant} one
   * @param {number} until
   */
  #spend(one, until) {
    // An event may be older than the last reading, which did not see it yet.
    if (until <= one.told) return;
    const {doing} = one;
    if (doing) this.listener.spent(one.number, doing, one.told, until);
    one.told = until;
  }

  /**
   * @param {Participant} one
   * @param {number} epoch
   * @param {Int32Array} words
   * @param {number} at
   */
  #take(one, epoch, words, at) {
    const {listener} = this;
    const low = words[at] >>> 0;
    const tenths = (words[at + 1] >>> 0) * 2 ** (32 - L.EVENT_TIME_SHIFT) + (low >>> L.EVENT_TIME_SHIFT);
    const time = epoch + tenths / 1e4;
    const kind = (low >>> L.EVENT_KIND_SHIFT) & L.EVENT_KIND_MASK;
    const how = (low >>> L.EVENT_HOW_SHIFT) & L.EVENT_HOW_MASK;
    const who = low & L.EVENT_WHO_MASK;
    const task = words[at + 2] >>> 0;
    switch (kind) {
      case L.TRACE_STARTED:
        this.#die(one, words[at + 3] - one.died);
        break;
      case L.TRACE_SUBMITTED:
      case L.TRACE_PROMOTED:
        listener.queued(time);
        break;
      case L.TRACE_BEGAN: {
        this.#spend(one, time);
        const stolen = (how & L.ORIGIN_MASK) === L.ORIGIN_STOLEN;
        one.open.push({kind, task, stolen});
        if (stolen) listener.stole(one.number, who, time);
        listener.began(one.number, time);
        break;
      }
      case L.TRACE_JOINS:
      case L.TRACE_SPINS:
      case L.TRACE_PARKS:
        this.#spend(one, time);
        one.open.push({kind, task, stolen: false});
        break;
      case L.TRACE_ENDED:
      case L.TRACE_ASIDE:
      case L.TRACE_JOINED:
      case L.TRACE_SPUN:
      case L.TRACE_UNPARKED:
        this.#end(one, kind, task, time);
        break;
      case L.TRACE_LOST: {
        this.#all.find(({number}) => number === who)?.deaths.push(time);
        break;
      }
    }
  }

  /**
   * @param {Participant} one
   * @param {number} kind
   * @param {number} task
   * @param {number} time
   */
  #end(one, kind, task, time) {
    if (kind === L.TRACE_ENDED && one.aside.delete(task)) return; // it had ended before
    this.#spend(one, time);
    if (kind === L.TRACE_ASIDE) one.aside.add(task);
    const begun = ENDS[kind];
    const at = one.open.findLastIndex(span => span.kind === begun && (begun !== L.TRACE_BEGAN || span.task === task));
    // Coroutines lie side by side, all else on top of each other.
    if (at >= 0) one.open.splice(at, one.number === L.ASYNC_WORKER ? 1 : one.open.length);
    if (begun === L.TRACE_BEGAN) this.listener.ended(one.number, time);
  }

  /**
   * @param {Participant} one
   * @param {number} [times] how many more deaths than were told its ring has come to
   */
  #die(one, times = Infinity) {
    for (const time of one.deaths.splice(0, Math.max(0, times))) {
      one.died++;
      this.#spend(one, time);
      for (const {kind} of one.open) if (kind === L.TRACE_BEGAN) this.listener.ended(one.number, time);
      this.#forget(one);
      this.listener.died(one.number, time);
    }
  }

  /** Nobody knows what it does. @param {Participant} one */
  #forget(one) {
    one.open = [];
    one.aside.clear();
  }
}
