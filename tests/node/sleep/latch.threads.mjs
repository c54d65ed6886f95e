// Threads of latch.test.mjs.
import {endTask} from '../support/pool.threads.mjs';

/** @typedef {import('../support/threads.mjs').Body} Body */

/** What park() returns, among other bits (shared.h). */
const SLEPT = 1;

/** The owner of a job, which parks until it has ended. Returns how often it slept. @type {Body} */
export function sleeper({test, participant}, {hint, help}, {note}) {
  let slept = 0;
  while (!test.latch_is_set(hint)) {
    note(`parks, has slept ${slept} times`);
    slept += test.park(participant, hint, help, -1) & SLEPT;
  }
  return slept;
}

/** Ends a task. @type {Body} */
export function finisher(core, {task, id}, {note}) {
  note('ends the task');
  return endTask(core, task, id, 4);
}
