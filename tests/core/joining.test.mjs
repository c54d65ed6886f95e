// Joining (worker_join in penny/wasm_core/stealing.c): a worker waits for a job of its own that another runs, and
// helps meanwhile if it may.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import * as L from '../../web/penny/layout.js';
import {endTask, promoteJob, runTask, submitTask, takeOutcome} from './pool.threads.mjs';
import {ENDED, INTERRUPTED, Latch, NOTHING, Reason, State, scene} from './threads.mjs';

/** @typedef {import('./threads.mjs').TestCore} TestCore */

const BODIES = new URL('joining.threads.mjs', import.meta.url);
const PARKING = new URL('parking.threads.mjs', import.meta.url);
const POOL = new URL('pool.threads.mjs', import.meta.url);
const JOINER = 0;
const RUNNER = 1;
const OTHER = 2;

/** Where it may be on its way to sleep. */
const STEPS = /** @type {const} */ (['park', 'latch_get_sleepy', 'ring_busy', 'latch_fall_asleep', 'asleep']);

/**
 * A job of JOINER's that RUNNER runs, and a task that JOINER itself runs.
 * @param {import('node:test').TestContext} t
 */
function play(t) {
  const {core, crew} = scene(t);
  const fn = core.addFunction(new Uint8Array(10));
  const [joiner, runner] = [JOINER, RUNNER].map(number => core.as(number));
  for (const {exports, participant} of [joiner, runner]) exports.worker_start(participant);
  const outer = submitTask(core, fn, 100);
  assert.equal(joiner.exports.worker_next(JOINER, 0), outer);
  const hint = promoteJob(joiner, fn, 7);
  const index = hint & L.INDEX_MASK;
  assert.equal(runner.exports.worker_next(RUNNER, 0), index);
  return {
    ...{core, crew, fn, joiner, runner, outer, hint, index},
    /** The job ends. */
    end: () => endTask(runner, index, 7, 4),
    /** Joins, in this thread. */
    join: (help = 1, milliseconds = 0) =>
      joiner.exports.worker_join(JOINER, hint, help, milliseconds),
    /** Starts to join in a thread. @param {{help?: number, milliseconds?: number}} [options] */
    async start({help = 1, milliseconds = -1} = {}) {
      const thread = crew.start(BODIES, 'joiner', JOINER, {hint, help, milliseconds});
      await crew.go();
      return thread;
    },
    /** Until the joiner sleeps. */
    asleep: () => crew.until(() => core.latch(index).state === Latch.SLEEPING, 'a sleeping joiner'),
    /** The joiner has left nothing behind. */
    assertAwake() {
      assert.deepEqual(core.parked, []);
      assert.equal(core.exports.hungry(), 0);
      const {state} = core.latch(index);
      assert.ok(state === Latch.UNSET || state & Latch.SET, `its latch is ${state}`);
    },
  };
}

/** @param {TestCore} core @param {number} worker */
const statistics = (core, worker) => core.workerStatistics(worker + 1)[worker];

test('the job has ended: at once, whatever else there is to do', t => {
  const {core, fn, joiner, hint, end, join, assertAwake} = play(t);
  submitTask(core, fn, 1);
  end();
  for (const help of [1, 0]) assert.equal(join(help, -1), ENDED);
  takeOutcome(joiner, hint, 7);
  assertAwake();
});

test('it helps: urgent tasks, its own, others’, those in the injector', t => {
  const {core, fn, joiner, end, join} = play(t);
  const tasks = [submitTask(core, fn, 4)];
  tasks.unshift(promoteJob(core.as(OTHER), fn, 3) & L.INDEX_MASK);
  tasks.unshift(promoteJob(joiner, fn, 2) & L.INDEX_MASK);
  tasks.unshift(submitTask(core, fn, 1, {queue: L.INTERACTIVE}));
  for (const [i, task] of tasks.entries()) {
    assert.equal(join(), task);
    assert.equal(core.state(task).participant, JOINER);
    assert.deepEqual(runTask(joiner, task), {id: i + 1, returns: 4});
    endTask(joiner, task, i + 1, 4);
  }
  assert.equal(join(), NOTHING);
  end();
  assert.equal(join(), ENDED);
  assert.equal(statistics(core, JOINER).run, 5);
});

