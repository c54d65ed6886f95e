// Threads of functions.test.mjs. A function's bytes are its serial, again and again.
import assert from 'node:assert/strict';

import {generator} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').Body} Body */

const OVER = 0; // signal: the maker has dropped everything
const WORDS = 100;

/** Makes functions, tells their names, drops them. @type {Body} */
export function maker(core, {names, rounds}, {note, signals}) {
  const {exports, participant} = core;
  const random = generator(3);
  /** @type {number[]} */
  const mine = Array(names.length / 2).fill(0);
  for (let round = 0; round < rounds + mine.length; round++) {
    if (round % 1000 === 0) note(`made ${round}`);
    const place = round < rounds ? random() % mine.length : round - rounds;
    if (mine[place]) exports.function_drop(participant, mine[place]);
    mine[place] = 0;
    if (round >= rounds) continue;
    const fn = exports.function_new(participant, 4 * WORDS);
    assert.notEqual(fn, 0);
    const block = exports.function_block(fn) >>> 0;
    core.reach(block + 4 * WORDS);
    core.words.fill(exports.function_serial(fn), block >> 2, (block >> 2) + WORDS);
    mine[place] = fn;
    Atomics.store(names, 2 * place, fn);
    Atomics.store(names, 2 * place + 1, exports.function_serial(fn));
  }
  Atomics.store(signals, OVER, 1);
}

/** Retains what it remembers, looks at it, releases it. @type {Body} */
export function user(core, args, {note, signals}) {
  const names = /** @type {Int32Array} */ (args.names);
  const {exports, participant, test} = core;
  const random = generator(participant);
  let retained = 0;
  let gone = 0;
  while (!Atomics.load(signals, OVER)) {
    const place = random() % (names.length / 2);
    const fn = Atomics.load(names, 2 * place);
    const serial = Atomics.load(names, 2 * place + 1); // maybe of another: then they don't fit
    if (!fn) continue;
    if (!test.function_retain(fn, serial)) {
      gone++;
      continue;
    }
    const block = exports.function_block(fn) >>> 0;
    core.reach(block + 4 * WORDS);
    const wrong = core.words.subarray(block >> 2, (block >> 2) + WORDS).findIndex(word => word !== serial);
    assert.equal(wrong, -1, `word ${wrong} of function ${serial} has been overwritten`);
    test.function_release(participant, fn);
    if (++retained % 1000 === 0) note(`retained ${retained}`);
  }
  return {retained, gone};
}
