// Priorities (penny/wasm_core/jobs/stealing.c, tasks.c): urgent tasks come first, wherever a worker looks, and a busy
// worker is only interrupted where nobody else is free.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {PAGE} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {endTask, promoteJob, runTask, submitTask} from '../support/pool.threads.mjs';
import {NONE, NOTHING, Reason, STOPPED, State, scene} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const PARKING = new URL('../sleep/parking.threads.mjs', import.meta.url);
const {BATCH, INTERACTIVE, COROUTINES} = L;

/**
 * @param {import('node:test').TestContext} t
 * @param {Parameters<typeof scene>[1]} [options]
 */
function play(t, options) {
  const {core, crew} = scene(t, options);
  const fn = core.addFunction(new Uint8Array(10));
  return {
    ...{core, crew, fn},
    /** A task of the page's. @param {number} id @param {number} [queue] @returns its slot */
    submit: (id, queue = BATCH) => submitTask(core, fn, id, {queue}),
  };
}

/** Lets a worker run what it finds, at most `count` tasks. @param {TestCore} core @returns their ids */
function run(core, number = 0, count = Infinity) {
  const worker = core.as(number);
  const ids = [];
  while (ids.length < count) {
    const task = worker.exports.worker_next(number, 0);
    if (task === NOTHING) break;
    const {id, returns} = runTask(worker, task);
    endTask(worker, task, id, returns);
    ids.push(id);
  }
  return ids;
}

/** Who was rung for an urgent task. @param {TestCore} core */
const urged = core =>
  Array.from({length: 64}, (_, worker) => worker).filter(
    worker => core.word(core.test.at_reasons(worker)) & Reason.URGENT,
  );

const numbers = (/** @type {number} */ from, /** @type {number} */ to) =>
  Array.from({length: to - from}, (_, i) => from + i);

test('where a worker looks: urgent, its own newest, another’s oldest, batch', t => {
  const {core, fn, submit} = play(t);
  submit(6);
  submit(7);
  for (const id of [4, 5]) promoteJob(core.as(1), fn, id);
  for (const id of [3, 2]) promoteJob(core.as(0), fn, id);
  for (const id of [0, 1]) submit(id, INTERACTIVE);
  assert.deepEqual(run(core), numbers(0, 8));
});

test('an urgent task comes before all batch tasks, whose order is kept', t => {
  const {core, submit} = play(t, {workers: 1});
  for (let id = 0; id < 1000; id++) submit(id);
  assert.deepEqual(run(core, 0, 100), numbers(0, 100));
  submit(5000, INTERACTIVE);
  submit(5001, INTERACTIVE);
  assert.deepEqual(run(core), [5000, 5001, ...numbers(100, 1000)]);
});

test('it does not wait for what a worker has taken into its own deque', t => {
  const {core, submit} = play(t, {workers: 2});
  for (let id = 0; id < 100; id++) submit(id);
  assert.deepEqual(run(core, 0, 1), [0]);
  assert.equal(core.test.deque_looks_empty(0), 0);
  submit(5000, INTERACTIVE);
  assert.deepEqual(run(core, 0, 2), [5000, 1]);
});

test('urgent tasks are not taken in batches', t => {
  const {core, submit} = play(t, {workers: 2});
  for (let id = 0; id < 20; id++) submit(id, INTERACTIVE);
  assert.deepEqual([run(core, 0, 1), run(core, 1, 1), run(core, 0, 1)], [[0], [1], [2]]);
  assert.equal(core.test.deque_looks_empty(0), 1);
  assert.equal(core.test.injector_length(INTERACTIVE), 17);
});

// ---- who is interrupted -------------------------------------------------------------------------

test('everybody is busy: all are rung; a batch task rings nobody', t => {
  const {core, submit} = play(t, {workers: 3});
  submit(0);
  assert.deepEqual(urged(core), []);
  submit(1, INTERACTIVE);
  assert.deepEqual(urged(core), [0, 1, 2]);
});

test('somebody sleeps: it is woken, and nobody rung', async t => {
  const {core, crew, submit} = play(t, {workers: 3});
  const thread = crew.start(PARKING, 'looker', 1);
  await crew.go();
  await crew.until(() => core.parked.length, 'a parked worker');
  const slot = submit(1, INTERACTIVE);
  assert.deepEqual(urged(core), []);
  assert.equal(await crew.result(thread), slot);
  submit(2, INTERACTIVE);
  assert.deepEqual(urged(core), [0, 1, 2], 'now nobody does');
});

