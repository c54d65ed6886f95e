// Traces (penny/wasm_core/trace/trace.c, web/penny/trace/rings.js, web/penny/trace/chrome.js): what is read is whole, in order
// and complete, or it says what is missing.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {KEEPER, MEBIBYTE} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {chromeTrace, jsonPieces} from '../../../web/penny/trace/chrome.js';
import {nameFunction} from '../../../web/penny/trace/names.js';
import {Tracer, lostEvents, readTrace} from '../../../web/penny/trace/rings.js';
import {endTask, runTask, submitTask} from '../support/pool.threads.mjs';
import {generator, scene} from '../support/threads.mjs';
import {said} from './trace.threads.mjs';

/**
 * @typedef {import('../support/threads.mjs').TestCore} TestCore
 * @typedef {import('../../../web/penny/trace/chrome.js').TraceEvent} TraceEvent
 */

const BODIES = new URL('trace.threads.mjs', import.meta.url);
const POOL = new URL('../support/pool.threads.mjs', import.meta.url);

/** @param {TestCore} core */
const read = core => chromeTrace([readTrace(core)]);

/**
 * The events of one phase, and one category.
 * @param {{traceEvents: TraceEvent[]}} trace
 * @param {string} ph
 * @param {string} cat
 */
const events = ({traceEvents}, ph, cat) => traceEvents.filter(e => e.ph === ph && e.cat === cat);

/** @param {import('../../../web/penny/trace/rings.js').Recording} recording @param {number} participant */
function trackOf({tracks}, participant) {
  const track = tracks.find(each => each.participant === participant);
  assert.ok(track);
  return track;
}

/** Fails unless the spans of each thread nest. @param {{traceEvents: TraceEvent[]}} trace */
function checkNesting({traceEvents}) {
  /** @type {Map<number, {end: number, name: string}[]>} */
  const stacks = new Map();
  for (const {ph, tid, ts, dur, name} of traceEvents) {
    if (ph !== 'X') continue;
    const begin = Math.round(Number(ts) * 10);
    const end = begin + Math.round(Number(dur) * 10);
    const stack = stacks.get(tid) ?? [];
    stacks.set(tid, stack);
    while (stack.length && stack[stack.length - 1].end <= begin) stack.pop();
    const outer = stack.at(-1);
    assert.ok(!outer || end <= outer.end, `${name} at ${ts} ends after ${outer?.name}`);
    stack.push({end, name});
  }
}

test('without trace nothing is there', t => {
  const {core} = scene(t, {workers: 2});
  assert.equal(core.traced, false);
  assert.equal(core.exports.heap_used(), 0);
  const fn = core.exports.function_new(KEEPER, 0);
  submitTask(core, fn, 1);
  nameFunction(core, 1, 'f'); // does nothing
});

test('a trace takes nothing of the heap', t => {
  const [plain, traced] = [false, true].map(trace => scene(t, {workers: 2, heap: 8 * MEBIBYTE, trace}).core);
  assert.equal(traced.traced, true);
  for (const {exports} of [plain, traced]) {
    assert.equal(exports.heap_used(), 0);
    assert.equal(exports.heap_size(), 0);
  }
  const limit = plain.exports.heap_limit();
  assert.equal(traced.exports.heap_limit(), limit);
  assert.ok(traced.exports.heap_allocate(KEEPER, limit), 'a block of the limit');
});

