// Latches (penny/wasm_core/sleep/latch.c): whoever waits for a job is woken once it has ended, and its slot is freed
// once, whoever dies.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import * as L from '../../../web/penny/core/layout.js';
import {endTask, promoteJob, takeOutcome} from '../support/pool.threads.mjs';
import {Latch, State, died, scene} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */
/** @typedef {import('../support/threads.mjs').Breakpoint} Breakpoint */

const BODIES = new URL('latch.threads.mjs', import.meta.url);
const OWNER = 0;
const RUNNER = 1;
const {UNSET, SLEEPY, SLEEPING, ABANDONED, SET} = Latch;

/**
 * A job of OWNER's that RUNNER runs.
 * @param {import('node:test').TestContext} t
 */
function running(t) {
  const {core, crew} = scene(t);
  const fn = core.addFunction(new Uint8Array(10));
  const base = core.exports.heap_used();
  const hint = promoteJob(core.as(OWNER), fn, 7, {size: 1000});
  assert.equal(core.test.claim(hint, RUNNER), 1);
  core.test.injector_take(L.BATCH);
  core.test.deque_pop(OWNER);
  const index = hint & L.INDEX_MASK;
  const runner = core.as(RUNNER);
  runner.exports.task_arguments_read(index, RUNNER);
  const {generation} = core.state(index);
  return {
    ...{core, crew, fn, hint, index, generation, runner},
    /** @param {number} state */
    put: state => core.poke(core.test.at_latch(index), (generation << 16) | state),
    /** @param {number} state */
    assertLatch: state => assert.deepEqual(core.latch(index), {state, generation}),
    /** The slot is free, was so once, and has given back what it had. */
    assertFreed() {
      assert.equal(core.state(index).state, State.FREE);
      assert.equal(core.references(fn), 1);
      assert.equal(core.exports.heap_used(), base);
      assert.equal(core.exports.all_quiet(), 1);
    },
  };
}

/** @param {TestCore} core */
const events = core => core.word(4 * (L.WORKER_ADDRESS / 4 + L.WORKER_EVENT_WORD) + OWNER * L.WORKER_BYTES);

// ---- each transition ----------------------------------------------------------------------------

/** By operation: state before, state after (FREED: the slot is free), and what it returns. */
const FREED = -1;
/**
 * @type {Record<string, {moves: number[][],
 *   act(core: TestCore, hint: number, index: number, generation: number): unknown}>}
 */
const OPERATIONS = {
  'latch_get_sleepy': {
    act: ({test}, hint) => test.latch_get_sleepy(hint),
    moves: [[UNSET, SLEEPY, 1], [SET, SET, 0]],
  },
  'latch_fall_asleep': {
    act: ({test}, hint) => test.latch_fall_asleep(hint),
    moves: [[SLEEPY, SLEEPING, 1], [SLEEPY | SET, SLEEPY | SET, 0]],
  },
  'latch_wake_up': {
    act: ({test}, hint) => test.latch_wake_up(hint),
    moves: [
      [SLEEPY, UNSET],
      [SLEEPING, UNSET],
      [UNSET, UNSET],
      ...[SET, SLEEPY | SET, SLEEPING | SET].map(state => [state, state]),
    ],
  },
  'latch_is_set': {
    act: ({test}, hint) => test.latch_is_set(hint),
    moves: [
      ...[UNSET, SLEEPY, SLEEPING, ABANDONED].map(state => [state, state, 0]),
      ...[SET, SLEEPY | SET, SLEEPING | SET].map(state => [state, state, 1]),
    ],
  },
  'latch_set': {
    act: ({test}, _, index) => test.latch_set(index, OWNER, RUNNER),
    moves: [[UNSET, SET], [SLEEPY, SLEEPY | SET], [SLEEPING, SLEEPING | SET], [ABANDONED, FREED]],
  },
  'latch_set_for_dead': {
    act: ({test}, _, index, generation) => test.latch_set_for_dead(index, generation, OWNER),
    moves: [
      [UNSET, SET],
      [SLEEPY, SLEEPY | SET],
      [SLEEPING, SLEEPING | SET],
      [ABANDONED, FREED],
      [ABANDONED | SET, FREED],
      ...[SET, SLEEPY | SET].map(state => [state, state]),
    ],
  },
  'latch_abandon': {
    act: ({test}, _, index, generation) => test.latch_abandon(index, generation),
    moves: [
      ...[UNSET, SLEEPY, SLEEPING, ABANDONED].map(state => [state, ABANDONED]),
      ...[SET, SLEEPY | SET, SLEEPING | SET].map(state => [state, FREED]),
      [ABANDONED | SET, ABANDONED | SET],
    ],
  },
};

for (const [name, {act, moves}] of Object.entries(OPERATIONS))
  test(`${name}: from each state`, t => {
    for (const [before, after, result] of moves) {
      const {core, hint, index, generation, put, assertLatch, assertFreed} = running(t);
      put(before);
      const woken = events(core);
      assert.equal(act(core.as(RUNNER), hint, index, generation), result);
      if (after === FREED) assertFreed();
      else assertLatch(after);
      const wakes = before === SLEEPING && (after & SET) === SET;
      assert.equal(events(core) - woken, Number(wakes), 'wakes who sleeps, and nobody else');
    }
  });

