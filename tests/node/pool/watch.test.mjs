// The keeper's watch (web/penny/pool/watch.js): whoever was asked to end and could, and does not, has its worker
// killed. Time is the test's: nothing here waits.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {PAGE} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {Watch} from '../../../web/penny/pool/watch.js';
import {endTask, submitTask, takeCompletions} from '../support/pool.threads.mjs';
import {Reason, scene} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const WORKER = 2;
const OTHER = 3;
/** Longer than it looks away, shorter than the grace period, and longer than that; ms. */
const [SOON, SHORTLY, LATE] = [30, 900, 1100];

/** A watch, whose clock and timer stand still but for pass(). @param {import('node:test').TestContext} t */
function play(t) {
  let now = 5_000_000;
  t.mock.method(performance, 'now', () => now);
  /** What is called every 10 ms. @type {Map<number, () => void>} */
  const timers = new Map();
  let lastTimer = 0;
  t.mock.method(globalThis, 'setInterval', (/** @type {() => void} */ callback, /** @type {number} */ ms) => {
    assert.equal(ms, 10);
    timers.set(++lastTimer, callback);
    return lastTimer;
  });
  t.mock.method(globalThis, 'clearInterval', (/** @type {number} */ timer) => timers.delete(timer));
  const {core} = scene(t);
  const fn = core.addFunction(new Uint8Array(10));
  /** @type {number[]} */
  const killed = [];
  const watch = new Watch(core, worker => killed.push(worker));
  t.after(() => watch.stop());
  const {watch_next} = core.exports;
  let looks = 0;
  core.exports = {...core.exports, watch_next: from => ((looks += Number(from === 0)), watch_next(from))};
  /** Lets time pass. @param {number} milliseconds @returns {Set<number>} whom it killed meanwhile */
  const pass = milliseconds => {
    for (let passed = 0; passed < milliseconds; passed += 10) {
      now += 10;
      for (const look of timers.values()) look();
    }
    return new Set(killed.splice(0));
  };
  return {
    ...{core, watch},
    /** A task that a worker runs. @param {{limit?: number, worker?: number, queue?: number}} [options] */
    run({limit = 0, worker = WORKER, queue = L.BATCH} = {}) {
      const slot = submitTask(core, fn, 1, {queue, limit});
      assert.equal(core.test.claim(core.hint(slot), worker), 1);
      setInnermost(core, worker, slot);
      return slot;
    },
    /** @param {number} slot @param {number} [worker] */
    end(slot, worker = WORKER) {
      endTask(core.as(worker), slot, slot, 4);
      takeCompletions(core, PAGE, () => {});
      setInnermost(core, worker, null);
    },
    pass,
    /** The page stands still, and looks but once afterwards. @param {number} milliseconds @returns {Set<number>} */
    suspend(milliseconds) {
      now += milliseconds - 10;
      return pass(10);
    },
    /** How often it has looked since the last call. */
    looks() {
      const count = looks;
      looks = 0;
      return count;
    },
  };
}

/** What the worker's port notes. @param {TestCore} core @param {number} worker @param {number | null} slot */
function setInnermost(core, worker, slot) {
  const word = (L.WORKER_ADDRESS + worker * L.WORKER_BYTES) / 4 + L.WORKER_INNERMOST_WORD;
  core.words[word] = slot === null ? 0 : core.hint(slot) + 1;
}

const NOBODY = new Set();

test('asked, innermost, and going on after the grace period: killed', t => {
  const {core, watch, run, pass} = play(t);
  const slot = run();
  run({worker: OTHER}); // is not asked
  core.exports.task_ask_cancel(slot);
  watch.start();
  assert.deepEqual(pass(SHORTLY), NOBODY);
  assert.deepEqual(pass(LATE - SHORTLY), new Set([WORKER]));
});

test('who ends in time lives', t => {
  const {core, watch, run, end, pass} = play(t);
  const slot = run();
  core.exports.task_ask_cancel(slot);
  watch.start();
  assert.deepEqual(pass(SHORTLY), NOBODY);
  end(slot);
  assert.equal(run(), slot, 'the next task is in the same slot');
  core.exports.task_ask_cancel(slot);
  watch.start();
  assert.deepEqual(pass(SHORTLY), NOBODY, 'and has its own time');
  assert.deepEqual(pass(LATE - SHORTLY), new Set([WORKER]));
});

test('while the page stood still no time passed, or little: the workers may have stood still, too', t => {
  const {core, watch, run, pass, suspend} = play(t);
  core.exports.task_ask_cancel(run());
  watch.start();
  pass(100);
  assert.deepEqual(suspend(3_600_000), NOBODY);
  assert.deepEqual(pass(600), NOBODY);
  assert.deepEqual(pass(100), new Set([WORKER]));
});

