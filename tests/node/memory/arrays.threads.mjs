// Threads of arrays.test.mjs. An array's words are its serial, again and again.
import assert from 'node:assert/strict';

import {HOST} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {Outcome} from '../../../web/penny/core/layout.js';
import {PLAIN} from '../../../web/penny/tasks/calls.js';
import {Client} from '../../../web/penny/tasks/client.js';
import {argumentsOf, runTask} from '../support/pool.threads.mjs';
import {generator} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').Body} Body */
/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

/** Signals: the host makes no more; it has ended. */
export const OVER = 1;
const ENDED = 2;

const WORDS = 100;

/** @param {TestCore} core @param {number} number */
function wordsOf(core, number) {
  const address = core.exports.array_block(number) >>> 0;
  const size = core.exports.array_size(number);
  core.reach(address + size);
  return core.words.subarray(address >> 2, (address + size) >> 2);
}

/** Writes what an array shall contain. @param {TestCore} core @param {number} number */
export function filled(core, number) {
  wordsOf(core, number).fill(core.exports.array_serial(number));
}

/** @param {TestCore} core @param {number} number of an array that lives */
export function isFilled(core, number) {
  const serial = core.exports.array_serial(number);
  const words = wordsOf(core, number);
  return words.length > 0 && words.every(word => word === serial);
}

/** What a slot of the caller's carries. @param {TestCore} core @param {number} slot @returns {number[]} */
function carried(core, slot) {
  const list = core.word(core.test.at_carried(slot));
  if (!list) return [];
  const count = core.word(list);
  return Array.from({length: count}, (_, i) => core.word(list + 4 + 4 * i));
}

/**
 * Makes arrays, sends each with a task or several, lets go of it at once, and looks at those that come back.
 * @type {Body}
 */
export function host(core, args, {note, signals}) {
  const {names, rounds} = /** @type {{names: Int32Array, rounds: number}} */ (args);
  const random = generator(HOST);
  const {arrays} = core;
  const client = new Client(core, HOST);
  const fn = client.addFunction(new Uint8Array(10));
  const counts = {arrays: 0, returned: 0, lost: 0};
  const collect = () =>
    client.collect((ticket, outcome, address, size, worker, slot) => {
      if (outcome === Outcome.LOST) counts.lost++;
      for (const number of carried(core, slot)) {
        assert.ok(isFilled(core, number), `array ${number} of a result has been overwritten`);
        counts.returned++;
        if (random() % 2) continue;
        // Once more, with the result's own hold.
        assert.ok(arrays.hold(number, arrays.serial(number)));
        if (counts.arrays < rounds && !Atomics.load(signals, OVER)) client.submit(fn, PLAIN, argumentsOf(0), [number]);
        arrays.drop(number);
      }
      return true;
    });
  while (counts.arrays < rounds && !Atomics.load(signals, OVER)) {
    note(`made ${counts.arrays}, ${client.pending} pending`);
    if (client.pending > 20) {
      client.wait(-1);
      collect();
      continue;
    }
    const mine = Array.from({length: 1 + (random() % 3)}, () => arrays.make(4 * WORDS * (random() % 8 ? 1 : 200)));
    for (const number of mine) {
      filled(core, number);
      const place = random() % (names.length / 2);
      Atomics.store(names, 2 * place, number);
      Atomics.store(names, 2 * place + 1, arrays.serial(number));
    }
    counts.arrays += mine.length;
    for (let i = random() % 3; i >= 0; i--) client.submit(fn, PLAIN, argumentsOf(0), mine);
    for (const number of mine) arrays.drop(number);
    collect();
  }
  while (client.pending) {
    note(`waits for ${client.pending}`);
    client.wait(-1);
    collect();
  }
  client.dropFunction(fn);
  client.close();
  Atomics.store(signals, ENDED, 1);
  return counts;
}

/** Looks at what tasks carry, keeps some of it for a while, sends some of it back. @type {Body} */
export function worker(core, {seed}, {note}) {
  const {exports, participant, arrays} = core;
  const random = generator(seed + 100);
  exports.worker_start(participant);
  /** @type {number[]} */
  const kept = [];
  let ran = 0;
  for (;;) {
    note(`ran ${ran}`);
    const task = exports.worker_next(participant, -1);
    if (task === -1) break;
    if (task < 0) continue;
    ran++;
    runTask(core, task);
    const mine = carried(core, task);
    for (const number of mine) {
      assert.ok(arrays.hold(number, arrays.serial(number)), `array ${number}, which a slot carries, has gone`);
      assert.ok(isFilled(core, number), `array ${number} of a task has been overwritten`);
    }
    const back = mine.filter(() => random() % 2);
    arrays.uncarry(task);
    if (!arrays.carry(task, back)) throw new Error('no room');
    for (const number of mine) {
      if (random() % 4) arrays.drop(number);
      else kept.push(number);
    }
    exports.task_finish(task, participant, L.State.RETURNED, 0, 0);
    while (kept.length > random() % 8) {
      const number = /** @type {number} */ (kept.shift());
      assert.ok(isFilled(core, number), `array ${number}, which is held, has been overwritten`);
      arrays.drop(number);
    }
  }
  arrays.dropAll(kept.splice(0));
  return {ran};
}

/** Asks for arrays by names that may be old. @type {Body} */
export function prober(core, args, {note, signals}) {
  const names = /** @type {Int32Array} */ (args.names);
  const {arrays} = core;
  const random = generator(77);
  let held = 0;
  let gone = 0;
  while (!Atomics.load(signals, ENDED)) {
    note(`held ${held}`);
    const place = random() % (names.length / 2);
    const number = Atomics.load(names, 2 * place);
    if (!number || !arrays.hold(number, Atomics.load(names, 2 * place + 1) >>> 0)) {
      gone++;
      continue;
    }
    assert.ok(isFilled(core, number), `array ${number}, which is held by name, has been overwritten`);
    arrays.drop(number);
    held++;
  }
  return {held, gone};
}