test('nobody touches the latch of another generation', t => {
  const {core, hint, index, generation, put, assertLatch} = running(t);
  for (const other of [generation - 1, generation + 1]) {
    const stale = (other << L.INDEX_BITS) | index;
    for (const state of [UNSET, SLEEPY, SLEEPING, ABANDONED, SET, ABANDONED | SET]) {
      put(state);
      for (const [name, {act}] of Object.entries(OPERATIONS)) {
        if (name === 'latch_set') continue; // whoever runs the task knows that it is its
        assert.ok(!act(core, stale, index, other), name);
        assertLatch(state);
        assert.equal(core.state(index).state, State.RUNNING, name);
      }
    }
  }
  assert.equal(core.hint(index), hint);
});

// ---- who waits against who ends -----------------------------------------------------------------

/** Where the owner may be when the task ends, on its way to sleep. @type {(Breakpoint | 'asleep')[]} */
const STEPS = ['park', 'latch_get_sleepy', 'ring_busy', 'latch_fall_asleep', 'asleep'];

for (const help of [1, 0])
  for (const step of STEPS.filter(step => help || step !== 'ring_busy'))
    test(`the task ends when its owner is at ${step}, ${help ? 'helping' : 'only waiting'}`, async t => {
      const {core, crew, hint, index, runner, put, assertLatch, assertFreed} = running(t);
      if (step !== 'asleep') core.pauseAt(step);
      const owner = crew.start(BODIES, 'sleeper', OWNER, {hint, help});
      await crew.go();
      if (step === 'asleep') await crew.until(() => core.latch(index).state === SLEEPING, 'a sleeping owner');
      else core.awaitPause(step);
      const announced = help && !['park', 'latch_get_sleepy'].includes(step);
      assert.equal(core.word(core.test.at_waits_for(OWNER)), announced ? hint + 1 : 0);
      assert.deepEqual(core.parked, [], 'it is not idle');
      endTask(runner, index, 7, 4);
      if (step !== 'asleep') core.resume(step);
      assert.equal(await crew.result(owner), Number(step === 'asleep'));
      assert.equal(core.word(core.test.at_waits_for(OWNER)), 0);
      assert.ok(core.exports.job_ended(hint));
      put(SET); // whatever else it was
      assertLatch(SET);
      takeOutcome(core.as(OWNER), hint, 7);
      assertFreed();
    });

test('an owner that gets up for another reason lies down again', async t => {
  const {core, crew, hint, index, runner} = running(t);
  const owner = crew.start(BODIES, 'sleeper', OWNER, {hint, help: 1});
  await crew.go();
  const asleep = () => core.latch(index).state === SLEEPING;
  for (let i = 1; i <= 3; i++) {
    await crew.until(asleep, 'a sleeping owner');
    core.pauseAt('latch_wake_up');
    core.test.wake_worker(OWNER);
    core.awaitPause('latch_wake_up');
    core.pauseAt('latch_get_sleepy'); // until then the latch is SLEEPING
    core.resume('latch_wake_up');
    core.awaitPause('latch_get_sleepy');
    core.resume('latch_get_sleepy');
  }
  await crew.until(asleep, 'a sleeping owner');
  endTask(runner, index, 7, 4);
  assert.equal(await crew.result(owner), 4);
});

test('the task ends when its owner gets up for another reason', async t => {
  const {core, crew, hint, index, runner} = running(t);
  const owner = crew.start(BODIES, 'sleeper', OWNER, {hint, help: 1});
  await crew.go();
  await crew.until(() => core.latch(index).state === SLEEPING, 'a sleeping owner');
  core.pauseAt('latch_wake_up');
  core.test.wake_worker(OWNER);
  core.awaitPause('latch_wake_up');
  endTask(runner, index, 7, 4);
  core.resume('latch_wake_up');
  assert.equal(await crew.result(owner), 1);
});

test('ended is what the latch says, not the state', async t => {
  const {core, crew, hint, index} = running(t);
  core.pauseAt('latch_set');
  const runner = crew.start(BODIES, 'finisher', RUNNER, {task: index, id: 7});
  const owner = crew.start(BODIES, 'sleeper', OWNER, {hint, help: 0});
  await crew.go();
  core.awaitPause('latch_set');
  assert.equal(core.state(index).state, State.RETURNED);
  assert.equal(core.exports.job_ended(hint), 0, 'the runner will still touch the slot');
  await crew.until(() => core.latch(index).state === SLEEPING, 'a sleeping owner');
  core.resume('latch_set');
  await crew.result(runner);
  assert.equal(await crew.result(owner), 1);
});

// ---- deaths -------------------------------------------------------------------------------------

