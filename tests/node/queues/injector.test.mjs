// The injector (penny/wasm_core/queues/injector.c): a queue that many use, where nobody's death holds up others.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import * as L from '../../../web/penny/core/layout.js';
import {NONE, assertEachOnce, scene} from '../support/threads.mjs';

/** @typedef {import('./injector.threads.mjs').Script} Script */

const BODIES = new URL('injector.threads.mjs', import.meta.url);
/** Where positions start; the second wraps in the middle of things. */
const STARTS = [0, 2 ** 32 - 40_000];

test('first in, first out, up to its capacity', t => {
  const {test: core} = scene(t).core;
  const cells = core.INJECTOR_CELLS();
  assert.equal(core.injector_take(L.BATCH) >>> 0, NONE);
  for (let round = 0; round < 3; round++) {
    for (let hint = 0; hint < cells; hint++) assert.equal(core.injector_put(L.BATCH, hint), 1);
    assert.equal(core.injector_length(L.BATCH), cells);
    assert.equal(core.injector_put(L.BATCH, 7), 0);
    assert.equal(core.injector_take(L.BATCH), 0);
    assert.equal(core.injector_put(L.BATCH, 7), 1);
    assert.equal(core.injector_put(L.BATCH, 8), 0);
    for (let hint = 1; hint < cells; hint++) assert.equal(core.injector_take(L.BATCH), hint);
    assert.equal(core.injector_take(L.BATCH), 7);
    assert.equal(core.injector_take(L.BATCH) >>> 0, NONE);
    assert.equal(core.injector_length(L.BATCH), 0);
  }
});

test('the largest hint comes back whole', t => {
  const {test: core} = scene(t).core;
  const hint = 2 ** 30 - 1;
  core.injector_put(L.BATCH, hint);
  assert.equal(core.injector_take(L.BATCH), hint);
});

for (const firstPosition of STARTS) {
  for (const [producers, consumers] of [[1, 1], [2, 2], [1, 3], [3, 1]]) {
    const name = `${producers} producers, ${consumers} consumers, from ${firstPosition}`;
    test(name, async t => {
      const {crew, core} = scene(t, {firstPosition});
      const total = 72_000; // more than twice round the cells
      const count = total / producers;
      for (let number = 0; number < producers; number++)
        crew.start(BODIES, 'producer', number, {number, count});
      for (let number = 0; number < consumers; number++)
        crew.start(BODIES, 'consumer', producers + number, {producers, total});
      const results = (await crew.results()).slice(producers);
      for (let producer = 0; producer < producers; producer++) {
        const tally = new Int32Array(count);
        for (const taken of results) {
          const hints = /** @type {number[]} */ (taken[producer]);
          const wrong = hints.findIndex((hint, i) => i && hint < hints[i - 1]);
          assert.ok(wrong < 0, `took ${hints[wrong]} after ${hints[wrong - 1]}`);
          for (const hint of hints) tally[hint]++;
        }
        assertEachOnce(tally, `producer ${producer}'s hint`);
      }
      assert.equal(core.test.injector_length(L.BATCH), 0);
    });
  }
}

// ---- deaths -------------------------------------------------------------------------------------

/** What happens, and what everybody gets. @type {{title: string, script: Script, results: number[]}[]} */
const DEATHS = [
  {
    title: 'a hint put by a dying one is seen, taken and followed',
    // Seen, or a worker would go to sleep beside it.
    script: [['dyingPut', 1], ['length'], ['put', 2], ['take'], ['take'], ['take']],
    results: [1, 1, 1, 1, 2, NONE],
  },
  {
    title: 'a hint put by a dying one and taken at once blocks nobody',
    script: [['dyingPut', 1], ['take'], ['length'], ['put', 2], ['length'], ['take'], ['take']],
    results: [1, 1, 0, 1, 1, 2, NONE],
  },
  {
    title: 'a hint taken by a dying one is not taken again',
    script: [['put', 1], ['put', 2], ['dyingTake'], ['take'], ['take']],
    results: [1, 1, 1, 2, NONE],
  },
  {
    title: 'a hint put and taken by dying ones blocks nobody',
    script: [['dyingPut', 1], ['dyingTake'], ['put', 2], ['take'], ['take']],
    results: [1, 1, 1, 2, NONE],
  },
  {
    title: 'a full injector has room after a dying one’s take',
    script: [['fill', 7], ['put', 8], ['dyingTake'], ['put', 9], ['put', 8], ['take'], ['put', 9]],
    results: [1, 0, 7, 1, 0, 7, 1],
  },
  {
    title: 'an injector filled by a dying one is full',
    script: [['fill', 7], ['take'], ['dyingPut', 8], ['put', 9], ['take'], ['put', 9]],
    results: [1, 7, 1, 0, 7, 1],
  },
];

// In threads, since what may go wrong here is to loop for ever.
for (const firstPosition of [0, 2 ** 32 - 2]) {
  for (const {title, script, results} of DEATHS)
    test(`${title}, from ${firstPosition}`, async t => {
      const {crew} = scene(t, {firstPosition});
      crew.start(BODIES, 'actor', 0, {script});
      assert.deepEqual(await crew.results(), [results]);
    });

  for (const level of ['empty', 'full'])
    test(`like an array, whoever dies, near ${level}, from ${firstPosition}`, async t => {
      const {crew} = scene(t, {firstPosition});
      crew.start(BODIES, 'likeAnArray', 0, {level, seed: 3});
      await crew.results();
    });
}
