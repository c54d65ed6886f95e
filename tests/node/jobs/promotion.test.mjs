// Promotion (penny/wasm_core/jobs/promotion.c): a job is public or private, never both, and whoever runs it runs it
// once.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {KEEPER, PAGE} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {endTask, promoteJob, runTask, takeOutcome} from '../support/pool.threads.mjs';
import {Latch, NONE, NOTHING, State, assertEachOnce, hintOf, scene, sharedWords} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const BODIES = new URL('promotion.threads.mjs', import.meta.url);
const PARKING = new URL('../sleep/parking.threads.mjs', import.meta.url);
const OWNER = 1;
const THIEF = 2;
const {FREE, FILLING, QUEUED, RUNNING} = State;
const {NO_ROOM} = L.Refusal;
const FUNCTION_GONE = -2;

/** Where arguments lie, and how long they are. */
const SIZES = [12, 1000, 100_000];

/**
 * A scene with a function of the page's, and a worker that has jobs.
 * @param {import('node:test').TestContext} t
 * @param {Parameters<typeof scene>[1]} [options]
 */
function play(t, options) {
  const {core, crew} = scene(t, options);
  const fn = core.addFunction(new Uint8Array(10));
  const base = core.exports.heap_used();
  return {
    ...{core, crew, fn, owner: core.as(OWNER), thief: core.as(THIEF)},
    /** Nothing is left of any job. */
    assertNothingLeft() {
      assert.equal(core.exports.all_quiet(), 1);
      assert.equal(core.references(fn), 1);
      assert.equal(core.exports.heap_used(), base);
    },
  };
}

/** @param {number} hint */
const slotOf = hint => hint & L.INDEX_MASK;

/** What the worker finds without waiting: a slot or NOTHING. @param {TestCore} worker */
const next = worker => worker.exports.worker_next(worker.participant, 0);

/** @param {TestCore} core @param {number} queue never to be empty or to have room again */
function fillInjector(core, queue) {
  while (core.test.injector_put(queue, hintOf(L.TASKS - 1, 0x7777)));
}

/** @param {TestCore} core */
function fillDeque(core) {
  while (core.test.deque_push(OWNER, hintOf(L.TASKS - 1, 0x7777)));
}

for (const size of SIZES)
  test(`the life of a promoted job with arguments of ${size} bytes`, t => {
    const {core, fn, owner, thief, assertNothingLeft} = play(t);
    const hint = promoteJob(owner, fn, 5, {size, returns: size});
    const slot = slotOf(hint);
    const {generation} = core.state(slot);
    assert.equal(hint, hintOf(slot, generation));
    assert.deepEqual(core.state(slot), {state: QUEUED, participant: 0, generation, adrift: false});
    assert.equal(core.taskWord(slot, L.TASK_OWNER_WORD), OWNER);
    assert.deepEqual(core.latch(slot), {state: Latch.UNSET, generation});
    assert.equal(core.references(fn), 2);
    assert.equal(core.workerStatistics(4)[OWNER].promoted, 1);

    assert.equal(next(thief), slot);
    assert.equal(core.workerStatistics(4)[THIEF].stolen, 1);
    assert.equal(owner.exports.take_back(hint, OWNER), 0);
    assert.deepEqual(core.state(slot), {state: RUNNING, participant: THIEF, generation, adrift: false});
    assert.equal(core.exports.job_ended(hint), 0);
    const {id, returns} = runTask(thief, slot);
    assert.equal(id, 5);
    endTask(thief, slot, id, returns);
    assert.equal(owner.exports.take_back(hint, OWNER), 0);
    assert.equal(core.exports.job_ended(hint), 1);
    takeOutcome(owner, hint, 5);
    assert.equal(core.exports.job_ended(hintOf(slot, generation + 1)), 0);
    assertNothingLeft();
  });

