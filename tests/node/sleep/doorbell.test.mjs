// The doorbell (penny/wasm_core/sleep/doorbell.c): whoever is rung for something hears of it, once, and nobody is rung
// who sleeps.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import * as L from '../../../web/penny/core/layout.js';
import {NONE, NOTHING, Reason, SIGUSR1, scene} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const BODIES = new URL('doorbell.threads.mjs', import.meta.url);
const PARKING = new URL('parking.threads.mjs', import.meta.url);
const {STEAL, URGENT, CANCEL} = Reason;

/**
 * What a worker's doorbell says, without hearing it.
 * @param {TestCore} core
 * @param {number} worker
 */
const doorbell = (core, worker) => ({
  reasons: core.word(core.test.at_reasons(worker)),
  rung: core.word(core.test.at_interrupt(worker)) === SIGUSR1,
});
const SILENT = {reasons: 0, rung: false};

/** Who was rung for this. @param {TestCore} core @param {number} reason @param {number} workers */
const rungFor = (core, reason, workers) =>
  Array.from({length: workers}, (_, worker) => worker).filter(worker => {
    const {reasons, rung} = doorbell(core, worker);
    assert.equal(rung, reasons !== 0);
    return reasons & reason;
  });

/** Everybody hears what there is. @param {TestCore} core @param {number} workers */
function hearAll({exports}, workers) {
  for (let worker = 0; worker < workers; worker++) {
    exports.doorbell_take(worker);
    exports.doorbell_reasons(worker);
  }
}

test('a ring is heard once, with its reason', t => {
  const {core} = scene(t);
  const {exports} = core;
  assert.equal(exports.doorbell_take(1), 0);
  core.test.ring(1, CANCEL);
  assert.deepEqual(doorbell(core, 1), {reasons: CANCEL, rung: true});
  assert.deepEqual([0, 2, 3].map(worker => doorbell(core, worker)), [SILENT, SILENT, SILENT]);
  assert.equal(exports.doorbell_take(1), SIGUSR1);
  assert.equal(exports.doorbell_take(1), 0);
  assert.equal(exports.doorbell_reasons(1), CANCEL);
  assert.equal(exports.doorbell_reasons(1), 0);
});

test('several reasons: one hearing', t => {
  const {core} = scene(t);
  for (const reason of [STEAL, CANCEL, URGENT]) core.test.ring(0, reason);
  assert.equal(core.exports.doorbell_take(0), SIGUSR1);
  assert.equal(core.exports.doorbell_reasons(0), STEAL | CANCEL | URGENT);
  assert.deepEqual(doorbell(core, 0), SILENT);
});

// A handler that found no stack left has heard the ring, and left the reason.
test('a ring is heard also where its reason is noted already, and the reason is there once', t => {
  const {core} = scene(t);
  core.test.ring(0, STEAL);
  core.test.ring(0, STEAL);
  assert.equal(core.exports.doorbell_take(0), SIGUSR1);
  assert.equal(core.exports.doorbell_take(0), 0);
  core.test.ring(0, STEAL); // between the byte and the reasons
  assert.deepEqual(doorbell(core, 0), {reasons: STEAL, rung: true});
  assert.equal(core.exports.doorbell_reasons(0), STEAL);
  assert.equal(core.exports.doorbell_take(0), SIGUSR1, 'in vain');
  assert.equal(core.exports.doorbell_reasons(0), 0);
});

test('the async worker has one, too', t => {
  const {core} = scene(t);
  core.test.ring(L.ASYNC_WORKER, CANCEL);
  assert.equal(core.exports.doorbell_take(L.ASYNC_WORKER), SIGUSR1);
  assert.equal(core.exports.doorbell_reasons(L.ASYNC_WORKER), CANCEL);
});

for (const ringers of [1, 2])
  test(`the reason comes before the ring, and no ring is lost: ${ringers} at a time`, async t => {
    const {core, crew} = scene(t);
    const rounds = 3000;
    crew.start(BODIES, 'listener', 0, {ringers});
    for (let number = 0; number < ringers; number++)
      crew.start(BODIES, 'ringer', 1 + number, {victim: 0, number, rounds});
    const [heard] = await crew.results();
    assert.deepEqual(heard, Array(ringers).fill(rounds));
    assert.equal(doorbell(core, 0).reasons, 0);
  });

// ---- who is rung --------------------------------------------------------------------------------

test('whoever is awake, but for the caller', t => {
  const {core} = scene(t, {workers: 6});
  core.poke(core.test.at_idle(), 0b010100);
  core.test.ring_busy(1, STEAL);
  assert.deepEqual(rungFor(core, STEAL, 64), [0, 3, 5]);
  core.test.ring_busy(NONE, URGENT);
  assert.deepEqual(rungFor(core, URGENT, 64), [0, 1, 3, 5]);
  assert.deepEqual(doorbell(core, L.ASYNC_WORKER), SILENT);
});

