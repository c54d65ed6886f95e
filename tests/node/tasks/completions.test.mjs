// Completion lists (penny/wasm_core/tasks/completions.c): each outcome reaches its client once, and one wake-up
// serves a batch.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {MessageChannel} from 'node:worker_threads';

import {HOST, KEEPER, PAGE, clientParticipant} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {Outcome} from '../../../web/penny/core/layout.js';
import {PLAIN} from '../../../web/penny/tasks/calls.js';
import {Client} from '../../../web/penny/tasks/client.js';
import {argumentsOf, checkResult, eventsOf, takeCompletions} from '../support/pool.threads.mjs';
import {NONE, State, assertEachOnce, scene} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const BODIES = new URL('completions.threads.mjs', import.meta.url);
const POOL = new URL('../support/pool.threads.mjs', import.meta.url);

/**
 * Queued tasks of a client, whose hints nobody has: claim them by slot.
 * @param {TestCore} core
 * @param {number} client
 * @param {number} count
 */
function queued(core, client, count) {
  const fn = core.exports.function_new(clientParticipant(client), 0);
  return Array.from({length: count}, () => {
    const slot = core.exports.task_new(client);
    core.exports.task_submit(slot, fn, L.BATCH, 0, 0, 0);
    core.test.injector_take(L.BATCH);
    return slot;
  });
}

/** Ends a task that is queued. @param {TestCore} core @param {number} slot @returns task_finish's answer */
function end(core, slot) {
  assert.equal(core.test.claim(core.hint(slot), 0), 1);
  return core.exports.task_finish(slot, 0, State.RETURNED, 0, 0);
}

/** Splits into `parts` lists, in turn. @param {number[]} slots @param {number} parts */
const deal = (slots, parts) =>
  Array.from({length: parts}, (_, part) => slots.filter((_, i) => i % parts === part));

test('oldest first, each once', t => {
  const {core} = scene(t);
  const slots = queued(core, PAGE, 100);
  for (const slot of slots.slice(0, 60)) end(core, slot);
  /** @type {number[]} */
  const taken = [];
  assert.equal(takeCompletions(core, PAGE, slot => taken.push(slot)), 60);
  for (const slot of slots.slice(60)) end(core, slot);
  assert.equal(takeCompletions(core, PAGE, slot => taken.push(slot)), 40);
  assert.deepEqual(taken, slots);
  assert.equal(core.exports.completions_take(PAGE) >>> 0, NONE);
});

test('each client gets its own', t => {
  const {core} = scene(t);
  const slots = [0, 1, 2, 3].map(client => queued(core, client, 50));
  for (let i = 0; i < 50; i++) for (const own of slots) end(core, own[i]);
  for (const client of [3, 1, 0, 2]) {
    /** @type {number[]} */
    const taken = [];
    takeCompletions(core, client, slot => taken.push(slot));
    assert.deepEqual(taken, slots[client]);
  }
});

test('a wake-up for who is armed, one for a batch', t => {
  const {core} = scene(t);
  const {exports} = core;
  const slots = queued(core, HOST, 6);
  const armed = core.test.at_armed(HOST);
  const events = eventsOf(core, HOST);
  assert.equal(end(core, slots[0]), 1, 'the client was not asleep');
  assert.equal(eventsOf(core, HOST), events);

  assert.equal(exports.completions_arm(HOST), 0, 'there is something to take');
  assert.equal(core.word(armed), 0);
  takeCompletions(core, HOST, () => {});

  assert.notEqual(exports.completions_arm(HOST), 0);
  assert.equal(core.word(armed), 1);
  assert.deepEqual([1, 2, 3].map(i => end(core, slots[i])), [2, 1, 1]);
  assert.equal(eventsOf(core, HOST), events + 1);
  assert.equal(core.word(armed), 0);
  takeCompletions(core, HOST, () => {});

  exports.completions_arm(HOST);
  exports.completions_disarm(HOST);
  assert.equal(end(core, slots[4]), 1);
  assert.equal(eventsOf(core, HOST), events + 1);
});

test('a wake-up is for its client alone', t => {
  const {core} = scene(t);
  const [slot] = queued(core, HOST, 1);
  core.exports.completions_arm(PAGE);
  assert.equal(end(core, slot), 1);
  assert.equal(core.word(core.test.at_armed(PAGE)), 1);
});

