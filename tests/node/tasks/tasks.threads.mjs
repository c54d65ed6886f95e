// Threads of tasks.test.mjs.
import assert from 'node:assert/strict';

import {PAGE} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {NONE, State, generator} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').Body} Body */

const PUBLISHED = 0; // signal: how many hints lie in `hints`

/**
 * A client that publishes hints.length tasks, one after the other, cancels some and frees what has ended.
 * @type {Body}
 */
export function publisher({exports, test, ...core}, {hints, cancelled, fn, cancelling}, {note, signals}) {
  const random = generator(5);
  /** Task number of each slot. */
  const numbers = new Int32Array(L.TASKS);
  let ended = 0;
  const collect = () => {
    for (let slot = exports.completions_take(PAGE) >>> 0; slot !== NONE; ) {
      const next = core.words[((L.TASK_ADDRESS + slot * L.TASK_BYTES) >> 2) + L.TASK_NEXT_WORD] >>> 0;
      exports.task_free(slot, PAGE);
      slot = next;
      ended++;
    }
  };
  /** @type {{slot: number, number: number}[]} */
  const doubtful = [];
  const cancel = () => {
    const {slot, number} = /** @type {{slot: number, number: number}} */ (doubtful.shift());
    if (numbers[slot] !== number || !exports.task_cancel(slot, PAGE)) return;
    cancelled[number]++;
    ended++;
  };
  for (let number = 0; number < hints.length; number++) {
    if (number % 1000 === 0) note(`publishes ${number}, ${ended} ended`);
    let slot;
    while ((slot = exports.task_new(PAGE) >>> 0) === NONE) collect();
    numbers[slot] = number;
    const generation = core.words[(L.TASK_ADDRESS + slot * L.TASK_BYTES) >> 2] >>> 16;
    assert.equal(exports.task_submit(slot, fn, L.BATCH, 0, 0, 0), 1);
    assert.notEqual(test.injector_take(L.BATCH) >>> 0, NONE); // the claimers have the hints from `hints`
    hints[number] = (generation << Math.log2(L.TASKS)) | slot;
    Atomics.store(signals, PUBLISHED, number + 1);
    Atomics.notify(signals, PUBLISHED);
    if (cancelling) doubtful.push({slot, number});
    while (doubtful.length > random() % 4) cancel();
    if (number % 16 === 0) collect();
  }
  while (ended < hints.length) {
    note(`waits for the end of ${hints.length - ended}`);
    collect();
  }
}

/** Tries to claim every task, at once when it is published, twice; and stale hints. @type {Body} */
export function claimer({exports, test, participant}, {hints, claimed}, {note, signals}) {
  let won = 0;
  for (let number = 0; number < hints.length; number++) {
    if (number % 1000 === 0) note(`claims ${number}, won ${won}`);
    let published;
    while ((published = Atomics.load(signals, PUBLISHED)) <= number)
      Atomics.wait(signals, PUBLISHED, published);
    const hint = hints[number];
    const slot = hint & (L.TASKS - 1);
    const stale = ((hint - L.TASKS) & 0x3fffffff) >>> 0; // the same slot, one generation ago
    for (const tried of [stale, hint, hint]) {
      if (!test.claim(tried, participant)) continue;
      Atomics.add(claimed, number, tried === hint ? 1 : 100);
      won++;
      assert.notEqual(exports.task_finish(slot, participant, State.RETURNED, 0, 0), 0);
    }
  }
  return won;
}

/** A client that takes free slots until there are none; returns them. @type {Body} */
export function hoarder({exports}, {client}, {note}) {
  const slots = [];
  for (;;) {
    const slot = exports.task_new(client) >>> 0;
    if (slot === NONE) return slots;
    if (slots.push(slot) % 1000 === 0) note(`has ${slots.length} slots`);
  }
}

/** A client that takes and gives back slots, as many as it gets or four at a time. @type {Body} */
export function borrower({exports}, {client, holder, rounds}, {note}) {
  let borrowed = 0;
  while (borrowed < rounds) {
    const slots = [];
    for (let slot; slots.length < 4 && (slot = exports.task_new(client) >>> 0) !== NONE; ) {
      assert.equal(Atomics.exchange(holder, slot, client), 0, `slot ${slot} is held twice`);
      slots.push(slot);
    }
    for (const slot of slots) {
      assert.equal(Atomics.exchange(holder, slot, 0), client, `slot ${slot} is held twice`);
      exports.task_free(slot, client);
    }
    borrowed += slots.length;
    if (borrowed % 1000 < 4) note(`borrowed ${borrowed}`);
  }
}

/** A client in the middle of task_submit(), with the injector full. @type {Body} */
export function submitter({exports}, {slot, fn}) {
  return exports.task_submit(slot, fn, L.BATCH, 0, 0, 0);
}
