// What a call is, from its submission until its outcome has been handed over.
import * as L from '../core/layout.js';
import {Outcome} from '../core/layout.js';

/**
 * What a call is known by to whoever submits it: whatever is the same value as itself alone, for ever. A number that is
 * counted up, or an object. It is never used again: what knows the ticket of a call that is over knows nobody else's.
 * @typedef {any} Ticket
 */

/**
 * A function for the table: its pickle, until it has an entry there. References: one of whoever added it,
 * one of each deferred call.
 * @typedef {{bytes: Uint8Array | null, entry: number, references: number}} TableFunction
 *
 * What a call needs beside its arguments. flags: of the arguments; queue: one of INTERACTIVE, BATCH,
 * COROUTINES; limit: ms that it may run, 0: no limit; parent: handle of the coroutine task that submits it.
 * @typedef {{flags: number, queue: number, limit: number, parent?: number}} CallOptions
 * @typedef {{fn: TableFunction, options: CallOptions, bytes: Uint8Array, arrays: number[]}} Call arrays: what its
 *     arguments refer to, held by the client while it is deferred
 */

/**
 * Where a call waits for a worker.
 * @param {number} flags of Flag
 * @param {boolean} interactive
 */
export function queueOf(flags, interactive) {
  if (flags & L.Flag.COROUTINE) return L.COROUTINES;
  return interactive ? L.INTERACTIVE : L.BATCH;
}

/** @type {CallOptions} */
export const PLAIN = {flags: 0, queue: L.BATCH, limit: 0};

/** How a task ended whose worker died, by why it had been asked to end. @type {Record<number, number>} */
export const LOST_OUTCOMES = {
  [L.CancelReason.NOT_ASKED]: Outcome.LOST,
  [L.CancelReason.ASKED]: Outcome.CANCELLED,
  [L.CancelReason.TIMED_OUT]: Outcome.TIMED_OUT,
};

/** Slots that batch tasks leave to interactive ones and to the workers' promotions: 16 for each of 64 workers. */
export const RESERVED = 1024;

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
 * Gets each outcome once. `address` and `size` say where its payload lies in the shared memory during
 * the call; for BROKEN it is UTF-8 text; for CORRUPTED and NO_ROOM there is none, with NO_ROOM `size` is what
 * the arguments take.
 * @callback Deliver
 * @param {Ticket} ticket
 * @param {number} outcome one of Outcome
 * @param {number} address
 * @param {number} size bytes
 * @param {number} worker
 * @param {number} slot of the task; NONE: there is none
 * @returns {boolean | typeof KEEP} false: not taken now (no room at the receiver), offer it again
 */

/** What a receiver returns that goes on reading the slot, and frees it later by free(). */
export const KEEP = 2;

/**
 * One reference less; the last one frees its entry.
 * @param {import('../core/core.js').Core} core of the client whose function it is
 * @param {TableFunction} fn
 */
export function release(core, fn) {
  if (--fn.references === 0 && fn.entry) core.exports.function_drop(core.participant, fn.entry);
}
