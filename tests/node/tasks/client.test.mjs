// A client (web/penny/tasks/client.js): it never blocks and loses nothing, whatever there is no room for.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {HOST, KEEPER, MEBIBYTE, PAGE, clientParticipant} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {Outcome} from '../../../web/penny/core/layout.js';
import {HeapLimitError, PLAIN, RESERVED} from '../../../web/penny/tasks/calls.js';
import {Player} from '../support/player.mjs';
import {argumentsOf, endTask, runTask} from '../support/pool.threads.mjs';
import {NONE, NOTHING, generator, scene} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */
/** @typedef {import('../support/threads.mjs').Crew} Crew */

const POOL = new URL('../support/pool.threads.mjs', import.meta.url);
const {RETURNED, BROKEN, NO_ROOM} = Outcome;

/**
 * A scene with a client of the page.
 * @param {import('node:test').TestContext} t
 * @param {Parameters<typeof scene>[1]} [options]
 */
function play(t, options) {
  const {core, crew} = scene(t, options);
  return {core, crew, ...join(t, core, PAGE)};
}

/**
 * Another client.
 * @param {import('node:test').TestContext} t
 * @param {TestCore} core
 * @param {number} number
 */
function join(t, core, number) {
  const player = new Player(core.as(clientParticipant(number)), number);
  const {client} = player;
  t.after(() => client.close());
  client.oncompletions = () => player.collect();
  return {player, client};
}

/** Lets a worker in this thread run what it finds, at most `count` tasks. Returns the ids. */
function run(/** @type {TestCore} */ core, count = Infinity) {
  const worker = core.as(0);
  const ids = [];
  while (ids.length < count) {
    const task = worker.exports.worker_next(0, 0);
    if (task === NOTHING) break;
    const {id, returns} = runTask(worker, task);
    assert.notEqual(endTask(worker, task, id, returns), 0);
    ids.push(id);
  }
  return ids;
}

/**
 * Starts pool workers and waits for the end of all tasks.
 * @param {Crew} crew
 * @param {number} workers
 * @param {Player[]} players
 * @returns {Promise<number[][]>} ids of the tasks that each worker ran
 */
async function finish(crew, workers, ...players) {
  const threads = Array.from({length: workers}, (_, worker) => crew.start(POOL, 'worker', worker, {}));
  await crew.go();
  await crew.until(() => players.every(({client}) => !client.pending), 'the end of all tasks');
  crew.core.exports.stop();
  return await Promise.all(threads.map(thread => crew.result(thread)));
}

/** For submit(): a call of this queue. @param {number} queue */
const into = queue => ({queue});
const [URGENT, COROUTINE] = [into(L.INTERACTIVE), into(L.COROUTINES)];

/** @param {number} count */
const numbers = count => Array.from({length: count}, (_, i) => i);

// ---- back-pressure ------------------------------------------------------------------------------

test('more tasks than slots: one worker runs them in order', async t => {
  const {player, crew} = play(t);
  const count = L.TASKS + 5000;
  for (let i = 0; i < count; i++) player.submit();
  assert.equal(player.client.pending, count);
  assert.deepEqual(await finish(crew, 1, player), [numbers(count)]);
  assert.deepEqual(player.ended, numbers(count));
  player.assertOver();
});

test('arguments and results that are larger than the heap, in all: in order', async t => {
  const {player, crew} = play(t, {heap: 4 * MEBIBYTE});
  const random = generator(4);
  const size = () => [12, 1000, 30_000, 200_000, 700_000][random() % 5] & ~3;
  const count = 500;
  for (let i = 0; i < count; i++) player.submit({size: size(), returns: size()});
  assert.deepEqual(await finish(crew, 1, player), [numbers(count)]);
  player.assertEnd(Array(count).fill(RETURNED));
});

for (const workers of [1, 2]) {
  test(`arguments and results compete for too little room, ${workers} workers`, async t => {
    const {player, crew, core} = play(t, {heap: 4 * MEBIBYTE});
    const random = generator(workers);
    const size = () => (1 + (random() % 24)) * 125_000;
    assert.ok(24 * 125_000 <= core.exports.heap_limit());
    const count = 100;
    for (let i = 0; i < count; i++) player.submit({size: size(), returns: size()});
    await finish(crew, workers, player);
    player.assertEnd(Array(count).fill(RETURNED));
  });
}

