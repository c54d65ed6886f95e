// Threads of forkjoin.test.mjs: pool workers whose tasks are trees of jobs.
//
// A job's id is that of its tree * TREE + its node; node n has the children 2 n and 2 n + 1, its tree's root is
// node 1. Every job runs the first child itself and spawns the second, as penny/jobs/job.py does it: private until
// somebody is hungry, promoted oldest first, taken back if nobody has claimed it, else waited for.
import assert from 'node:assert/strict';

import * as L from '../../../web/penny/core/layout.js';
import {endTask, promoteJob, runTask, setInnermost, takeOutcome} from '../support/pool.threads.mjs';
import {ENDED, INTERRUPTED, STOPPED, State, generator} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */
/** @typedef {import('../support/threads.mjs').Body} Body */
/** @typedef {{id: number, hint: number}} Job hint: PRIVATE until it is promoted */

export const TREE = 512;
/** Bytes of arguments and results: in the slot, in arenas, in granules. */
export const SIZES = [12, 12, 12, 700, 12, 40_000];

const PRIVATE = -1;
/** On a deeper stack a worker only waits. */
const STACK_MAX = 20;

/** @param {number} id */
export const sizesOf = id => ({size: SIZES[id % SIZES.length], returns: SIZES[(id >> 3) % SIZES.length]});

/** Whether it is that job, or spawned below it. @param {number} id @param {number} ancestor */
function isBelow(id, ancestor) {
  if (Math.floor(id / TREE) !== Math.floor(ancestor / TREE)) return false;
  let node = id % TREE;
  while (node > ancestor % TREE) node >>= 1;
  return node === ancestor % TREE;
}

class TreeWorker {
  /** Private jobs of the innermost task, oldest first. @type {Job[]} */
  #jobs = [];
  #stack = 0;
  /** The innermost one. */
  #task = {slot: 0, id: 0};
  counts = {tasks: 0, promoted: 0, takenBack: 0, joined: 0, helped: 0, lost: 0};

  /**
   * @param {TestCore} core
   * @param {{fn: number, ran: Int32Array, eager: number}} tree eager: one of so many spawns promotes a job
   *     although nobody is hungry
   */
  constructor(core, {fn, ran, eager}) {
    this.core = core;
    this.me = core.participant;
    this.fn = fn;
    this.ran = ran;
    this.eager = eager;
    this.random = generator(this.me + 1);
  }

  /**
   * Runs a task that this worker has claimed, and all its jobs.
   * @param {number} task
   * @param {number} [awaited] the job that the one below waits for
   */
  run(task, awaited) {
    this.counts.tasks++;
    const outer = this.#jobs;
    const below = this.#task;
    this.#jobs = [];
    this.#stack++;
    const {id, returns} = runTask(this.core, task);
    this.#task = {slot: task, id};
    if (awaited !== undefined)
      assert.ok(isBelow(id, awaited), `${id} on top of ${below.id}, which waits for ${awaited}`);
    this.#execute(id);
    assert.equal(this.#jobs.length, 0);
    this.#stack--;
    this.#jobs = outer;
    this.#task = below;
    if (this.#stack) setInnermost(this.core, below.slot);
    endTask(this.core, task, id, returns);
  }

  /** @param {number} id */
  #execute(id) {
    Atomics.add(this.ran, id, 1);
    const {exports} = this.core;
    const node = id % TREE;
    if (2 * node >= TREE) {
      for (let turns = this.random() % 2000; turns > 0; turns--) exports.hungry(L.NONE);
      return;
    }
    const job = {id: id + node + 1, hint: PRIVATE};
    this.#jobs.push(job);
    if (exports.doorbell_take(this.me)) exports.doorbell_reasons(this.me);
    if (exports.hungry(L.NONE) || this.random() % this.eager === 0) this.#promoteOldest();
    this.#execute(id + node);
    this.#join(job);
  }

  #promoteOldest() {
    const [job] = this.#jobs;
    const queue = job.id % 7 ? L.BATCH : L.INTERACTIVE;
    const hint = promoteJob(this.core, this.fn, job.id, {queue, ...sizesOf(job.id)});
    if (hint < 0) return; // no room: it stays private
    this.#jobs.shift();
    job.hint = hint;
    this.counts.promoted++;
  }

  /** @param {Job} job */
  #join({id, hint}) {
    const {core, me, counts} = this;
    const {exports} = core;
    if (hint === PRIVATE || exports.take_back(hint, me)) {
      if (hint === PRIVATE) assert.equal(this.#jobs.pop()?.id, id);
      else counts.takenBack++;
      this.#execute(id);
      return;
    }
    assert.equal(this.#jobs.length, 0, 'nothing private is left: the oldest are promoted first');
    for (;;) {
      const task = exports.worker_join(me, hint, this.#stack < STACK_MAX ? 1 : 0, 0, -1);
      if (task === ENDED) break;
      if (task === INTERRUPTED) exports.doorbell_reasons(me);
      else this.run(task, id), counts.helped++;
    }
    counts.joined++;
    if (core.state(hint & L.INDEX_MASK).state === State.LOST) {
      counts.lost++;
      exports.job_free(hint, me);
    } else {
      takeOutcome(core, hint, id);
    }
  }
}

/** A pool worker. Returns what it did. @type {Body} */
export function worker(core, tree, {note}) {
  const {exports, participant} = core;
  exports.worker_start(participant);
  const worker = new TreeWorker(core, tree);
  for (;;) {
    note(JSON.stringify(worker.counts));
    const task = exports.worker_next(participant, -1);
    if (task === STOPPED) return worker.counts;
    worker.run(task);
  }
}
