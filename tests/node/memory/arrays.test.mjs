// The array table (penny/wasm_core/memory/arrays.c): an array lives as long as somebody holds it or a slot carries it,
// is freed when that is over, and nobody's death leaves anything of it.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {HOST, KEEPER, MEBIBYTE, PAGE, clientParticipant} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {PLAIN} from '../../../web/penny/tasks/calls.js';
import {Client} from '../../../web/penny/tasks/client.js';
import {argumentsOf, endTask, promoteJob, runTask, submitTask, takeCompletions} from '../support/pool.threads.mjs';
import {NONE, NOTHING, died, generator, scene, sharedWords} from '../support/threads.mjs';
import {OVER, filled, isFilled} from './arrays.threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const BODIES = new URL('arrays.threads.mjs', import.meta.url);
const VICTIM = 1;
const OTHER = 2;

/** States of an entry, as in shared.h. */
const [NO_ARRAY, MAKING, ALIVE] = [0, 1, 2];

/** In arenas, and in granules of their own. */
const SIZES = [0, 100, 3000, 200_000];

/** @param {TestCore} core @param {number} number */
const lifeOf = (core, number) => {
  const address = core.test.at_array_life(number);
  return (BigInt(core.word(address + 4)) << 32n) | BigInt(core.word(address));
};
/** @param {TestCore} core @param {number} number */
const stateOf = (core, number) => Number(lifeOf(core, number) & 3n);
/** @param {TestCore} core @param {number} number */
const serialOf = (core, number) => core.exports.array_serial(number) >>> 0;

/** No array is left, and nothing of the heap but `used`. @param {TestCore} core @param {number} used */
function assertNone(core, used = 0) {
  for (let number = 1; number <= L.ARRAYS; number++) {
    assert.equal(stateOf(core, number), NO_ARRAY, `array ${number}`);
    for (let i = 0; i < 3; i++) assert.equal(core.word(core.test.at_array_holders(number) + 4 * i), 0);
  }
  assert.equal(core.exports.heap_used(), used);
}

/** Has a slot of this participant's carry arrays. @param {TestCore} core @param {number} slot @param {number[]} numbers */
function carry(core, slot, numbers) {
  const list = core.exports.list_new(core.participant, numbers.length) >>> 0;
  core.reach(list + 4096);
  core.words.set(numbers, list / 4 + 1);
  core.exports.task_carry(slot, list);
  return list;
}

// ---- one participant, and several ---------------------------------------------------------------

test('an array is zeros, aligned, and free when its only holder drops it', t => {
  const {core} = scene(t);
  for (const size of SIZES) {
    const used = new Uint8Array(size).fill(7);
    for (let round = 0; round < 2; round++) {
      const number = core.exports.array_new(KEEPER, size);
      assert.ok(number >= 1 && number <= L.ARRAYS);
      assert.equal(core.exports.array_size(number), size);
      const address = core.exports.array_block(number) >>> 0;
      assert.equal(address % 64, 0);
      core.reach(address + size);
      assert.ok(core.bytes.subarray(address, address + size).every(byte => byte === 0));
      core.bytes.set(used, address); // what is used again is zeros again
      core.exports.array_drop(KEEPER, number);
      assertNone(core);
    }
  }
});

test('the last of several holders frees it', t => {
  const {core} = scene(t);
  const everyone = [0, 1, 31, 32, 63, L.ASYNC_WORKER, KEEPER, clientParticipant(HOST), clientParticipant(L.ASYNC_CLIENT)];
  const number = core.exports.array_new(KEEPER, 1000);
  for (const one of everyone)
    if (one !== KEEPER) assert.equal(core.exports.array_hold(one, number, serialOf(core, number)), 1);
  for (const one of everyone) {
    assert.equal(stateOf(core, number), ALIVE);
    core.exports.array_drop(one, number);
  }
  assertNone(core);
});

test('a name that is no array’s any more gives no hold, and does no harm', t => {
  const {core} = scene(t);
  const number = core.exports.array_new(KEEPER, 1000);
  const serial = serialOf(core, number);
  for (const wrong of [0, L.ARRAYS + 1, 2 ** 32 - 1]) assert.equal(core.exports.array_hold(OTHER, wrong, serial), 0);
  assert.equal(core.exports.array_hold(OTHER, number, serial + 1), 0);
  core.exports.array_drop(KEEPER, number);
  assert.equal(core.exports.array_hold(OTHER, number, serial), 0);
  assertNone(core);
});