test('somebody spins: it will see the task', t => {
  const {core, submit} = play(t, {workers: 3});
  core.poke(core.test.at_spinner(), 1 + 1);
  submit(1, INTERACTIVE);
  assert.deepEqual(urged(core), []);
});

test('a worker that was woken for several urgent tasks has others hear of the rest', async t => {
  const {core, crew, submit} = play(t, {workers: 3});
  const thread = crew.start(PARKING, 'looker', 0);
  await crew.go();
  await crew.until(() => core.parked.length, 'a parked worker');
  core.poke(core.test.at_spinner(), 2 + 1); // to whom publishers leave everything
  const slots = [1, 2].map(id => submit(id, INTERACTIVE));
  assert.deepEqual(urged(core), []);
  core.poke(core.test.at_spinner(), 0);
  core.test.wake_one(); // as worker 2 does now
  assert.equal(await crew.result(thread), slots[0]);
  assert.deepEqual(urged(core), [0, 1, 2]);
});

test('a promoted interactive job lies where all look first, and is announced like that', t => {
  const {core, fn, submit} = play(t, {workers: 3});
  submit(1);
  const hint = promoteJob(core.as(0), fn, 0, {queue: INTERACTIVE});
  assert.equal(core.test.deque_looks_empty(0), 1);
  assert.equal(core.test.injector_length(INTERACTIVE), 1);
  assert.deepEqual(urged(core), [0, 1, 2]);
  assert.deepEqual(run(core, 2), [0, 1]);
  assert.equal(core.exports.job_ended(hint), 1);
});

test('urgent_next: the oldest urgent task that is still queued, and nothing else', t => {
  const {core, submit} = play(t);
  const worker = core.as(2);
  const urgent = () => worker.exports.urgent_next(2) >>> 0;
  submit(0);
  assert.equal(urgent(), NONE);
  const [withdrawn, first, second] = [1, 2, 3].map(id => submit(id, INTERACTIVE));
  assert.equal(core.exports.task_cancel(withdrawn, PAGE), 1);
  assert.equal(urgent(), first);
  assert.equal(core.state(first).participant, 2);
  assert.equal(urgent(), second);
  assert.equal(urgent(), NONE);
  assert.equal(core.workerStatistics(3)[2].run, 2);
});

// ---- coroutines ---------------------------------------------------------------------------------

test('coroutines are the async worker’s alone, and it takes nothing else', t => {
  const {core, submit} = play(t);
  const event = (L.WORKER_ADDRESS + L.ASYNC_WORKER * L.WORKER_BYTES) / 4 + L.WORKER_EVENT_WORD;
  core.poke(core.test.at_idle(), 0b10);
  const before = core.words[event];
  const slots = [0, 1].map(id => submit(id, COROUTINES));
  assert.equal(core.words[event], before + 2);
  assert.deepEqual(core.parked, [1], 'nobody else is woken');
  core.poke(core.test.at_idle(), 0);
  assert.deepEqual(run(core), []);
  assert.equal(core.test.park(0, NONE, 1, 1), 1, 'nobody else is kept awake');
  assert.equal(core.as(0).exports.urgent_next(0) >>> 0, NONE);
  submit(2);
  submit(3, INTERACTIVE);
  const {exports} = core.as(L.ASYNC_WORKER);
  for (const slot of slots) {
    assert.equal(exports.coroutine_next(), slot);
    assert.equal(core.state(slot).participant, L.ASYNC_WORKER);
  }
  assert.equal(exports.coroutine_next(), NOTHING);
  core.exports.stop();
  assert.equal(exports.coroutine_next(), STOPPED);
});

test('a recovery puts each hint into its own queue again', t => {
  const {core, submit} = play(t);
  const queues = [INTERACTIVE, BATCH, COROUTINES];
  const slots = queues.map(queue => submit(queue, queue));
  for (const queue of queues) core.test.injector_take(queue); // a dead one has taken them all
  core.exports.recover(3);
  assert.equal(core.exports.reinject(), 0);
  for (const [i, queue] of queues.entries()) {
    assert.equal(core.test.injector_length(queue), 1);
    assert.equal(core.test.injector_take(queue), core.hint(slots[i]));
    assert.equal(core.state(slots[i]).state, State.QUEUED);
  }
});

test('one full queue does not hold up the others', t => {
  const {core, submit} = play(t);
  while (core.test.injector_put(BATCH, 1));
  const slot = submit(1, INTERACTIVE);
  assert.deepEqual(run(core, 0, 1), [1]);
  assert.equal(core.state(slot).state, State.RETURNED);
  const coroutine = submit(2, COROUTINES);
  assert.equal(core.exports.coroutine_next(), coroutine);
});
