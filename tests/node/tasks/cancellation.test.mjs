// Cancellation (penny/wasm_core/tasks/cancellation.c): a running task is asked to end, that very task and no other.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {KEEPER, PAGE} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {endTask, promoteJob, submitTask, takeCompletions} from '../support/pool.threads.mjs';
import {NONE, Reason, SIGUSR1, State, scene} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const BODIES = new URL('cancellation.threads.mjs', import.meta.url);
const WORKER = 1;
const OTHER = 2;
const {NOT_ASKED, ASKED, TIMED_OUT} = L.CancelReason;
/** Longer than any test takes, ms. */
const LONG = 1_000_000;

/** @param {import('node:test').TestContext} t */
function play(t) {
  const {core, crew} = scene(t);
  const fn = core.addFunction(new Uint8Array(10));
  return {
    ...{core, crew},
    /** A queued task of the page's. @param {{limit?: number, queue?: number}} [options] @returns its slot */
    submit: options => submitTask(core, fn, 1, options),
    /** @param {number} slot @param {number} [worker] */
    claim: (slot, worker = WORKER) => assert.equal(core.test.claim(core.hint(slot), worker), 1),
    /** Ends a task and frees its slot. @param {number} slot @param {number} [worker] */
    end(slot, worker = WORKER) {
      endTask(core.as(worker), slot, slot, 4);
      takeCompletions(core, PAGE, () => {});
      assert.equal(core.state(slot).state, State.FREE);
    },
    /** A job of OTHER's. @param {{limit?: number}} [options] @returns its hint */
    promote: options => promoteJob(core.as(OTHER), fn, 1, options),
    watched: () => [...watched(core)],
    /** As if the task had begun so much earlier. @param {number} slot @param {number} milliseconds */
    age(slot, milliseconds) {
      const started = core.test.at_started(slot);
      core.poke(started, core.word(started) - milliseconds - 1); // rounded up by 1 at most
    },
  };
}

/** The slots that the keeper watches. @param {TestCore} core */
function* watched(core) {
  for (let slot = 0; (slot = core.exports.watch_next(slot) >>> 0) !== NONE; slot++) yield slot;
}

/** What a worker's doorbell was rung for. @param {TestCore} core @param {number} worker */
function heard(core, worker) {
  const rung = core.exports.doorbell_take(worker) === SIGUSR1;
  const reasons = core.exports.doorbell_reasons(worker);
  assert.equal(rung, reasons !== 0);
  return reasons;
}

test('who is asked learns it, by its doorbell', t => {
  const {core, submit, claim} = play(t);
  const slot = submit();
  claim(slot);
  const hint = core.hint(slot);
  heard(core, WORKER);
  assert.equal(core.exports.cancel_asked(hint), NOT_ASKED);
  assert.equal(core.exports.task_ask_cancel(slot), 1);
  assert.equal(core.exports.cancel_asked(hint), ASKED);
  assert.equal(heard(core, WORKER), Reason.CANCEL);
  assert.equal(heard(core, OTHER), 0);
  assert.equal(core.exports.task_ask_cancel(slot), 1, 'it still runs');
  assert.equal(core.exports.cancel_asked(hint), ASKED);
  assert.equal(heard(core, WORKER), Reason.CANCEL, 'and is rung again');
});

test('who does not run is not asked', t => {
  const {core, submit, claim, end} = play(t);
  const slot = submit();
  assert.equal(core.exports.task_ask_cancel(slot), 0);
  claim(slot);
  endTask(core.as(WORKER), slot, slot, 4);
  heard(core, WORKER);
  assert.equal(core.exports.task_ask_cancel(slot), 0);
  assert.equal(core.exports.task_was_asked(slot), NOT_ASKED);
  takeCompletions(core, PAGE, () => {});
  assert.equal(core.exports.task_ask_cancel(slot), 0);
  const filling = core.exports.task_new(PAGE);
  assert.equal(core.exports.task_ask_cancel(filling), 0);
  core.exports.task_free(filling, PAGE);
  for (const worker of [0, WORKER, OTHER]) assert.equal(heard(core, worker), 0);
  const next = submit();
  claim(next);
  assert.equal(core.exports.cancel_asked(core.hint(next)), NOT_ASKED);
  end(next);
});

