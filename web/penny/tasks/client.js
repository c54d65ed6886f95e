// A client's half of a task's life: submission (back-pressure: deferred.js), and collection of outcomes (how it hears
// of them: listening.js). Nothing here blocks but wait(), which only a host worker may call. The states of a call, and
// why nothing that a receiver does can make an outcome reach another's call: web/penny/tasks/README.md.
import {clientParticipant} from '../core/core.js';
import {CorruptionError} from '../core/corruption.js';
import * as L from '../core/layout.js';
import {Outcome} from '../core/layout.js';
import {joined, lengthOf} from '../core/payload.js';
import {FULL, fill, roomOf} from '../core/slots.js';
import {HeapLimitError, KEEP, LOST_OUTCOMES, PLAIN, RESERVED, release} from './calls.js';
import {Completed} from './completed.js';
import {Deferred} from './deferred.js';
import {Listener} from './listening.js';

/**
 * @typedef {import('../core/core.js').Core} Core
 * @typedef {import('./calls.js').Ticket} Ticket
 * @typedef {import('./calls.js').TableFunction} TableFunction
 * @typedef {import('./calls.js').CallOptions} CallOptions
 * @typedef {import('./calls.js').Call} Call
 * @typedef {import('./calls.js').Deliver} Deliver
 */

/** Instead of a call's slot: it waits here for room; or there never will be any, and this is to be delivered. */
const DEFERRED = -1;
const HOPELESS = -2;
/** Instead of the ticket of a slot: nobody's any more, or a predecessor's, who has died. */
const UNKNOWN = undefined;

