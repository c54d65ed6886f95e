// Threads of joining.test.mjs.
import assert from 'node:assert/strict';

import * as L from '../../../web/penny/core/layout.js';
import {endTask, promoteJob, runTask, takeOutcome} from '../support/pool.threads.mjs';
import {ENDED, State} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').Body} Body */

/** Joins once. Returns what worker_join returns. @type {Body} */
export function joiner({exports, participant}, {hint, help, hears = 0, milliseconds = -1}, {note}) {
  note('joins');
  return exports.worker_join(participant, hint, help, hears, milliseconds);
}

/**
 * Promotes jobs, one after the other, and joins each when another worker has claimed it; what it finds
 * meanwhile it runs. Returns how often it slept.
 * @type {Body}
 */
export function pingPong(core, {fn, rounds, help}, {note}) {
  const {exports, participant} = core;
  exports.worker_start(participant);
  for (let id = 0; id < rounds; id++) {
    const hint = promoteJob(core, fn, id, {turns: (id % 4) * 30_000});
    note(`job ${id}: waits for a thief`);
    while (core.state(hint & L.INDEX_MASK).state === State.QUEUED);
    note(`job ${id}: joins`);
    for (let task; (task = exports.worker_join(participant, hint, help, 0, -1)) !== ENDED; ) {
      assert.ok(task >= 0);
      const {id, returns} = runTask(core, task);
      endTask(core, task, id, returns);
    }
    takeOutcome(core, hint, id);
  }
  exports.stop();
  return core.workerStatistics(participant + 1)[participant].wakeups;
}