test('the bit of one that asks for a former array does not keep the present one', t => {
  const {core} = scene(t);
  const number = core.exports.array_new(KEEPER, 1000);
  // OTHER is in the middle of array_hold(), for an array that had this number before.
  const holders = core.test.at_array_holders(number);
  core.poke(holders, core.word(holders) | (1 << OTHER));
  core.exports.array_drop(KEEPER, number);
  assert.equal(stateOf(core, number), ALIVE, 'nobody can tell');
  assert.equal(core.exports.array_hold(OTHER, number, serialOf(core, number) - 1), 0); // it goes on
  assertNone(core);
});

test('entries are used again, serials are not; a full table refuses, and takes nothing', t => {
  const {core} = scene(t, {heap: 16 * MEBIBYTE});
  const {exports} = core;
  const serials = new Set();
  const numbers = [];
  for (let number; (number = exports.array_new(KEEPER, 1)); numbers.push(number)) serials.add(serialOf(core, number));
  assert.equal(numbers.length, L.ARRAYS);
  assert.equal(new Set(numbers).size, L.ARRAYS);
  const used = exports.heap_used();
  assert.equal(exports.array_new(KEEPER, 1), 0);
  assert.equal(exports.heap_used(), used);
  exports.array_drop(KEEPER, numbers[77]);
  assert.equal(exports.array_new(OTHER, 1), numbers[77]);
  serials.add(serialOf(core, numbers[77]));
  assert.equal(serials.size, L.ARRAYS + 1);
  exports.array_drop(OTHER, numbers[77]);
  for (const number of numbers) if (number !== numbers[77]) exports.array_drop(KEEPER, number);
  assertNone(core);
});

test('a full heap refuses, and takes nothing', t => {
  const {core} = scene(t, {heap: 4 * MEBIBYTE});
  assert.equal(core.exports.array_new(KEEPER, 4 * MEBIBYTE + 1), 0);
  assert.equal(core.exports.array_new(KEEPER, 2 ** 32 - 1), 0);
  const number = core.exports.array_new(KEEPER, 3 * MEBIBYTE);
  assert.ok(number);
  assert.equal(core.exports.array_new(OTHER, 2 * MEBIBYTE), 0);
  core.exports.array_drop(KEEPER, number);
  assertNone(core);
});

// ---- slots --------------------------------------------------------------------------------------

test('what a slot carries lives until the slot lets go: by uncarry, by release, by cancel', t => {
  const {core} = scene(t);
  const {exports} = core;
  const fn = core.addFunction(new Uint8Array(10));
  const base = exports.heap_used();
  /** @type {((slot: number) => void)[]} */
  const ends = [
    slot => {
      exports.task_uncarry(slot, KEEPER);
      assertNone(core, base);
      exports.task_free(slot, PAGE);
    },
    slot => exports.task_free(slot, PAGE),
    slot => {
      exports.task_submit(slot, fn, L.BATCH, 0, 0, 0);
      assert.equal(exports.task_cancel(slot, PAGE), 1);
    },
  ];
  for (const end of ends) {
    const numbers = [1000, 200_000, 0].map(size => exports.array_new(KEEPER, size));
    const slot = exports.task_new(PAGE);
    carry(core, slot, numbers);
    for (const number of numbers) exports.array_drop(KEEPER, number);
    for (const number of numbers) assert.equal(stateOf(core, number), ALIVE);
    end(slot);
    assertNone(core, base);
  }
});

test('several slots carry it, a holder outlives them, and the other way round', t => {
  for (const last of ['holder', 'slot']) {
    const {core} = scene(t);
    const {exports} = core;
    const number = exports.array_new(KEEPER, 1000);
    const slots = [0, 1, 2].map(() => exports.task_new(PAGE));
    for (const slot of slots) carry(core, slot, [number]);
    if (last === 'slot') exports.array_drop(KEEPER, number);
    for (const slot of slots) {
      assert.equal(stateOf(core, number), ALIVE);
      exports.task_free(slot, PAGE);
    }
    if (last === 'holder') {
      assert.equal(stateOf(core, number), ALIVE);
      exports.array_drop(KEEPER, number);
    }
    assertNone(core);
  }
});

