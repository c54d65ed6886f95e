// When a pool gives up starting workers (web/penny/pool/pool.js): never for ever, and not for want of luck.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import * as L from '../../../web/penny/core/layout.js';
import {Pool} from '../../../web/penny/pool/pool.js';

/**
 * A pool on a host whose workers do what the test says, by `thread(number)`: what each has last been started as.
 * @param {number} workers
 * @param {{startWorker?: (name: string) => void}} [options] startWorker: may throw
 */
async function scene(workers, {startWorker = () => {}} = {}) {
  /** @type {Map<number, {hear: any, gone: () => void}>} */
  const threads = new Map();
  const ran = Array(workers).fill(0);
  let starts = 0;
  const host = {
    startWorker(/** @type {string} */ name, /** @type {any} */ hear) {
      starts++;
      startWorker(name);
      const number = Number(name.split(' ').at(-1));
      threads.set(number, {hear, gone: () => {}});
      return {life: name, post() {}, terminate() {}};
    },
    whenGone(/** @type {{life: string}} */ {life}, /** @type {() => void} */ then) {
      const thread = threads.get(Number(life.split(' ').at(-1)));
      if (thread) thread.gone = then;
    },
  };
  const starter = {host, site: {indexURL: async () => ''}, parts: async () => ({}), installed: async () => ({}), packed() {}};
  let broken = false;
  const core = {
    memory: null,
    traced: false,
    tasksRun: (/** @type {number} */ worker) => ran[worker],
    exports: {
      recover: () => 0,
      reinject: () => 0,
      watch_next: () => L.NONE,
      watch_needed: () => 0,
      heap_allocate: () => 0,
      stop() {},
      break_pool: () => (broken = true),
      close_pool() {},
    },
  };
  const options = {extras: {packages: [], files: []}, output() {}, check: false};
  const pool = new Pool(/** @type {any} */ (starter), /** @type {any} */ (core), workers, /** @type {any} */ (options));
  await new Promise(later => setTimeout(later, 1)); // it starts its workers in a turn of its own
  return {
    pool,
    ran,
    /** @param {number} [number] a worker comes up */
    rise(number = 0) {
      for (const type of ['held', 'ready']) threads.get(number)?.hear.message({type});
    },
    /** @param {number} [number] */
    die(number = 0) {
      threads.get(number)?.hear.message({type: 'died', details: 'ImportError'});
      threads.get(number)?.gone();
    },
    get starts() {
      return starts;
    },
    get broken() {
      return broken;
    },
  };
}

test('workers that die as soon as they are ready', async () => {
  const now = await scene(1);
  for (let i = 0; i < 3; i++) {
    assert(!now.broken);
    now.rise();
    now.die();
  }
  assert(now.broken);
  assert.equal(now.starts, 3);
});

test('the same, while another one stays', async () => {
  const now = await scene(2);
  now.rise(1);
  for (let i = 0; i < 3; i++) {
    assert(!now.broken);
    now.rise(0);
    now.die(0);
  }
  assert(now.broken);
});

test('workers that have run a task may die, however often', async () => {
  const now = await scene(1);
  for (let i = 0; i < 20; i++) {
    now.rise();
    now.ran[0]++;
    now.die();
  }
  assert(!now.broken);
  await now.pool.close({now: true});
});

test('so may those that are killed: whoever kills idle ones is no failing start', async () => {
  const now = await scene(1);
  for (let i = 0; i < 20; i++) {
    now.rise();
    now.pool.kill(0);
    now.die();
  }
  assert(!now.broken);
  await now.pool.close({now: true});
});

test('one that runs a task proves that workers can start', async () => {
  const now = await scene(1);
  for (let i = 0; i < 10; i++) {
    now.rise();
    if (i % 3 === 2) now.ran[0]++;
    now.die();
  }
  assert(!now.broken);
  await now.pool.close({now: true});
});

test('a host that can start none', async () => {
  const now = await scene(2, {
    startWorker() {
      throw new Error('forbidden');
    },
  });
  assert(now.broken);
  assert.equal(now.starts, 1);
});
