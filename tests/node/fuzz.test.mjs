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

for (const body of ['content', 'anything', 'deque', 'arrays', 'handles', 'modules'])
  test(`${body} in the shared memory overwritten, from seed ${SEED}`, async t => {
    const {crew} = scene(t);
    const thread = crew.start(BODIES, body, KEEPER, {seed: SEED, rounds: ROUNDS, kernels: KERNELS});
    const {ended, errors} = await crew.result(thread);
    t.diagnostic(`${ended} ended well, ${errors} errors`);
    assert.ok(ended && errors, 'nothing was hit, or all');
  });
