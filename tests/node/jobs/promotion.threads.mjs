// Threads of promotion.test.mjs.
import {endTask, promoteJob, runTask, takeOutcome} from '../support/pool.threads.mjs';
import {NONE, generator} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').Body} Body */

const OVER = 0; // signal: the owner has joined all jobs

/** Promotes one job. @type {Body} */
export function promoter(core, {fn}) {
  return promoteJob(core, fn, 1);
}

/** Takes one job back. @type {Body} */
export function taker({exports, participant}, {hint}) {
  return exports.take_back(hint, participant);
}

/**
 * Promotes jobs, some at a time, and takes back in any order what nobody has claimed by then; waits for the
 * others. Returns how many it took back.
 * @type {Body}
 */
export function owner(core, {fn, ran, burst}, {note, signals}) {
  const {exports, participant} = core;
  exports.worker_start(participant);
  const random = generator(burst);
  let taken = 0;
  for (let id = 0; id < ran.length; ) {
    note(`promoted ${id}, took back ${taken}`);
    /** @type {{hint: number, id: number}[]} */
    const jobs = [];
    for (let i = 0; i < burst && id < ran.length; i++, id++) jobs.push({hint: promoteJob(core, fn, id), id});
    for (let pause = random() % 2000; pause > 0; pause--) exports.hungry(NONE);
    while (jobs.length) {
      const [{hint, id}] = jobs.splice(random() % jobs.length, 1);
      if (exports.take_back(hint, participant)) {
        Atomics.add(ran, id, 1);
        taken++;
      } else {
        while (!exports.job_ended(hint));
        takeOutcome(core, hint, id);
      }
    }
  }
  exports.stop();
  Atomics.store(signals, OVER, 1);
  return taken;
}

/** Runs what it finds, without ever sleeping. Returns how many. @type {Body} */
export function thief(core, {ran}, {note, signals}) {
  const {exports, participant} = core;
  exports.worker_start(participant);
  let stolen = 0;
  while (!Atomics.load(signals, OVER)) {
    const task = exports.worker_next(participant, 0);
    if (task < 0) continue;
    const {id, returns} = runTask(core, task);
    Atomics.add(ran, id, 1);
    endTask(core, task, id, returns);
    if (++stolen % 100 === 0) note(`stole ${stolen}`);
  }
  return stolen;
}