test('who found nobody does not free it if it has moved since', t => {
  const {core} = scene(t);
  const {exports} = core;
  const number = exports.array_new(KEEPER, 1000);
  const slot = exports.task_new(PAGE);
  /** @type {Record<string, () => void>} */
  const moves = {
    hold() {
      exports.array_hold(OTHER, number, serialOf(core, number));
      exports.array_drop(OTHER, number);
    },
    carry() {
      carry(core, slot, [number]);
      exports.task_uncarry(slot, KEEPER);
    },
  };
  for (const [name, move] of Object.entries(moves)) {
    const life = lifeOf(core, number);
    move();
    assert.equal(core.test.array_claim(OTHER, number, life), 0, name);
    assert.equal(stateOf(core, number), ALIVE);
  }
  exports.array_drop(KEEPER, number);
  exports.task_free(slot, PAGE);
  assertNone(core);
});

test('a client’s deferred call holds its arrays, and so does a result that waits for room', t => {
  const {core} = scene(t, {heap: 4 * MEBIBYTE});
  const client = new Client(core, PAGE);
  t.after(() => client.close());
  const fn = client.addFunction(new Uint8Array(10));
  client.submit(fn, PLAIN, argumentsOf(1));
  const base = core.exports.heap_used();
  const number = core.arrays.make(2 * MEBIBYTE);
  const big = client.submit(fn, PLAIN, argumentsOf(2, {size: 2 * MEBIBYTE})); // finds no room
  client.submit(fn, PLAIN, argumentsOf(3), [number]); // waits behind it
  const cancelled = client.submit(fn, PLAIN, argumentsOf(4), [number]);
  core.arrays.drop(number);
  assert.equal(stateOf(core, number), ALIVE);
  assert.ok(client.cancel(cancelled));
  assert.equal(stateOf(core, number), ALIVE);
  assert.ok(client.cancel(big)); // and then the other is placed
  const {exports} = core.as(OTHER);
  exports.worker_start(OTHER);
  const worker = core.as(OTHER);
  for (let task; (task = exports.worker_next(OTHER, 0)) >= 0; ) {
    const {id, returns} = runTask(worker, task);
    endTask(worker, task, id, returns);
    client.collect(() => true);
  }
  assert.equal(client.pending, 0);
  assertNone(core, base);
});

test('a participant holds once, however many objects it has', t => {
  const {core} = scene(t);
  const {arrays} = core;
  const number = arrays.make(100);
  const serial = arrays.serial(number);
  assert.ok(arrays.hold(number, serial));
  assert.ok(!arrays.hold(number, serial + 1));
  arrays.drop(number);
  assert.equal(stateOf(core, number), ALIVE);
  arrays.drop(number);
  assertNone(core);
  assert.ok(!arrays.hold(number, serial));
});

// ---- deaths -------------------------------------------------------------------------------------

/**
 * What the victim does when it dies. Of what it did nothing may be left, once the page has let go of `number`,
 * which it holds, and freed `slot`, if there is one.
 * @type {{title: string, die(play: {core: TestCore, victim: TestCore, number: number, fn: number}): void}[]}
 */