for (const firstPosition of [0, 2 ** 32 - 100])
  test(`each task and each steal is an event, from position ${firstPosition}`, async t => {
    const workers = 2;
    const tasks = 3000;
    const {core, crew} = scene(t, {workers, trace: true, firstPosition});
    const fn = core.exports.function_new(KEEPER, 0);
    nameFunction(core, core.exports.function_serial(fn), 'module.task');
    for (let id = 0; id < tasks; id++) submitTask(core, fn, id);
    for (let worker = 0; worker < workers; worker++) crew.start(POOL, 'worker', worker, {});
    await crew.go();
    const ran = () => core.workerStatistics(workers).reduce((sum, {run}) => sum + run, 0);
    await crew.until(() => ran() === tasks && core.parked.length === workers, 'all tasks run');
    core.exports.stop();
    await crew.results();

    const trace = read(core);
    assert.equal(trace.otherData.dropped, 0);
    checkNesting(trace);
    const spans = events(trace, 'X', 'task');
    assert.equal(spans.length, tasks);
    assert.equal(events(trace, 'i', 'submit').length, tasks);
    for (const {name, args} of spans) {
      assert.equal(name, 'module.task');
      assert.equal(args?.outcome, 'returned');
      assert.equal(args?.queued_by, 'page');
    }
    core.workerStatistics(workers).forEach(({run, stolen}, worker) => {
      const mine = (/** @type {TraceEvent} */ {tid}) => tid === worker + 1;
      assert.equal(spans.filter(mine).length, run);
      assert.equal(events(trace, 'i', 'steal').filter(mine).length, stolen);
      assert.equal(spans.filter(span => mine(span) && span.args?.stolen).length, stolen);
      assert.ok(events(trace, 'f', 'steal').filter(mine).length <= stolen);
    });
    assert.equal(events(trace, 's', 'steal').length, events(trace, 'f', 'steal').length);
    assert.deepEqual(JSON.parse([...jsonPieces(trace)].join('')), JSON.parse(JSON.stringify(trace)));
  });

test('joins, with tasks on top, and promotions', async t => {
  const {core, crew} = scene(t, {workers: 2, trace: true});
  const fn = core.exports.function_new(KEEPER, 0);
  submitTask(core, fn, 0);
  const spawner = crew.start(BODIES, 'spawner', 0, {jobs: 60, fn});
  await crew.go();
  crew.start(BODIES, 'thief', 1);
  const {nested} = await crew.result(spawner);
  await crew.results();
  const trace = read(core);
  checkNesting(trace);
  const [{promoted, run}, thief] = core.workerStatistics(2);
  assert.equal(promoted, 60);
  assert.equal(events(trace, 'i', 'promotion').length, promoted);
  assert.equal(events(trace, 'X', 'task').length, run + thief.run);
  const [outer] = events(trace, 'X', 'task');
  const inner = events(trace, 'X', 'task').filter(
    ({tid, ts}) => tid === 1 && Number(ts) > Number(outer.ts),
  );
  assert.equal(inner.length, nested);
  assert.ok(thief.stolen && nested, `${thief.stolen} stolen, ${nested} run in joins: this test shows nothing`);
  const joins = events(trace, 'X', 'join');
  assert.ok(joins.length >= nested, 'each join that found another task is a span before it');
  for (const {args} of joins) assert.equal(typeof (/** @type {any} */ (args).for.slot), 'number');
  // An arrow leaves where the job was promoted.
  const promotions = events(trace, 'i', 'promotion').map(({ts}) => ts);
  for (const {ts, tid} of events(trace, 's', 'steal').filter(({tid}) => tid === 1))
    assert.ok(promotions.includes(ts), `an arrow leaves worker ${tid - 1} at ${ts}`);
});

test('who sleeps, is woken, rings and hears', async t => {
  const {core, crew} = scene(t, {workers: 2, trace: true});
  for (const worker of [0, 1]) crew.start(POOL, 'worker', worker, {});
  await crew.go();
  await crew.until(() => core.parked.length === 2, 'both parked');
  const asleep = events(read(core), 'X', 'idle').filter(({name}) => name === 'park');
  assert.ok(asleep.filter(({args}) => args?.unfinished).length === 2);
  core.test.ring(0, 1);
  core.as(0).exports.doorbell_reasons(0);
  core.test.wake_one();
  await crew.until(() => core.parked.length === 2, 'both parked again');
  core.exports.stop();
  await crew.results();
  const trace = read(core);
  const page = L.FIRST_CLIENT + 1;
  const of = (/** @type {string} */ cat, /** @type {number} */ tid) =>
    events(trace, 'i', cat).filter(each => each.tid === tid);
  assert.deepEqual(of('doorbell', page)[0].args, {worker: 'worker 0', reason: 'steal'});
  assert.ok(of('doorbell', 1).some(({name, args}) => name === 'hear' && args?.reasons === 'steal'));
  assert.ok(of('wake', page).length >= 1);
  for (const worker of [1, 2])
    assert.deepEqual(of('worker', worker).map(({name}) => name), ['start', 'stop']);
  assert.equal(events(trace, 'X', 'idle').filter(({args}) => args?.unfinished).length, 0);
});

