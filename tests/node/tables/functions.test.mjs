// The function table (penny/wasm_core/tables/functions.c): an entry lives as long as somebody refers to it, and a name
// that somebody remembers never means another function.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {KEEPER, MEBIBYTE, PAGE, clientParticipant} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {endTask, runTask, submitTask, takeCompletions} from '../support/pool.threads.mjs';
import {died, scene} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const BODIES = new URL('functions.threads.mjs', import.meta.url);
const VICTIM = 1;
const OTHER = 2;

const BYTES = new Uint8Array(700).fill(7);

/**
 * A function of some participant's.
 * @param {TestCore} core
 * @returns {{fn: number, serial: number}}
 */
function made(core) {
  const fn = core.addFunction(BYTES);
  return {fn, serial: core.exports.function_serial(fn)};
}

/** @param {TestCore} core @param {number} fn */
function bytesOf(core, fn) {
  const block = core.exports.function_block(fn) >>> 0;
  const size = core.exports.function_size(fn);
  core.reach(block + size);
  return core.bytes.slice(block, block + size);
}

/** Lets a worker run all tasks, and the page free them. @param {TestCore} core @param {number} worker */
function runAll(core, worker) {
  const me = core.as(worker);
  me.exports.worker_start(worker);
  for (let task; (task = me.exports.worker_next(worker, 0)) >= 0; ) {
    const {id, returns} = runTask(me, task);
    endTask(me, task, id, returns);
  }
  takeCompletions(core, PAGE, () => {});
}

/** Whether the entry is free. @param {TestCore} core @param {number} fn */
const isFree = (core, fn) => core.word(core.test.at_life(fn)) === 0;

test('what one makes, others read', t => {
  const {core} = scene(t);
  const {fn, serial} = made(core.as(3));
  const {exports} = core.as(5);
  assert.equal(exports.function_serial(fn), serial);
  assert.equal(exports.function_size(fn), BYTES.length);
  const block = exports.function_block(fn) >>> 0;
  core.reach(block + BYTES.length);
  assert.deepEqual(core.bytes.slice(block, block + BYTES.length), BYTES);
  assert.equal(core.references(fn), 1);
});

test('an empty function, and a large one', t => {
  const {core} = scene(t);
  for (const size of [0, 3 * MEBIBYTE]) {
    const fn = core.addFunction(new Uint8Array(size));
    assert.equal(core.exports.function_size(fn), size);
    core.exports.function_drop(KEEPER, fn);
    assert.equal(core.exports.heap_used(), 0);
  }
});

for (const first of ['maker', 'slots'])
  test(`the last reference frees it, the ${first} first`, t => {
    const {core} = scene(t);
    const {fn, serial} = made(core);
    const slots = [1, 2, 3].map(id => submitTask(core, fn, id));
    assert.equal(core.references(fn), 4);
    const drop = () => core.exports.function_drop(KEEPER, fn);
    if (first === 'maker') drop();
    for (const slot of slots) {
      assert.ok(!isFree(core, fn) && core.exports.heap_used() > 0);
      assert.equal(core.exports.task_cancel(slot, PAGE), 1);
    }
    if (first === 'slots') {
      assert.equal(core.references(fn), 1);
      drop();
    }
    assert.ok(isFree(core, fn));
    assert.equal(core.exports.heap_used(), 0);
    assert.equal(core.test.function_retain(fn, serial), 0);
  });

test('retain: only what is alive, and of this serial', t => {
  const {core} = scene(t);
  const {fn, serial} = made(core);
  assert.equal(core.test.function_retain(fn, serial + 1), 0);
  assert.equal(core.test.function_retain(fn, serial), 1);
  assert.equal(core.references(fn), 2);
  core.exports.function_drop(KEEPER, fn);
  assert.equal(core.test.function_retain(fn, serial), 1, 'a slot keeps it alive');
  core.test.function_release(OTHER, fn);
  core.test.function_release(OTHER, fn);
  assert.equal(core.test.function_retain(fn, serial), 0);
  assert.ok(isFree(core, fn));
});