test('it may find the very job', t => {
  const {core, fn, joiner} = play(t);
  const hint = promoteJob(joiner, fn, 8);
  const join = () => joiner.exports.worker_join(JOINER, hint, 1, -1);
  assert.equal(join(), hint & L.INDEX_MASK);
  assert.equal(core.exports.job_ended(hint), 0);
  endTask(joiner, hint & L.INDEX_MASK, 8, 4);
  assert.equal(join(), ENDED);
  takeOutcome(joiner, hint, 8);
});

for (const help of [1, 0]) {
  const how = help ? 'helping' : 'only waiting';

  test(`the job ends while it sleeps, ${how}`, async t => {
    const {core, crew, hint, joiner, end, start, asleep, assertAwake} = play(t);
    const thread = await start({help});
    await asleep();
    assert.deepEqual(core.parked, help ? [JOINER] : []);
    end();
    assert.equal(await crew.result(thread), ENDED);
    assert.ok(statistics(core, JOINER).wakeups >= 1);
    assertAwake();
    takeOutcome(joiner, hint, 7);
  });

  test(`the time is over, ${how}`, t => {
    const {core, joiner, hint, join, end, assertAwake} = play(t);
    const before = statistics(core, JOINER).wakeups;
    assert.equal(join(help, 0), NOTHING);
    assert.equal(statistics(core, JOINER).wakeups, before, 'no time to sleep');
    for (let i = 0; i < 3; i++) {
      const since = performance.now();
      assert.equal(join(help, 20), NOTHING);
      assert.ok(performance.now() - since >= 20);
      assertAwake();
    }
    assert.ok(statistics(core, JOINER).wakeups >= 3, 'it sleeps, and does not spin');
    end();
    assert.equal(join(help, 20), ENDED);
    takeOutcome(joiner, hint, 7);
  });

  test(`a cancel before it begins, ${how}`, t => {
    const {core, joiner, outer, join, end, assertAwake} = play(t);
    assert.equal(core.exports.task_ask_cancel(outer), 1);
    assert.equal(join(help, -1), INTERRUPTED);
    assertAwake();
    assert.equal(joiner.exports.doorbell_reasons(JOINER) & Reason.CANCEL, Reason.CANCEL);
    assert.equal(join(help, 0), NOTHING, 'heard');
    core.exports.task_ask_cancel(outer);
    end();
    assert.equal(join(help, -1), ENDED, 'the end comes first');
  });

  const steps = STEPS.filter(step => help || step !== 'ring_busy');
  for (const step of steps)
    test(`a cancel when it is at ${step}, ${how}`, async t => {
      const {core, crew, outer, start, asleep, assertAwake} = play(t);
      if (step !== 'asleep') core.pauseAt(step);
      const thread = await start({help});
      if (step === 'asleep') await asleep();
      else core.awaitPause(step);
      assert.equal(core.exports.task_ask_cancel(outer), 1);
      if (step !== 'asleep') core.resume(step);
      assert.equal(await crew.result(thread), INTERRUPTED);
      assertAwake();
    });
}

test('the job ends while it spins', async t => {
  const {core, crew, end, start, assertAwake} = play(t);
  core.pauseAt('ring_busy');
  const thread = await start();
  core.awaitPause('ring_busy');
  assert.equal(core.word(core.test.at_spinner()), JOINER + 1);
  end();
  core.resume('ring_busy');
  assert.equal(await crew.result(thread), ENDED);
  assert.equal(statistics(core, JOINER).wakeups, 0);
  assertAwake();
});

test('work comes while it sleeps', async t => {
  const {core, crew, fn, start, asleep, assertAwake} = play(t);
  const thread = await start();
  await asleep();
  const slot = submitTask(core, fn, 1);
  assert.equal(await crew.result(thread), slot);
  assert.equal(core.state(slot).participant, JOINER);
  assertAwake();
});

test('other rings don’t interrupt it', async t => {
  const {core, crew, fn, join, start, asleep} = play(t);
  core.test.ring(JOINER, Reason.STEAL);
  core.test.ring(JOINER, Reason.URGENT);
  assert.equal(join(), NOTHING);
  const thread = await start();
  await asleep();
  const slot = submitTask(core, fn, 1);
  assert.equal(await crew.result(thread), slot);
});