const DEATHS = [
  {
    title: 'making one, before it has a block',
    die({core, victim}) {
      core.dieAt('heap_allocate');
      assert.throws(() => victim.exports.array_new(VICTIM, 1000), died);
    },
  },
  {title: 'making one, with a block and no entry', die: ({victim}) => void victim.exports.heap_allocate(VICTIM, 1000)},
  ...[false, true].flatMap(named =>
    [false, true].map(held => ({
      title: `making one, the block ${named ? '' : 'not '}in the entry, its bit ${held ? '' : 'not '}set`,
      die(/** @type {{core: TestCore, victim: TestCore}} */ {core, victim}) {
        const made = victim.exports.array_new(VICTIM, 1000);
        const life = core.test.at_array_life(made);
        core.poke(life, (core.word(life) & ~0x1ff) | (VICTIM << 2) | MAKING);
        if (!named) core.poke(core.test.at_array_block(made), 0);
        if (!held) core.poke(core.test.at_array_holders(made), 0);
      },
    })),
  ),
  {title: 'with one of its own', die: ({victim}) => void victim.exports.array_new(VICTIM, 200_000)},
  {
    title: 'taking a hold, before the move',
    die({core, number}) {
      const holders = core.test.at_array_holders(number);
      core.poke(holders, core.word(holders) | (1 << VICTIM));
    },
  },
  {
    title: 'taking a hold of what is no array',
    die({core}) {
      core.poke(core.test.at_array_holders(4711), 1 << VICTIM);
    },
  },
  {title: 'with a hold', die: ({victim, number}) => void victim.exports.array_hold(VICTIM, number, serialOf(victim, number))},
  {
    title: 'letting go of the last hold, before it looks',
    die({core, victim}) {
      core.poke(core.test.at_array_holders(victim.exports.array_new(VICTIM, 1000)), 0);
    },
  },
  ...['heap_take_over', 'heap_free'].map(step => ({
    title: `freeing one, at ${step}`,
    die(/** @type {{core: TestCore, victim: TestCore}} */ {core, victim}) {
      const made = victim.exports.array_new(VICTIM, 1000);
      core.dieAt(/** @type {any} */ (step));
      assert.throws(() => victim.exports.array_drop(VICTIM, made), died);
    },
  })),
  {
    title: 'freeing one, when the block is free',
    die({core, victim}) {
      const made = victim.exports.array_new(VICTIM, 1000);
      core.dieAt('heap_free');
      assert.throws(() => victim.exports.array_drop(VICTIM, made), died);
      victim.test.heap_sweep(VICTIM, KEEPER);
    },
  },
  {title: 'with a list, and no slot', die: ({victim}) => void victim.exports.list_new(VICTIM, 3)},
  {
    title: 'with a slot that carries its own array, and another’s',
    die({victim, number}) {
      const made = victim.exports.array_new(VICTIM, 1000);
      victim.exports.array_hold(VICTIM, number, serialOf(victim, number));
      carry(victim, victim.exports.promotion_slot(VICTIM), [made, number]);
      victim.exports.array_drop(VICTIM, made);
    },
  },
  {
    title: 'with a promoted job that carries one',
    die({core, victim, fn}) {
      const made = victim.exports.array_new(VICTIM, 1000);
      const hint = promoteJob(victim, fn, 1);
      carry(victim, hint & L.INDEX_MASK, [made]); // as if before; nobody has it yet
      victim.exports.array_drop(VICTIM, made);
      assert.equal(stateOf(core, made), ALIVE);
    },
  },
  ...['heap_take_over', 'heap_free'].map(step => ({
    title: `having a slot carry one no more, at ${step}`,
    die(/** @type {{core: TestCore, victim: TestCore}} */ {core, victim}) {
      const made = victim.exports.array_new(VICTIM, 1000);
      const slot = victim.exports.promotion_slot(VICTIM);
      carry(victim, slot, [made]);
      victim.exports.array_drop(VICTIM, made);
      core.dieAt(/** @type {any} */ (step));
      assert.throws(() => victim.exports.promotion_withdraw(slot, VICTIM), died);
    },
  })),
  {
    title: 'when the slot carries it no more, before it looks',
    die({core, victim}) {
      const made = victim.exports.array_new(VICTIM, 1000);
      const slot = victim.exports.promotion_slot(VICTIM);
      carry(victim, slot, [made]);
      victim.exports.array_drop(VICTIM, made);
      core.poke(core.test.at_carried(slot), 0);
    },
  },
];

for (const {title, die} of DEATHS)
  test(`a death ${title}`, t => {
    const {core} = scene(t);
    const fn = core.addFunction(new Uint8Array(10));
    const base = core.exports.heap_used();
    const number = core.exports.array_new(KEEPER, 3000);
    filled(core, number);
    const victim = core.as(VICTIM);
    victim.exports.worker_start(VICTIM);
    die({core, victim, number, fn});
    for (const step of /** @type {const} */ (['heap_allocate', 'heap_take_over', 'heap_free'])) core.resume(step);
    for (let death = 0; death < 2; death++) {
      core.exports.recover(VICTIM);
      assert.equal(core.exports.reinject(), 0);
      assert.ok(isFilled(core, number), 'the page’s own array');
    }
    core.exports.array_drop(KEEPER, number);
    assert.equal(core.exports.all_quiet(), 1);
    assertNone(core, base);
  });

/**
 * A task of the page's that carries an array which nobody holds, in the victim; what became of it and who has the
 * array then: `kept` if its outcome carries it.
 * @type {{title: string, kept: boolean, die(victim: TestCore, task: number, number: number, core: TestCore): void}[]}
 */