test('a page that looks once a second, in the background, kills in a few', t => {
  const {core, watch, run, suspend} = play(t);
  core.exports.task_ask_cancel(run());
  watch.start();
  const killed = Array.from({length: 7}, () => suspend(1000)).map(({size}) => size);
  assert.deepEqual(killed, [0, 0, 0, 0, 0, 1, 1]);
});

test('a task below another has its time when it is innermost again', t => {
  const {core, watch, run, end, pass} = play(t);
  const below = run();
  const above = run();
  core.exports.task_ask_cancel(below);
  watch.start();
  assert.deepEqual(pass(2 * LATE), NOBODY);
  end(above);
  setInnermost(core, WORKER, below);
  assert.deepEqual(pass(SHORTLY), NOBODY);
  const again = run();
  assert.deepEqual(pass(LATE), NOBODY);
  end(again);
  setInnermost(core, WORKER, below);
  assert.deepEqual(pass(SHORTLY), NOBODY, 'from the beginning');
  assert.deepEqual(pass(LATE - SHORTLY), new Set([WORKER]));
});

test('a time limit: asked when it is over, killed after the grace period', t => {
  const {core, watch, run, pass} = play(t);
  const slot = run({limit: 500});
  const hint = core.hint(slot);
  watch.start();
  assert.deepEqual(pass(480), NOBODY);
  assert.equal(core.exports.cancel_asked(hint), L.CancelReason.NOT_ASKED);
  assert.deepEqual(pass(SOON), NOBODY);
  assert.equal(core.exports.cancel_asked(hint), L.CancelReason.TIMED_OUT);
  assert.equal(core.exports.doorbell_reasons(WORKER), Reason.CANCEL);
  assert.deepEqual(pass(SHORTLY), NOBODY);
  assert.deepEqual(pass(LATE - SHORTLY), new Set([WORKER]));
});

test('several at a time', t => {
  const {core, watch, run, end, pass} = play(t);
  const slots = [0, 1, WORKER, OTHER].map(worker => run({worker}));
  for (const slot of slots.slice(0, 3)) core.exports.task_ask_cancel(slot);
  watch.start();
  pass(SHORTLY);
  end(slots[1], 1);
  assert.deepEqual(pass(LATE - SHORTLY), new Set([0, WORKER]));
});

test('the worker of coroutines lives while it hears its doorbell', t => {
  const {core, watch, run, pass} = play(t);
  const slot = run({worker: L.ASYNC_WORKER, queue: L.COROUTINES});
  setInnermost(core, L.ASYNC_WORKER, null);
  core.exports.task_ask_cancel(slot);
  watch.start();
  assert.deepEqual(pass(SHORTLY), NOBODY);
  assert.equal(core.exports.doorbell_reasons(L.ASYNC_WORKER), Reason.CANCEL);
  assert.deepEqual(pass(2 * LATE), NOBODY, 'the coroutine takes its time, others go on');
  core.exports.task_ask_cancel(slot);
  assert.deepEqual(pass(SHORTLY), NOBODY);
  assert.deepEqual(pass(LATE - SHORTLY), new Set([L.ASYNC_WORKER]), 'a loop that stands still');
});

test('after the death there is nothing to kill', t => {
  const {core, watch, run, pass, looks} = play(t);
  core.exports.task_ask_cancel(run());
  watch.start();
  assert.deepEqual(pass(LATE), new Set([WORKER]));
  assert.equal(core.exports.recover(WORKER), 1);
  assert.deepEqual(pass(2 * LATE), NOBODY);
  assert.ok(looks() > 0);
  pass(SOON);
  assert.equal(looks(), 0, 'and nothing to watch');
});

test('it looks while a task is to be watched, and not else', t => {
  const {core, watch, run, end, pass, looks} = play(t);
  pass(SOON);
  assert.equal(looks(), 0);
  watch.start();
  pass(SOON);
  assert.equal(looks(), 1, 'there was nothing');
  const slot = run({limit: 100_000});
  for (let i = 0; i < 3; i++) watch.start();
  pass(100);
  assert.equal(looks(), 10, 'one timer');
  end(slot);
  pass(SOON);
  assert.equal(looks(), 1);
  core.exports.task_ask_cancel(run());
  watch.start();
  pass(SOON);
  watch.stop();
  looks();
  assert.deepEqual(pass(LATE), NOBODY);
  assert.equal(looks(), 0);
});
