// The Chase-Lev deque (penny/wasm_core/queues/deque.c): whatever is pushed comes out exactly once, newest first
// for its owner, oldest first for thieves.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import * as L from '../../../web/penny/core/layout.js';
import {NONE, assertEachOnce, generator, scene, sharedWords} from '../support/threads.mjs';

const BODIES = new URL('deque.threads.mjs', import.meta.url);
const OWNER = 0;
/** Where positions start; the second wraps at once. */
const STARTS = [0, 2 ** 32 - 100];

test('the owner has the newest, a thief the oldest', t => {
  const {test: core} = scene(t).core;
  for (const hint of [1, 2, 3, 4]) assert.equal(core.deque_push(OWNER, hint), 1);
  assert.equal(core.deque_pop(OWNER), 4);
  assert.equal(core.deque_steal(OWNER), 1);
  assert.equal(core.deque_pop(OWNER), 3);
  assert.equal(core.deque_looks_empty(OWNER), 0);
  assert.equal(core.deque_steal(OWNER), 2);
  assert.equal(core.deque_looks_empty(OWNER), 1);
  assert.equal(core.deque_pop(OWNER) >>> 0, NONE);
  assert.equal(core.deque_steal(OWNER) >>> 0, NONE);
});

for (const firstPosition of STARTS) {
  test(`like an array, from ${firstPosition}`, t => {
    const {test: core} = scene(t, {firstPosition}).core;
    const entries = core.DEQUE_ENTRIES();
    const random = generator(1);
    /** @type {number[]} */
    const model = [];
    let hint = 0;
    for (let phase = 0; phase < 30; phase++) {
      const pushes = random() % 100; // of 100 operations; so it fills up and runs dry
      for (let i = 0; i < 2000; i++) {
        const popped = random() % 2;
        if (random() % 100 < pushes) {
          const pushed = core.deque_push(OWNER, hint);
          assert.equal(pushed, Number(model.length < entries));
          if (pushed) model.push(hint++);
        } else if (popped) {
          assert.equal(core.deque_pop(OWNER) >>> 0, model.pop() ?? NONE);
        } else {
          assert.equal(core.deque_steal(OWNER) >>> 0, model.shift() ?? NONE);
        }
        assert.equal(core.deque_looks_empty(OWNER), Number(!model.length));
      }
    }
  });

  test(`one thief has all in order, from ${firstPosition}`, async t => {
    const {crew} = scene(t, {firstPosition});
    const tally = sharedWords(60_000);
    crew.start(BODIES, 'owner', OWNER, {tally, popping: false, seed: 1});
    crew.start(BODIES, 'thief', 1, {tally, victim: OWNER});
    const [, stolen] = await crew.results();
    assert.deepEqual(stolen, Array.from(tally, (_, hint) => hint));
  });

  test(`stampede: the owner against three thieves, from ${firstPosition}`, async t => {
    const {crew} = scene(t, {firstPosition});
    const tally = sharedWords(60_000);
    crew.start(BODIES, 'owner', OWNER, {tally, popping: true, seed: 2});
    for (const thief of [1, 2, 3]) crew.start(BODIES, 'thief', thief, {tally, victim: OWNER});
    const [, ...thieves] = await crew.results();
    assertEachOnce(tally, 'hint');
    for (const stolen of thieves) assertAscending(stolen);
  });

  test(`steal against last pop, from ${firstPosition}`, async t => {
    const {crew} = scene(t, {firstPosition});
    const tally = sharedWords(30_000);
    crew.start(BODIES, 'lastPopper', OWNER, {tally});
    for (const thief of [1, 2]) crew.start(BODIES, 'thief', thief, {tally, victim: OWNER});
    const [popped, ...thieves] = await crew.results();
    assertEachOnce(tally, 'hint');
    assert.equal(popped + thieves[0].length + thieves[1].length, tally.length);
  });
}

