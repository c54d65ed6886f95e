// Parking (penny/wasm_core/sleep/parking.c): nobody sleeps beside work, and who sleeps uses nothing.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {KEEPER} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {runTask, submitTask} from '../support/pool.threads.mjs';
import {NONE, NOTHING, STOPPED, scene} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const BODIES = new URL('parking.threads.mjs', import.meta.url);
const POOL = new URL('../support/pool.threads.mjs', import.meta.url);

/** @param {TestCore} core @param {number} worker */
const wakeups = (core, worker) => core.workerStatistics(worker + 1)[worker].wakeups;

for (const [workers, rounds, burst] of [[1, 4000, 1], [2, 4000, 1], [4, 4000, 1], [3, 1000, 8]]) {
  const what = burst > 1 ? `up to ${burst} tasks` : 'single tasks';
  test(`no wake-up is lost: ${what} for ${workers} sleepers`, async t => {
    const {core, crew} = scene(t, {workers});
    const fn = core.exports.function_new(KEEPER, 0);
    crew.start(BODIES, 'pingPong', KEEPER, {rounds, burst, fn});
    for (let worker = 0; worker < workers; worker++) crew.start(POOL, 'worker', worker, {});
    const [count, ...ids] = await crew.results();
    assert.deepEqual(
      ids.flat().sort((a, b) => a - b),
      Array.from({length: count}, (_, id) => id),
    );
    assert.deepEqual(core.parked, []);
  });
}

test('stop wakes all', async t => {
  const {core, crew} = scene(t, {workers: 4});
  for (const worker of [0, 1, 2, 3]) crew.start(POOL, 'worker', worker, {});
  await crew.go();
  await crew.until(() => core.parked.length === 4, 'four parked workers');
  core.exports.stop();
  assert.deepEqual(await crew.results(), [[], [], [], []]);
  assert.equal(core.exports.worker_next(0, -1), STOPPED);
});

test('a wake-up wakes one, and one that sleeps', async t => {
  const {core, crew} = scene(t, {workers: 4});
  const threads = [0, 1, 2].map(worker => crew.start(BODIES, 'parker', worker, {milliseconds: -1}));
  await crew.go();
  await crew.until(() => core.parked.length === 3, 'three parked workers');
  const woken = [];
  for (let sleepers = 3; sleepers > 0; sleepers--) {
    const before = core.parked;
    core.test.wake_one();
    const [worker] = before.filter(worker => !core.parked.includes(worker));
    assert.equal(core.parked.length, sleepers - 1);
    assert.equal(await crew.result(threads[worker]), 1);
    woken.push(worker);
  }
  assert.deepEqual(woken.sort(), [0, 1, 2]);
  core.test.wake_one(); // nobody sleeps: nothing happens
  assert.deepEqual(core.parked, []);
});

test('who finds work in the last look does not sleep', t => {
  const {core} = scene(t, {workers: 2});
  core.test.injector_put(L.BATCH, 1);
  assert.equal(core.test.park(0, NONE, 1, 50), 0);
  core.test.injector_take(L.BATCH);
  core.test.deque_push(1, 1);
  assert.equal(core.test.park(0, NONE, 1, 50), 0);
  core.test.deque_pop(1);
  assert.deepEqual(core.parked, []);
  core.exports.stop();
  assert.equal(core.test.park(0, NONE, 1, 50), 0);
  assert.deepEqual(core.parked, []);
});

// Also before the engine has optimised it: V8 of Node 20 may lose a local across a wait (see exports.c).
test('who has slept takes back its own bit and no other', t => {
  const {core} = scene(t, {workers: 64});
  const idle = core.test.at_idle();
  for (const worker of [0, 1, 5, 31, 32, 33, 63]) {
    for (const address of [idle, idle + 4]) core.poke(address, -1);
    assert.equal(core.test.park(worker, NONE, 1, 1), 1);
    assert.deepEqual(
      core.parked,
      Array.from({length: 64}, (_, i) => i).filter(other => other !== worker),
    );
  }
});

test('a sleep with a bound ends, and the next one is a sleep, too', t => {
  const {core} = scene(t, {workers: 1});
  const worker = core.as(0);
  worker.exports.worker_start(0);
  assert.equal(core.test.park(0, NONE, 1, 1), 1);
  assert.deepEqual(core.parked, []);
  for (let i = 0; i < 5; i++) {
    const before = wakeups(core, 0);
    assert.equal(worker.exports.worker_next(0, 2), NOTHING);
    assert.ok(wakeups(core, 0) > before, `call ${i} returned without a sleep: its caller would spin`);
  }
  const before = wakeups(core, 0);
  assert.equal(worker.exports.worker_next(0, 0), NOTHING);
  assert.equal(wakeups(core, 0), before, 'no time to sleep');
});