test('worker 63', t => {
  const {core} = scene(t, {workers: 64});
  core.poke(core.test.at_idle() + 4, -1); // 32 to 63 sleep
  core.test.ring_busy(0, STEAL);
  assert.deepEqual(rungFor(core, STEAL, 64), Array.from({length: 31}, (_, i) => i + 1));
});

test('a hungry worker rings when it spins and when it parks', async t => {
  const {core, crew} = scene(t, {workers: 3});
  core.pauseAt('ring_busy');
  crew.start(PARKING, 'looker', 2);
  await crew.go();
  core.awaitPause('ring_busy');
  assert.equal(core.word(core.test.at_spinner()), 2 + 1, 'it is counted by now, or a victim might look too early');
  assert.deepEqual(core.parked, []);
  assert.equal(core.exports.hungry(NONE), 1);
  core.resume('ring_busy');
  await crew.until(() => core.parked.length, 'a parked worker');
  hearAll(core, 3);

  core.pauseAt('ring_busy');
  core.test.wake_one(); // it finds nothing, and parks again
  core.awaitPause('ring_busy');
  assert.equal(core.word(core.test.at_spinner()), 0);
  assert.deepEqual(core.parked, [2]);
  assert.equal(core.exports.hungry(NONE), 1);
  core.resume('ring_busy');
  await crew.until(() => rungFor(core, STEAL, 3).length === 2, 'two rings');
  assert.deepEqual(rungFor(core, STEAL, 3), [0, 1]);
  core.exports.stop();
  await crew.results();
});

test('who comes while another spins parks, and rings, too', t => {
  const {core} = scene(t, {workers: 3});
  core.poke(core.test.at_spinner(), 1 + 1);
  assert.equal(core.test.spin(2, NONE), 0);
  assert.deepEqual(rungFor(core, STEAL, 3), []);
  assert.equal(core.test.park(2, NONE, 1, 1), 1);
  assert.deepEqual(rungFor(core, STEAL, 3), [0, 1]);
});

test('who finds work in the last look rings nobody', t => {
  const {core} = scene(t, {workers: 3});
  core.test.deque_push(1, 1);
  assert.equal(core.test.park(2, NONE, 1, 1), 0);
  assert.deepEqual(rungFor(core, STEAL, 3), []);
});

test('hungry: the sleepers, and who spins', t => {
  const {core} = scene(t, {workers: 64});
  const idle = core.test.at_idle();
  const hungry = () => core.exports.hungry(NONE);
  assert.equal(hungry(), 0);
  core.poke(core.test.at_spinner(), 63 + 1);
  assert.equal(hungry(), 1);
  core.poke(idle, 0b1011);
  core.poke(idle + 4, 1 << 31);
  assert.equal(hungry(), 5);
  core.poke(core.test.at_spinner(), 0);
  assert.equal(hungry(), 4);
});

test('hungry: not who spins and has only to open its eyes', t => {
  const {core} = scene(t);
  core.poke(core.test.at_idle(), 0b1000);
  core.poke(core.test.at_spinner(), 1 + 1);
  core.test.injector_put(L.COROUTINES, 1);
  assert.equal(core.exports.hungry(NONE), 2, 'that is nothing for it');
  for (const queue of [L.BATCH, L.INTERACTIVE]) {
    core.test.injector_put(queue, 1);
    assert.equal(core.exports.hungry(NONE), 1);
    core.test.injector_take(queue);
  }
  core.test.deque_push(2, 1);
  assert.equal(core.exports.hungry(NONE), 1);
  core.test.deque_pop(2);
  assert.equal(core.exports.hungry(NONE), 2);
});

test('a worker that is not hungry is not counted while it looks', t => {
  const {core} = scene(t, {workers: 2});
  const worker = core.as(0);
  worker.exports.worker_start(0);
  assert.equal(worker.exports.worker_next(0, 0), NOTHING);
  assert.equal(core.exports.hungry(NONE), 0);
});

// ---- deaths -------------------------------------------------------------------------------------

test('a ringer dies between the reason and the ring: everybody is rung after its death', t => {
  const {core} = scene(t, {workers: 3});
  for (const worker of [0, 2, L.ASYNC_WORKER]) core.poke(core.test.at_reasons(worker), CANCEL);
  core.exports.recover(1);
  for (const worker of [0, 2, L.ASYNC_WORKER]) {
    assert.equal(core.exports.doorbell_take(worker), SIGUSR1);
    assert.equal(core.exports.doorbell_reasons(worker), CANCEL);
  }
});

test('a dead worker’s doorbell and hunger go with it', t => {
  const {core} = scene(t, {workers: 3});
  core.test.ring(1, STEAL);
  core.poke(core.test.at_idle(), 0b010);
  core.poke(core.test.at_spinner(), 1 + 1);
  core.exports.recover(1);
  assert.equal(core.exports.hungry(NONE), 0);
  assert.equal(core.exports.doorbell_reasons(1), 0, 'its successor was not meant');
});
