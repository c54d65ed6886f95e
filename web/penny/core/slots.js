// The payload of a task: arguments, then the outcome. A small one lies in the task's slot, a large one in a block of
// the heap, and with either the slot carries the arrays that it refers to (penny/wasm_core/memory/README.md).
import * as L from './layout.js';
import {copyBytes, writePieces} from './payload.js';

/** @typedef {import('./core.js').Core} Core */

/** What fill() returns where there is no room. */
export const FULL = -1;

/** Where a payload lies that fits into its slot. @param {number} task @returns {number} address */
export const roomOf = task => L.TASK_ADDRESS + task * L.TASK_BYTES + L.TASK_PAYLOAD;

/**
 * Puts a payload into its task's slot, or into the heap, and has the slot, which carries nothing yet, carry its arrays.
 * @param {Core} core of whoever owns the slot
 * @param {number} task its slot
 * @param {number} size bytes
 * @param {import('./payload.js').Pieces} pieces so many
 * @param {number[]} arrays numbers of those that it refers to, each once, which the caller holds
 * @param {(participant: number, size: number) => number} allocate the core's: arguments_allocate, or heap_allocate
 * @returns {number} address of the block, 0: it is in the slot; FULL: there is no room, the slot is as it was
 */
export function fill(core, task, size, pieces, arrays, allocate) {
  let block = 0;
  if (size > L.TASK_PAYLOAD_BYTES) {
    block = allocate(core.participant, size) >>> 0;
    if (!block) return FULL;
    core.reach(block + size);
  }
  if (!core.arrays.carry(task, arrays)) {
    if (block) core.exports.heap_free(core.participant, block);
    return FULL;
  }
  writePieces(pieces, core.bytes, block || roomOf(task));
  return block;
}

/**
 * Puts a payload of one piece that fits into the slot there; it refers to no arrays.
 * @param {Core} core
 * @param {number} task
 * @param {Uint8Array} source
 * @param {number} from
 * @param {number} size at most TASK_PAYLOAD_BYTES
 */
export function fillSmall(core, task, source, from, size) {
  copyBytes(source, from, size, core.bytes, roomOf(task));
}