test('a ring that is read while it is overwritten: whole events, in order, and the rest counted', async t => {
  const {core, crew} = scene(t, {workers: 1, trace: true});
  const signal = 5;
  const writer = crew.start(BODIES, 'fill', 0, {signal});
  await crew.go();
  let checked = 0;
  let dropped = 0;
  let expected = 1; // the first is its start
  for (const deadline = Date.now() + 15_000; checked < 400_000 || !dropped; ) {
    assert.ok(Date.now() < deadline, `${checked} events read, ${dropped} dropped: this shows nothing`);
    const {first, pieces} = trackOf(readTrace(core), 0);
    dropped = lostEvents({first, pieces});
    for (const piece of pieces)
      for (let at = 0; at < piece.words.length; at += 4) {
        const position = piece.first + at / 4;
        if (position === 0) continue;
        const i = position - 1;
        const {task, fn} = said(i);
        const [low, , ...what] = piece.words.subarray(at, at + 4);
        assert.deepEqual([what[0] >>> 0, what[1] >>> 0], [task, fn], `event ${position}`);
        assert.equal(low & 0xfffff, (L.TRACE_PROMOTED << 15) | ((i & 0x7f) << 8) | (i & 0xff));
        checked++;
      }
    const last = pieces[pieces.length - 1];
    if (last) {
      const end = last.first + last.words.length / 4;
      assert.ok(end >= expected, 'what is known becomes less');
      expected = end;
    }
  }
  Atomics.store(crew.signals, signal, 1);
  const written = await crew.result(writer);
  const {first, pieces} = trackOf(readTrace(core), 0);
  const known = pieces.reduce((sum, {words}) => sum + words.length / 4, 0);
  assert.equal(known + lostEvents({first, pieces}), 1 + written);
  assert.equal(known, L.RING_EVENTS - 1);
});

test('what the keeper has copied is not lost when the ring is overwritten', t => {
  const {core} = scene(t, {workers: 1, trace: true, firstPosition: 2 ** 32 - 5});
  const tracer = new Tracer(core);
  tracer.stop();
  const worker = core.as(0);
  const random = generator(1);
  let written = 0;
  for (let round = 0; round < 12; round++) {
    for (let n = random() % (L.RING_EVENTS - 1); n; n--, written++) {
      const {task, fn} = said(written);
      worker.test.trace(L.TRACE_PROMOTED, 0, 0, task, fn);
    }
    tracer.drain();
  }
  const {first, pieces} = trackOf(readTrace(core), 0);
  assert.equal(lostEvents({first, pieces}), 0);
  let i = 0;
  for (const {words} of pieces)
    for (let at = 0; at < words.length; at += 4, i++)
      assert.deepEqual([words[at + 2] >>> 0, words[at + 3] >>> 0], [said(i).task, said(i).fn]);
  assert.equal(i, written);
});

test('when the log is full, its beginning and the newest events are known, the rest counted', t => {
  const {core} = scene(t, {workers: 1, trace: true});
  const tracer = new Tracer(core);
  tracer.stop();
  const worker = core.as(0);
  const total = L.LOG_EVENTS + 3 * L.RING_EVENTS;
  for (let i = 0; i < total; i++) {
    const {task, fn} = said(i);
    worker.test.trace(L.TRACE_PROMOTED, 0, 0, task, fn);
    if (i % 20_000 === 0) tracer.drain();
  }
  tracer.drain();
  const {first, pieces} = trackOf(readTrace(core), 0);
  const known = pieces.reduce((sum, {words}) => sum + words.length / 4, 0);
  assert.equal(known + lostEvents({first, pieces}), total);
  assert.ok(known > L.LOG_EVENTS && known <= L.LOG_EVENTS + L.RING_EVENTS);
  assert.equal(pieces[0].first, 0);
  const last = pieces[pieces.length - 1].words;
  assert.equal(last[last.length - 2] >>> 0, said(total - 1).task);
});