test('two clients that together want more than there is', async t => {
  const {player, crew, core} = play(t, {heap: 4 * MEBIBYTE});
  const other = join(t, core, HOST);
  const count = 60;
  for (let i = 0; i < count; i++)
    for (const who of [player, other.player]) who.submit({size: 1_000_000, returns: 2_000_000});
  await finish(crew, 2, player, other.player);
  for (const who of [player, other.player]) assert.deepEqual(who.outcomes.flat(), Array(count).fill(RETURNED));
  other.client.dropFunction(other.player.fn);
  player.assertOver();
});

for (const worker of [3, L.ASYNC_WORKER])
  test(`while worker ${worker} wants room for a result, large arguments wait, and what comes after them`, async t => {
    const {player, core, crew} = play(t);
    core.exports.worker_wants_room(worker, 1);
    player.submit();
    player.submit({size: 10_000});
    player.submit();
    assert.deepEqual(run(core), [0]);
    core.exports.worker_wants_room(worker, 0);
    await crew.until(() => core.test.injector_length(L.BATCH) === 2, 'two tasks in the injector');
    assert.deepEqual(run(core), [1, 2]);
    player.assertEnd([RETURNED, RETURNED, RETURNED]);
  });

test('slots or room that another client holds are waited for', async t => {
  for (const held of ['slots', 'room']) {
    const {player, core, crew} = play(t, {heap: 4 * MEBIBYTE});
    player.submit(); // the function gets its entry
    run(core);
    player.collect();
    const slots = [];
    if (held === 'slots') {
      for (let slot; (slot = core.exports.task_new(HOST) >>> 0) !== NONE; ) slots.push(slot);
    } else {
      const fn = core.exports.function_new(KEEPER, 0);
      slots.push(core.exports.task_new(HOST));
      const block = core.exports.arguments_allocate(HOST, core.exports.heap_limit());
      core.exports.task_submit(slots[0], fn, L.BATCH, 0, 10, block);
    }
    for (let i = 0; i < 8; i++) player.submit({size: 100_000});
    await new Promise(resolve => setTimeout(resolve, 200)); // longer than a client that gives up would wait
    player.collect();
    assert.deepEqual(player.ended, [0], `given up, for ${held} that will come`);
    for (const slot of slots) core.exports.task_cancel(slot, HOST) || core.exports.task_free(slot, HOST);
    await crew.until(() => run(core) && player.ended.length === 9, 'the end of all tasks');
    assert.deepEqual(player.outcomes.flat(), Array(9).fill(RETURNED));
  }
});

test('room that another gives back is used, though a task of ours runs on', async t => {
  const {player, core, crew} = play(t, {heap: 4 * MEBIBYTE});
  player.submit();
  const worker = core.as(0);
  const running = worker.exports.worker_next(0, 0);
  const block = core.exports.arguments_allocate(HOST, 2_500_000);
  player.submit({size: 1_000_000});
  assert.deepEqual(run(core), []);
  core.exports.heap_free(HOST, block);
  await crew.until(() => run(core).length, 'the deferred call');
  const {id, returns} = runTask(worker, running);
  endTask(worker, running, id, returns);
  player.assertEnd([RETURNED, RETURNED]);
});

test('what is withdrawn before any worker is there leaves no room, and costs no other call', async t => {
  for (const options of [{}, URGENT, COROUTINE]) {
    const {player, core, crew} = play(t);
    const cells = core.test.INJECTOR_CELLS();
    const tickets = [];
    for (let i = 0; i < cells; i += tickets.length) {
      tickets.length = 0;
      while (tickets.length < Math.min(8192, cells - i)) tickets.push(player.submit({}, options));
      for (const ticket of tickets) assert.ok(player.cancel(ticket));
    }
    player.submit({}, options);
    await new Promise(resolve => setTimeout(resolve, 200)); // longer than a client that gives up would wait
    player.collect();
    assert.deepEqual(player.ended, [], 'given up, for room that will come');
    if (options === COROUTINE) {
      const async = core.as(L.ASYNC_WORKER);
      let task;
      await crew.until(() => (task = async.exports.coroutine_next()) !== NOTHING, 'the deferred call');
      const {id, returns} = runTask(async, Number(task));
      endTask(async, Number(task), id, returns);
    } else {
      await crew.until(() => run(core).length, 'the deferred call');
    }
    player.collect();
    assert.deepEqual(player.outcomes.splice(cells), [[RETURNED]]);
    player.outcomes.length = 0;
    player.assertOver();
  }
});