test('without help it takes no work, wakes for none, and is not counted', async t => {
  const {core, crew, fn, join, end, start, asleep} = play(t);
  const first = submitTask(core, fn, 1);
  assert.equal(join(0, 0), NOTHING);
  const thread = await start({help: 0});
  await asleep();
  assert.deepEqual(core.parked, []);
  assert.equal(core.exports.hungry(), 0);
  assert.equal(core.word(core.test.at_spinner()), 0);
  assert.equal(core.word(core.test.at_reasons(RUNNER)) & Reason.STEAL, 0, 'it asks nobody for work');
  const second = submitTask(core, fn, 2);
  assert.equal(core.latch(core.hint(first) & L.INDEX_MASK).state, Latch.UNSET);
  end();
  assert.equal(await crew.result(thread), ENDED);
  for (const slot of [first, second]) assert.equal(core.state(slot).state, State.QUEUED);
});

test('a stop does not end a join: whoever runs the job does', async t => {
  const {core, crew, end, start, asleep} = play(t);
  const thread = await start();
  await asleep();
  core.pauseAt('latch_get_sleepy');
  core.exports.stop();
  core.awaitPause('latch_get_sleepy'); // it has woken, and is about to sleep again
  core.resume('latch_get_sleepy');
  end();
  assert.equal(await crew.result(thread), ENDED);
});

// ---- what was left to it ------------------------------------------------------------------------

for (const leaving of ['ended', 'interrupted'])
  for (const as of ['a sleeper that was woken for it', 'the spinner'])
    test(`${leaving}, it passes on work that was left to it as ${as}`, async t => {
      const {core, crew, fn, outer, end, start, asleep} = play(t);
      const leave = () => (leaving === 'ended' ? end() : core.exports.task_ask_cancel(outer));
      const expected = leaving === 'ended' ? ENDED : INTERRUPTED;
      const other = crew.start(PARKING, 'looker', OTHER);
      await crew.go();
      await crew.until(() => core.parked.join() === `${OTHER}`, 'another sleeper');
      const step = as === 'the spinner' ? 'ring_busy' : 'latch_wake_up';
      let thread;
      let slot;
      if (as === 'the spinner') {
        core.pauseAt(step);
        thread = await start();
        core.awaitPause(step);
        slot = submitTask(core, fn, 1);
      } else {
        thread = await start();
        await asleep();
        core.pauseAt(step);
        slot = submitTask(core, fn, 1); // wakes the first sleeper, the joiner
        core.awaitPause(step);
      }
      assert.deepEqual(core.parked, [OTHER]);
      leave();
      core.resume(step);
      assert.equal(await crew.result(thread), expected);
      assert.equal(await crew.result(other), slot);
    });

test('when it takes work that it slept for, it wakes another for the rest', async t => {
  const {core, crew, fn, start, asleep} = play(t);
  const other = crew.start(PARKING, 'looker', OTHER);
  await crew.go();
  await crew.until(() => core.parked.join() === `${OTHER}`, 'another sleeper');
  const thread = await start();
  await asleep();
  core.poke(core.test.at_spinner(), 3 + 1); // to whom publishers leave everything
  const slots = [submitTask(core, fn, 1), submitTask(core, fn, 2)];
  assert.deepEqual(core.parked, [JOINER, OTHER]);
  core.poke(core.test.at_spinner(), 0);
  core.test.wake_one(); // as worker 3 does now
  const taken = [await crew.result(thread), await crew.result(other)];
  assert.deepEqual(taken.sort(), slots.sort());
});

for (const help of [1, 0])
  test(`no end is missed: one job after the other, ${help ? 'helping' : 'only waiting'}`, async t => {
    const {core, crew} = scene(t, {workers: 3});
    const fn = core.addFunction(new Uint8Array(10));
    const base = core.exports.heap_used();
    const rounds = 1500;
    const joiner = crew.start(BODIES, 'pingPong', JOINER, {fn, rounds, help});
    for (const worker of [RUNNER, OTHER]) crew.start(POOL, 'worker', worker, {});
    const slept = await crew.result(joiner);
    await crew.results();
    assert.equal(core.exports.all_quiet(), 1);
    assert.equal(core.exports.heap_used(), base);
    assert.deepEqual(core.parked, []);
    t.diagnostic(`slept ${slept} times in ${rounds} joins`);
  });