test('spans whose begin was overwritten, or whose end is to come, are marked', t => {
  const {core} = scene(t, {workers: 1, trace: true});
  const fn = core.exports.function_new(KEEPER, 0);
  const worker = core.as(0);
  worker.exports.worker_start(0);
  const slot = submitTask(core, fn, 1);
  assert.equal(worker.exports.worker_next(0, 0), slot);
  for (let i = 0; i < L.RING_EVENTS; i++) worker.test.trace(L.TRACE_HEARD, 1, 0, 0, 0);
  const {id, returns} = runTask(worker, slot);
  endTask(worker, slot, id, returns);
  submitTask(core, fn, 2);
  worker.exports.worker_next(0, 0);
  const trace = read(core);
  checkNesting(trace);
  const [truncated, unfinished, ...others] = events(trace, 'X', 'task');
  assert.deepEqual(others, []);
  assert.equal(truncated.args?.truncated, true);
  assert.equal(truncated.args?.outcome, 'returned');
  assert.equal(unfinished.args?.unfinished, true);
  assert.ok(trace.otherData.dropped > 0);
  const [gap] = events(trace, 'i', 'trace');
  assert.equal(gap.args?.dropped, trace.otherData.dropped);
});

test('a death ends the spans of the dead, and its successor goes on in the same ring', t => {
  const {core} = scene(t, {workers: 1, trace: true});
  const fn = core.exports.function_new(KEEPER, 0);
  const dead = core.as(0);
  dead.exports.worker_start(0);
  const lost = submitTask(core, fn, 1);
  assert.equal(dead.exports.worker_next(0, 0), lost);
  core.exports.recover(0);
  core.exports.reinject();
  const before = read(core);
  assert.equal(events(before, 'X', 'task')[0].args?.lost, true);
  const successor = core.as(0);
  successor.exports.worker_start(0);
  const slot = submitTask(core, fn, 2);
  assert.equal(successor.exports.worker_next(0, 0), slot);
  const {id, returns} = runTask(successor, slot);
  endTask(successor, slot, id, returns);
  const trace = read(core);
  checkNesting(trace);
  assert.deepEqual(
    events(trace, 'X', 'task').map(({args}) => args?.outcome ?? args?.lost),
    [true, 'returned'],
  );
  assert.deepEqual(
    events(trace, 'i', 'worker').map(({name}) => name),
    ['start', 'death', 'start'],
  );
});

test('names: the first of a function stays, long ones lose their beginning, and so many are kept', t => {
  const {core} = scene(t, {workers: 1, trace: true});
  nameFunction(core, 7, 'module.first');
  nameFunction(core, 7, 'module.second');
  const long = `${'é'.repeat(200)}.name`;
  nameFunction(core, 8, long);
  for (let key = 10; key < 10 + L.TRACE_NAMES; key++) nameFunction(core, key, `f${key}`);
  const {names} = readTrace(core);
  assert.equal(names.get(7), 'module.first');
  const shortened = names.get(8) ?? '';
  assert.match(shortened, /^…é+\.name$/);
  assert.ok(new TextEncoder().encode(shortened).length <= L.NAME_BYTES);
  assert.equal(names.size, L.TRACE_NAMES);
});

test('an outcome without room: the task ends when it has run', t => {
  const {core} = scene(t, {workers: 1, trace: true});
  const fn = core.exports.function_new(KEEPER, 0);
  const worker = core.as(0);
  worker.exports.worker_start(0);
  const slots = [1, 2].map(id => submitTask(core, fn, id));
  assert.equal(worker.exports.worker_next(0, 0), slots[0]);
  worker.exports.trace_aside(slots[0]);
  assert.equal(worker.exports.worker_next(0, 0), slots[1]);
  endTask(worker, slots[0], 1, 4);
  endTask(worker, slots[1], 2, 4);
  const trace = read(core);
  checkNesting(trace);
  assert.equal(events(trace, 'X', 'task').length, 2);
  assert.deepEqual(
    events(trace, 'i', 'task').map(({name}) => name),
    ['outcome finds room'],
  );
});