// No timer fires while it waits.
test('a host that waits tries again what found no room', async t => {
  const {core} = scene(t, {heap: 4 * MEBIBYTE});
  const {player, client} = join(t, core, HOST);
  const waits = (/** @type {number} */ milliseconds) => {
    const end = performance.now() + milliseconds;
    for (let left; (left = end - performance.now()) > 0; player.collect()) client.wait(left);
  };
  const held = core.exports.arguments_allocate(KEEPER, 2_500_000);
  player.submit(); // so that the function has its entry
  player.submit({size: 1_000_000});
  assert.deepEqual(run(core), [0]);
  waits(5);
  assert.deepEqual(run(core), []);
  core.exports.heap_free(KEEPER, held);
  waits(50);
  assert.deepEqual(run(core), [1]);
  const kept = core.exports.heap_allocate(KEEPER, 2_500_000); // an array, which nobody gives back
  player.submit({size: 1_000_000});
  waits(300);
  core.exports.heap_free(KEEPER, kept);
  player.assertEnd([RETURNED, RETURNED, NO_ROOM]);
});

// ---- urgent calls -------------------------------------------------------------------------------

test('batch calls leave slots to others: urgent calls and promotions find room', t => {
  const {player, core} = play(t);
  const room = L.TASKS - RESERVED;
  for (let i = 0; i < room + 100; i++) player.submit();
  assert.equal(core.test.injector_length(L.BATCH), room);
  player.submit({}, URGENT);
  assert.equal(core.test.injector_length(L.INTERACTIVE), 1);
  const slots = [];
  for (let slot; (slot = core.as(1).exports.promotion_slot(1) >>> 0) !== NONE; ) slots.push(slot);
  assert.equal(slots.length, RESERVED - 1);
  assert.deepEqual(run(core, 2), [room + 100, 0]);
});

test('an urgent call does not wait behind deferred batch calls', async t => {
  const {player, core, crew} = play(t, {heap: 4 * MEBIBYTE});
  for (let i = 0; i < 4; i++) player.submit({size: 2_000_000});
  assert.equal(core.test.injector_length(L.BATCH), 1);
  player.submit({}, URGENT);
  player.submit({}, COROUTINE);
  assert.equal(core.test.injector_length(L.INTERACTIVE), 1);
  assert.equal(core.test.injector_length(L.COROUTINES), 1);
  assert.deepEqual(run(core, 1), [4]);
  const async = core.as(L.ASYNC_WORKER);
  const task = async.exports.coroutine_next();
  assert.deepEqual(runTask(async, task), {id: 5, returns: 4});
  endTask(async, task, 5, 4);
  await crew.until(() => (run(core), !player.client.pending), 'the end of all tasks');
  player.assertEnd(Array(6).fill(RETURNED));
});

test('deferred urgent calls keep their order, come first, and hold up no others', async t => {
  const {player, core, crew} = play(t, {heap: 4 * MEBIBYTE});
  player.submit({size: 2_500_000});
  for (let i = 0; i < 3; i++) player.submit({size: 1_000_000}); // wait
  for (let i = 0; i < 3; i++) player.submit(i ? {} : {size: 1_000_000}, URGENT); // the first waits, and so all
  assert.equal(core.test.injector_length(L.INTERACTIVE), 0);
  assert.deepEqual(run(core), [0]);
  player.collect();
  assert.equal(core.test.injector_length(L.INTERACTIVE), 3);
  await crew.until(() => (run(core), !player.client.pending), 'the end of all tasks');
  assert.deepEqual(player.ended, [0, 4, 5, 6, 1, 2, 3]);
  player.assertOver();
});

test('a small batch call goes past an urgent one that waits for room', t => {
  const {player, core} = play(t, {heap: 4 * MEBIBYTE});
  player.submit({size: 2_500_000}, URGENT);
  player.submit({size: 1_000_000}, URGENT);
  player.submit();
  assert.deepEqual(run(core), [0, 2]);
});

test('who has coroutines to run is told', t => {
  const {player, client} = play(t);
  let told = 0;
  client.oncoroutine = () => told++;
  player.submit();
  player.submit({}, URGENT);
  assert.equal(told, 0);
  player.submit({}, COROUTINE);
  assert.equal(told, 1);
});

// ---- what never fits ----------------------------------------------------------------------------

