// A client's half of a task's life: submission, back-pressure, collection of outcomes. Nothing here
// blocks but wait(), which only a host worker may call.
import * as L from './layout.js';
import {clientParticipant} from './core.js';

/** @typedef {import('./core.js').Core} Core */

/**
 * A function for the table: its pickle, until it has a row there. References: one of whoever added it,
 * one of each deferred call.
 * @typedef {{bytes: Uint8Array | null, row: number, references: number}} TableFunction
 * @typedef {{fn: TableFunction, flags: number, bytes: Uint8Array}} Call
 */

/** Flags of a task's arguments. */
export const HAS_KWARGS = 1;

/** How a task ended; the same numbers in penny/engines/shared.py. */
export const Outcome = {RETURNED: 0, RAISED: 1, LOST: 2, BROKEN: 3, NO_ROOM: 4};

/** A payload that the heap could never hold. */
export class HeapLimitError extends RangeError {
  /**
   * @param {number} size
   * @param {number} limit
   */
  constructor(size, limit) {
    super(
      `a payload of ${size} bytes can never fit into the scheduler's shared heap of ${limit} bytes: ` +
        'give the Scheduler a larger memory=',
    );
    this.name = 'HeapLimitError';
  }
}

/**
 * How long a client looks for completions, turn by turn of its event loop, before it has itself woken, ms;
 * only while they have been coming within QUICK_MS. Being woken costs about as much as this.
 */
const POLL_MS = 0.3;
const QUICK_MS = 0.3;

/** A call that finds no room although nobody has anything under way tries again so often. */
const RETRIES = 5;

const QUEUED_HERE = -1;
const UNUSED = -2;

/**
 * Gets each outcome once. `address` and `size` say where its payload lies in the shared memory during
 * the call; for BROKEN it is UTF-8 text; for NO_ROOM there is none, `size` is what the arguments take.
 * @callback Deliver
 * @param {number} ticket
 * @param {number} outcome one of Outcome
 * @param {number} address
 * @param {number} size bytes
 * @param {number} worker
 * @returns {boolean} false: not taken now (no room at the receiver), offer it again
 */

export class Client {
  /** Slot of each ticket, QUEUED_HERE or UNUSED. @type {number[]} */
  #slots = [];
  /** @type {number[]} */
  #freeTickets = [];
  #tickets = new Int32Array(L.TASKS);
  /** What found no room yet, by ticket, in order. @type {Map<number, Call>} */
  #deferred = new Map();
  /** Deferred calls that never will. @type {{ticket: number, size: number}[]} */
  #hopeless = [];
  #retries = 0;
  #retrying = false;
  #inFlight = 0;
  #chain = L.NONE;
  /** The event counter before the last collect(). */
  #seen = 0;
  #deathsSeen = 0;
  /** Slots noted in step b of recovery.c. @type {{index: number, word: number}[]} */
  #adrift = [];
  #listening = false;
  #closed = false;

  /** Tasks submitted and not yet ended. */
  pending = 0;

  /**
   * @param {Core} core
   * @param {number} number of the client
   * @param {{waitAsync?: boolean}} [options] waitAsync: false where completions are announced by
   *     message, through announce()
   */
  constructor(core, number, {waitAsync = 'waitAsync' in Atomics} = {}) {
    this.core = core;
    this.number = number;
    this.participant = clientParticipant(number);
    this.waitAsync = waitAsync;
    const client = L.CLIENT_ADDRESS + number * L.CLIENT_BYTES;
    this.#eventsWord = (client >> 2) + L.CLIENT_EVENTS_WORD;
    /** Called when completions have arrived and nobody is in wait(). */
    this.oncompletions = () => {};
    this.#completedWord = (client >> 2) + L.CLIENT_COMPLETED_WORD;
    this.#later.port1.onmessage = () => this.#poll();
  }
  /** @type {number} */
  #eventsWord;
  /** @type {number} */
  #completedWord;
  /** Since when it listens, ms. */
  #since = 0;
  /** Whether the last completion came soon after listening began. */
  #quick = true;
  /** A turn of the event loop, as soon as others had theirs: a microtask would starve the page while
   * completions keep coming, a timer would wait for milliseconds. */
  #later = new MessageChannel();

  /** Ends it: nothing is collected any more, and nothing keeps it or its memory alive. */
  close() {
    this.#closed = true;
    this.#later.port1.close();
    this.core.exports.client_wake(this.number); // ends a waitAsync outstanding
  }

  // ---- functions --------------------------------------------------------------------------------

