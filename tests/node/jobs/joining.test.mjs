// Joining (worker_join in penny/wasm_core/jobs/joining.c): a worker waits for a job of its own that another runs, and
// meanwhile runs what belongs to the task that waits, if it may.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import * as L from '../../../web/penny/core/layout.js';
import {endTask, promoteJob, runTask, setInnermost, submitTask, takeOutcome} from '../support/pool.threads.mjs';
import {ENDED, INTERRUPTED, Latch, NOTHING, Reason, State, scene} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const BODIES = new URL('joining.threads.mjs', import.meta.url);
const PARKING = new URL('../sleep/parking.threads.mjs', import.meta.url);
const POOL = new URL('../support/pool.threads.mjs', import.meta.url);
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
  setInnermost(joiner, outer);
  const hint = promoteJob(joiner, fn, 7);
  const index = hint & L.INDEX_MASK;
  assert.equal(runner.exports.worker_next(RUNNER, 0), index);
  setInnermost(runner, index);
  return {
    ...{core, crew, fn, joiner, runner, outer, hint, index},
    /** The job ends. */
    end: () => endTask(runner, index, 7, 4),
    /** Joins, in this thread. */
    join: (help = 1, milliseconds = 0, hears = 0) =>
      joiner.exports.worker_join(JOINER, hint, help, hears, milliseconds),
    /** Starts to join in a thread. @param {{help?: number, hears?: number, milliseconds?: number}} [options] */
    async start({help = 1, hears = 0, milliseconds = -1} = {}) {
      const thread = crew.start(BODIES, 'joiner', JOINER, {hint, help, hears, milliseconds});
      await crew.go();
      return thread;
    },
    /** Until the joiner sleeps. */
    asleep: () => crew.until(() => core.latch(index).state === Latch.SLEEPING, 'a sleeping joiner'),
    /** The joiner has left nothing behind. */
    assertAwake() {
      assert.deepEqual(core.parked, []);
      assert.equal(core.exports.hungry(hint), 0);
      for (const at of [core.test.at_waits_for(JOINER), core.test.at_hears(JOINER), core.test.at_onlooker()])
        assert.equal(core.word(at), 0);
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

test('it takes its own jobs, what is below the awaited one, and nothing else', t => {
  const {core, fn, joiner, runner, end, join} = play(t);
  const other = core.as(OTHER);
  other.exports.worker_start(OTHER);
  const child = promoteJob(runner, fn, 3) & L.INDEX_MASK;
  assert.equal(other.exports.worker_next(OTHER, 0), child);
  setInnermost(other, child);
  const tasks = [
    promoteJob(runner, fn, 6, {queue: L.INTERACTIVE}),
    promoteJob(other, fn, 5), // of that child, which another has stolen
    promoteJob(runner, fn, 4),
    promoteJob(joiner, fn, 2),
  ].map(hint => hint & L.INDEX_MASK);
  const strangers = [submitTask(core, fn, 7), submitTask(core, fn, 8, {queue: L.INTERACTIVE})];
  assert.equal(join(), tasks[3], 'its own');
  endTask(joiner, tasks[3], 2, 4);
  // Those of who runs the job come before others.
  for (const [task, id] of /** @type {const} */ ([[tasks[2], 4], [tasks[1], 5], [tasks[0], 6]])) {
    assert.equal(join(), task);
    assert.equal(core.state(task).participant, JOINER);
    assert.deepEqual(runTask(joiner, task), {id, returns: 4});
    endTask(joiner, task, id, 4);
  }
  assert.equal(join(), NOTHING);
  for (const slot of strangers) assert.equal(core.state(slot).state, State.QUEUED);
  end();
  assert.equal(join(), ENDED);
});

test('it takes no job that its task has promoted before, nor what is below that', t => {
  const {core, fn, joiner, runner, hint, index, join} = play(t);
  const later = promoteJob(joiner, fn, 2);
  assert.equal(runner.exports.worker_next(RUNNER, 0), later & L.INDEX_MASK);
  setInnermost(runner, later & L.INDEX_MASK);
  const ofLater = promoteJob(runner, fn, 3);
  setInnermost(runner, index);
  const ofFirst = promoteJob(runner, fn, 4);
  assert.equal(core.test.deque_steal(RUNNER), ofLater);
  core.test.injector_put(L.BATCH, ofLater);
  const joinLater = () => joiner.exports.worker_join(JOINER, later, 1, 0, 0);
  assert.equal(joinLater(), ofLater & L.INDEX_MASK);
  assert.equal(joinLater(), NOTHING);
  assert.equal(core.exports.hungry(hint), 0);
  assert.equal(join(), ofFirst & L.INDEX_MASK);
});

test('it takes no job of a task that lies below its own', t => {
  const {core, fn, joiner, join} = play(t);
  const below = promoteJob(joiner, fn, 2);
  setInnermost(joiner, submitTask(core, fn, 51)); // an urgent one, say, came on top
  const hint = promoteJob(joiner, fn, 3);
  assert.ok(core.test.claim(hint, OTHER));
  assert.equal(joiner.exports.worker_join(JOINER, hint, 1, 0, 0), NOTHING);
  assert.equal(join(), below & L.INDEX_MASK, 'the one below does');
});

test('outside of any task it takes what is below the job, and is hungry for that alone', async t => {
  const {core, crew} = scene(t);
  const fn = core.addFunction(new Uint8Array(10));
  const [joiner, runner] = [JOINER, RUNNER].map(number => core.as(number));
  for (const {exports, participant} of [joiner, runner]) exports.worker_start(participant);
  const hint = promoteJob(joiner, fn, 7);
  const index = hint & L.INDEX_MASK;
  assert.equal(runner.exports.worker_next(RUNNER, 0), index);
  setInnermost(runner, index);
  const later = promoteJob(joiner, fn, 2);
  const stranger = submitTask(core, fn, 1);
  const child = promoteJob(runner, fn, 3) & L.INDEX_MASK;
  const join = () => joiner.exports.worker_join(JOINER, hint, 1, 0, 0);
  assert.equal(join(), child);
  assert.equal(core.state(child).participant, JOINER);
  endTask(joiner, child, 3, 4);
  assert.equal(join(), NOTHING);
  for (const slot of [later & L.INDEX_MASK, stranger]) assert.equal(core.state(slot).state, State.QUEUED);
  const thread = crew.start(BODIES, 'joiner', JOINER, {hint, help: 1});
  await crew.go();
  await crew.until(() => core.latch(index).state === Latch.SLEEPING, 'a sleeping joiner');
  assert.deepEqual([hint, later, core.hint(stranger)].map(core.exports.hungry), [1, 0, 0]);
  const second = promoteJob(runner, fn, 4) & L.INDEX_MASK;
  assert.equal(await crew.result(thread), second);
});

test('a stranger that is oldest hides what is below the job, until it is gone', t => {
  const {core, fn, runner, index, join} = play(t);
  setInnermost(runner, submitTask(core, fn, 50)); // what the runner does beside
  const stranger = promoteJob(runner, fn, 2);
  setInnermost(runner, index);
  const child = promoteJob(runner, fn, 3);
  assert.equal(join(), NOTHING);
  assert.equal(core.test.deque_steal(RUNNER), stranger);
  assert.equal(join(), child & L.INDEX_MASK);
});

test('stale hints hide nothing', t => {
  const {core, fn, runner, joiner, join} = play(t);
  const stale = [promoteJob(runner, fn, 2), promoteJob(runner, fn, 3)];
  const child = promoteJob(runner, fn, 4);
  for (const hint of stale) assert.equal(runner.exports.take_back(hint, RUNNER), 1);
  const own = promoteJob(joiner, fn, 5);
  const gone = promoteJob(joiner, fn, 6);
  assert.ok(core.test.claim(gone, OTHER));
  assert.equal(join(), own & L.INDEX_MASK);
  assert.equal(join(), child & L.INDEX_MASK);
});

test('it may find the very job', t => {
  const {core, fn, joiner} = play(t);
  const hint = promoteJob(joiner, fn, 8);
  const join = () => joiner.exports.worker_join(JOINER, hint, 1, 0, -1);
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
    assert.deepEqual(core.parked, []);
    assert.equal(core.exports.hungry(hint), help);
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
  assert.equal(core.word(core.test.at_onlooker()), JOINER + 1);
  assert.equal(core.word(core.test.at_spinner()), 0, 'publishers wake whom they would wake');
  end();
  core.resume('ring_busy');
  assert.equal(await crew.result(thread), ENDED);
  assert.equal(statistics(core, JOINER).wakeups, 0);
  assertAwake();
});

test('something for it comes while it sleeps', async t => {
  const {core, crew, fn, runner, start, asleep, assertAwake} = play(t);
  const thread = await start();
  await asleep();
  const child = promoteJob(runner, fn, 1) & L.INDEX_MASK;
  assert.equal(await crew.result(thread), child);
  assert.equal(core.state(child).participant, JOINER);
  assertAwake();
});

for (const step of /** @type {const} */ (['park', 'latch_get_sleepy', 'ring_busy', 'latch_fall_asleep']))
  test(`something for it comes when it is at ${step}`, async t => {
    const {core, crew, fn, runner, start, assertAwake} = play(t);
    core.pauseAt(step);
    const thread = await start();
    core.awaitPause(step);
    const child = promoteJob(runner, fn, 1) & L.INDEX_MASK;
    core.resume(step);
    assert.equal(await crew.result(thread), child);
    assertAwake();
  });

test('a stranger wakes who is idle, not who waits in a join', async t => {
  const {core, crew, fn, hint, end, start, asleep} = play(t);
  const thread = await start();
  await asleep();
  const events = () => core.word(L.WORKER_ADDRESS + JOINER * L.WORKER_BYTES + 4 * L.WORKER_EVENT_WORD);
  const before = events();
  const slots = [submitTask(core, fn, 1), submitTask(core, fn, 2, {queue: L.INTERACTIVE})];
  assert.equal(events(), before);
  assert.equal(core.exports.hungry(hint), 1);
  const other = crew.start(PARKING, 'looker', OTHER);
  await crew.go();
  assert.equal(await crew.result(other), slots[1]);
  end();
  assert.equal(await crew.result(thread), ENDED);
  assert.equal(core.state(slots[0]).state, State.QUEUED);
});

test('who is idle comes first, and who waits is told of the next', async t => {
  const {core, crew, fn, runner, hint, start, asleep, assertAwake} = play(t);
  const other = crew.start(PARKING, 'looker', OTHER);
  await crew.go();
  await crew.until(() => core.parked.join() === `${OTHER}`, 'another sleeper');
  const thread = await start();
  await asleep();
  assert.equal(core.exports.hungry(hint), 2);
  assert.equal(core.exports.hungry(L.NONE), 1);
  core.pauseAt('claim'); // whoever is woken
  const first = promoteJob(runner, fn, 1) & L.INDEX_MASK;
  core.awaitPause('claim');
  assert.equal(core.exports.hungry(hint), 1, 'the one in the join');
  const second = promoteJob(runner, fn, 2) & L.INDEX_MASK;
  core.resume('claim');
  const taken = [await crew.result(thread), await crew.result(other)];
  assert.deepEqual(taken.sort(), [first, second].sort());
  assertAwake();
});

test('a task that a coroutine has submitted, behind a stranger', async t => {
  const {core, crew, fn, joiner, outer} = play(t);
  setInnermost(joiner, outer);
  const hint = promoteJob(joiner, fn, 9, {queue: L.COROUTINES});
  const coroutines = core.as(L.ASYNC_WORKER);
  assert.equal(coroutines.exports.coroutine_next(), hint & L.INDEX_MASK);
  const thread = crew.start(BODIES, 'joiner', JOINER, {hint, help: 1});
  await crew.go();
  await crew.until(() => core.latch(hint & L.INDEX_MASK).state === Latch.SLEEPING, 'a sleeping joiner');
  const stranger = submitTask(core, fn, 1);
  const slot = submitTask(core, fn, 2, {parent: hint});
  assert.equal(await crew.result(thread), slot);
  assert.equal(core.state(stranger).state, State.QUEUED);
});

for (const reason of /** @type {const} */ (['STEAL', 'URGENT'])) {
  test(`it is interrupted for ${reason} where it hears it`, async t => {
    const {core, crew, joiner, end, join, start, asleep, assertAwake} = play(t);
    core.test.ring(JOINER, Reason[reason]);
    assert.equal(join(1, 0, Reason.STEAL + Reason.URGENT - Reason[reason]), NOTHING, 'it does not hear it');
    assert.equal(join(1, -1, Reason[reason]), INTERRUPTED);
    joiner.exports.doorbell_reasons(JOINER);
    for (const help of [1, 0]) {
      const thread = await start({help, hears: Reason[reason]});
      await asleep();
      core.test.ring(JOINER, Reason[reason]);
      assert.equal(await crew.result(thread), INTERRUPTED);
      assertAwake();
      joiner.exports.doorbell_reasons(JOINER);
    }
    end();
    assert.equal(join(1, -1, Reason[reason]), ENDED);
  });

  for (const step of /** @type {const} */ (['park', 'latch_get_sleepy', 'latch_fall_asleep']))
    test(`${reason} comes when it is at ${step}`, async t => {
      const {core, crew, start, assertAwake} = play(t);
      core.pauseAt(step);
      const thread = await start({hears: Reason[reason]});
      core.awaitPause(step);
      core.test.ring(JOINER, Reason[reason]);
      core.resume(step);
      assert.equal(await crew.result(thread), INTERRUPTED);
      assertAwake();
    });
}

test('without help it takes no work, wakes for none, and is not counted', async t => {
  const {core, crew, fn, join, end, start, asleep} = play(t);
  const first = submitTask(core, fn, 1);
  assert.equal(join(0, 0), NOTHING);
  const thread = await start({help: 0});
  await asleep();
  assert.deepEqual(core.parked, []);
  assert.equal(core.exports.hungry(L.NONE), 0);
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
  test(`${leaving}, it tells another who waits of what it was woken for`, async t => {
    const {core, crew, fn, outer, runner, end, start, asleep} = play(t);
    const other = core.as(OTHER);
    other.exports.worker_start(OTHER);
    const child = promoteJob(runner, fn, 3);
    assert.equal(other.exports.worker_next(OTHER, 0), child & L.INDEX_MASK);
    setInnermost(other, child & L.INDEX_MASK);
    const grandchild = promoteJob(other, fn, 4); // THIRD runs it, and will promote a job of it
    const third = core.as(3);
    third.exports.worker_start(3);
    assert.equal(third.exports.worker_next(3, 0), grandchild & L.INDEX_MASK);
    setInnermost(third, grandchild & L.INDEX_MASK);
    const thread = await start(); // waits for the job
    await asleep();
    const second = crew.start(BODIES, 'joiner', OTHER, {hint: grandchild, help: 1}); // for a job of a job of it
    await crew.go();
    await crew.until(() => core.latch(grandchild & L.INDEX_MASK).state === Latch.SLEEPING, 'the other asleep');
    core.pauseAt('latch_wake_up');
    const slot = promoteJob(third, fn, 5) & L.INDEX_MASK; // wakes the first, whose number is smaller
    core.awaitPause('latch_wake_up');
    if (leaving === 'ended') end();
    else core.exports.task_ask_cancel(outer);
    core.resume('latch_wake_up');
    assert.equal(await crew.result(thread), leaving === 'ended' ? ENDED : INTERRUPTED);
    assert.equal(await crew.result(second), slot);
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
