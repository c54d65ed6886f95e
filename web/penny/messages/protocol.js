// Every message of the engine `messages`, between whoever submits and its workers: by a channel of its own for each
// worker. What a worker's life is about goes the way of all workers' (pool/messages.js). README.md has the protocol.

/**
 * @typedef {import('./records.js').Packed} Packed
 *
 * To a worker.
 * @typedef {{type: 'group'} & Packed & Table} Group
 *   calls, which it runs in this order. Of a record: the number of the function; bits: Flag and INTERACTIVE
 * @typedef {{functions?: [number, Uint8Array][], bundles?: [number, Uint8Array][], forget?: number[]}} Table
 *   what these calls need and the worker has not: functions, by number, and definitions, by place, as pickles; and
 *   numbers and places that it may forget
 * @typedef {{type: 'cancel', id: number, reason: number}} Cancel a coroutine is to end; reason: of CancelReason
 * @typedef {{type: 'leave'}} Leave there is nothing to do any more
 * @typedef {{type: 'outcome', ticket: number, outcome: number, worker: number, bytes: Uint8Array}} Outcome
 *   of what a coroutine has submitted
 * @typedef {Group | Cancel | Leave | Outcome} ToWorker
 *
 * From a worker.
 * @typedef {{type: 'ended', ms: number} & Packed} Ended
 *   what became of a group, all of it; of a coroutine, whenever it has ended. number: 1 if it raised; ms: that it took
 * @typedef {{type: 'dies', at: number | null} & Packed} Dies
 *   its Python is dead; the last message. What became of the calls of its group that have ended; at: the one that it was at,
 *   null: it was at none. All others have not begun
 * @typedef {import('../pool/messages.js').Output} Output what was printed before
 * @typedef {{type: 'heard', id: number}} Heard the coroutine was asked to end
 *
 * What coroutines submit, from their worker; numbers and tickets are the worker's own.
 * @typedef {{type: 'function', number: number, form: Uint8Array}} NewFunction
 * @typedef {{type: 'drop', number: number}} DropFunction
 * @typedef {{type: 'submit', ticket: number, number: number, bytes: Uint8Array<ArrayBuffer>,
 *            options: {flags: number, interactive: boolean, limit: number}}} Submit
 * @typedef {{type: 'ask', ticket: number}} Ask it is to end, or not to begin
 * @typedef {NewFunction | DropFunction | Submit | Ask} Submission
 * @typedef {Ended | Dies | Output | Heard | Submission} FromWorker
 */

/** A bit of a call, beside Flag: it goes before others. */
export const INTERACTIVE = 4;