const RUNS = [
  {title: 'runs a task', kept: false, die() {}},
  {
    title: 'runs a task, and holds what it carries',
    kept: false,
    die: (victim, _, number) => void victim.exports.array_hold(VICTIM, number, serialOf(victim, number)),
  },
  {
    title: 'has had the slot carry it no more, to end the task',
    kept: false,
    die(victim, task, number) {
      victim.exports.array_hold(VICTIM, number, serialOf(victim, number));
      victim.exports.task_uncarry(task, VICTIM);
    },
  },
  {
    title: 'has the slot carry it for the result, and has not ended the task',
    kept: false,
    die(victim, task, number) {
      victim.exports.array_hold(VICTIM, number, serialOf(victim, number));
      victim.exports.task_uncarry(task, VICTIM);
      carry(victim, task, [number]);
    },
  },
  ...[false, true].map(pushed => ({
    title: `has ended the task${pushed ? '' : ', and not told'}; the result carries it`,
    kept: true,
    die(
      /** @type {TestCore} */ victim,
      /** @type {number} */ task,
      /** @type {number} */ number,
      /** @type {TestCore} */ core,
    ) {
      const {id, returns} = runTask(victim, task);
      victim.exports.array_hold(VICTIM, number, serialOf(victim, number));
      victim.exports.task_uncarry(task, VICTIM);
      carry(victim, task, [number]);
      victim.exports.array_drop(VICTIM, number);
      if (pushed) {
        endTask(victim, task, id, returns);
      } else {
        core.dieAt('completion_push');
        assert.throws(() => endTask(victim, task, id, returns), died);
      }
    },
  })),
];

for (const {title, kept, die} of RUNS)
  test(`a worker dies that ${title}`, t => {
    const {core} = scene(t);
    const client = new Client(core, PAGE);
    t.after(() => client.close());
    const fn = client.addFunction(new Uint8Array(10));
    client.submit(fn, PLAIN, argumentsOf(1));
    const first = core.as(OTHER);
    first.exports.worker_start(OTHER);
    runAndEnd(first);
    client.collect(() => true);
    const base = core.exports.heap_used();

    const number = core.arrays.make(3000);
    filled(core, number);
    client.submit(fn, PLAIN, argumentsOf(2), [number]);
    core.arrays.drop(number);
    const victim = core.as(VICTIM);
    victim.exports.worker_start(VICTIM);
    const task = victim.exports.worker_next(VICTIM, 0);
    assert.ok(task >= 0);
    die(victim, task, number, core);
    core.exports.recover(VICTIM);
    assert.equal(stateOf(core, number), kept ? ALIVE : NO_ARRAY);
    let carried = false;
    client.collect((ticket, outcome, address, size, worker, slot) => {
      carried = core.arrays.carries(slot);
      if (kept) assert.ok(isFilled(core, number));
      return true;
    });
    assert.equal(carried, kept);
    assert.equal(client.pending, 0);
    assertNone(core, base);
  });

/** @param {TestCore} worker */
function runAndEnd(worker) {
  const task = worker.exports.worker_next(worker.participant, 0);
  assert.notEqual(task, NOTHING);
  const {id, returns} = runTask(worker, task);
  endTask(worker, task, id, returns);
}

// ---- threads ------------------------------------------------------------------------------------

test('arrays go round among threads, and are freed once, when nobody has them', async t => {
  const {core, crew} = scene(t);
  const names = sharedWords(2 * 16);
  const host = crew.start(BODIES, 'host', clientParticipant(HOST), {names, rounds: 1000});
  for (const worker of [0, 1]) crew.start(BODIES, 'worker', worker, {seed: worker});
  crew.start(BODIES, 'prober', clientParticipant(L.ASYNC_CLIENT), {names});
  await crew.go();
  const {arrays, returned} = await crew.result(host);
  core.exports.stop();
  const [, ...others] = await crew.results();
  assertNone(core);
  t.diagnostic(`${arrays} arrays, ${returned} came back; ${JSON.stringify(others)}`);
});

test('and so they are when workers die at any time', async t => {
  const {core, crew} = scene(t);
  const random = generator(5);
  const names = sharedWords(2 * 16);
  const host = crew.start(BODIES, 'host', clientParticipant(HOST), {names, rounds: Infinity});
  const start = (/** @type {number} */ number, /** @type {number} */ seed) =>
    crew.start(BODIES, 'worker', number, {seed});
  const threads = [0, 1].map(number => start(number, number));
  await crew.go();
  for (let death = 0; death < 8; death++) {
    const number = random() % threads.length;
    await crew.patiently(threads[number].ready, 'a thread ready');
    await new Promise(resolve => setTimeout(resolve, random() % 20));
    await threads[number].terminate();
    core.exports.recover(number);
    assert.equal(core.exports.reinject(), 0);
    threads[number] = start(number, 10 + death);
  }
  Atomics.store(crew.signals, OVER, 1);
  const {arrays, returned, lost} = await crew.result(host);
  core.exports.stop();
  await Promise.all(threads.map(thread => crew.patiently(thread.result, 'the end of a worker')));
  assertNone(core);
  t.diagnostic(`${arrays} arrays, ${returned} came back, ${lost} tasks lost`);
});
