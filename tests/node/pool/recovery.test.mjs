// Recovery from a worker's death (penny/wasm_core/pool/recovery.c): whatever it was doing, each task ends once, is
// lost only if it ran, and nothing in the heap stays behind.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {HOST, KEEPER, PAGE, clientParticipant} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {Outcome} from '../../../web/penny/core/layout.js';
import {allocate, check} from '../memory/heap.threads.mjs';
import {Player} from '../support/player.mjs';
import {endTask, eventsOf, runTask} from '../support/pool.threads.mjs';
import {NOTHING, State, died, generator, scene, sharedWords} from '../support/threads.mjs';
import {DEAD, OVER} from './recovery.threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const BODIES = new URL('recovery.threads.mjs', import.meta.url);
const POOL = new URL('../support/pool.threads.mjs', import.meta.url);
const VICTIM = 1;
const SUCCESSOR = VICTIM;
const OTHER = 2;

/** A scene with a client, and a keeper that may be another participant. */
class Play extends Player {
  /**
   * @param {import('node:test').TestContext} t
   * @param {{number?: number}} [options] of the client
   */
  constructor(t, {number = PAGE} = {}) {
    const {core, crew} = scene(t);
    super(core.as(clientParticipant(number)), number);
    this.keeper = core;
    this.crew = crew;
    t.after(() => this.client.close());
  }

  /** @param {number} number */
  worker(number) {
    const worker = this.keeper.as(number);
    worker.exports.worker_start(number);
    return worker;
  }

  /** Lets a worker run what it finds. @param {number} number */
  runAll(number) {
    const worker = this.worker(number);
    for (let task; (task = worker.exports.worker_next(number, 0)) !== NOTHING; ) {
      const {id, returns} = runTask(worker, task);
      assert.notEqual(endTask(worker, task, id, returns), 0);
    }
  }

  /** The keeper's part, and others go on. @returns how many were lost */
  recover(worker = VICTIM) {
    const {exports} = this.keeper;
    const lost = exports.recover(worker);
    assert.equal(exports.reinject(), 0);
    this.collect();
    this.runAll(OTHER);
    this.runAll(SUCCESSOR);
    this.collect();
    return lost;
  }
}

const {RETURNED, LOST} = Outcome;

/** Payloads in the slot, in small blocks, in large blocks. */
const SIZES = [12, 3000, 100_000];

/**
 * The stages of a task's life in a worker. Each gets a task into that stage, in the worker that then dies.
 * @type {{title: string, outcome: number, die(worker: TestCore, play: Play): void}[]}
 */
const STAGES = [
  {
    title: 'took the hint',
    outcome: RETURNED,
    die(worker) {
      worker.dieAt('claim');
      assert.throws(() => worker.exports.worker_next(VICTIM, 0), died);
    },
  },
  {
    title: 'claimed the task',
    outcome: LOST,
    die(worker) {
      assert.ok(worker.exports.worker_next(VICTIM, 0) >= 0);
    },
  },
  {
    title: 'was reading the arguments',
    outcome: LOST,
    die(worker) {
      const task = worker.exports.worker_next(VICTIM, 0);
      worker.dieAt('heap_take_over');
      if (worker.taskWord(task, L.TASK_BLOCK_WORD)) assert.throws(() => runTask(worker, task), died);
    },
  },
  {
    title: 'took the arguments’ block out of the slot',
    outcome: LOST,
    die(worker) {
      const task = worker.exports.worker_next(VICTIM, 0);
      worker.dieAt('heap_free');
      if (worker.taskWord(task, L.TASK_BLOCK_WORD)) assert.throws(() => runTask(worker, task), died);
    },
  },
  {
    title: 'had read the arguments',
    outcome: LOST,
    die(worker) {
      runTask(worker, worker.exports.worker_next(VICTIM, 0));
    },
  },
  {
    title: 'had allocated the result’s block',
    outcome: LOST,
    die(worker) {
      const {returns} = runTask(worker, worker.exports.worker_next(VICTIM, 0));
      worker.exports.heap_allocate(VICTIM, returns);
    },
  },
  {
    title: 'had put the result’s block into the slot',
    outcome: LOST,
    die(worker) {
      const task = worker.exports.worker_next(VICTIM, 0);
      const {returns} = runTask(worker, task);
      const slot = L.TASK_ADDRESS + task * L.TASK_BYTES;
      worker.poke(slot + 4 * L.TASK_SIZE_WORD, returns);
      worker.poke(slot + 4 * L.TASK_BLOCK_WORD, worker.exports.heap_allocate(VICTIM, returns));
    },
  },
  {
    title: 'ended the task and did not push it',
    outcome: RETURNED,
    die(worker) {
      const task = worker.exports.worker_next(VICTIM, 0);
      const {id, returns} = runTask(worker, task);
      worker.dieAt('completion_push');
      assert.throws(() => endTask(worker, task, id, returns), died);
      assert.equal(worker.state(task).state, State.RETURNED);
    },
  },
  {
    title: 'pushed the task',
    outcome: RETURNED,
    die(worker) {
      const task = worker.exports.worker_next(VICTIM, 0);
      const {id, returns} = runTask(worker, task);
      endTask(worker, task, id, returns);
    },
  },
  {
    title: 'pushed the task, which the client has collected',
    outcome: RETURNED,
    die(worker, play) {
      const task = worker.exports.worker_next(VICTIM, 0);
      const {id, returns} = runTask(worker, task);
      endTask(worker, task, id, returns);
      play.collect();
    },
  },
];

