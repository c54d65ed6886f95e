// What a worker reads of a task that it runs: whose function, which arguments.
import * as L from '../core/layout.js';

export class TaskReader {
  /**
   * @param {import('../core/core.js').Core} core of the worker
   */
  constructor(core) {
    this.core = core;
  }

  /** The number of its function in the table. @param {number} task its slot */
  entry(task) {
    return this.core.taskWord(task, L.TASK_FUNCTION_WORD);
  }

  /** The serial of its function. @param {number} task */
  serial(task) {
    return this.core.exports.function_serial(this.entry(task)) >>> 0;
  }

  /** Its pickled function, a copy. @param {number} task @returns {Uint8Array} */
  function(task) {
    const {core} = this;
    const entry = this.entry(task);
    const block = core.exports.function_block(entry) >>> 0;
    const size = core.exports.function_size(entry) >>> 0;
    core.checkBlock(block, size);
    return core.bytes.slice(block, block + size);
  }

  /** Whether its arguments have keywords. @param {number} task */
  hasKwargs(task) {
    return (this.core.taskWord(task, L.TASK_FLAGS_WORD) & L.Flag.HAS_KWARGS) !== 0;
  }

  /** Bytes of its payload: the pickled arguments, or the outcome when it has ended. @param {number} task */
  size(task) {
    return this.core.taskWord(task, L.TASK_SIZE_WORD);
  }

  /**
   * Reads of its payload.
   * @param {number} task
   * @param {number} offset into it
   * @param {Uint8Array} target as long as what is to be read
   */
  read(task, offset, target) {
    const {core} = this;
    const from = core.payload(task) + offset;
    const left = Math.max(0, this.size(task) - offset);
    target.set(core.bytes.subarray(from, from + Math.min(left, target.length)));
  }

  /** All of the arguments that is wanted has been read. @param {number} task */
  argumentsRead(task) {
    this.core.exports.task_arguments_read(task, this.core.participant);
  }
}