test('entries are used again, serials are not', t => {
  const {core} = scene(t);
  const count = core.test.FUNCTIONS();
  const old = made(core);
  core.exports.function_drop(KEEPER, old.fn);
  const serials = new Set([old.serial]);
  let again;
  for (let i = 0; i < count; i++) {
    const {fn, serial} = made(core);
    assert.ok(fn >= 1 && fn <= count);
    assert.ok(!serials.has(serial));
    serials.add(serial);
    if (fn === old.fn) again = serial;
    else core.exports.function_drop(KEEPER, fn);
  }
  assert.ok(again, 'the old entry has been used again');
  assert.equal(core.test.function_retain(old.fn, old.serial), 0);
  assert.equal(core.references(old.fn), 1);
  assert.equal(core.test.function_retain(old.fn, again), 1);
});

test('a full table, or a full heap, refuses, and takes nothing', t => {
  const {core} = scene(t);
  const {exports} = core;
  const count = core.test.FUNCTIONS();
  const numbers = new Set();
  for (let i = 0; i < count; i++) numbers.add(core.addFunction(new Uint8Array(1)));
  assert.equal(numbers.size, count);
  assert.ok(!numbers.has(0));
  const used = exports.heap_used();
  assert.equal(core.addFunction(new Uint8Array(1)), 0);
  assert.equal(exports.heap_used(), used);
  for (const fn of [1, 77, count]) {
    exports.function_drop(KEEPER, fn);
    assert.equal(core.addFunction(new Uint8Array(1)), fn);
    assert.equal(core.addFunction(new Uint8Array(1)), 0);
  }

  const small = scene(t, {heap: 4 * MEBIBYTE}).core;
  assert.equal(small.exports.function_new(KEEPER, 5 * MEBIBYTE), 0);
  assert.ok(small.addFunction(new Uint8Array(1)));
});

test('who remembers a function gets it, or learns that it has gone: threads', async t => {
  const {core, crew} = scene(t);
  const rounds = 20_000;
  const names = new Int32Array(new SharedArrayBuffer(8 * 4)); // number and serial, four functions
  crew.start(BODIES, 'maker', clientParticipant(1), {names, rounds});
  for (const worker of [0, 1]) crew.start(BODIES, 'user', worker, {names});
  const [, ...uses] = await crew.results();
  assert.equal(core.exports.heap_used(), 0);
  for (let fn = 1; fn <= core.test.FUNCTIONS(); fn++) assert.ok(isFree(core, fn), `entry ${fn}`);
  t.diagnostic(`${uses.map(({retained}) => retained)} retained, ${uses.map(({gone}) => gone)} had gone`);
});

// ---- deaths -------------------------------------------------------------------------------------

/**
 * How far a worker gets before it dies; the entry, if there is one by then.
 * @type {{title: string, die(core: TestCore, victim: TestCore): number | void}[]}
 */
const DEATHS = [
  {
    title: 'before it has a block',
    die(core, victim) {
      core.dieAt('heap_allocate');
      assert.throws(() => victim.exports.function_new(VICTIM, BYTES.length), died);
    },
  },
  {
    title: 'with a block and no entry',
    die: (_, victim) => void victim.exports.heap_allocate(VICTIM, BYTES.length),
  },
  {
    title: 'with an entry that does not name the block',
    die(core, victim) {
      const {fn} = made(victim);
      core.poke(core.test.at_function_block(fn), 0);
      return fn;
    },
  },
  {title: 'with an entry', die: (_, victim) => made(victim).fn},
  {
    title: 'when it has dropped the last reference',
    die(core, victim) {
      const {fn} = made(victim);
      core.dieAt('heap_take_over');
      assert.throws(() => victim.exports.function_drop(VICTIM, fn), died);
      return fn;
    },
  },
  {
    title: 'when it has taken the block out of the entry',
    die(core, victim) {
      const {fn} = made(victim);
      core.dieAt('heap_free');
      assert.throws(() => victim.exports.function_drop(VICTIM, fn), died);
      return fn;
    },
  },
  {
    title: 'when it has freed the block',
    die(core, victim) {
      const {fn} = made(victim);
      core.dieAt('heap_free');
      assert.throws(() => victim.exports.function_drop(VICTIM, fn), died);
      core.as(VICTIM).test.heap_sweep(VICTIM, KEEPER); // its block is free; its entry is not
      return fn;
    },
  },
  {
    title: 'when a slot’s reference was the last, of another’s function',
    die(core, victim) {
      const {fn, serial} = made(core);
      victim.test.function_retain(fn, serial);
      core.exports.function_drop(KEEPER, fn);
      core.dieAt('heap_take_over');
      assert.throws(() => victim.test.function_release(VICTIM, fn), died);
      return fn;
    },
  },
];

