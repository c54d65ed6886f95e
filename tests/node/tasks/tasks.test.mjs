// Task slots (penny/wasm_core/tables/slots.c, tasks/tasks.c): the state word alone decides who has a task.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {HOST, KEEPER, PAGE, clientParticipant} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {argumentsOf, checkResult, endTask, runTask} from '../support/pool.threads.mjs';
import {NONE, NOTHING, State, assertEachOnce, hintOf, scene, sharedWords} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const BODIES = new URL('tasks.threads.mjs', import.meta.url);
const {FREE, FILLING, QUEUED, RUNNING, RETURNED, RAISED} = State;

/** A function with one reference, the client's. @param {TestCore} core */
const newFunction = core => core.addFunction(new Uint8Array(10));

/**
 * A slot whose arguments are written, in the slot or in a heap block.
 * @param {TestCore} core
 * @param {Uint8Array} bytes
 */
function filled(core, bytes) {
  const {exports} = core;
  const slot = exports.task_new(PAGE) >>> 0;
  let block = 0;
  if (bytes.length > L.TASK_PAYLOAD_BYTES) {
    block = exports.arguments_allocate(core.participant, bytes.length) >>> 0;
    core.reach(block + bytes.length);
  }
  core.bytes.set(bytes, block || L.TASK_ADDRESS + slot * L.TASK_BYTES + L.TASK_PAYLOAD);
  return {slot, block, size: bytes.length};
}

for (const [where, size, returns] of [['inline', 12, 4], ['in the heap', 5000, 100_000]]) {
  test(`the life of a task, payload ${where}`, t => {
    const {core} = scene(t);
    const {exports} = core;
    const fn = newFunction(core);
    const base = exports.heap_used();
    const me = core.as(3);
    me.exports.worker_start(3);

    const {slot, block} = filled(core, argumentsOf(77, {size: Number(size), returns: Number(returns)}));
    const {generation} = core.state(slot);
    assert.deepEqual(core.state(slot), {state: FILLING, participant: KEEPER, generation, adrift: false});
    assert.equal(me.exports.worker_next(3, 0), NOTHING);

    assert.equal(exports.task_submit(slot, fn, L.BATCH, 0, Number(size), block), 1);
    assert.deepEqual(core.state(slot), {state: QUEUED, participant: 0, generation, adrift: false});
    assert.equal(core.references(fn), 2);

    assert.equal(me.exports.worker_next(3, 0), slot);
    assert.deepEqual(core.state(slot), {state: RUNNING, participant: 3, generation, adrift: false});
    assert.equal(exports.task_cancel(slot, PAGE), 0);
    assert.deepEqual(runTask(me, slot), {id: 77, returns});
    assert.equal(exports.heap_used(), base, 'the arguments’ block is given back when they are read');

    endTask(me, slot, 77, Number(returns));
    assert.deepEqual(core.state(slot), {state: RETURNED, participant: 3, generation, adrift: false});
    assert.equal(exports.task_cancel(slot, PAGE), 0);
    assert.equal(exports.completions_take(PAGE), slot);
    assert.equal(core.taskWord(slot, L.TASK_NEXT_WORD), NONE);
    checkResult(core, core.payload(slot), core.taskWord(slot, L.TASK_SIZE_WORD), 77);

    exports.task_free(slot, PAGE);
    assert.deepEqual(core.state(slot), {state: FREE, participant: 0, generation, adrift: false});
    assert.equal(core.references(fn), 1);
    assert.equal(exports.heap_used(), base);
    assert.equal(exports.completions_take(PAGE) >>> 0, NONE);

    assert.equal(exports.task_new(PAGE), slot, 'the slot freed last is the next used: it is in the cache');
    assert.equal(core.state(slot).generation, generation + 1);
  });
}

test('an exception ends a task, too', t => {
  const {core} = scene(t);
  const {slot, size} = filled(core, argumentsOf(1));
  core.exports.task_submit(slot, newFunction(core), L.BATCH, 0, size, 0);
  const worker = core.as(0);
  assert.equal(worker.exports.worker_next(0, 0), slot);
  assert.notEqual(worker.exports.task_finish(slot, 0, RAISED, 0, 0), 0);
  assert.equal(core.state(slot).state, RAISED);
  assert.equal(core.exports.completions_take(PAGE), slot);
});

