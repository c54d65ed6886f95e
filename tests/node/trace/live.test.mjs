// What is told of a trace while it is recorded (web/penny/trace/live.js): the same as is read of it at the end.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {KEEPER} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {LiveTrace} from '../../../web/penny/trace/live.js';
import {endTask, runTask, submitTask} from '../support/pool.threads.mjs';
import {scene} from '../support/threads.mjs';

const BODIES = new URL('trace.threads.mjs', import.meta.url);
const POOL = new URL('../support/pool.threads.mjs', import.meta.url);

/**
 * @typedef {import('../support/threads.mjs').TestCore} TestCore
 * @typedef {import('../../../web/penny/trace/live.js').Doing} Doing
 */

/** Hears all that is told. @param {import('node:test').TestContext} t @param {TestCore} core */
function hearing(t, core) {
  const heard = {
    /** @type {{worker: number, doing: Doing, begin: number, end: number}[]} */
    spent: [],
    /** @type {{thief: number, victim: number}[]} */
    steals: [],
    queued: 0,
    began: 0,
    ended: 0,
    /** @type {number[]} */
    died: [],
  };
  const live = new LiveTrace(core, {
    spent: (worker, doing, begin, end) => void heard.spent.push({worker, doing, begin, end}),
    stole: (thief, victim) => void heard.steals.push({thief, victim}),
    queued: () => void heard.queued++,
    began: () => void heard.began++,
    ended: () => void heard.ended++,
    died: worker => void heard.died.push(worker),
  });
  t.after(() => live.stop());
  return {heard, live};
}

/** The spans of a worker, of which none is on top of another. @param {ReturnType<typeof hearing>['heard']} heard @param {number} worker */
function spansOf({spent}, worker) {
  const spans = spent.filter(span => span.worker === worker);
  let last = 0;
  for (const {begin, end} of spans) {
    assert.ok(begin >= last && end > begin, `${begin} to ${end} after ${last}`);
    last = end;
  }
  return spans;
}

for (const firstPosition of [0, 2 ** 32 - 100])
  test(`each task and each steal is told once, from position ${firstPosition}`, async t => {
    const workers = 2;
    const tasks = 3000;
    const {core, crew} = scene(t, {workers, trace: true, firstPosition});
    const {heard, live} = hearing(t, core);
    const fn = core.exports.function_new(KEEPER, 0);
    for (let id = 0; id < tasks; id++) submitTask(core, fn, id);
    for (let worker = 0; worker < workers; worker++) crew.start(POOL, 'worker', worker, {});
    await crew.go();
    const ran = () => core.workerStatistics(workers).reduce((sum, {run}) => sum + run, 0);
    await crew.until(() => {
      live.read(); // in the midst of it
      return ran() === tasks && core.parked.length === workers;
    }, 'all tasks run');
    core.exports.stop();
    await crew.results();
    live.stop();
    const {queued, began, ended, steals, died} = heard;
    assert.deepEqual({queued, began, ended, died}, {queued: tasks, began: tasks, ended: tasks, died: []});
    core.workerStatistics(workers).forEach(({stolen}, worker) => {
      assert.equal(steals.filter(({thief, victim}) => thief === worker && victim === 1 - worker).length, stolen);
      assert.ok(spansOf(heard, worker).some(({doing}) => doing === 'idle'));
    });
    assert.equal(steals.length, core.workerStatistics(workers).reduce((sum, {stolen}) => sum + stolen, 0));
  });

test('what a worker does while it joins', async t => {
  const {core, crew} = scene(t, {workers: 2, trace: true});
  const {heard, live} = hearing(t, core);
  const fn = core.exports.function_new(KEEPER, 0);
  submitTask(core, fn, 0);
  const spawner = crew.start(BODIES, 'spawner', 0, {jobs: 60, fn});
  await crew.go();
  crew.start(BODIES, 'thief', 1);
  await crew.result(spawner);
  await crew.results();
  live.stop();
  const [{promoted, run}, thief] = core.workerStatistics(2);
  assert.equal(heard.queued, 1 + promoted);
  assert.equal(heard.began, run + thief.run);
  assert.ok(thief.stolen, 'nothing was stolen: this test shows nothing');
  const doings = [0, 1].map(worker => new Set(spansOf(heard, worker).map(({doing}) => doing)));
  assert.ok(doings[0].has('task') && doings[0].has('join') && !doings[0].has('stolen'));
  assert.ok(doings[1].has('stolen') && !doings[1].has('task'));
});

/** A worker begins a task. @param {TestCore} core @param {number} fn @param {number} id */
function beginTask(core, fn, id) {
  const worker = core.as(0);
  worker.exports.worker_start(0);
  const slot = submitTask(core, fn, id);
  assert.equal(worker.exports.worker_next(0, 0), slot);
  return {worker, slot};
}

for (const often of [true, false])
  test(`a death ends the task of the dead, ${often ? 'heard of at once' : 'and later one that its successor had'}`, t => {
    const {core} = scene(t, {workers: 1, trace: true});
    const {heard, live} = hearing(t, core);
    const fn = core.exports.function_new(KEEPER, 0);
    for (let deaths = 1; deaths <= 2; deaths++) {
      beginTask(core, fn, deaths);
      core.exports.recover(0);
      core.exports.reinject();
      if (!often) continue;
      live.read();
      assert.deepEqual([heard.began, heard.ended, heard.died.length], [deaths, deaths, deaths]);
    }
    const {worker, slot} = beginTask(core, fn, 3);
    live.read();
    assert.deepEqual(heard.died, [0, 0]);
    assert.deepEqual([heard.began, heard.ended], [3, 2]);
    const {id, returns} = runTask(worker, slot);
    endTask(worker, slot, id, returns);
    live.read();
    assert.equal(heard.ended, 3);
    spansOf(heard, 0);
  });

test('a task that waits for room has ended, and ends once', t => {
  const {core} = scene(t, {workers: 1, trace: true});
  const {heard, live} = hearing(t, core);
  const {worker, slot} = beginTask(core, core.exports.function_new(KEEPER, 0), 1);
  worker.exports.trace_aside(slot);
  live.read();
  assert.equal(heard.ended, 1);
  endTask(worker, slot, 1, 4);
  live.read();
  assert.equal(heard.ended, 1);
});

test('where events are lost, what was open is forgotten', t => {
  const {core} = scene(t, {workers: 1, trace: true});
  const {heard, live} = hearing(t, core);
  const {worker} = beginTask(core, core.exports.function_new(KEEPER, 0), 1);
  live.read();
  for (let i = 0; i <= L.RING_EVENTS; i++) worker.test.trace(L.TRACE_HEARD, 1, 0, 0, 0);
  live.read();
  const before = heard.spent.length;
  live.read();
  assert.equal(heard.spent.length, before);
});