for (const size of SIZES)
  test(`a job that is taken back gives back all it had, ${size} bytes`, t => {
    const {core, fn, owner, thief, assertNothingLeft} = play(t);
    const hint = promoteJob(owner, fn, 5, {size});
    assert.equal(owner.exports.take_back(hint, OWNER), 1);
    assertNothingLeft();
    assert.equal(core.test.deque_looks_empty(OWNER), 1, 'its entry was the newest, and goes');
    assert.equal(owner.exports.take_back(hint, OWNER), 0);
    const again = promoteJob(owner, fn, 6, {size});
    assert.equal(slotOf(again), slotOf(hint));
    assert.equal(owner.exports.take_back(hint, OWNER), 0, 'the slot’s next job is another one');
    assert.equal(core.test.claim(hint, THIEF), 0);
    assert.equal(next(thief), slotOf(again));
  });

test('in any order: the entries of jobs taken back claim nothing', t => {
  const {core, fn, owner, thief, assertNothingLeft} = play(t);
  const hints = [0, 1, 2, 3, 4].map(id => promoteJob(owner, fn, id));
  for (const i of [0, 3, 1]) assert.equal(owner.exports.take_back(hints[i], OWNER), 1);
  for (const id of [2, 4]) {
    assert.equal(next(thief), slotOf(hints[id]), 'the oldest that is left');
    assert.equal(runTask(thief, slotOf(hints[id])).id, id);
    endTask(thief, slotOf(hints[id]), id, 4);
    takeOutcome(owner, hints[id], id);
  }
  assert.equal(next(thief), NOTHING);
  assert.equal(next(owner), NOTHING);
  assert.equal(core.test.deque_looks_empty(OWNER), 1);
  assertNothingLeft();
});

// Popped and pushed again it would be in nobody's sight for a moment: who looks just then goes to sleep beside it.
test('taking back leaves other entries alone', t => {
  const {core, fn, owner, thief} = play(t);
  const [first, second] = [0, 1].map(id => promoteJob(owner, fn, id));
  core.dieAt('deque_push');
  assert.equal(owner.exports.take_back(first, OWNER), 1);
  core.resume('deque_push');
  assert.equal(next(thief), slotOf(second));
});

test('a worker may find its own job itself, the newest first', t => {
  const {fn, owner} = play(t);
  const hints = [0, 1].map(id => promoteJob(owner, fn, id));
  assert.deepEqual([next(owner), next(owner)], hints.reverse().map(slotOf));
});

// ---- no room ------------------------------------------------------------------------------------

test('no slot: the job stays private', t => {
  const {core, fn, owner} = play(t);
  const slots = [];
  for (let slot; (slot = core.exports.task_new(PAGE) >>> 0) !== NONE; ) slots.push(slot);
  assert.equal(promoteJob(owner, fn, 1), NO_ROOM);
  core.exports.task_free(slots[7], PAGE);
  assert.equal(slotOf(promoteJob(owner, fn, 1)), slots[7]);
});

test('no room for the arguments: the job stays private', t => {
  const {core, fn, owner, assertNothingLeft} = play(t);
  core.exports.worker_wants_room(THIEF, 1);
  assert.equal(promoteJob(owner, fn, 1, {size: 1000}), NO_ROOM);
  core.exports.worker_wants_room(THIEF, 0);
  assertNothingLeft();
});

for (const size of SIZES) {
  test(`a full deque: into the injector, ${size} bytes`, t => {
    const {core, fn, owner, thief} = play(t);
    fillDeque(core);
    const hint = promoteJob(owner, fn, 1, {size});
    assert.equal(core.test.injector_length(L.BATCH), 1);
    assert.equal(core.test.injector_take(L.BATCH), hint);
    core.test.injector_put(L.BATCH, hint);
    assert.equal(next(thief), slotOf(hint));
  });

  for (const [queue, what] of /** @type {const} */ ([[L.BATCH, 'deque and injector'], [L.INTERACTIVE, 'injector']]))
    test(`a full ${what}: withdrawn, ${size} bytes${queue === L.INTERACTIVE ? ', interactive' : ''}`, t => {
      const {core, fn, owner, thief, assertNothingLeft} = play(t);
      fillDeque(core);
      fillInjector(core, queue);
      assert.equal(promoteJob(owner, fn, 1, {size, queue}), NO_ROOM);
      assertNothingLeft();
      assert.equal(core.workerStatistics(4)[OWNER].promoted, 0);
      assert.equal(next(thief), NOTHING);
    });
}

