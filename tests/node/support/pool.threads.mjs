// A pool worker and its tasks, for all tests that need whole tasks and no Python.
//
// A task's arguments are: its id; how many bytes it shall return, at least 4; for how many turns of a loop it
// shall compute; a filler. Its result is the complement of its id, and a filler.
import assert from 'node:assert/strict';

import {PAGE} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';

/** @typedef {import('./threads.mjs').TestCore} TestCore */
/** @typedef {import('./threads.mjs').Body} Body */

const ARGUMENTS_MIN = 12;
/** How long a worker that holds a result without room waits for tasks before it tries again, ms. */
const ROOM_INTERVAL = 1;

/**
 * @param {number} id
 * @param {{size?: number, returns?: number, turns?: number}} [options] size of the arguments in bytes
 */
export function argumentsOf(id, {size = ARGUMENTS_MIN, returns = 4, turns = 0} = {}) {
  const bytes = new Uint8Array(Math.max(size, ARGUMENTS_MIN)).fill(id);
  const view = new DataView(bytes.buffer);
  [id, returns, turns].forEach((value, i) => view.setUint32(4 * i, value, true));
  return bytes;
}

/**
 * Checks that the bytes are the result of the task of this id.
 * @param {TestCore} core
 * @param {number} address
 * @param {number} size
 * @param {number} id
 */
export function checkResult(core, address, size, id) {
  core.reach(address + size);
  assert.equal(read(core, address), ~id >>> 0, 'the result of another task');
  checkFiller(core, address + 4, size - 4, ~id & 0xff);
}

/**
 * @param {TestCore} core
 * @param {number} address
 * @param {number} size
 * @param {number} filler
 */
function checkFiller(core, address, size, filler) {
  // Word by word where that is possible: blocks are large.
  const words = address % 4 ? 0 : size >> 2;
  const word = Math.imul(filler, 0x01010101);
  let wrong = -1;
  for (let i = 0; i < words && wrong < 0; i++) if (core.words[(address >> 2) + i] !== word) wrong = i;
  if (wrong < 0) {
    const rest = core.bytes.subarray(address + 4 * words, address + size);
    wrong = rest.findIndex(byte => byte !== filler);
  }
  assert.ok(wrong < 0, `the payload of ${size} bytes at ${address} has been overwritten`);
}

/** A word that need not be aligned. @param {TestCore} core @param {number} address */
function read({bytes}, address) {
  return (
    (bytes[address] | (bytes[address + 1] << 8) | (bytes[address + 2] << 16) | (bytes[address + 3] << 24)) >>> 0
  );
}

/**
 * Runs a task that this worker has claimed: reads and checks the arguments, computes. Does not end it.
 * @param {TestCore} core
 * @param {number} task
 * @returns {{id: number, returns: number}}
 */
export function runTask(core, task) {
  const address = core.payload(task);
  const size = core.taskWord(task, L.TASK_SIZE_WORD);
  const [id, returns, turns] = [0, 4, 8].map(offset => read(core, address + offset));
  checkFiller(core, address + ARGUMENTS_MIN, size - ARGUMENTS_MIN, id & 0xff);
  core.exports.task_arguments_read(task, core.participant);
  setInnermost(core, task);
  for (let i = 0; i < turns; i++) read(core, address);
  return {id, returns};
}

/** @param {TestCore} core */
const innermostWord = ({participant}) =>
  (L.WORKER_ADDRESS + participant * L.WORKER_BYTES) / 4 + L.WORKER_INNERMOST_WORD;

/** This worker's innermost task: its slot. @param {TestCore} core */
export const innermost = core => (core.words[innermostWord(core)] - 1) & L.INDEX_MASK;

/** Its jobs are promoted from now on. @param {TestCore} core @param {number} task its slot */
export function setInnermost(core, task) {
  core.words[innermostWord(core)] = core.hint(task) + 1;
}

/**
 * Ends a task with its result.
 * @param {TestCore} core
 * @param {number} task
 * @param {number} id
 * @param {number} size
 * @returns {number} 0: no room; otherwise what task_finish returns
 */
export function endTask(core, task, id, size) {
  const {exports, participant} = core;
  let block = 0;
  if (size > L.TASK_PAYLOAD_BYTES) {
    block = exports.heap_allocate(participant, size) >>> 0;
    if (!block) return 0;
    core.reach(block + size);
  }
  const address = block || L.TASK_ADDRESS + task * L.TASK_BYTES + L.TASK_PAYLOAD;
  core.bytes.fill(~id, address, address + size);
  new DataView(core.bytes.buffer).setUint32(address, ~id >>> 0, true);
  const answer = exports.task_finish(task, participant, L.State.RETURNED, size, block);
  assert.notEqual(answer, 0, 'the task is not this worker’s any more');
  return answer;
}