/** A thief steals oldest first, so what one thief had is in order. @param {number[]} hints */
function assertAscending(hints) {
  const wrong = hints.findIndex((hint, i) => i && hint < hints[i - 1]);
  assert.ok(wrong < 0, `stole ${hints[wrong]} after ${hints[wrong - 1]}`);
}

test('a full deque spills into the injector, and both full refuse', t => {
  const {test: core} = scene(t, {firstPosition: 2 ** 32 - 100}).core;
  const entries = core.DEQUE_ENTRIES();
  const cells = core.INJECTOR_CELLS();
  for (let hint = 0; hint < entries + cells; hint++) {
    assert.equal(core.push_or_spill(OWNER, hint), 1);
    assert.equal(core.injector_length(L.BATCH), Math.max(0, hint + 1 - entries));
  }
  assert.equal(core.deque_push(OWNER, 0), 0);
  assert.equal(core.push_or_spill(OWNER, 0), 0);
  for (let i = 0; i < cells; i++) assert.equal(core.injector_take(L.BATCH), entries + i);
  for (let i = 0; i < entries; i++) assert.equal(core.deque_pop(OWNER), entries - 1 - i);
  assert.equal(core.injector_take(L.BATCH) >>> 0, NONE);
  assert.equal(core.deque_pop(OWNER) >>> 0, NONE);
});

for (const firstPosition of [0, 2 ** 32 - 1, 2 ** 31 - 1]) {
  test(`a successor goes on after a death inside pop, from ${firstPosition}`, t => {
    const {core} = scene(t, {firstPosition});
    const {deque_push: push, deque_pop: pop, deque_steal: steal} = core.test;
    push(OWNER, 1);
    assert.equal(steal(OWNER), 1);
    // Of an empty deque, or of the last entry after its compare-and-swap: bottom is still lowered.
    core.poke(core.test.at_deque_bottom(OWNER), core.word(core.test.at_deque_top(OWNER)) - 1);
    assert.equal(core.test.deque_looks_empty(OWNER), 1);
    assert.equal(steal(OWNER) >>> 0, NONE);
    core.exports.worker_start(OWNER);
    assert.equal(pop(OWNER) >>> 0, NONE);
    for (const hint of [2, 3, 4]) assert.equal(push(OWNER, hint), 1);
    assert.equal(steal(OWNER), 2);
    assert.equal(pop(OWNER), 4);
    assert.equal(pop(OWNER), 3);
    assert.equal(pop(OWNER) >>> 0, NONE);
  });

  // A thief that has read the entry at top may still win it: nothing else may lie there then.
  test(`a thief in the middle of a steal takes nothing of a successor’s, from ${firstPosition}`, t => {
    const {core} = scene(t, {firstPosition});
    const top = core.test.at_deque_top(OWNER);
    core.test.deque_push(OWNER, 1);
    const seen = core.word(top); // the thief has read hint 1 here
    core.poke(core.test.at_deque_bottom(OWNER), seen); // and the owner dies inside pop
    core.exports.worker_start(OWNER);
    core.test.deque_push(OWNER, 2);
    Atomics.compareExchange(core.words, top >> 2, seen | 0, (seen + 1) | 0); // the thief goes on
    assert.equal(core.test.deque_pop(OWNER), 2);
    assert.equal(core.test.deque_pop(OWNER) >>> 0, NONE);
  });

  test(`a successor finds what its predecessor left, from ${firstPosition}`, t => {
    const {core} = scene(t, {firstPosition});
    const {deque_push: push, deque_pop: pop, deque_steal: steal} = core.test;
    for (const hint of [1, 2, 3]) push(OWNER, hint);
    core.exports.worker_start(OWNER);
    assert.equal(steal(OWNER), 1);
    assert.equal(pop(OWNER), 3);
    assert.equal(pop(OWNER), 2);
    assert.equal(pop(OWNER) >>> 0, NONE);
  });
}