test('what can never fit is refused at once, with its size and the limit', t => {
  const {client, core} = play(t, {heap: 4 * MEBIBYTE});
  const limit = core.exports.heap_limit();
  assert.ok(limit >= 3 * MEBIBYTE);
  const fn = client.addFunction(new Uint8Array(10));
  const tooLarge = new Uint8Array(limit + 1);
  for (const call of [() => client.submit(fn, PLAIN, tooLarge), () => client.addFunction(tooLarge)])
    assert.throws(call, error => {
      assert.ok(error instanceof HeapLimitError && error instanceof RangeError);
      assert.match(error.message, new RegExp(`${limit + 1} bytes.* ${limit} bytes`));
      return true;
    });
  assert.equal(client.pending, 0);
  assert.equal(core.exports.heap_used(), 0);
});

test('the largest payload fits', async t => {
  const {player, core, crew} = play(t, {heap: 4 * MEBIBYTE});
  const size = core.exports.heap_limit() & ~3;
  for (let i = 0; i < 3; i++) player.submit({size, returns: size});
  await finish(crew, 2, player);
  player.assertEnd([RETURNED, RETURNED, RETURNED]);
});

test('a payload for which functions leave no room ends with NO_ROOM, others go on', async t => {
  const {player, client, core, crew} = play(t, {heap: 4 * MEBIBYTE});
  const large = client.addFunction(new Uint8Array(1_500_000));
  client.cancel(client.submit(large, PLAIN, new Uint8Array(10)));
  run(core);
  player.submit();
  player.submit({size: 2_900_000});
  player.submit();
  player.submit({size: 1_000_000});
  await crew.until(() => (run(core), !client.pending), 'the end of all tasks');
  assert.deepEqual(player.outcomes.flat(), [RETURNED, NO_ROOM, RETURNED, RETURNED]);
  client.dropFunction(large);
  player.assertOver();
});

// ---- cancellation -------------------------------------------------------------------------------

test('cancel: deferred and queued yes, running and ended no', t => {
  const room = L.TASKS - RESERVED; // as many are placed at a time
  const {player, client, core} = play(t);
  const tickets = Array.from({length: room + 10}, () => player.submit());
  const worker = core.as(0);
  const running = worker.exports.worker_next(0, 0);
  const {id, returns} = runTask(worker, running);
  assert.equal(id, 0);
  assert.deepEqual([0, 1, room + 5].map(id => client.running(tickets[id])), [true, false, false]);
  assert.equal(player.cancel(tickets[0]), false);
  assert.equal(player.cancel(tickets[room + 5]), true);
  assert.equal(player.cancel(tickets[room + 5]), false);
  assert.equal(player.cancel(tickets[1]), true);
  assert.equal(player.cancel(tickets[1]), false);
  assert.equal(client.pending, room + 8);
  assert.equal(player.cancel(1e6), false);
  endTask(worker, running, id, returns);
  assert.equal(player.cancel(tickets[0]), false);
  assert.deepEqual(
    run(core),
    numbers(room + 1).slice(2), // one was placed when the queued one was withdrawn
  );
  player.collect();
  run(core);
  player.collect();
  assert.deepEqual(
    player.ended,
    numbers(room + 10).filter(id => ![1, room + 5].includes(id)),
  );
  assert.equal(client.pending, 0);
});

test('askCancel: running yes, others no; and whoever watches is told', t => {
  const {player, client, core} = play(t);
  let told = 0;
  client.onwatch = () => told++;
  const room = L.TASKS - RESERVED;
  const tickets = Array.from({length: room + 1}, () => player.submit());
  const worker = core.as(0);
  const [running, ended] = [worker.exports.worker_next(0, 0), worker.exports.worker_next(0, 0)];
  endTask(worker, ended, 1, 4);
  assert.deepEqual(
    [tickets[1], tickets[2], tickets[room], 1e6].map(ticket => client.askCancel(ticket)),
    [false, false, false, false],
  );
  assert.equal(told, 0);
  assert.equal(client.askCancel(tickets[0]), true);
  assert.equal(told, 1);
  assert.equal(core.exports.cancel_asked(core.hint(running)), 1);
  player.collect();
  assert.equal(client.askCancel(tickets[1]), false);
});