test('the slot’s next task has not been asked', t => {
  const {core, submit, claim, end} = play(t);
  const first = submit();
  claim(first);
  const old = core.hint(first);
  core.exports.task_ask_cancel(first);
  end(first);
  const second = submit();
  assert.equal(second, first);
  claim(second, OTHER);
  heard(core, OTHER);
  assert.equal(core.exports.cancel_asked(core.hint(second)), NOT_ASKED);
  assert.equal(core.exports.cancel_asked(old), NOT_ASKED);
  assert.equal(core.exports.job_ask_cancel(old), 0, 'who remembers the first does not hit the second');
  assert.equal(core.exports.cancel_asked(core.hint(second)), NOT_ASKED);
  assert.equal(heard(core, OTHER), 0);
});

test('the task ends, and its slot’s next one runs, between the word and the ring', async t => {
  const {core, crew, submit, claim, end} = play(t);
  const slot = submit();
  claim(slot);
  core.pauseAt('ring');
  const asker = crew.start(BODIES, 'asker', KEEPER, {slot});
  await crew.go();
  core.awaitPause('ring');
  end(slot);
  assert.equal(submit(), slot);
  claim(slot, WORKER);
  core.resume('ring');
  assert.equal(await crew.result(asker), 1);
  assert.equal(heard(core, WORKER) & Reason.CANCEL, Reason.CANCEL, 'rung in vain');
  assert.equal(core.exports.cancel_asked(core.hint(slot)), NOT_ASKED);
});

test('whoever asked first says why', t => {
  const {core, submit, claim, age, watched} = play(t);
  const [asked, late] = [submit({limit: LONG}), submit({limit: LONG})];
  for (const slot of [asked, late]) claim(slot);
  core.exports.task_ask_cancel(asked);
  for (const slot of [asked, late]) age(slot, LONG);
  assert.deepEqual(watched(), [asked, late]);
  core.exports.task_ask_cancel(late);
  assert.equal(core.exports.cancel_asked(core.hint(asked)), ASKED);
  assert.equal(core.exports.cancel_asked(core.hint(late)), TIMED_OUT);
});

test('why it was asked is known when it has ended, and when it was lost', t => {
  const {core, submit, claim} = play(t);
  const [returned, lost, unasked] = [submit(), submit(), submit()];
  for (const slot of [returned, lost, unasked]) claim(slot);
  for (const slot of [returned, lost]) core.exports.task_ask_cancel(slot);
  endTask(core.as(WORKER), returned, returned, 4);
  assert.equal(core.exports.recover(WORKER), 2);
  assert.deepEqual(
    [returned, lost, unasked].map(slot => core.exports.task_was_asked(slot)),
    [ASKED, ASKED, NOT_ASKED],
  );
});

test('a worker asks for a job of its own', t => {
  const {core, claim, promote} = play(t);
  const hint = promote();
  assert.equal(core.as(OTHER).exports.job_ask_cancel(hint), 0, 'nobody runs it');
  claim(hint & L.INDEX_MASK);
  heard(core, WORKER);
  assert.equal(core.as(OTHER).exports.job_ask_cancel(hint), 1);
  assert.equal(core.exports.cancel_asked(hint), ASKED);
  assert.equal(heard(core, WORKER), Reason.CANCEL);
});

test('a coroutine’s worker hears it', t => {
  const {core, submit} = play(t);
  const slot = submit({queue: L.COROUTINES});
  assert.equal(core.exports.coroutine_next(), slot);
  const event = (L.WORKER_ADDRESS + L.ASYNC_WORKER * L.WORKER_BYTES) / 4 + L.WORKER_EVENT_WORD;
  const before = core.words[event];
  core.exports.task_ask_cancel(slot);
  assert.equal(heard(core, L.ASYNC_WORKER), Reason.CANCEL);
  assert.ok(core.words[event] > before, 'it may sleep in its event loop');
});