test('a sleeper whose waker died is woken by a recovery', async t => {
  const {core, crew} = scene(t, {workers: 2});
  const fn = core.exports.function_new(KEEPER, 0);
  crew.start(BODIES, 'looker', 0);
  await crew.go();
  await crew.until(() => core.parked.length === 1, 'a parked worker');
  // Worker 1 clears the bit and dies before it bumps the counter.
  core.poke(core.test.at_idle(), 0);
  const slot = submitTask(core, fn, 1); // finds nobody to wake
  core.exports.recover(1);
  assert.deepEqual(await crew.results(), [slot]);
});

test('a sleeper is woken by a recovery when the woken one died before it looked', async t => {
  const {core, crew} = scene(t, {workers: 2});
  const fn = core.exports.function_new(KEEPER, 0);
  core.poke(core.test.at_idle(), 0b10); // worker 1, asleep and killed there
  const slot = submitTask(core, fn, 1); // wakes worker 1
  assert.deepEqual(core.parked, []);
  crew.start(BODIES, 'looker', 0);
  core.test.injector_take(L.BATCH); // worker 1 took the hint, and no more is known of it
  await crew.go();
  await crew.until(() => core.parked.length === 1, 'a parked worker');
  core.exports.recover(1);
  core.exports.reinject();
  assert.deepEqual(await crew.results(), [slot]);
});

test('a dead sleeper is not chosen again', async t => {
  const {core, crew} = scene(t, {workers: 2});
  const fn = core.exports.function_new(KEEPER, 0);
  crew.start(BODIES, 'looker', 1);
  await crew.go();
  await crew.until(() => core.parked.length === 1, 'a parked worker');
  core.poke(core.test.at_idle(), 0b11); // worker 0 sleeps, too, and is killed there
  core.exports.recover(0); // wakes worker 1, which finds nothing and parks again
  await crew.until(() => core.parked.join() === '1', 'worker 1 alone parked');
  const slot = submitTask(core, fn, 1);
  assert.deepEqual(await crew.results(), [slot]);
});

// Between the injector and its own deque, a batch is in nobody's sight: who looks meanwhile goes to sleep.
test('who takes a batch wakes others for it', async t => {
  const {core, crew} = scene(t, {workers: 2});
  const fn = core.exports.function_new(KEEPER, 0);
  for (let id = 0; id < 4; id++) submitTask(core, fn, id);
  core.pauseAt('deque_push');
  const batcher = crew.start(BODIES, 'looker', 0);
  await crew.go();
  core.awaitPause('deque_push'); // it has claimed one and holds a second
  const thief = crew.start(BODIES, 'taker', 1, {count: 2});
  await crew.until(() => core.parked.join() === '1', 'worker 1 parked');
  core.resume('deque_push');
  const first = await crew.result(batcher); // and now it computes for a long time
  const stolen = await crew.result(thief);
  const ids = [first, stolen].map(slot => runTask(core, slot).id).sort();
  assert.deepEqual(ids, [0, 1]);
});

// While a worker spins before it parks, publishers wake nobody; it wakes one for what it leaves.
test('a wake-up for many tasks is passed on', async t => {
  const {core, crew} = scene(t, {workers: 4});
  const fn = core.exports.function_new(KEEPER, 0);
  core.poke(core.test.at_spinner(), 3 + 1); // worker 3 spins all the time
  for (const worker of [0, 1, 2]) crew.start(BODIES, 'looker', worker);
  await crew.go();
  await crew.until(() => core.parked.length === 3, 'three parked workers');
  const slots = Array.from({length: 3}, (_, id) => submitTask(core, fn, id));
  assert.deepEqual(core.parked, [0, 1, 2]);
  core.poke(core.test.at_spinner(), 0);
  core.test.wake_one(); // as worker 3 does now
  assert.deepEqual(new Set(await crew.results()), new Set(slots));
});

test('a dead spinner holds nobody up', async t => {
  const {core, crew} = scene(t, {workers: 2});
  const fn = core.exports.function_new(KEEPER, 0);
  core.poke(core.test.at_spinner(), 1 + 1); // worker 1 spins and is killed there
  crew.start(BODIES, 'looker', 0);
  await crew.go();
  await crew.until(() => core.parked.length === 1, 'a parked worker');
  const slot = submitTask(core, fn, 1);
  core.exports.recover(1);
  assert.equal(core.word(core.test.at_spinner()), 0);
  assert.deepEqual(await crew.results(), [slot]);
});

test('an idle pool of four uses less than 2 % of a core', async t => {
  const {core, crew} = scene(t, {workers: 4});
  for (const worker of [0, 1, 2, 3]) crew.start(POOL, 'worker', worker, {});
  await crew.go();
  await crew.until(() => core.parked.length === 4, 'four parked workers');
  const seconds = 1;
  const before = process.cpuUsage();
  await new Promise(resolve => setTimeout(resolve, 1000 * seconds));
  const {user, system} = process.cpuUsage(before);
  assert.ok(user + system < 0.02 * 1e6 * seconds, `${user + system} µs of CPU time in ${seconds} s`);
});