test('what becomes of a task that was asked to end', t => {
  const {player, client, core} = play(t);
  const tickets = [0, 1, 2, 3].map(id => player.submit({}, {limit: id === 1 ? 1_000_000 : 0}));
  const worker = core.as(0);
  const slots = tickets.map(() => worker.exports.worker_next(0, 0));
  for (const i of [0, 3]) assert.equal(client.askCancel(tickets[i]), true);
  const started = core.test.at_started(slots[1]);
  core.poke(started, core.word(started) - 1_000_001);
  for (let slot = 0; (slot = core.exports.watch_next(slot) >>> 0) !== NONE; slot++);
  endTask(worker, slots[3], 3, 4); // it did not mind
  assert.equal(core.exports.recover(0), 3);
  player.assertEnd([Outcome.CANCELLED, Outcome.TIMED_OUT, Outcome.LOST, RETURNED]);
});

test('a time limit is watched from when the call is placed', async t => {
  const {player, client, core, crew} = play(t, {heap: 4 * MEBIBYTE});
  /** @type {number[]} */
  const watched = [];
  client.onwatch = () => watched.push(core.exports.watch_needed());
  player.submit();
  assert.deepEqual(watched, []);
  player.submit({size: 2_500_000}, {limit: 1000});
  assert.deepEqual(watched, [1]);
  player.submit({size: 2_500_000}, {limit: 1000}); // deferred
  assert.deepEqual(watched, [1]);
  assert.deepEqual(run(core), [0, 1]);
  assert.equal(core.exports.watch_needed(), 0);
  player.collect();
  assert.deepEqual(watched, [1, 1]);
  await crew.until(() => (run(core), !client.pending), 'the end of all tasks');
  player.assertEnd([RETURNED, RETURNED, RETURNED]);
});

test('cancel gives back room, to whom waits for it', t => {
  const {player, core} = play(t, {heap: 4 * MEBIBYTE});
  const tickets = [1, 2, 3].map(() => player.submit({size: 2_000_000}));
  assert.deepEqual(core.test.injector_length(L.BATCH), 1);
  assert.equal(player.cancel(tickets[0]), true);
  assert.equal(player.cancel(tickets[2]), true);
  assert.deepEqual(run(core), [1]);
  player.collect();
  assert.deepEqual(player.ended, [1]);
  assert.equal(player.client.pending, 0);
});

test('everything cancelled: nothing is left', t => {
  const {player, client, core} = play(t, {heap: 4 * MEBIBYTE});
  const tickets = Array.from({length: 100}, () => player.submit({size: 300_000}));
  for (const ticket of tickets.reverse()) assert.equal(player.cancel(ticket), true);
  assert.equal(client.pending, 0);
  assert.deepEqual(run(core), []);
  client.dropFunction(player.fn);
  assert.equal(core.exports.heap_used(), 0);
});

// ---- outcomes -----------------------------------------------------------------------------------

test('an outcome that is not taken is offered again', t => {
  const {player, client, core} = play(t);
  for (let i = 0; i < 10; i++) player.submit({returns: 1000});
  run(core);
  /** @type {number[]} */
  const offered = [];
  const refuse = (/** @type {number} */ ticket) => offered.push(ticket) % 3 !== 0;
  assert.deepEqual([client.collect(refuse), client.collect(refuse), client.pending], [2, 2, 6]);
  assert.equal(offered[2], offered[3]);
  assert.equal(client.collect(() => true, 4), 4);
  assert.equal(client.collect(() => true), 2);
  client.dropFunction(player.fn);
  assert.equal(core.exports.heap_used(), 0);
});

test('slots are used again, tickets never', async t => {
  const {player, client, core} = play(t);
  const seen = new Set();
  let submitted = 0;
  for (let round = 0; round < 300; round++) {
    const count = 1 + ((round * 7) % 50);
    for (let i = 0; i < count; i++) seen.add(player.submit());
    submitted += count;
    run(core);
    assert.equal(player.collect(), count);
    assert.equal(client.pending, 0);
  }
  assert.equal(seen.size, submitted);
  player.assertOver();
});

// ---- the table of functions ---------------------------------------------------------------------

test('a function stays as long as calls need it', t => {
  const {client, core} = play(t, {heap: 4 * MEBIBYTE});
  const fn = client.addFunction(new Uint8Array(2_000_000));
  assert.equal(core.exports.heap_used(), 0, 'it has no entry before it is called');
  for (let i = 0; i < 2; i++) client.submit(fn, PLAIN, argumentsOf(i, {size: 1_500_000})); // the second waits
  client.dropFunction(fn);
  assert.ok(core.exports.heap_used() > 3_500_000);
  assert.deepEqual(run(core), [0]);
  assert.equal(client.collect(() => true), 1);
  assert.deepEqual(run(core), [1]);
  assert.equal(client.collect(() => true), 1);
  assert.equal(core.exports.heap_used(), 0);
});