test('three workers, one client that sleeps: all, oldest first of each worker', async t => {
  const {core, crew} = scene(t);
  const slots = queued(core, HOST, L.TASKS - 1);
  const shares = deal(slots, 3);
  crew.start(BODIES, 'collector', clientParticipant(HOST), {client: HOST, count: slots.length, workers: 3});
  shares.forEach((slots, worker) => crew.start(BODIES, 'finisher', worker, {slots, pauses: 40}));
  const [sizes] = await crew.results();
  assert.deepEqual(
    sizes,
    shares.map(slots => slots.map((_, i) => i)),
  );
});

test('a sleep ends by a wake-up, by the time, and at once if the counter has moved', async t => {
  const {core, crew} = scene(t);
  const thread = crew.start(BODIES, 'sleeper', clientParticipant(HOST), {client: HOST, milliseconds: -1});
  await crew.go();
  await crew.until(() => core.word(core.test.at_armed(HOST)), 'an armed client');
  core.exports.client_wake(HOST);
  assert.equal(await crew.result(thread), 1);

  const seen = eventsOf(core, HOST);
  const sleeper = (/** @type {object} */ args) =>
    crew.result(crew.start(BODIES, 'sleeper', clientParticipant(HOST), {client: HOST, ...args}));
  assert.equal(await sleeper({milliseconds: 1}), 0);
  assert.equal(await sleeper({milliseconds: -1, seen: seen - 1}), 1);
  const [slot] = queued(core, HOST, 1);
  end(core, slot);
  assert.equal(await sleeper({milliseconds: -1}), 0);
  assert.equal(core.word(core.test.at_armed(HOST)), 0);
});

for (const waitAsync of [true, false]) {
  test(`Client.listen, ${waitAsync ? 'by Atomics.waitAsync' : 'announced by message'}`, async t => {
    const {core, crew} = scene(t);
    const client = new Client(core, PAGE, {waitAsync});
    t.after(() => client.close());
    const fn = client.addFunction(new Uint8Array(10));
    const count = 6000;
    /** Id of the task of each ticket. @type {Map<number, number>} */
    const ids = new Map();
    const tally = new Int32Array(count);
    let id = 0;
    const submit = () => ids.set(client.submit(fn, PLAIN, argumentsOf(id)), id++);
    const all = new Promise(resolve => {
      client.oncompletions = () => {
        client.collect((ticket, outcome, address, size) => {
          const id = /** @type {number} */ (ids.get(ticket));
          assert.equal(outcome, Outcome.RETURNED);
          checkResult(core, address, size, id);
          tally[id]++;
          return ids.delete(ticket);
        });
        // Bursts and lone tasks.
        if (!ids.size) for (let burst = id % 3 ? 1 : 50; burst > 0 && id < count; burst--) submit();
        if (!ids.size) resolve(undefined);
      };
    });
    if (waitAsync) {
      for (const worker of [0, 1, 2]) crew.start(POOL, 'worker', worker, {});
      await crew.go();
    } else {
      const {port1, port2} = new MessageChannel();
      t.after(() => port1.close());
      port1.on('message', () => client.announce());
      crew.start(BODIES, 'announcer', 0, {port: port2, count}, [port2]);
      await crew.go();
    }
    submit();
    await crew.patiently(all, 'the end of all tasks');
    assertEachOnce(tally, 'task');
    assert.equal(client.pending, 0);
  });
}

test('a host that blocks: Client.wait', async t => {
  const {crew} = scene(t);
  const count = 20_000;
  const thread = crew.start(BODIES, 'host', clientParticipant(HOST), {client: HOST, count});
  for (const worker of [0, 1]) crew.start(POOL, 'worker', worker, {});
  assert.equal(await crew.result(thread), 0);
});

// What a client waits for besides completions may come between its last look and its sleep.
for (const event of ['death', 'broken']) {
  test(`${event} between collect() and wait()`, async t => {
    const {core, crew} = scene(t);
    const thread = crew.start(BODIES, 'hostAt', clientParticipant(HOST), {client: HOST});
    await crew.go();
    await crew.until(() => Atomics.load(crew.signals, 1), 'a host that has collected');
    if (event === 'death') {
      const worker = core.as(0);
      worker.exports.worker_start(0);
      assert.ok(worker.exports.worker_next(0, 0) >= 0);
      assert.equal(core.exports.recover(0), 1);
    } else {
      core.exports.break_pool(core.exports.heap_allocate(KEEPER, 10), 10);
    }
    Atomics.store(crew.signals, 2, 1);
    Atomics.notify(crew.signals, 2);
    assert.deepEqual(await crew.result(thread), [event === 'death' ? Outcome.LOST : Outcome.BROKEN]);
  });
}