test('only its worker can end a task, and once', t => {
  const {core} = scene(t);
  const {exports} = core;
  const {slot, size} = filled(core, argumentsOf(1));
  assert.equal(exports.task_finish(slot, 0, RETURNED, 0, 0), 0);
  exports.task_submit(slot, newFunction(core), L.BATCH, 0, size, 0);
  assert.equal(exports.task_finish(slot, 0, RETURNED, 0, 0), 0);
  core.test.claim(core.hint(slot), 1);
  assert.equal(exports.task_finish(slot, 0, RETURNED, 0, 0), 0);
  assert.notEqual(exports.task_finish(slot, 1, RETURNED, 0, 0), 0);
  assert.equal(exports.task_finish(slot, 1, RETURNED, 0, 0), 0);
  assert.equal(exports.completions_take(PAGE), slot);
  assert.equal(exports.completions_take(PAGE) >>> 0, NONE);
});

test('a cancelled task gives everything back and its hint claims nothing', t => {
  const {core} = scene(t);
  const {exports} = core;
  const fn = newFunction(core);
  const base = exports.heap_used();
  const {slot, block, size} = filled(core, argumentsOf(1, {size: 100_000}));
  exports.task_submit(slot, fn, L.BATCH, 0, size, block);
  const hint = core.hint(slot);
  assert.equal(exports.task_cancel(slot, PAGE), 1);
  assert.equal(core.state(slot).state, FREE);
  assert.equal(core.references(fn), 1);
  assert.equal(exports.heap_used(), base);
  assert.equal(exports.task_cancel(slot, PAGE), 0);
  assert.equal(core.test.claim(hint, 0), 0);
  const again = filled(core, argumentsOf(2));
  assert.equal(again.slot, slot);
  exports.task_submit(slot, fn, L.BATCH, 0, again.size, 0);
  assert.equal(core.test.claim(hint, 0), 0, 'the hint of the slot’s earlier task');
  assert.equal(core.test.claim(core.hint(slot), 0), 1);
});

test('the last reference frees a function', t => {
  const {core} = scene(t);
  const {exports} = core;
  const base = exports.heap_used();
  const fn = newFunction(core);
  const {slot, size} = filled(core, argumentsOf(1));
  exports.task_submit(slot, fn, L.BATCH, 0, size, 0);
  exports.function_drop(KEEPER, fn);
  assert.equal(core.references(fn), 1);
  assert.ok(exports.heap_used() > base);
  exports.task_cancel(slot, PAGE);
  assert.equal(exports.heap_used(), base);
});

for (const cancelling of [false, true]) {
  const title = cancelling ? 'cancel against claim' : 'claims';
  test(`${title}: each task has one winner, for three threads on the same hints`, async t => {
    const {core, crew} = scene(t);
    const fn = newFunction(core);
    const [hints, claimed, cancelled] = [1, 2, 3].map(() => sharedWords(100_000));
    crew.start(BODIES, 'publisher', KEEPER, {hints, cancelled, fn, cancelling});
    for (const worker of [0, 1, 2]) crew.start(BODIES, 'claimer', worker, {hints, claimed});
    await crew.results();
    assertEachOnce(claimed.map((count, i) => count + cancelled[i]), 'task');
    assert.equal(core.references(fn), 1);
  });
}

test('generations wrap', t => {
  const {core} = scene(t);
  const {exports} = core;
  const fn = newFunction(core);
  const slot = exports.task_new(PAGE);
  exports.task_free(slot, PAGE);
  const first = core.state(slot).generation;
  for (let use = 1; use <= 2 ** 16 + 10; use++) {
    assert.equal(exports.task_new(PAGE), slot);
    const generation = (first + use) & 0xffff;
    assert.equal(core.state(slot).generation, generation);
    assert.equal(exports.task_submit(slot, fn, L.BATCH, 0, 0, 0), 1);
    const hint = hintOf(slot, generation);
    assert.equal(core.test.injector_take(L.BATCH), hint);
    if (use % 2) {
      assert.equal(core.test.claim(hintOf(slot, (generation - 1) & 0xffff), 63), 0);
      assert.equal(core.test.claim(hint, 63), 1);
      assert.deepEqual(core.state(slot), {state: RUNNING, participant: 63, generation, adrift: false});
      assert.notEqual(exports.task_finish(slot, 63, RETURNED, 0, 0), 0);
      assert.equal(exports.completions_take(PAGE), slot);
      exports.task_free(slot, PAGE);
    } else {
      assert.equal(exports.task_cancel(slot, PAGE), 1);
    }
    assert.deepEqual(core.state(slot), {state: FREE, participant: 0, generation, adrift: false});
  }
  assert.equal(core.references(fn), 1);
});

