// Threads of cancellation.test.mjs.
import assert from 'node:assert/strict';

import {PAGE} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {takeCompletions} from '../support/pool.threads.mjs';

/** @typedef {import('../support/threads.mjs').Body} Body */

const OVER = 0; // signal: no more tasks come
const TURN = 1; // signal: hint of the task that may be asked, or 0
const ASKS = 2; // signal: how often somebody was asked

/** Asks once. @type {Body} */
export function asker({exports}, {slot}) {
  return exports.task_ask_cancel(slot);
}

/**
 * Runs tasks in one slot, as page and worker in one. Odd ones may be asked, at any moment of their lives and
 * also when they have just ended; even ones may not. Returns how many were asked, and how often it was rung.
 * @type {Body}
 */
export function player(core, {fn, slot, rounds}, {note, signals}) {
  const {exports, test, participant} = core;
  const worker = 0;
  const me = core.as(worker);
  let asked = 0;
  let heard = 0;
  for (let round = 1; round <= rounds; round++) {
    if (round % 1000 === 0) note(`round ${round}, asked ${asked}`);
    assert.equal(exports.task_new(PAGE), slot);
    assert.equal(exports.task_submit(slot, fn, L.BATCH, 0, 0, 0), 1);
    test.injector_take(L.BATCH);
    const hint = core.hint(slot);
    assert.equal(test.claim(hint, worker), 1);
    if (round % 2) {
      const asks = Atomics.load(signals, ASKS);
      Atomics.store(signals, TURN, hint);
      if (round % 3) Atomics.wait(signals, ASKS, asks);
    }
    for (let pause = round % 50; pause > 0; pause--) exports.hungry(L.NONE);
    if (exports.doorbell_take(worker)) heard++;
    exports.doorbell_reasons(worker);
    const was = exports.cancel_asked(hint);
    if (round % 2) asked += was;
    else assert.equal(was, 0, 'an ask for the slot’s last task');
    Atomics.store(signals, TURN, 0);
    assert.notEqual(me.exports.task_finish(slot, worker, L.State.RETURNED, 0, 0), 0);
    takeCompletions(core, PAGE, () => {});
  }
  exports.function_drop(participant, fn);
  Atomics.store(signals, OVER, 1);
  return {asked, heard};
}

/** Asks for the task whose turn it is, which may have ended by then. @type {Body} */
export function askers({exports}, _, {signals}) {
  while (!Atomics.load(signals, OVER)) {
    const hint = Atomics.load(signals, TURN);
    if (!hint) continue;
    exports.job_ask_cancel(hint);
    Atomics.add(signals, ASKS, 1);
    Atomics.notify(signals, ASKS);
  }
}