export class Client {
  /** The calls that have not ended: the slot of each, DEFERRED or HOPELESS. @type {Map<Ticket, number>} */
  #calls = new Map();
  /** Whose each slot is, or UNKNOWN. @type {Ticket[]} */
  #tickets = new Array(L.TASKS).fill(UNKNOWN);
  /** The last ticket that was made here. */
  #lastTicket = 0;
  /** The sizes of deferred calls that never will. @type {Map<Ticket, number>} */
  #hopeless = new Map();
  #inFlight = 0;
  /** Whether the list of completed tasks was overwritten. Nothing comes from it any more. */
  #corrupted = false;
  /** The event counter before the last collect(). */
  #seen = 0;
  /** Whether collect() is at work, and how many outcomes it has handed over. */
  #collecting = false;
  #count = 0;
  /** How many tasks of a predecessor have yet to end. */
  #inherited = 0;
  /** Whose outcome is being handed over although it has not ended. @type {Ticket} */
  #ending = UNKNOWN;

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
    /** Called when completions have arrived and nobody is in wait(). */
    this.oncompletions = () => {};
    /** Called when a task was submitted that has to be watched (pool/pool.js, watch()). */
    this.onwatch = () => {};
    /** Called when a coroutine was submitted (pool/pool.js, startAsync()). */
    this.oncoroutine = () => {};
    this.#deferred = new Deferred(core, {
      place: (ticket, {fn, options, bytes, arrays}) => this.#place(ticket, fn, options, bytes, arrays),
      slotsAreTaken: queue => this.#slotsAreTaken(queue),
      giveUp: (ticket, {bytes}) => {
        this.#calls.set(ticket, HOPELESS);
        this.#hopeless.set(ticket, bytes.length);
        this.#listener.look();
      },
    });
    this.#completed = new Completed(core, number);
    this.#listener = new Listener(core, number, waitAsync, {
      seen: () => this.#seen,
      pending: () => this.pending > 0 || this.#inherited > 0,
      hasCompletions: () => this.#hasCompletions(),
      oncompletions: () => this.oncompletions(),
    });
  }
  /** @type {Deferred} */
  #deferred;
  /** @type {Completed} */
  #completed;
  /** @type {Listener} */
  #listener;

  /** Calls submitted and not yet ended. */
  get pending() {
    return this.#calls.size;
  }

  /** Whose these are, in the order of submission. */
  tickets() {
    return [...this.#calls.keys()];
  }

  /**
   * Throws away what a predecessor of this number has left that has died: what has ended, and what will. Before
   * anything is submitted.
   */
  inherit() {
    const {core, participant} = this;
    for (let index = 0; index < L.TASKS; index++) {
      const state = core.taskWord(index, L.TASK_STATE_WORD) & L.STATE_MASK;
      // What it had queued or was filling is withdrawn by now.
      const its = state >= L.State.RUNNING && core.taskWord(index, L.TASK_OWNER_WORD) === participant;
      this.#inherited += Number(its);
    }
    if (!this.#inherited) return;
    this.oncompletions = () => this.collect(() => false); // until there is somebody to deliver to
    this.oncompletions();
    this.listen();
  }

  /** Ends it: nothing is collected any more, and nothing keeps it or its memory alive. */
  close() {
    this.#deferred.close();
    this.#listener.close();
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
    return {bytes, entry: 0, references: 1};
  }

  /** @param {TableFunction} fn */
  dropFunction(fn) {
    release(this.core, fn);
  }

  /**
   * The function's number in the table, or 0 if there is no room for it now.
   * @param {TableFunction} fn
   */
  #entry(fn) {
    if (fn.entry || !fn.bytes) return fn.entry;
    fn.entry = this.core.addFunction(fn.bytes);
    if (fn.entry) fn.bytes = null;
    return fn.entry;
  }

  // ---- submission -------------------------------------------------------------------------------

  /**
   * Submits one call. Never blocks: what finds no slot or no room waits here, in order.
   * @param {TableFunction} fn
   * @param {CallOptions} options
   * @param {import('../core/payload.js').Pieces} pieces the pickled arguments; copied before this returns
   * @param {number[]} [arrays] numbers of the arrays among them, each once, which the caller holds
   * @param {Ticket} [ticket] what the call is to be known by; else a number, from 1
   * @returns {Ticket}
   */
  submit(fn, options, pieces, arrays = [], ticket = ++this.#lastTicket) {
    if (this.#corrupted) throw new CorruptionError('use another Scheduler');
    const limit = this.core.exports.heap_limit();
    const size = lengthOf(pieces);
    if (size > limit) throw new HeapLimitError(size, limit);
    if (this.#waits(options.queue) || !this.#place(ticket, fn, options, pieces, arrays))
      this.#defer(ticket, {fn, options, bytes: joined(pieces), arrays});
    if (options.queue === L.COROUTINES) this.oncoroutine();
    return ticket;
  }

  /**
   * Submits a plain call whose arguments `write` puts straight into the slot.
   * @param {TableFunction} fn
   * @param {number} flags
   * @param {(bytes: Uint8Array, offset: number, limit: number) => number} write returns how many
   *     bytes it wrote, or -1 if there is more than fits
   * @param {Ticket} ticket as of submit()
   * @returns {boolean} false: pickle the arguments elsewhere and call submit()
   */
  submitInline(fn, flags, write, ticket) {
    if (this.#corrupted) throw new CorruptionError('use another Scheduler');
    const entry = this.#entry(fn);
    if (this.#waits(PLAIN.queue) || !entry) return false;
    const {core} = this;
    const index = core.exports.task_new(this.number) >>> 0;
    if (index === L.NONE) return false;
    const payload = roomOf(index);
    let size = -1;
    try {
      size = write(core.bytes, payload, payload + L.TASK_PAYLOAD_BYTES);
    } finally {
      if (size < 0) core.exports.task_free(index, this.number);
    }
    return size >= 0 && this.#publish(ticket, index, entry, L.BATCH, flags, size, 0);
  }

  /** Whether such a call has to wait for others. @param {number} queue */
  #waits(queue) {
    return this.#deferred.holdsUp(queue) || this.#slotsAreTaken(queue);
  }

  /** Whether it is this client's own tasks that leave no slot. @param {number} queue */
  #slotsAreTaken(queue) {
    return queue === L.BATCH && this.#inFlight >= L.TASKS - RESERVED;
  }

  /**
   * @param {Ticket} ticket
   * @param {Call} call
   */
  #defer(ticket, call) {
    this.#calls.set(ticket, DEFERRED);
    this.#deferred.add(ticket, call);
    this.listen(); // also to hear that the pool is broken
  }

  /**
   * @param {Ticket} ticket
   * @param {TableFunction} fn
   * @param {CallOptions} options
   * @param {import('../core/payload.js').Pieces} pieces
   * @param {number[]} arrays
   * @returns {boolean} whether there was room
   */
  #place(ticket, fn, {queue, flags, limit, parent = -1}, pieces, arrays) {
    const {core, number} = this;
    const size = lengthOf(pieces);
    if (this.#slotsAreTaken(queue)) return false;
    const entry = this.#entry(fn);
    if (!entry) return false;
    const index = core.exports.task_new(number) >>> 0;
    if (index === L.NONE) return false;
    const block = fill(core, index, size, pieces, arrays, core.exports.arguments_allocate);
    if (block === FULL) {
      core.exports.task_free(index, number);
      return false;
    }
    if (limit) core.exports.task_limit(index, limit);
    if (parent >= 0) core.exports.task_parent(index, parent, 0);
    if (!this.#publish(ticket, index, entry, queue, flags, size, block)) return false;
    if (limit) this.onwatch();
    return true;
  }

  /**
   * @param {Ticket} ticket
   * @param {number} index
   * @param {number} entry
   * @param {number} queue
   * @param {number} flags
   * @param {number} size
   * @param {number} block
   */
  #publish(ticket, index, entry, queue, flags, size, block) {
    if (!this.core.exports.task_submit(index, entry, queue, flags, size, block)) {
      this.core.exports.task_free(index, this.number); // frees the block, too
      return false;
    }
    this.#calls.set(ticket, index);
    this.#tickets[index] = ticket;
    this.#inFlight++;
    this.listen();
    return true;
  }

  /**
   * Withdraws a task; false if a worker has it or had it, or if it is over.
   * @param {Ticket} ticket
   */
  cancel(ticket) {
    const slot = this.#calls.get(ticket);
    if (slot === undefined || slot === HOPELESS || ticket === this.#ending) return false;
    if (slot === DEFERRED) this.#deferred.remove(ticket);
    else if (!this.core.exports.task_cancel(slot, this.number)) return false;
    else this.#leave(slot);
    this.#calls.delete(ticket);
    if (slot !== DEFERRED) this.#deferred.feed();
    if (!this.pending) this.#listener.rest();
    return true;
  }

  /** The slot is no call's any more. @param {number} slot */
  #leave(slot) {
    this.#tickets[slot] = UNKNOWN;
    this.#inFlight--;
  }

  /** The slot of a call, if it has one. @param {Ticket} ticket */
  #slotOf(ticket) {
    const slot = this.#calls.get(ticket);
    return slot === undefined || slot < 0 ? L.NONE : slot;
  }

  /**
   * Asks a running task to end; false if it does not run.
   * @param {Ticket} ticket
   */
  askCancel(ticket) {
    const slot = this.#slotOf(ticket);
    if (slot === L.NONE || !this.core.exports.task_ask_cancel(slot)) return false;
    this.onwatch();
    return true;
  }

  /**
   * Whether a worker has taken the task.
   * @param {Ticket} ticket
   */
  running(ticket) {
    const slot = this.#slotOf(ticket);
    if (slot === L.NONE) return false;
    return (this.core.taskWord(slot, L.TASK_STATE_WORD) & L.STATE_MASK) !== L.State.QUEUED;
  }

  // ---- completion -------------------------------------------------------------------------------

  /**
   * Hands over what has ended, at most `limit` outcomes. What `deliver` does with the client meanwhile is its own
   * affair, but a collect() of its own finds nothing. If it throws, so does this: the outcome stays for the next time.
   * @param {Deliver} deliver
   * @param {number} [limit]
   * @returns {number} how many
   */
  collect(deliver, limit = Infinity) {
    if (this.#collecting) return 0;
    this.#collecting = true;
    this.#count = 0;
    try {
      if (!this.#corrupted) this.#collectEnded(deliver, limit);
      if (this.#corrupted) this.#endAll(deliver, limit, Outcome.CORRUPTED, 0, 0);
    } finally {
      this.#collecting = false;
      if (this.#count && !this.#corrupted) this.#deferred.feed();
    }
    return this.#count;
  }

  /**
   * @param {Deliver} deliver
   * @param {number} limit
   */
  #collectEnded(deliver, limit) {
    try {
      this.#collect(deliver, limit);
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error;
      // The list of what has completed can't be followed: what of it would never be known.
      this.#corrupted = true;
    }
  }

  /**
   * @param {Deliver} deliver
   * @param {number} limit
   */
  #collect(deliver, limit) {
    const {core, number} = this;
    this.#seen = this.#listener.events(); // before looking, see completions.c
    this.#completed.refresh();
    for (const [ticket, size] of this.#hopeless) {
      if (this.#count >= limit || !deliver(ticket, Outcome.NO_ROOM, 0, size, 0, L.NONE)) return;
      this.#hopeless.delete(ticket);
      this.#ended(ticket);
    }
    while (this.#count < limit) {
      const index = this.#completed.first();
      if (index === L.NONE) {
        this.#breakIfBroken(deliver, limit);
        return;
      }
      const ticket = this.#tickets[index];
      if (ticket === UNKNOWN) {
        this.#completed.shift();
        core.exports.task_free(index, number);
        if (this.#inherited) this.#inherited--;
        continue;
      }
      const word = core.taskWord(index, L.TASK_STATE_WORD);
      let outcome = this.#outcome(index, word & L.STATE_MASK);
      let address = 0;
      let size = 0;
      if (outcome !== Outcome.CORRUPTED) {
        try {
          address = core.payload(index);
          size = core.taskWord(index, L.TASK_SIZE_WORD);
        } catch {
          outcome = Outcome.CORRUPTED; // this one's slot; others are none the worse
        }
      }
      const taken = deliver(ticket, outcome, address, size, (word >> L.PARTICIPANT_SHIFT) & L.PARTICIPANT_MASK, index);
      if (!taken) return;
      this.#completed.shift();
      this.#leave(index); // before the slot is free
      this.#ended(ticket);
      if (taken !== KEEP) core.exports.task_free(index, number);
    }
  }

  /** @param {Ticket} ticket whose outcome has been taken */
  #ended(ticket) {
    this.#calls.delete(ticket);
    this.#count++;
  }

  /** Frees a slot that a receiver has kept. @param {number} slot */
  free(slot) {
    this.core.exports.task_free(slot, this.number);
    this.#deferred.feed();
  }

  /**
   * @param {number} index
   * @param {number} state
   */
  #outcome(index, state) {
    if (state === L.State.RETURNED) return Outcome.RETURNED;
    if (state === L.State.RAISED) return Outcome.RAISED;
    if (state !== L.State.LOST) return Outcome.CORRUPTED;
    return LOST_OUTCOMES[this.core.exports.task_was_asked(index)] ?? Outcome.CORRUPTED;
  }

  /**
   * If no worker can start, everything pending has ended so.
   * @param {Deliver} deliver
   * @param {number} limit
   */
  #breakIfBroken(deliver, limit) {
    const {core} = this;
    const block = Atomics.load(core.words, L.BROKEN_WORD) >>> 0;
    if (!block || !this.pending) return;
    const size = Atomics.load(core.words, L.BROKEN_SIZE_WORD) >>> 0;
    core.checkBlock(block, size);
    this.#endAll(deliver, limit, Outcome.BROKEN, block, size);
  }

  /**
   * Everything pending has ended so.
   * @param {Deliver} deliver
   * @param {number} limit
   * @param {number} outcome
   * @param {number} address
   * @param {number} size
   */
  #endAll(deliver, limit, outcome, address, size) {
    for (const ticket of this.#calls.keys()) {
      if (this.#count >= limit) return;
      this.#ending = ticket;
      try {
        if (!deliver(ticket, outcome, address, size, 0, L.NONE)) return;
      } finally {
        this.#ending = UNKNOWN;
      }
      const slot = /** @type {number} */ (this.#calls.get(ticket)); // now: it may have been placed meanwhile
      if (slot === DEFERRED) {
        this.#deferred.remove(ticket);
      } else if (slot === HOPELESS) {
        this.#hopeless.delete(ticket);
      } else {
        // If somebody has it after all, that it has ended will be heard of, and be nobody's.
        this.core.exports.task_cancel(slot, this.number);
        this.#leave(slot);
      }
      this.#ended(ticket);
    }
  }

  /**
   * Blocks until there is something to collect, or a wake-up, or the time is over. Host worker only.
   * @param {number} milliseconds negative: no bound
   */
  wait(milliseconds) {
    if (this.#hasCompletions()) return;
    const {retryAt} = this.#deferred;
    if (retryAt === Infinity) {
      this.#sleep(milliseconds);
      return;
    }
    // No timer fires meanwhile.
    const untilRetry = Math.max(0, retryAt - performance.now());
    this.#sleep(milliseconds < 0 ? untilRetry : Math.min(milliseconds, untilRetry));
    if (performance.now() >= this.#deferred.retryAt) this.#deferred.feedAgain();
  }

  /** @param {number} milliseconds */
  #sleep(milliseconds) {
    this.core.exports.completions_wait(this.number, this.#seen, milliseconds);
    this.#listener.disarmed();
  }

  /** Whether collect() would find something. */
  #hasCompletions() {
    if (this.#corrupted) return this.pending > 0;
    return this.#completed.length > 0 || this.#hopeless.size > 0;
  }

  /** Calls oncompletions once, in a later turn, when there is something to collect. */
  listen() {
    this.#listener.listen();
  }

  /** Completions have arrived, or may have. */
  announce() {
    this.#listener.announce();
  }

  // ---- the pool's state -------------------------------------------------------------------------

  /** Whether all workers have ended. */
  get closed() {
    return Atomics.load(this.core.words, L.CLOSED_WORD) === 1;
  }
}