test('asked and ended at the same time, again and again', async t => {
  const {core, crew} = play(t);
  const fn = core.addFunction(new Uint8Array(10));
  const slot = core.exports.task_new(PAGE);
  core.exports.task_free(slot, PAGE);
  const rounds = 6000;
  crew.start(BODIES, 'player', KEEPER, {fn, slot, rounds});
  crew.start(BODIES, 'askers', OTHER, {slot});
  const [{heard, asked}] = await crew.results();
  assert.equal(core.exports.all_quiet(), 1);
  t.diagnostic(`${asked} of ${rounds} tasks were asked, ${heard} rings`);
});

// ---- time limits --------------------------------------------------------------------------------

test('a limit counts from the start', t => {
  const {core, submit, claim, age, watched} = play(t);
  const slot = submit({limit: LONG});
  assert.equal(core.word(core.test.at_started(slot)), 0);
  assert.deepEqual(watched(), []);
  claim(slot);
  const started = core.word(core.test.at_started(slot));
  const now = (performance.timeOrigin + performance.now()) % 2 ** 32;
  assert.ok(Math.abs(now - started) < 60_000, `started at ${started}, now it is ${now}`);
  assert.deepEqual(watched(), []);
  age(slot, LONG - 60_000);
  assert.deepEqual(watched(), [], 'a minute is left');
  age(slot, 60_000);
  heard(core, WORKER);
  assert.deepEqual(watched(), [slot]);
  assert.equal(core.exports.cancel_asked(core.hint(slot)), TIMED_OUT);
  assert.equal(heard(core, WORKER), Reason.CANCEL);
  assert.deepEqual(watched(), [slot]);
  assert.equal(heard(core, WORKER), 0, 'asked once');
});

test('no limit, no clock; and the slot’s next task has no limit', t => {
  const {core, submit, claim, end, watched} = play(t);
  const slot = submit({limit: 1});
  claim(slot);
  end(slot);
  assert.equal(submit(), slot);
  claim(slot);
  assert.equal(core.word(core.test.at_started(slot)), 0);
  assert.equal(core.word(core.test.at_limit(slot)), 0);
  assert.deepEqual(watched(), []);
});

test('a promoted job may have a limit', t => {
  const {core, claim, promote, age, watched} = play(t);
  const hint = promote({limit: LONG});
  const slot = hint & L.INDEX_MASK;
  claim(slot);
  age(slot, LONG);
  assert.deepEqual(watched(), [slot]);
  assert.equal(core.exports.cancel_asked(hint), TIMED_OUT);
});

test('watch_next: what runs and was asked, from a slot on', t => {
  const {core, submit, claim, watched} = play(t);
  const slots = Array.from({length: 6}, () => submit());
  for (const slot of slots.slice(0, 5)) claim(slot);
  for (const i of [0, 2, 3, 5]) core.exports.task_ask_cancel(slots[i]); // the last does not run
  endTask(core.as(WORKER), slots[2], slots[2], 4);
  const asked = [slots[0], slots[3]].sort((a, b) => a - b);
  assert.deepEqual(watched(), asked);
  assert.equal(core.exports.watch_next(asked[0] + 1), asked[1]);
  assert.equal(core.exports.watch_next(asked[1]), asked[1]);
  assert.equal(core.exports.watch_next(asked[1] + 1) >>> 0, NONE);
  assert.equal(core.exports.watch_next(L.TASKS) >>> 0, NONE);
});

test('watch_needed: while a task has a limit, or was asked', t => {
  const {core, submit, claim, end} = play(t);
  const needed = () => core.exports.watch_needed();
  assert.equal(needed(), 0);
  const plain = submit();
  claim(plain);
  assert.equal(needed(), 0);
  const limited = submit({limit: LONG});
  assert.equal(needed(), 1);
  claim(limited);
  assert.equal(needed(), 1);
  end(limited);
  assert.equal(needed(), 0);
  core.exports.task_ask_cancel(plain);
  assert.equal(needed(), 1);
  end(plain);
  assert.equal(needed(), 0);
});