for (const {title, die} of DEATHS)
  test(`a death ${title}`, t => {
    const {core} = scene(t);
    const others = made(core);
    const base = core.exports.heap_used();
    const fn = die(core, core.as(VICTIM));
    core.exports.recover(VICTIM);
    if (fn) assert.ok(isFree(core, fn));
    assert.equal(core.exports.heap_used(), base);
    assert.equal(core.references(others.fn), 1);
    core.exports.function_drop(KEEPER, others.fn);
    const numbers = new Set();
    for (let number; (number = core.addFunction(new Uint8Array(1))); ) numbers.add(number);
    assert.equal(numbers.size, core.test.FUNCTIONS(), 'no entry got lost');
  });

test('a block that was freed, and is another’s when the keeper comes, stays', t => {
  const {core} = scene(t);
  const victim = core.as(VICTIM);
  const {fn} = made(victim);
  const block = core.exports.function_block(fn) >>> 0;
  core.dieAt('heap_free');
  assert.throws(() => victim.exports.function_drop(VICTIM, fn), died);
  core.exports.heap_free(VICTIM, block); // it got as far as that
  assert.equal(core.exports.heap_allocate(OTHER, BYTES.length) >>> 0, block);
  const used = core.exports.heap_used();
  core.exports.recover(VICTIM);
  assert.ok(isFree(core, fn));
  assert.equal(core.exports.heap_used(), used);
});

for (const dropped of [false, true])
  test(`a dead maker’s function stays while a task needs it, ${dropped ? 'dropped' : 'held'} by it`, t => {
    const {core} = scene(t);
    const victim = core.as(VICTIM);
    const {fn, serial} = made(victim);
    submitTask(core, fn, 1);
    if (dropped) victim.exports.function_drop(VICTIM, fn);
    for (let death = 0; death < 2; death++) {
      core.exports.recover(VICTIM);
      assert.equal(core.references(fn), 1);
      assert.equal(core.exports.function_serial(fn), serial);
      assert.deepEqual(bytesOf(core, fn), BYTES);
    }
    runAll(core, OTHER);
    assert.ok(isFree(core, fn));
    assert.equal(core.exports.heap_used(), 0);
  });

test('what the async worker and its client had made goes with them', t => {
  const {core} = scene(t);
  const fns = [L.ASYNC_WORKER, clientParticipant(L.ASYNC_CLIENT)].map(participant => made(core.as(participant)).fn);
  const others = made(core.as(VICTIM)).fn;
  core.exports.recover(L.ASYNC_WORKER);
  for (const fn of fns) assert.ok(isFree(core, fn));
  assert.equal(core.references(others), 1);
});

test('the deaths of others are no concern of a living one in the middle of it', t => {
  const {core} = scene(t);
  const {fn} = made(core.as(OTHER));
  core.dieAt('heap_take_over');
  assert.throws(() => core.as(OTHER).exports.function_drop(OTHER, fn), died); // in truth it stands still here
  core.exports.recover(VICTIM);
  assert.ok(!isFree(core, fn));
  assert.notEqual(core.exports.function_block(fn), 0);
  core.exports.recover(OTHER);
  assert.ok(isFree(core, fn));
});