test('submitInline: into the slot, or not at all', t => {
  const {player, client, core} = play(t);
  const write = (/** @type {number} */ size) =>
    client.submitInline(player.fn, 0, (bytes, offset, limit) => {
      if (size > limit - offset) return -1;
      bytes.set(argumentsOf(5, {size}), offset);
      return size;
    }, ticket);
  const ticket = {};
  assert.equal(write(L.TASK_PAYLOAD_BYTES + 1), false);
  assert.throws(() => client.submitInline(player.fn, 0, () => assert.fail('mine'), {}), /mine/);
  assert.equal(client.pending, 0);
  assert.equal(write(L.TASK_PAYLOAD_BYTES), true);
  assert.equal(client.pending, 1);
  assert.deepEqual(run(core), [5]);
  assert.equal(client.collect(ended => ended === ticket), 1);

  const slots = [];
  for (let slot; (slot = core.exports.task_new(HOST) >>> 0) !== NONE; ) slots.push(slot);
  assert.equal(slots.length, L.TASKS, 'no slot got lost');
  assert.equal(write(12), false);
  core.exports.task_free(slots[0], HOST);
  client.submit(player.fn, PLAIN, argumentsOf(6));
  client.submit(player.fn, PLAIN, argumentsOf(7)); // waits here
  core.exports.task_free(slots[1], HOST);
  assert.equal(write(12), false, 'not past what waits');
});

// ---- a broken pool ------------------------------------------------------------------------------

/** @param {TestCore} core */
function breakPool(core, reason = 'no worker could start') {
  const text = new TextEncoder().encode(reason);
  const block = core.exports.heap_allocate(KEEPER, text.length) >>> 0;
  core.reach(block + text.length);
  core.bytes.set(text, block);
  core.exports.break_pool(block, text.length);
}

/** @param {TestCore} core @param {number} address @param {number} size */
function text(core, address, size) {
  core.reach(address + size);
  return new TextDecoder().decode(core.bytes.slice(address, address + size));
}

test('a broken pool fails all that is pending, deferred, too, and says why', async t => {
  const {player, client, core, crew} = play(t, {heap: 4 * MEBIBYTE});
  /** @type {string[]} */
  const reasons = [];
  client.oncompletions = () =>
    client.collect((_, outcome, address, size) => {
      assert.equal(outcome, BROKEN);
      return reasons.push(text(player.core, address, size)) > 0;
    });
  for (let i = 0; i < 20; i++) player.submit({size: 500_000});
  assert.ok(core.test.injector_length(L.BATCH) < 20);
  breakPool(core, 'the fetch was blocked');
  await crew.until(() => !client.pending, 'the end of all tasks');
  assert.deepEqual(reasons, Array(20).fill('the fetch was blocked'));
});

test('a broken pool gives the outcomes that there are', t => {
  const {player, client, core} = play(t);
  for (let i = 0; i < 20; i++) player.submit();
  run(core, 5);
  breakPool(core);
  assert.equal(player.collect(), 20);
  assert.deepEqual(player.outcomes.flat(), [...Array(5).fill(RETURNED), ...Array(15).fill(BROKEN)]);
  assert.equal(client.pending, 0);
  assert.equal(player.collect(), 0);
});

test('a broken pool is heard of by one whose tasks all wait', async t => {
  const {client, player, core, crew} = play(t);
  for (let slot; (slot = core.exports.task_new(HOST) >>> 0) !== NONE; );
  for (let i = 0; i < 3; i++) player.submit();
  await new Promise(resolve => setTimeout(resolve, 20)); // it has looked, and sleeps
  breakPool(core);
  await crew.until(() => !client.pending, 'the end of all tasks');
  assert.deepEqual(player.outcomes.flat(), [BROKEN, BROKEN, BROKEN]);
});

test('a task submitted to a pool that is broken already fails, too', async t => {
  const {client, player, core, crew} = play(t);
  breakPool(core);
  await new Promise(resolve => setTimeout(resolve, 20));
  player.submit();
  await crew.until(() => !client.pending, 'the end of the task');
  assert.deepEqual(player.outcomes.flat(), [BROKEN]);
});

test('a closed client calls nobody', async t => {
  const {player, client, core} = play(t);
  client.oncompletions = () => assert.fail('called');
  player.submit();
  client.close();
  run(core);
  breakPool(core);
  await new Promise(resolve => setTimeout(resolve, 20));
});