  /**
   * Makes a pickled function known. It goes into the table when it is first submitted and there is
   * room.
   * @param {Uint8Array} bytes
   * @returns {TableFunction} with one reference, the caller's
   */
  addFunction(bytes) {
    const limit = this.core.exports.heap_limit();
    if (bytes.length > limit) throw new HeapLimitError(bytes.length, limit);
    return {bytes, row: 0, references: 1};
  }

  /** @param {TableFunction} fn */
  dropFunction(fn) {
    if (--fn.references === 0 && fn.row) this.core.exports.function_release(this.participant, fn.row);
  }

  /**
   * The function's row in the table, or 0 if there is no room for it now.
   * @param {TableFunction} fn
   */
  #row(fn) {
    if (fn.row || !fn.bytes) return fn.row;
    const {core} = this;
    const row = core.exports.function_new(this.participant, fn.bytes.length) >>> 0;
    if (!row) return 0;
    core.reach(row + L.FUNCTION_BYTES + fn.bytes.length);
    core.bytes.set(fn.bytes, row + L.FUNCTION_BYTES);
    fn.bytes = null;
    return (fn.row = row);
  }

  // ---- submission -------------------------------------------------------------------------------

  /**
   * Submits one call. Never blocks: what finds no slot or no room waits here, in order.
   * @param {TableFunction} fn
   * @param {number} flags
   * @param {Uint8Array} bytes the pickled arguments; copied before this returns
   * @returns {number} ticket, unique among the pending tasks
   */
  submit(fn, flags, bytes) {
    const limit = this.core.exports.heap_limit();
    if (bytes.length > limit) throw new HeapLimitError(bytes.length, limit);
    const ticket = this.#ticket();
    if (this.#deferred.size || !this.#place(ticket, fn, flags, bytes))
      this.#defer(ticket, {fn, flags, bytes: bytes.slice()});
    return ticket;
  }

  /**
   * Submits a call whose arguments `write` puts straight into the slot.
   * @param {TableFunction} fn
   * @param {number} flags
   * @param {(bytes: Uint8Array, offset: number, limit: number) => number} write returns how many
   *     bytes it wrote, or -1 if there is more than fits
   * @returns {number} ticket, or -1: pickle the arguments elsewhere and call submit()
   */
  submitInline(fn, flags, write) {
    const row = this.#row(fn);
    if (this.#deferred.size || !row) return -1;
    const {core} = this;
    const index = core.exports.task_new(this.number) >>> 0;
    if (index === L.NONE) return -1;
    const payload = L.TASK_ADDRESS + index * L.TASK_BYTES + L.TASK_PAYLOAD;
    let size = -1;
    try {
      size = write(core.bytes, payload, payload + L.TASK_PAYLOAD_BYTES);
    } finally {
      if (size < 0) core.exports.task_free(index, this.number);
    }
    if (size < 0) return -1;
    const ticket = this.#ticket();
    if (this.#publish(ticket, index, row, flags, size, 0)) return ticket;
    this.#retire(ticket);
    return -1;
  }

  #ticket() {
    this.pending++;
    return this.#freeTickets.pop() ?? this.#slots.push(UNUSED) - 1;
  }

  /**
   * @param {number} ticket
   * @param {Call} call
   */
  #defer(ticket, call) {
    this.#slots[ticket] = QUEUED_HERE;
    this.#deferred.set(ticket, call);
    call.fn.references++;
    this.listen(); // also to hear that the pool is broken
    // Nothing of ours under way means that no completion will come to feed the queue.
    if (!this.#inFlight) this.#feedLater();
  }

  #feedLater() {
    if (this.#retrying) return;
    this.#retrying = true;
    setTimeout(() => {
      this.#retrying = false;
      this.#feed();
    }, 10);
  }

  /**
   * @param {number} ticket
   * @param {TableFunction} fn
   * @param {number} flags
   * @param {Uint8Array} bytes
   * @returns {boolean} whether there was room
   */
  #place(ticket, fn, flags, bytes) {
    const {core, number} = this;
    const row = this.#row(fn);
    if (!row) return false;
    const index = core.exports.task_new(number) >>> 0;
    if (index === L.NONE) return false;
    let address = L.TASK_ADDRESS + index * L.TASK_BYTES + L.TASK_PAYLOAD;
    let block = 0;
    if (bytes.length > L.TASK_PAYLOAD_BYTES) {
      address = block = core.exports.arguments_allocate(number, bytes.length) >>> 0;
      if (!block) {
        core.exports.task_free(index, number);
        return false;
      }
      core.reach(block + bytes.length);
    }
    core.bytes.set(bytes, address);
    return this.#publish(ticket, index, row, flags, bytes.length, block);
  }

  /**
   * @param {number} ticket
   * @param {number} index
   * @param {number} row
   * @param {number} flags
   * @param {number} size
   * @param {number} block
   */
  #publish(ticket, index, row, flags, size, block) {
    if (!this.core.exports.task_submit(index, row, flags, size, block)) {
      this.core.exports.task_free(index, this.number); // frees the block, too
      return false;
    }
    this.#slots[ticket] = index;
    this.#tickets[index] = ticket;
    this.#inFlight++;
    if (!this.#listening) this.listen();
    return true;
  }

  /** Places what waits here, as far as there is room. */
  #feed() {
    for (const [ticket, call] of this.#deferred) {
      if (!this.#place(ticket, call.fn, call.flags, call.bytes)) {
        if (this.#inFlight) return; // whose completion calls this again
        // Others hold the room. If that is functions only, it stays so; but look more than once.
        this.#retries = this.core.exports.all_quiet() ? this.#retries + 1 : 0;
        if (this.#retries < RETRIES) {
          this.#feedLater();
          return;
        }
        this.#hopeless.push({ticket, size: call.bytes.length});
        this.#later.port2.postMessage(0);
      }
      this.#retries = 0;
      this.#undefer(ticket, call);
    }
  }

  /**
   * @param {number} ticket
   * @param {Call} call
   */
  #undefer(ticket, call) {
    this.#deferred.delete(ticket);
    this.dropFunction(call.fn);
  }

  /**
   * Withdraws a task; false if a worker has it or had it.
   * @param {number} ticket
   */
  cancel(ticket) {
    const slot = this.#slots[ticket];
    if (slot === undefined || slot === UNUSED) return false;
    if (slot === QUEUED_HERE) {
      const call = this.#deferred.get(ticket);
      if (!call) return false; // hopeless
      this.#undefer(ticket, call);
    } else {
      if (!this.core.exports.task_cancel(slot, this.number)) return false;
      this.#inFlight--;
      this.#feed();
    }
    this.#retire(ticket);
    return true;
  }

  /**
   * Whether a worker has taken the task.
   * @param {number} ticket
   */
  running(ticket) {
    const slot = this.#slots[ticket];
    if (!(slot >= 0)) return false;
    return (this.core.taskWord(slot, L.TASK_STATE_WORD) & L.STATE_MASK) !== L.STATE_QUEUED;
  }

  /** @param {number} ticket */
  #retire(ticket) {
    this.#slots[ticket] = UNUSED;
    this.#freeTickets.push(ticket);
    this.pending--;
  }

  // ---- completion -------------------------------------------------------------------------------

  /**
   * Hands over what has ended, at most `limit` outcomes.
   * @param {Deliver} deliver
   * @param {number} [limit]
   * @returns {number} how many
   */
  collect(deliver, limit = Infinity) {
    const {core, number} = this;
    let count = 0;
    this.#seen = Atomics.load(core.words, this.#eventsWord); // before looking, see completions.c
    for (; this.#hopeless.length; count++) {
      const {ticket, size} = this.#hopeless[0];
      if (!deliver(ticket, Outcome.NO_ROOM, 0, size, 0)) return count;
      this.#hopeless.shift();
      this.#retire(ticket);
    }
    for (; count < limit; count++) {
      const index = this.#completed();
      if (index === L.NONE) {
        count += this.#breakIfBroken(deliver);
        break;
      }
      const ticket = this.#tickets[index];
      const word = core.taskWord(index, L.TASK_STATE_WORD);
      const state = word & L.STATE_MASK;
      const outcome =
        state === L.STATE_RETURNED
          ? Outcome.RETURNED
          : state === L.STATE_RAISED
            ? Outcome.RAISED
            : Outcome.LOST;
      const address = core.payload(index);
      const size = core.taskWord(index, L.TASK_SIZE_WORD);
      const next = core.taskWord(index, L.TASK_NEXT_WORD);
      if (!deliver(ticket, outcome, address, size, (word >> 8) & 0xff)) {
        this.#chain = index;
        break;
      }
      this.#chain = next;
      core.exports.task_free(index, number);
      this.#inFlight--;
      this.#retire(ticket);
    }
    if (count) this.#feed();
    return count;
  }

  /** The next completed slot; it stays the first of the chain until collect() moves on. */
  #completed() {
    const {exports} = this.core;
    while (this.#chain === L.NONE) {
      // Steps a to d of recovery.c.
      const noted = this.#adrift.pop();
      if (noted) {
        if (this.core.taskWord(noted.index, L.TASK_STATE_WORD) !== noted.word) continue;
        this.core.words[this.core.taskAddress(noted.index) / 4 + L.TASK_NEXT_WORD] = L.NONE;
        return (this.#chain = noted.index);
      }
      const deaths = exports.deaths();
      const died = deaths !== this.#deathsSeen;
      if (died) this.#noteAdrift();
      this.#deathsSeen = deaths;
      this.#chain = exports.completions_take(this.number) >>> 0;
      if (!died) break;
    }
    return this.#chain;
  }

  #noteAdrift() {
    const {core, number} = this;
    for (let index = 0; ; index++) {
      index = core.exports.adrift_next(number, index) >>> 0;
      if (index === L.NONE) return;
      this.#adrift.push({index, word: core.taskWord(index, L.TASK_STATE_WORD)});
    }
  }

  /**
   * If no worker can start, everything pending has ended so.
   * @param {Deliver} deliver
   */
  #breakIfBroken(deliver) {
    const {core} = this;
    const block = Atomics.load(core.words, L.BROKEN_WORD) >>> 0;
    if (!block || !this.pending) return 0;
    const size = Atomics.load(core.words, L.BROKEN_SIZE_WORD);
    core.reach(block + size);
    let count = 0;
    this.#slots.forEach((slot, ticket) => {
      if (slot === UNUSED || !deliver(ticket, Outcome.BROKEN, block, size, 0)) return;
      const call = this.#deferred.get(ticket);
      if (call) {
        this.#undefer(ticket, call);
      } else {
        core.exports.task_cancel(slot, this.number);
        this.#inFlight--;
      }
      this.#retire(ticket);
      count++;
    });
    return count;
  }

  /**
   * Blocks until there is something to collect, or a wake-up, or the time is over. Host worker only.
   * @param {number} milliseconds negative: no bound
   */
  wait(milliseconds) {
    if (this.#chain !== L.NONE || this.#adrift.length || this.#hopeless.length) return;
    this.core.exports.completions_wait(this.number, this.#seen, milliseconds);
    // wait() has disarmed the client: let a listener outstanding end, it arms again.
    if (this.#listening && this.waitAsync) this.core.exports.client_wake(this.number);
  }

  /** Calls oncompletions once, in a later turn, when there is something to collect. */
  listen() {
    if (this.#listening || this.#closed) return;
    this.#listening = true;
    this.#since = performance.now();
    if (this.#quick) this.#later.port2.postMessage(0);
    else this.#arm();
  }

  /** A turn of the event loop later: look; and look again for a while before arming. */
  #poll() {
    if (!this.#listening) return;
    if (this.#hasCompletions()) this.announce();
    else if (performance.now() - this.#since < POLL_MS) this.#later.port2.postMessage(0);
    else {
      this.#quick = false;
      this.#arm();
    }
  }

  #arm() {
    if (!this.core.exports.completions_arm(this.number) || this.#hasCompletions()) {
      this.core.exports.completions_disarm(this.number);
      this.#later.port2.postMessage(0);
      return;
    }
    if (!this.waitAsync) return;
    const {async, value} = Atomics.waitAsync(this.core.words, this.#eventsWord, this.#seen);
    if (!async) {
      // The counter has moved since the last collect(): collect again.
      this.#since = -Infinity;
      setTimeout(() => this.announce());
      return;
    }
    value.then(() => {
      this.#quick = performance.now() - this.#since < QUICK_MS;
      this.announce();
    });
  }

  #hasCompletions() {
    const {words} = this.core;
    return (
      this.#chain !== L.NONE ||
      this.#adrift.length > 0 ||
      this.#hopeless.length > 0 ||
      Atomics.load(words, this.#completedWord) !== (L.NONE | 0) ||
      Atomics.load(words, L.BROKEN_WORD) !== 0
    );
  }


  /** Completions have arrived, or may have. */
  announce() {
    if (!this.#listening || this.#closed) return;
    this.#listening = false;
    this.oncompletions();
    if (this.pending) this.listen();
  }

  // ---- the pool's state -------------------------------------------------------------------------

  /** Whether all workers have ended. */
  get closed() {
    return Atomics.load(this.core.words, L.CLOSED_WORD) === 1;
  }
}
