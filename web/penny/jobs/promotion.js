// Promotion: a worker's private job becomes a task of the core, which others can steal.
import * as L from '../core/layout.js';
import {lengthOf} from '../core/payload.js';
import {FULL, fill} from '../core/slots.js';
import {queueOf} from '../tasks/calls.js';

export class Promotion {
  /**
   * @param {import('../core/core.js').Core} core of the worker
   * @param {import('./stack.js').PoolOfWorker} pool
   */
  constructor(core, pool) {
    this.core = core;
    this.pool = pool;
  }

  /**
   * Makes a private job stealable.
   * @param {number} entry number of the function in the table
   * @param {number} serial of the function
   * @param {number} flags
   * @param {import('../core/payload.js').Pieces} pieces its pickled arguments
   * @param {boolean} interactive
   * @param {number} limit ms that it may run; 0: no limit
   * @param {number} parent handle of the task whose job it is
   * @param {boolean} alone whether jobs that are promoted later may have been spawned before
   * @param {number[]} [arrays] numbers of those that the arguments refer to, each once
   * @returns {number} the job's handle; or one of Refusal
   */
  promote(entry, serial, flags, pieces, interactive, limit, parent, alone, arrays = []) {
    const {core} = this;
    const {exports, participant} = core;
    const size = lengthOf(pieces);
    const index = exports.promotion_slot(participant) >>> 0;
    if (index === L.NONE) return L.Refusal.NO_ROOM;
    const block = fill(core, index, size, pieces, arrays, exports.arguments_allocate);
    if (block === FULL) {
      exports.promotion_withdraw(index, participant);
      return L.Refusal.NO_ROOM;
    }
    if (limit) exports.task_limit(index, limit);
    exports.task_parent(index, parent, alone ? 1 : 0);
    const queue = queueOf(flags, interactive);
    const own = flags & L.Flag.HAS_KWARGS;
    const handle = exports.promote(index, participant, entry, serial, queue, own, size, block);
    if (handle < 0) exports.promotion_withdraw(index, participant); // frees the block, too
    else {
      if (limit) this.pool.watch();
      if (queue === L.COROUTINES) this.pool.coroutine();
    }
    return handle;
  }

  /** @param {number} handle of a job @returns {boolean} whether nobody had it: it is private again */
  takeBack(handle) {
    return this.core.exports.take_back(handle, this.core.participant) === 1;
  }
}
