// Threads of parking.test.mjs.
import {PAGE} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {
  argumentsOf,
  checkResult,
  endTask,
  eventsOf,
  runTask,
  takeCompletions,
} from '../support/pool.threads.mjs';
import {NONE, generator} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').Body} Body */

/**
 * A client that submits a few tasks (at most `burst`), sleeps until all of them have ended, and begins again.
 * @type {Body}
 */
export function pingPong(core, {rounds, burst, fn}, {note}) {
  const {exports} = core;
  const random = generator(burst);
  /** Id of the task in each slot. */
  const ids = new Int32Array(L.TASKS);
  let id = 0;
  for (let round = 0; round < rounds; round++) {
    let pending = 1 + (random() % burst);
    for (let i = 0; i < pending; i++) {
      const slot = exports.task_new(PAGE);
      const bytes = argumentsOf((ids[slot] = id++));
      core.bytes.set(bytes, L.TASK_ADDRESS + slot * L.TASK_BYTES + L.TASK_PAYLOAD);
      exports.task_submit(slot, fn, L.BATCH, 0, bytes.length, 0);
    }
    note(`round ${round}: waits for ${pending} tasks`);
    for (;;) {
      const seen = eventsOf(core, PAGE);
      pending -= takeCompletions(core, PAGE, slot => checkResult(core, core.payload(slot), 4, ids[slot]));
      if (!pending) break;
      exports.completions_wait(PAGE, seen, -1);
    }
  }
  exports.stop();
  return id;
}

/** Parks once. Returns whether it slept. @type {Body} */
export function parker({test, participant}, {milliseconds}, {note}) {
  note('parks');
  return test.park(participant, NONE, 1, milliseconds);
}

/** Waits for one task or the end. @type {Body} */
export function looker({exports, participant}, _, {note}) {
  exports.worker_start(participant);
  note('waits for a task');
  return exports.worker_next(participant, -1);
}

/** Runs `count` tasks, ends them, and goes to sleep until there is one more. @type {Body} */
export function taker(core, {count}, {note}) {
  const {exports, participant} = core;
  exports.worker_start(participant);
  for (let i = 0; i < count; i++) {
    note(`waits for task ${i}`);
    const task = exports.worker_next(participant, -1);
    const {id, returns} = runTask(core, task);
    endTask(core, task, id, returns);
  }
  note(`has run ${count} tasks, waits for one more`);
  return exports.worker_next(participant, -1);
}