for (const {title, outcome, die} of STAGES) {
  test(`died when it ${title}`, t => {
    for (const size of SIZES)
      for (const returns of SIZES) {
        const play = new Play(t);
        for (let i = 0; i < 3; i++) play.submit({size, returns});
        die(play.worker(VICTIM), play);
        for (const name of /** @type {const} */ (['heap_take_over', 'heap_free'])) play.keeper.resume(name);
        assert.equal(play.recover(), Number(outcome === LOST));
        play.assertEnd([outcome, RETURNED, RETURNED]);
      }
  });
}

test('died with a batch in its hands', t => {
  const play = new Play(t);
  for (let i = 0; i < 40; i++) play.submit();
  const worker = play.worker(VICTIM);
  worker.dieAt('deque_push');
  assert.throws(() => worker.exports.worker_next(VICTIM, 0), died);
  assert.equal(play.recover(), 1);
  play.assertEnd(play.outcomes.map((_, id) => (id ? RETURNED : LOST)));
});

test('died with tasks in its deque', t => {
  const play = new Play(t);
  for (let i = 0; i < 40; i++) play.submit();
  assert.ok(play.worker(VICTIM).exports.worker_next(VICTIM, 0) >= 0);
  assert.equal(play.keeper.test.deque_looks_empty(VICTIM), 0);
  play.runAll(OTHER); // steals them without any recovery
  assert.equal(play.keeper.test.deque_looks_empty(VICTIM), 1);
  play.collect();
  assert.equal(play.client.pending, 1);
  assert.equal(play.recover(), 1);
  play.assertEnd(play.outcomes.map((_, id) => (id ? RETURNED : LOST)));
});

test('a thief that dies with a stolen hint loses nothing', t => {
  const play = new Play(t);
  for (let i = 0; i < 8; i++) play.submit();
  const {exports} = play.worker(OTHER);
  const task = exports.worker_next(OTHER, 0); // and has a second one in its deque
  const thief = play.worker(VICTIM);
  thief.dieAt('claim');
  assert.throws(() => thief.exports.worker_next(VICTIM, 0), died);
  assert.equal(play.keeper.test.deque_looks_empty(OTHER), 1);
  const {id, returns} = runTask(play.keeper.as(OTHER), task);
  endTask(play.keeper.as(OTHER), task, id, returns);
  assert.equal(play.recover(), 0);
  play.assertEnd(Array(8).fill(RETURNED));
});

test('a recovery of nothing changes nothing but the counts', t => {
  const play = new Play(t);
  for (let i = 0; i < 5; i++) play.submit({size: 1000, returns: 1000});
  const {core, keeper} = play;
  const deaths = core.exports.deaths();
  keeper.exports.worker_wants_room(VICTIM, 1);
  assert.equal(core.exports.arguments_allocate(PAGE, 1000), 0);
  assert.equal(play.recover(), 0);
  assert.ok(core.exports.deaths() > deaths);
  assert.equal(core.workerStatistics(VICTIM + 1)[VICTIM].deaths, 1);
  assert.notEqual(core.exports.arguments_allocate(PAGE, 1000), 0);
  assert.equal(play.client.pending, 0);
});

test('deaths in a row, uncollected', t => {
  const play = new Play(t);
  for (let i = 0; i < 6; i++) play.submit({size: 1000, returns: 3000});
  for (let death = 0; death < 3; death++) {
    const worker = play.worker(VICTIM);
    const task = worker.exports.worker_next(VICTIM, 0);
    assert.ok(task >= 0);
    if (death === 1) {
      const {id, returns} = runTask(worker, task);
      worker.dieAt('completion_push');
      assert.throws(() => endTask(worker, task, id, returns), died);
    }
    assert.equal(play.keeper.exports.recover(VICTIM), Number(death !== 1));
    assert.equal(play.keeper.exports.reinject(), 5 - death < 0 ? 1 : 0);
  }
  play.recover(3);
  assert.deepEqual(play.outcomes.flat().sort(), [RETURNED, RETURNED, RETURNED, RETURNED, LOST, LOST]);
  play.assertEnd(play.outcomes.flat());
});

test('reinjection goes on later when the injector is full', t => {
  const play = new Play(t);
  const {exports, test: core} = play.keeper;
  for (let i = 0; i < 10; i++) play.submit();
  while (core.injector_take(L.BATCH) !== -1); // the dead one has taken them all
  exports.recover(VICTIM);
  while (core.injector_put(L.BATCH, 0));
  for (let i = 0; i < 4; i++) core.injector_take(L.BATCH);
  assert.equal(exports.reinject(), 6);
  for (let i = 0; i < 100; i++) core.injector_take(L.BATCH);
  assert.equal(exports.reinject(), 0);
  play.runAll(OTHER);
  play.assertEnd(Array(10).fill(RETURNED));
});

