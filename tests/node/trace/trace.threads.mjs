// Threads of trace.test.mjs.
import * as L from '../../../web/penny/core/layout.js';
import {endTask, promoteJob, runTask, setInnermost, takeOutcome, worker} from '../support/pool.threads.mjs';
import {ENDED} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').Body} Body */

/** What event number i of fill() says, each from the others: who reads a mixture of two sees it. @param {number} i */
export const said = i => ({task: Math.imul(i, 0x9e3779b1) >>> 0, fn: ~Math.imul(i, 0x85ebca6b) >>> 0});

/** Writes events as fast as it can, until the test has read enough. @type {Body} */
export function fill({test, exports, participant}, {signal}, {signals, note}) {
  exports.worker_start(participant);
  let i = 0;
  for (; !Atomics.load(signals, signal); i++) {
    const {task, fn} = said(i);
    test.trace(L.TRACE_PROMOTED, i & 0x7f, i & 0xff, task, fn);
  }
  note(`wrote ${i} events`);
  return i;
}

/** Of the signals: the spawner has run a task on top of a join. */
const HAS_HELPED = 6;

/**
 * Runs a task that promotes `jobs` jobs and, once the thief has stolen the first, joins them.
 * @type {Body}
 */
export function spawner(core, {jobs, fn}, {note, signals}) {
  const {exports, participant} = core;
  exports.worker_start(participant);
  const outer = exports.worker_next(participant, -1);
  const {id, returns} = runTask(core, outer);
  const hints = Array.from({length: jobs}, (_, i) => promoteJob(core, fn, 100 + i));
  note('waits for a thief');
  while (core.state(hints[0] & L.INDEX_MASK).state === L.State.QUEUED) continue;
  let nested = 0;
  for (let i = 0; i < jobs; i++) {
    note(`joins job ${i}`);
    if (exports.take_back(hints[i], participant)) continue;
    for (;;) {
      const found = exports.worker_join(participant, hints[i], 1, 0, -1);
      if (found === ENDED) break;
      nested++;
      const inner = runTask(core, found);
      endTask(core, found, inner.id, inner.returns);
      setInnermost(core, outer);
      Atomics.store(signals, HAS_HELPED, 1);
    }
    takeOutcome(core, hints[i], 100 + i);
  }
  endTask(core, outer, id, returns);
  exports.stop();
  return {nested};
}

/** Steals a job, and ends it when its owner has helped; then it runs whatever there is. @type {Body} */
export function thief(core, _, {note, signals}) {
  const {exports, participant} = core;
  exports.worker_start(participant);
  note('looks for a job');
  const task = exports.worker_next(participant, -1);
  const {id, returns} = runTask(core, task);
  note('has a job, and waits for its owner to help');
  while (!Atomics.load(signals, HAS_HELPED)) continue;
  endTask(core, task, id, returns);
  return worker(core, {}, {note, signals});
}
