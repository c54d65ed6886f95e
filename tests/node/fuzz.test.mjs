// What crosses from shared memory into JavaScript and Python (tasks/client.js, ports/worker_port.js, core/core.js), with words of it
// overwritten between steps, as a kernel run wild would: an error, not a hang, and no read of what is no payload.
// PENNY_FUZZ says how many rounds, PENNY_SEED where they begin.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {KEEPER} from '../../web/penny/core/core.js';
import {kernelModule} from './support/build.mjs';
import {scene} from './support/threads.mjs';

const BODIES = new URL('fuzz.threads.mjs', import.meta.url);
const ROUNDS = Number(process.env.PENNY_FUZZ ?? 20);
const KERNELS = kernelModule('kernels');
const SEED = Number(process.env.PENNY_SEED ?? 1);

/** So many rounds one thread plays, within the patience of a scene. */
const AT_ONCE = 10;

/** Plays all rounds of a body. @param {import('node:test').TestContext} t @param {string} body */
async function play(t, body) {
  const {crew} = scene(t);
  let [ended, errors] = [0, 0];
  for (let from = 0; from < ROUNDS; from += AT_ONCE) {
    const settings = {seed: SEED + from, rounds: Math.min(AT_ONCE, ROUNDS - from), kernels: KERNELS};
    const some = await crew.result(crew.start(BODIES, body, KEEPER, settings));
    ended += some.ended;
    errors += some.errors;
  }
  t.diagnostic(`${ended} ended well, ${errors} errors`);
  return {ended, errors};
}

for (const body of ['content', 'anything', 'deque', 'arrays', 'handles', 'modules', 'outcomes'])
  test(`${body} in the shared memory overwritten, from seed ${SEED}`, async t => {
    const {ended, errors} = await play(t, body);
    assert.ok(ended && errors, 'nothing was hit, or all');
  });

test(`a task that joins its jobs, and a thief, at random, from seed ${SEED}`, async t => {
  const {ended} = await play(t, 'joins');
  assert.ok(ended > ROUNDS, 'hardly anything is joined');
});