test('a recovery wakes a client whose waker died', t => {
  const play = new Play(t, {number: HOST});
  play.submit();
  const worker = play.worker(VICTIM);
  const task = worker.exports.worker_next(VICTIM, 0);
  const {id, returns} = runTask(worker, task);
  const seen = eventsOf(play.core, HOST);
  play.core.exports.completions_arm(HOST);
  play.core.poke(play.core.test.at_armed(HOST), 0); // it disarmed the client, and died before the bump
  assert.equal(endTask(worker, task, id, returns), 1);
  play.keeper.exports.recover(VICTIM);
  assert.ok(eventsOf(play.core, HOST) > seen);
  play.assertEnd([RETURNED]);
});

// ---- a client in another thread than the keeper -------------------------------------------------

test('a task pushed by one that dies while the client gathers is collected once', async t => {
  const play = new Play(t, {number: HOST});
  const {core, keeper, crew} = play;
  for (let i = 0; i < 2; i++) play.submit();
  keeper.exports.recover(3); // an earlier death: so the client gathers
  const worker = play.worker(VICTIM);
  const task = worker.exports.worker_next(VICTIM, 0);
  const recovering = crew.start(BODIES, 'keeper', KEEPER);
  await crew.go();

  const {completions_take: take} = core.exports;
  let gathering = false;
  core.exports = {
    ...core.exports,
    completions_take(client) {
      const first = take(client);
      if (gathering) return first;
      gathering = true;
      // After the client has found its list empty: the worker pushes and dies, and the keeper begins.
      const {id, returns} = runTask(worker, task);
      endTask(worker, task, id, returns);
      keeper.pauseAt('heap_sweep');
      Atomics.store(crew.signals, DEAD, VICTIM + 1);
      Atomics.notify(crew.signals, DEAD);
      keeper.awaitPause('heap_sweep');
      return first;
    },
  };
  play.collect();
  assert.ok(gathering);
  keeper.resume('heap_sweep');
  assert.equal(await crew.result(recovering), 0);
  play.collect();
  play.submit(); // takes the slot again, if it is free
  play.recover(3);
  play.assertEnd([RETURNED, RETURNED, RETURNED]);
});

test('a client and the sweep free a dead one’s result only once', async t => {
  for (const returns of [1000, 100_000]) {
    const {core, crew} = scene(t);
    const fn = core.exports.function_new(KEEPER, 0);
    const base = core.exports.heap_used();
    const slot = core.exports.task_new(HOST);
    core.exports.task_submit(slot, fn, L.BATCH, 0, 0, 0);
    const worker = core.as(VICTIM);
    assert.equal(worker.exports.worker_next(VICTIM, 0), slot);
    endTask(worker, slot, 1, returns);
    assert.equal(core.exports.completions_take(HOST), slot);

    core.pauseAt('heap_free');
    const freer = crew.start(BODIES, 'freer', clientParticipant(HOST), {slot, client: HOST});
    await crew.go();
    core.awaitPause('heap_free'); // the slot does not name the block any more
    core.exports.recover(VICTIM);
    const blocks = [1, 2, 3].map(pattern => ({address: allocate(core.as(5), returns, pattern), pattern}));
    core.resume('heap_free');
    await crew.result(freer);
    for (const pattern of [4, 5, 6]) blocks.push({address: allocate(core.as(6), returns, pattern), pattern});
    for (const {address, pattern} of blocks) {
      check(core, address, pattern);
      core.exports.heap_free(5, address);
    }
    assert.equal(core.exports.heap_used(), base);
  }
});

// ---- real deaths --------------------------------------------------------------------------------

test('threads terminated at random: each task ends once', async t => {
  const {core, crew} = scene(t);
  const random = generator(17);
  const deaths = 12;
  const ran = sharedWords(1_000_000);
  const host = crew.start(BODIES, 'host', clientParticipant(HOST), {client: HOST, sizes: SIZES});
  const start = (/** @type {number} */ number) => crew.start(POOL, 'worker', number, {ran});
  const threads = [0, 1, 2].map(start);
  await crew.go();
  for (let death = 0; death < deaths; death++) {
    const number = random() % threads.length;
    await crew.patiently(threads[number].ready, 'a thread ready');
    await new Promise(resolve => setTimeout(resolve, random() % 20));
    await threads[number].terminate();
    core.exports.recover(number);
    assert.equal(core.exports.reinject(), 0);
    threads[number] = start(number);
  }
  Atomics.store(crew.signals, OVER, 1);
  const outcomes = /** @type {number[]} */ (await crew.result(host));
  const lost = outcomes.filter(outcome => outcome === LOST).length;
  assert.ok(lost <= deaths, `${lost} tasks were lost in ${deaths} deaths`);
  outcomes.forEach((outcome, id) =>
    assert.ok(outcome === RETURNED ? ran[id] === 1 : ran[id] <= 1, `task ${id} ran ${ran[id]} times`),
  );
  t.diagnostic(`${outcomes.length} tasks, ${lost} lost in ${deaths} deaths`);
});
