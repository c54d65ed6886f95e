// Threads of injector.test.mjs. A hint says who put it and which of his it is.
import assert from 'node:assert/strict';

import * as L from '../../../web/penny/core/layout.js';
import {NONE, generator} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */
/** @typedef {import('../support/threads.mjs').Body} Body */

const SEQUENCE_BITS = 24;
const PUT = 0; // signals: how many hints have been put ...
const TAKEN = 1; // ... and taken

/** Puts its hints in order. @type {Body} */
export function producer({test}, {number, count}, {note, signals}) {
  let refused = 0;
  for (let i = 0; i < count; ) {
    if (test.injector_put(L.BATCH, (number << SEQUENCE_BITS) | i)) i++;
    else refused++;
    if (i % 1000 === 0) note(`put ${i} of ${count}`);
  }
  Atomics.add(signals, PUT, count);
  return refused;
}

/** Takes until all are taken. Returns for each producer the hints' numbers, as they came. @type {Body} */
export function consumer({test}, {producers, total}, {note, signals}) {
  /** @type {number[][]} */
  const taken = Array.from({length: producers}, () => []);
  let count = 0;
  while (Atomics.load(signals, TAKEN) < total) {
    const hint = test.injector_take(L.BATCH) >>> 0;
    if (hint === NONE) continue;
    taken[hint >>> SEQUENCE_BITS].push(hint & ((1 << SEQUENCE_BITS) - 1));
    Atomics.add(signals, TAKEN, 1);
    if (++count % 1000 === 0) note(`took ${count}`);
  }
  return taken;
}

// ---- deaths -------------------------------------------------------------------------------------

/**
 * A put by somebody who dies when the cell is written, before he moves the tail.
 * @param {TestCore} core
 * @param {number} hint
 */
function dyingPut(core, hint) {
  const done = core.test.injector_put(L.BATCH, hint);
  const tail = core.test.at_injector_tail(L.BATCH);
  if (done) core.poke(tail, core.word(tail) - 1);
  return done;
}

/** A take by somebody who dies when the cell is emptied, before he moves the head. @param {TestCore} core */
function dyingTake(core) {
  const hint = core.test.injector_take(L.BATCH) >>> 0;
  const head = core.test.at_injector_head(L.BATCH);
  if (hint !== NONE) core.poke(head, core.word(head) - 1);
  return hint;
}

/** @typedef {['put' | 'dyingPut' | 'fill', number] | ['take' | 'dyingTake' | 'length']} Act */
/** @typedef {Act[]} Script */

/** Acts, and returns what came of each act; `fill` puts until it is refused. @type {Body} */
export function actor(core, {script}, {note}) {
  const {injector_put, injector_take, injector_length} = core.test;
  const put = (/** @type {number} */ hint) => injector_put(L.BATCH, hint);
  const acts = {
    put,
    take: () => injector_take(L.BATCH) >>> 0,
    length: () => injector_length(L.BATCH),
    dyingPut: (/** @type {number} */ hint) => dyingPut(core, hint),
    dyingTake: () => dyingTake(core),
    fill(/** @type {number} */ hint) {
      while (put(hint));
      return 1;
    },
  };
  return /** @type {Script} */ (script).map(([act, hint], i) => {
    note(`act ${i}: ${act}`);
    return acts[act](hint ?? 0);
  });
}

/** Any mixture of puts and takes, finished or not, near empty or near full. @type {Body} */
export function likeAnArray(core, {level, seed}, {note}) {
  const cells = core.test.INJECTOR_CELLS();
  const random = generator(seed);
  /** @type {number[]} */
  const model = [];
  let hint = 0;
  const put = () => {
    const done = random() % 4 ? core.test.injector_put(L.BATCH, hint) : dyingPut(core, hint);
    assert.equal(done, Number(model.length < cells), `put ${hint} with ${model.length} in it`);
    if (done) model.push(hint++);
  };
  const take = () => {
    const taken = random() % 4 ? core.test.injector_take(L.BATCH) >>> 0 : dyingTake(core);
    assert.equal(taken, model.shift() ?? NONE);
  };
  if (level === 'full') while (model.length < cells) put();
  for (let i = 0; i < 20_000; i++) {
    note(`operation ${i}`);
    if (random() % 2) put();
    else take();
    // It may count one that is gone, until the next take; but nobody may go to sleep beside one that is not.
    assert.ok(core.test.injector_length(L.BATCH) > 0 || !model.length);
  }
}