test('the owner dies, then the task ends: who ended it frees the slot', t => {
  const {core, index, generation, runner, assertLatch, assertFreed} = running(t);
  core.exports.recover(OWNER);
  assertLatch(ABANDONED);
  assert.equal(core.exports.cancel_asked((generation << L.INDEX_BITS) | index), 1, 'nobody needs it any more');
  assert.equal(core.state(index).state, State.RUNNING);
  endTask(runner, index, 7, 4000);
  assertFreed();
});

test('the task ends, then the owner dies: the keeper frees the slot', t => {
  const {core, index, runner, assertFreed} = running(t);
  endTask(runner, index, 7, 4000);
  core.exports.recover(OWNER);
  assertFreed();
});

test('the owner dies between the task’s end and the latch', async t => {
  const {core, crew, index, assertLatch, assertFreed} = running(t);
  core.pauseAt('latch_set');
  const runner = crew.start(BODIES, 'finisher', RUNNER, {task: index, id: 7});
  await crew.go();
  core.awaitPause('latch_set');
  core.exports.recover(OWNER);
  assertLatch(ABANDONED);
  assert.equal(core.state(index).state, State.RETURNED);
  core.resume('latch_set');
  await crew.result(runner);
  assertFreed();
});

test('an owner of the same number dies while an abandoned slot is being freed', async t => {
  const {core, crew, index, assertLatch, assertFreed} = running(t);
  core.exports.recover(OWNER);
  core.pauseAt('task_release');
  const runner = crew.start(BODIES, 'finisher', RUNNER, {task: index, id: 7});
  await crew.go();
  core.awaitPause('task_release');
  core.exports.recover(OWNER); // its successor's death
  assertLatch(ABANDONED | SET);
  assert.equal(core.state(index).state, State.RETURNED, 'left to who is about to free it');
  core.resume('task_release');
  await crew.result(runner);
  assertFreed();
});

for (const [first, second] of [[OWNER, RUNNER], [RUNNER, OWNER]])
  for (const step of /** @type {const} */ (['latch_set', 'wake_worker', 'task_release', 'none']))
    test(`both die, the ${first === OWNER ? 'owner' : 'runner'} first, the runner at ${step}`, t => {
      const {core, hint, index, runner, put, assertFreed} = running(t);
      if (step === 'wake_worker') put(SLEEPING); // the owner sleeps, and dies there
      const end = () => {
        if (step === 'none') return void endTask(runner, index, 7, 4000);
        core.dieAt(step);
        assert.throws(() => endTask(runner, index, 7, 4000), died);
      };
      const abandoned = step === 'task_release';
      if (!abandoned) end();
      core.exports.recover(first);
      if (abandoned && first === OWNER) end();
      if (first === RUNNER && !abandoned) assert.equal(core.exports.job_ended(hint), 1);
      core.exports.recover(second);
      assertFreed();
      for (const worker of [OWNER, RUNNER]) core.exports.recover(worker); // once is enough, twice changes nothing
      assertFreed();
    });

for (const step of /** @type {const} */ (['latch_set', 'wake_worker']))
  test(`the runner dies at ${step}: a sleeping owner hears of the end`, async t => {
    const {core, crew, hint, index, runner, assertFreed} = running(t);
    const owner = crew.start(BODIES, 'sleeper', OWNER, {hint, help: 0});
    await crew.go();
    await crew.until(() => core.latch(index).state === SLEEPING, 'a sleeping owner');
    core.dieAt(step);
    assert.throws(() => endTask(runner, index, 7, 4), died);
    assert.equal(core.exports.recover(RUNNER), 0);
    await crew.result(owner);
    assert.equal(core.state(index).state, State.RETURNED);
    takeOutcome(core.as(OWNER), hint, 7);
    assertFreed();
  });

test('the runner dies in the task: a sleeping owner finds it lost', async t => {
  const {core, crew, hint, index, assertFreed} = running(t);
  const owner = crew.start(BODIES, 'sleeper', OWNER, {hint, help: 1});
  await crew.go();
  await crew.until(() => core.latch(index).state === SLEEPING, 'a sleeping owner');
  assert.equal(core.exports.recover(RUNNER), 1);
  await crew.result(owner);
  assert.equal(core.state(index).state, State.LOST);
  core.as(OWNER).exports.job_free(hint, OWNER);
  assertFreed();
});

test('the runner dies after the latch: the slot’s next job is none of the keeper’s business', t => {
  const {core, fn, hint, index, generation, runner} = running(t);
  endTask(runner, index, 7, 4);
  const owner = core.as(OWNER);
  takeOutcome(owner, hint, 7);
  const next = promoteJob(owner, fn, 8);
  assert.equal(next & L.INDEX_MASK, index, 'the same slot');
  const state = core.state(index);
  assert.equal(core.exports.recover(RUNNER), 0);
  assert.deepEqual(core.state(index), state);
  assert.deepEqual(core.latch(index), {state: UNSET, generation: generation + 1});
  assert.equal(core.exports.take_back(next, OWNER), 1);
});