/**
 * Submits a task of the page's, whose arguments lie in its slot.
 * @param {TestCore} core
 * @param {number} fn
 * @param {number} id
 * @param {{queue?: number, limit?: number, parent?: number}} [options] limit in ms; parent: hint of the task whose
 *     job it is
 * @returns {number} its slot
 */
export function submitTask(core, fn, id, {queue = L.BATCH, limit = 0, parent} = {}) {
  const {exports} = core;
  const slot = exports.task_new(PAGE);
  const bytes = argumentsOf(id);
  core.bytes.set(bytes, core.taskAddress(slot) + L.TASK_PAYLOAD);
  if (limit) exports.task_limit(slot, limit);
  if (parent !== undefined) exports.task_parent(slot, parent, 0);
  assert.equal(exports.task_submit(slot, fn, queue, 0, bytes.length, 0), 1);
  return slot;
}

/**
 * Promotes a job of this worker's, as WorkerPort.promote() does.
 * @param {TestCore} core
 * @param {number} fn
 * @param {number} id
 * @param {Parameters<typeof argumentsOf>[1] & {queue?: number, limit?: number, serial?: number}} [options]
 * @returns {number} hint; -1: no room; -2: the function has left the table
 */
export function promoteJob(core, fn, id, {queue = L.BATCH, limit = 0, serial, ...options} = {}) {
  const {exports, participant} = core;
  const index = exports.promotion_slot(participant) >>> 0;
  if (index === L.NONE) return -1;
  const bytes = argumentsOf(id, options);
  let block = 0;
  if (bytes.length > L.TASK_PAYLOAD_BYTES) {
    block = exports.arguments_allocate(participant, bytes.length) >>> 0;
    if (!block) {
      exports.promotion_withdraw(index, participant);
      return -1;
    }
    core.reach(block + bytes.length);
  }
  core.bytes.set(bytes, block || core.taskAddress(index) + L.TASK_PAYLOAD);
  if (limit) exports.task_limit(index, limit);
  serial ??= exports.function_serial(fn);
  const hint = exports.promote(index, participant, fn, serial, queue, 0, bytes.length, block);
  if (hint < 0) exports.promotion_withdraw(index, participant);
  return hint;
}

/**
 * Reads and checks the outcome of a promoted job that has ended, and frees its slot.
 * @param {TestCore} core
 * @param {number} hint
 * @param {number} id
 */
export function takeOutcome(core, hint, id) {
  const index = hint & L.INDEX_MASK;
  checkResult(core, core.payload(index), core.taskWord(index, L.TASK_SIZE_WORD), id);
  core.exports.job_free(hint, core.participant);
}

/** The client's event counter: read it before looking for completions. @param {TestCore} core */
export function eventsOf(core, /** @type {number} */ client) {
  return core.word(L.CLIENT_ADDRESS + client * L.CLIENT_BYTES + 4 * L.CLIENT_EVENTS_WORD);
}

/**
 * Takes a client's completions and frees their slots.
 * @param {TestCore} core
 * @param {number} client
 * @param {(slot: number) => void} ended called before a slot is freed, oldest first
 * @returns {number} how many
 */
export function takeCompletions(core, client, ended) {
  let count = 0;
  for (let slot = core.exports.completions_take(client) >>> 0; slot !== L.NONE; count++) {
    const next = core.taskWord(slot, L.TASK_NEXT_WORD);
    ended(slot);
    core.exports.task_free(slot, client);
    slot = next;
  }
  return count;
}

/**
 * A pool worker's loop. Returns the ids of its tasks in order.
 * @type {Body}
 */
export function worker(core, {ran}, {note}) {
  const {exports, participant} = core;
  exports.worker_start(participant);
  const ids = [];
  /** Results that found no room. @type {{task: number, id: number, returns: number}[]} */
  const aside = [];
  for (;;) {
    while (aside.length && endTask(core, aside[0].task, aside[0].id, aside[0].returns)) aside.shift();
    exports.worker_wants_room(participant, Number(aside.length > 0));
    note(`ran ${ids.length} tasks, ${aside.length} results without room; looks for a task`);
    const task = exports.worker_next(participant, aside.length ? ROOM_INTERVAL : -1);
    if (task === -1) return ids;
    if (task < 0) continue;
    note(`ran ${ids.length} tasks; runs the one in slot ${task}`);
    const {id, returns} = runTask(core, task);
    if (ran) Atomics.add(ran, id, 1);
    ids.push(id);
    if (!endTask(core, task, id, returns)) aside.push({task, id, returns});
  }
}
