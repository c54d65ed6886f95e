// How a client's event loop hears of completions. While they come fast it looks for them turn by turn;
// else it arms its completion list (completions.c) and sleeps by Atomics.waitAsync, or until a message.
import {clock} from '../core/clock.js';
import * as L from '../core/layout.js';
import {held, unheld} from '../hosts/holding.js';

/**
 * How long a client looks for completions, turn by turn of its event loop, before it has itself woken, ms;
 * only while that pays. Being woken takes about as much as this.
 */
const POLL_MS = 0.3;
/**
 * Within this much a client that did not look but slept must have heard of a completion for looking to have paid:
 * POLL_MS, and as much for being woken. Without the latter it would sleep on for ever, once it has looked in
 * vain, however fast completions come: tasks one at a time took ten times as long.
 */
const QUICK_MS = 2 * POLL_MS;
/**
 * That alone would be wrong where there is no processor for the worker while the page looks: each task would take POLL_MS
 * longer. So each time that it looked in vain it takes twice as many quick completions, so many at most, until it is
 * tried again; and half as many each time that it was not. Workers do the same when they spin (penny/wasm_core/sleep/parking.c).
 */
const DOUBT_MAX = 64;

/**
 * seen(): the event counter before the client last collected; hasCompletions(): whether it holds some already
 * @typedef {{seen(): number, pending(): boolean, hasCompletions(): boolean, oncompletions(): void}} Collector
 */

/**
 * Those that listen. Nothing else need keep a client while something is pending; one for which nothing is pending is kept
 * by its user alone.
 * @type {Set<Listener>}
 */
const listeners = new Set();

/** @param {WeakRef<Listener>} listener */
const turnOf = listener => () => listener.deref()?.turn();

/** Closes the channels of those that are garbage: a port that can be posted to is kept by its browser. */
const collected = new FinalizationRegistry((/** @type {MessagePort} */ port) => port.close());

export class Listener {
  #closed = false;
  /** Whether it holds the program: there is something to hear of. */
  #holds = false;
  /** Since when it listens, ms. */
  #since = 0;
  /** Whether to look for completions turn by turn. */
  #looks = true;
  /** How many completions came soon since it looked in vain, and how many it takes for it to look again. */
  #quick = 0;
  #doubt = 1;
  /** A turn of the event loop, as soon as others had theirs: a microtask would starve the page while
   * completions keep coming, a timer would wait for milliseconds. */
  #later = new MessageChannel();

  /**
   * @param {import('../core/core.js').Core} core
   * @param {number} number of the client
   * @param {boolean} waitAsync false where completions are announced by message, through announce()
   * @param {Collector} collector
   */
  constructor(core, number, waitAsync, collector) {
    this.core = core;
    this.number = number;
    this.waitAsync = waitAsync;
    this.collector = collector;
    const client = (L.CLIENT_ADDRESS + number * L.CLIENT_BYTES) >> 2;
    this.#eventsWord = client + L.CLIENT_EVENTS_WORD;
    this.#completedWord = client + L.CLIENT_COMPLETED_WORD;
    this.#later.port1.onmessage = turnOf(new WeakRef(this));
    unheld(this.#later.port1);
    collected.register(this, this.#later.port1);
  }
  /** @type {number} */
  #eventsWord;
  /** @type {number} */
  #completedWord;

  /** Nothing is heard any more, and nothing keeps it alive. */
  close() {
    this.#closed = true;
    listeners.delete(this);
    this.#later.port1.close();
    this.core.exports.client_wake(this.number); // ends a waitAsync outstanding
  }

  get #listening() {
    return listeners.has(this);
  }

  /** The event counter. */
  events() {
    return Atomics.load(this.core.words, this.#eventsWord);
  }

  /** Calls oncompletions once, in a later turn, when there is something to collect. */
  listen() {
    if (!this.#holds) this.#hold(true);
    if (this.#listening || this.#closed) return;
    listeners.add(this);
    this.#since = clock();
    if (this.#looks) this.look();
    else this.#arm();
  }

  /**
   * Where a program ends when its event loop has nothing to wait for (Node), this has it wait: a sleeper of
   * Atomics.waitAsync does not.
   * @param {boolean} holds
   */
  #hold(holds) {
    this.#holds = holds;
    if (holds) held(this.#later.port1);
    else unheld(this.#later.port1);
  }

  /** Nothing is pending any more. */
  rest() {
    if (this.#holds) this.#hold(false);
  }

  /** Looks in the next turn. */
  look() {
    this.#later.port2.postMessage(0);
  }

  /** A turn of the event loop later: look; and look again for a while before arming. */
  turn() {
    if (!this.#listening) return;
    if (this.#hasCompletions()) {
      this.#doubt = Math.max(1, this.#doubt / 2);
      this.announce();
    } else if (clock() - this.#since < POLL_MS) {
      this.look();
    } else {
      this.#looks = false;
      this.#quick = 0;
      this.#doubt = Math.min(2 * this.#doubt, DOUBT_MAX);
      this.#arm();
    }
  }

  #arm() {
    if (!this.core.exports.completions_arm(this.number) || this.#hasCompletions()) {
      this.core.exports.completions_disarm(this.number);
      this.look();
      return;
    }
    if (!this.waitAsync) return;
    const {async, value} = Atomics.waitAsync(this.core.words, this.#eventsWord, this.collector.seen());
    if (!async) {
      // The counter has moved since the last collect(): collect again.
      this.#since = -Infinity;
      setTimeout(() => this.announce());
      return;
    }
    value.then(() => {
      if (clock() - this.#since < QUICK_MS) this.#looks = ++this.#quick >= this.#doubt;
      this.announce();
    });
  }

  #hasCompletions() {
    const {words} = this.core;
    return (
      this.collector.hasCompletions() ||
      Atomics.load(words, this.#completedWord) !== (L.NONE | 0) ||
      Atomics.load(words, L.BROKEN_WORD) !== 0
    );
  }

  /** Somebody else has disarmed the client: a listener that sleeps ends, and arms again. */
  disarmed() {
    if (this.#listening && this.waitAsync) this.core.exports.client_wake(this.number);
  }

  /** Completions have arrived, or may have. */
  announce() {
    if (!this.#listening || this.#closed) return;
    listeners.delete(this);
    try {
      this.collector.oncompletions();
    } finally {
      if (this.collector.pending()) this.listen(); // whatever a receiver has thrown
      else this.rest();
    }
  }
}
