// The keeper's part of the cancellation ladder (cancellation.c): tasks whose time is over are asked to end;
// whoever was asked and does not end has its worker killed.
import * as L from '../core/layout.js';
import {unheld} from '../hosts/holding.js';

/** How often it looks, while there is anything to watch, ms: a time limit is kept as exactly as that. */
const INTERVAL = 10;
/**
 * How long a task that was asked to end may go on, ms. It hears of it at its next bytecode; what takes longer is a call in
 * C, or its own cleaning up. To replace its worker takes a tenth to a half of that.
 */
const GRACE = 1_000;
/**
 * So much of the time between two looks counts, ms. If a page stood still for longer, so may the workers have: after a
 * suspension they get the rest of the grace period. A page in the background looks once a second or less.
 */
const GAP = GRACE / 4;

export class Watch {
  /** How long tasks have been seen asked and innermost, ms, by hint. @type {Map<number, number>} */
  #waited = new Map();
  #lastLook = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {(worker: number) => void} kill
   */
  constructor(core, kill) {
    this.core = core;
    this.kill = kill;
  }

  /** There is something to watch. */
  start() {
    if (this.#timer !== undefined) return;
    this.#lastLook = performance.now();
    this.#timer = unheld(setInterval(() => this.#look(), INTERVAL));
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#waited.clear();
  }

  #look() {
    const {core} = this;
    const now = performance.now();
    const passed = Math.min(now - this.#lastLook, GAP);
    this.#lastLook = now;
    const seen = new Map();
    for (let task = 0; ; task++) {
      task = core.exports.watch_next(task) >>> 0;
      if (task === L.NONE) break;
      const worker = (core.taskWord(task, L.TASK_STATE_WORD) >> L.PARTICIPANT_SHIFT) & L.PARTICIPANT_MASK;
      const hint = core.hint(task);
      if (!this.#couldAnswer(worker, hint)) continue;
      const before = this.#waited.get(hint);
      const waited = before === undefined ? 0 : before + passed;
      seen.set(hint, waited);
      if (waited > GRACE) this.kill(worker);
    }
    this.#waited = seen;
    if (!core.exports.watch_needed()) this.stop();
  }

  /**
   * Whether the task could have answered: it is innermost. One below another is asked when it is its turn
   * again. Coroutines are many side by side: their worker answers for them all, by hearing its
   * doorbell: while its loop stands still, CANCEL is left there.
   * @param {number} worker
   * @param {number} hint
   */
  #couldAnswer(worker, hint) {
    const {words} = this.core;
    const at = (L.WORKER_ADDRESS + worker * L.WORKER_BYTES) / 4;
    if (worker === L.ASYNC_WORKER)
      return (Atomics.load(words, at + L.WORKER_REASONS_WORD) & L.Reason.CANCEL) !== 0;
    return Atomics.load(words, at + L.WORKER_INNERMOST_WORD) >>> 0 === hint + 1;
  }
}