test('a job claimed before it finds no room is promoted', async t => {
  const {core, crew, fn} = play(t);
  fillDeque(core);
  fillInjector(core, L.BATCH);
  core.pauseAt('injector_put');
  const promoter = crew.start(BODIES, 'promoter', OWNER, {fn});
  await crew.go();
  core.awaitPause('injector_put');
  const [slot] = Array.from({length: L.TASKS}, (_, i) => i).filter(i => core.state(i).state === QUEUED);
  assert.equal(core.test.claim(core.hint(slot), THIEF), 1); // by a hint that a recovery has put
  core.resume('injector_put');
  assert.equal(await crew.result(promoter), core.hint(slot));
  assert.equal(core.state(slot).state, RUNNING);
  assert.equal(core.references(fn), 2);
});

// ---- the function -------------------------------------------------------------------------------

for (const size of SIZES)
  for (const reused of [false, true])
    test(`the function has gone${reused ? ', its entry is another’s' : ''}: nothing is left, ${size} bytes`, t => {
      const {core, fn, owner, thief, assertNothingLeft} = play(t);
      const old = core.addFunction(new Uint8Array(10));
      const serial = core.exports.function_serial(old);
      core.exports.function_drop(KEEPER, old);
      const entry = reused ? fn : old;
      assert.equal(promoteJob(owner, entry, 1, {size, serial}), FUNCTION_GONE);
      assertNothingLeft();
      assert.equal(next(thief), NOTHING);
    });

test('the function goes at this moment', async t => {
  const {core, crew, assertNothingLeft} = play(t);
  const fn = core.addFunction(new Uint8Array(10));
  core.pauseAt('function_retain');
  const promoter = crew.start(BODIES, 'promoter', OWNER, {fn});
  await crew.go();
  core.awaitPause('function_retain');
  core.exports.function_drop(KEEPER, fn);
  core.resume('function_retain');
  assert.equal(await crew.result(promoter), FUNCTION_GONE);
  assertNothingLeft();
});

test('a promoted job keeps its function', t => {
  const {core, owner, thief} = play(t);
  const before = core.exports.heap_used();
  const fn = core.addFunction(new Uint8Array(10));
  const hint = promoteJob(owner, fn, 3);
  core.exports.function_drop(KEEPER, fn);
  assert.equal(next(thief), slotOf(hint));
  assert.equal(core.references(fn), 1);
  endTask(thief, slotOf(hint), 3, 4);
  assert.equal(core.references(fn), 1, 'it is the slot’s until that is freed');
  takeOutcome(owner, hint, 3);
  assert.equal(core.exports.heap_used(), before);
});

// ---- against thieves ----------------------------------------------------------------------------

test('taken back while a thief holds the stolen hint', async t => {
  const {core, crew, fn, owner, assertNothingLeft} = play(t);
  const hint = promoteJob(owner, fn, 1);
  core.pauseAt('claim');
  const thief = crew.start(PARKING, 'looker', THIEF);
  await crew.go();
  core.awaitPause('claim');
  assert.equal(owner.exports.take_back(hint, OWNER), 1);
  assertNothingLeft();
  const next = promoteJob(owner, fn, 2);
  assert.equal(slotOf(next), slotOf(hint));
  core.resume('claim');
  assert.equal(await crew.result(thief), slotOf(next));
  assert.equal(runTask(core.as(THIEF), slotOf(next)).id, 2);
});