test('all slots in use, and room again', async t => {
  const {core, crew} = scene(t);
  const clients = [1, 2, 3];
  for (const client of clients) crew.start(BODIES, 'hoarder', clientParticipant(client), {client});
  const slots = (await crew.results()).flat();
  const tally = new Int32Array(L.TASKS);
  for (const slot of slots) tally[slot]++;
  assertEachOnce(tally, 'slot');
  assert.equal(core.exports.task_new(PAGE) >>> 0, NONE);
  for (const slot of [0, 7, L.TASKS - 1]) {
    core.exports.task_free(slot, HOST);
    assert.equal(core.exports.task_new(PAGE), slot);
    assert.equal(core.exports.task_new(PAGE) >>> 0, NONE);
  }
});

test('two clients never hold the same slot, when few are free', async t => {
  const {core, crew} = scene(t);
  const slots = [];
  for (let slot; (slot = core.exports.task_new(PAGE) >>> 0) !== NONE; ) slots.push(slot);
  for (const slot of slots.slice(0, 6)) core.exports.task_free(slot, PAGE);
  const holder = sharedWords(L.TASKS);
  for (const client of [1, 2])
    crew.start(BODIES, 'borrower', clientParticipant(client), {client, holder, rounds: 10_000});
  await crew.results();
});

// ---- a full injector ----------------------------------------------------------------------------

/** @param {TestCore} core */
function fillInjector(core) {
  const never = hintOf(L.TASKS - 1, 0x7777);
  while (core.test.injector_put(L.BATCH, never));
}

test('submission to a full injector is refused and can be repeated', t => {
  const {core} = scene(t);
  const {exports} = core;
  const fn = newFunction(core);
  fillInjector(core);
  const {slot, block, size} = filled(core, argumentsOf(1, {size: 5000}));
  const before = core.state(slot);
  assert.equal(exports.task_submit(slot, fn, L.BATCH, 0, size, block), 0);
  assert.deepEqual(core.state(slot), before);
  assert.equal(core.references(fn), 1);
  const worker = core.as(0);
  assert.equal(worker.exports.worker_next(0, 0), NOTHING, 'the injector holds nothing that is queued');
  assert.equal(exports.task_submit(slot, fn, L.BATCH, 0, size, block), 1);
  assert.equal(worker.exports.worker_next(0, 0), slot);
  assert.equal(runTask(worker, slot).id, 1);
});

test('a refused submission gives back its block', t => {
  const {core} = scene(t);
  const {exports} = core;
  const fn = newFunction(core);
  const base = exports.heap_used();
  fillInjector(core);
  const {slot, block, size} = filled(core, argumentsOf(1, {size: 5000}));
  assert.equal(exports.task_submit(slot, fn, L.BATCH, 0, size, block), 0);
  exports.task_free(slot, PAGE);
  assert.equal(exports.heap_used(), base);
  assert.equal(core.references(fn), 1);
});

test('a task claimed before its own hint is refused counts as submitted', async t => {
  const {core, crew} = scene(t);
  const fn = newFunction(core);
  fillInjector(core);
  const slot = core.exports.task_new(PAGE);
  core.pauseAt('injector_put');
  crew.start(BODIES, 'submitter', KEEPER, {slot, fn});
  await crew.go();
  core.awaitPause('injector_put');
  assert.equal(core.test.claim(core.hint(slot), 2), 1); // by a hint that a recovery has put, say
  core.resume('injector_put');
  assert.deepEqual(await crew.results(), [1]);
  assert.equal(core.references(fn), 2);
  assert.equal(core.state(slot).state, RUNNING);
});