test('stolen and claimed while it is being taken back', async t => {
  const {core, crew, fn, owner, thief, assertNothingLeft} = play(t);
  const hint = promoteJob(owner, fn, 1);
  core.pauseAt('task_release');
  const taker = crew.start(BODIES, 'taker', OWNER, {hint});
  await crew.go();
  core.awaitPause('task_release');
  assert.equal(core.state(slotOf(hint)).state, State.CANCELLED);
  assert.equal(core.test.claim(hint, THIEF), 0);
  assert.equal(next(thief), NOTHING);
  core.resume('task_release');
  assert.equal(await crew.result(taker), 1);
  assertNothingLeft();
});

test('claimed before its own hint is out', async t => {
  const {core, crew, fn, thief} = play(t);
  core.pauseAt('deque_push');
  const promoter = crew.start(BODIES, 'promoter', OWNER, {fn});
  await crew.go();
  core.awaitPause('deque_push');
  const slot = Array.from({length: L.TASKS}, (_, i) => i).findIndex(i => core.state(i).state === QUEUED);
  assert.equal(core.test.claim(core.hint(slot), THIEF), 1);
  endTask(thief, slot, 1, 4);
  core.resume('deque_push');
  const hint = await crew.result(promoter);
  assert.equal(core.exports.job_ended(hint), 1);
  assert.equal(next(core.as(3)), NOTHING, 'the hint is stale');
});

test('a slot is not seen as queued before it is filled', t => {
  const {core, fn} = play(t);
  const slot = core.as(OWNER).exports.promotion_slot(OWNER);
  assert.deepEqual(core.state(slot), {
    state: FILLING,
    participant: OWNER,
    generation: core.state(slot).generation,
    adrift: false,
  });
  assert.equal(core.test.claim(core.hint(slot), THIEF), 0);
  core.as(OWNER).exports.promotion_withdraw(slot, OWNER);
  assert.equal(core.state(slot).state, FREE);
  assert.equal(core.references(fn), 1);
});

for (const [thieves, burst] of [[1, 1], [2, 1], [2, 8]])
  test(`taking back against ${thieves} thieves, ${burst} at a time: each job runs once`, async t => {
    const {crew, fn, assertNothingLeft} = play(t);
    const ran = sharedWords(8000);
    crew.start(BODIES, 'owner', OWNER, {fn, ran, burst});
    for (let i = 0; i < thieves; i++) crew.start(BODIES, 'thief', THIEF + i, {ran});
    const [taken, ...stolen] = await crew.results();
    assertEachOnce(ran, 'job');
    const total = stolen.reduce((sum, count) => sum + count, taken);
    assert.equal(total, ran.length);
    assertNothingLeft();
    t.diagnostic(`${taken} taken back, ${stolen} stolen`);
  });

// ---- who hears of it ----------------------------------------------------------------------------

test('a promotion wakes one sleeper', async t => {
  const {core, crew, fn, owner} = play(t);
  const threads = [0, 2].map(worker => crew.start(PARKING, 'looker', worker));
  await crew.go();
  await crew.until(() => core.parked.length === 2, 'two parked workers');
  const hints = [];
  for (let i = 1; i <= 2; i++) {
    hints.push(promoteJob(owner, fn, i));
    assert.equal(core.parked.length, 2 - i);
  }
  const slots = [];
  for (const thread of threads) slots.push(await crew.result(thread));
  assert.deepEqual(slots.sort(), hints.map(slotOf).sort());
});

test('a promotion leaves the sleepers to a spinner', t => {
  const {core, fn, owner} = play(t);
  core.poke(core.test.at_idle(), 0b101);
  core.poke(core.test.at_spinner(), 3 + 1);
  assert.ok(promoteJob(owner, fn, 1) >= 0);
  assert.deepEqual(core.parked, [0, 2]);
});
