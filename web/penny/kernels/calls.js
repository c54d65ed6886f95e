// A worker's kernels: wasm functions on the shared memory. How one is called, and left by an exception. The protocol,
// and why each step: penny/wasm_core/kernels/README.md.
import * as L from '../core/layout.js';
import {Failure} from '../core/layout.js';
import {nameFunction} from '../trace/names.js';
import {KernelError, kernelError} from './failures.js';
import {KernelModules} from './modules.js';

/**
 * @typedef {import('../core/core.js').Core} Core
 * @typedef {import('./binary.js').KernelModule} KernelModule
 */

/** A worker's kernels. */
export class Kernels extends KernelModules {
  #added = 0;
  #hasStack = false;

  /**
   * @param {Core} core of a worker
   * @param {(task: number) => void} runOther runs a task that is no kernel's, now RUNNING, to its end, on top of a
   *     kernel that waits. It must not throw
   */
  constructor(core, runOther) {
    super(core, 0, 0);
    this.runOther = runOther;
    core.kernels = this;
  }

  /** Makes ready to run any kernel that somebody knows of. */
  #prepare() {
    const {exports, participant} = this.core;
    if (!this.#hasStack) {
      const stack = exports.kernel_stack(participant) >>> 0;
      if (!stack) throw new KernelError(Failure.TRAPPED, 'the shared heap has no room for a worker’s kernel stack');
      this.stackPointer.value = stack + L.KERNEL_STACK_BYTES;
      this.stackLimit = stack + L.KERNEL_STACK_LOW;
      this.#hasStack = true;
    }
    const added = exports.kernels_added();
    if (added === this.#added) return;
    for (let number = 1; number <= L.KERNEL_MODULES; number++)
      if (exports.kernel_module_ready(number)) this.load(number);
    this.#added = added;
  }

  /**
   * @override
   * @param {KernelModule | Uint8Array<ArrayBuffer>} given
   */
  add(given) {
    this.#prepare(); // constructors run on the kernel stack
    return super.add(given);
  }

  /**
   * @param {number} module
   * @param {string} name
   * @returns {(...args: (number | bigint)[]) => number | bigint | undefined}
   */
  #kernel(module, name) {
    this.#prepare();
    const kernel = this.instances[module]?.exports[name];
    if (typeof kernel === 'function') return /** @type {any} */ (kernel);
    throw new RangeError(`kernel module ${module} has no kernel ${name}`);
  }

  /**
   * Calls a kernel.
   * @param {number} module
   * @param {string} name
   * @param {(number | bigint)[]} args
   * @throws {KernelError} when all that it had spawned has ended
   */
  call(module, name, args) {
    const kernel = this.#kernel(module, name);
    return this.#enter(() => kernel(...args));
  }

  /**
   * Calls a kernel with each i in [low, high), and then `args`.
   * @param {number} module
   * @param {string} name
   * @param {number} low
   * @param {number} high
   * @param {(number | bigint)[]} args
   */
  range(module, name, low, high, args) {
    const kernel = this.#kernel(module, name);
    this.#enter(() => {
      for (let i = low; i < high; i++) kernel(i, ...args);
    });
  }

  /**
   * @template T
   * @param {(lane: number) => T} call gets the entry that it may use for calls
   * @returns {T}
   */
  #enter(call) {
    const {exports, participant} = this.core;
    const {stackPointer} = this;
    const stack = stackPointer.value;
    const coreStack = exports.__stack_pointer.value;
    const lane = exports.kernel_enter(participant, stack);
    if (!lane) throw new KernelError(Failure.OVERFLOW);
    let error;
    try {
      const result = call(lane);
      if (exports.kernel_leave(participant)) return result;
      error = new KernelError(Failure.MISUSED, 'the kernel returned before it had joined all that it had spawned');
    } catch (thrown) {
      error = this.overflowed() ? new KernelError(Failure.OVERFLOW) : kernelError(thrown);
    }
    exports.__stack_pointer.value = coreStack; // frames of the core may have been left as well
    exports.kernel_unwind(participant);
    stackPointer.value = stack;
    exports.kernel_leave(participant);
    throw error;
  }

  /** Whether a task is a kernel's. @param {number} task */
  isKernel(task) {
    return (this.core.taskWord(task, L.TASK_FLAGS_WORD) & L.Flag.KERNEL) !== 0;
  }

  /** Runs a kernel's task, now RUNNING, to its end. @param {number} task */
  run(task) {
    const {core} = this;
    const {exports, participant} = core;
    const outer = exports.kernel_begin(participant, task);
    const payload = core.taskAddress(task) + L.TASK_PAYLOAD;
    let state = L.State.RETURNED;
    let size = 0;
    try {
      this.#prepare();
      const address = core.words[(payload >> 2) + L.KERNEL_ADDRESS_WORD] >>> 0;
      const place = core.words[(payload >> 2) + L.KERNEL_FUNCTION_WORD];
      core.reach(address + 8);
      if (place) {
        const run = this.table.get(place);
        this.#nameJob(place);
        this.#enter(lane => run(address, lane));
      } else {
        const run = this.table.get(core.words[(address >> 2) + L.JOB_FUNCTION_WORD]);
        this.#nameJob(core.words[(address >> 2) + L.JOB_FUNCTION_WORD]);
        const argument = core.words[(address >> 2) + L.JOB_ARGUMENT_WORD];
        this.#enter(() => run(argument));
      }
    } catch (thrown) {
      state = L.State.RAISED;
      const {failure, message} = kernelError(thrown);
      // Behind the job's address, which others may still read: is_orphan() in orphans.c.
      const room = L.TASK_PAYLOAD_BYTES - L.KERNEL_FAILURE - 1;
      const text = new TextEncoder().encode(message).subarray(0, room);
      core.bytes[payload + L.KERNEL_FAILURE] = failure;
      core.bytes.set(text, payload + L.KERNEL_FAILURE + 1);
      size = L.KERNEL_FAILURE + 1 + text.length;
    }
    exports.task_finish(task, participant, state, size, 0);
    exports.kernel_end(participant, outer);
  }

  /**
   * Lets a trace know a job's function, if its module exports it.
   * @param {number} place
   */
  #nameJob(place) {
    if (!this.core.traced || this.#named.has(place)) return;
    this.#named.add(place);
    for (const instance of this.instances)
      for (const [name, value] of Object.entries(instance?.exports ?? {}))
        if (value === this.table.get(place)) nameFunction(this.core, L.NAME_IS_PLACE + place, name);
  }
  /** @type {Set<number>} */
  #named = new Set();

  /** A task that a kernel's join has found. @param {number} task */
  help(task) {
    if (this.isKernel(task)) this.run(task);
    else this.runOther(task);
  }

  /**
   * Leaves a kernel, for the core.
   * @param {number} failure
   * @param {number} task JOB_FAILED: the joined one, whose slot this frees
   * @returns {never}
   */
  fail(failure, task) {
    if (failure !== Failure.JOB_FAILED) throw new KernelError(failure);
    const {core} = this;
    const payload = core.taskAddress(task) + L.TASK_PAYLOAD;
    const size = core.taskWord(task, L.TASK_SIZE_WORD);
    const failed = payload + L.KERNEL_FAILURE;
    const text = new TextDecoder().decode(core.bytes.slice(failed + 1, payload + size));
    const error = new KernelError(core.bytes[failed], text);
    core.exports.job_free(core.hint(task), core.participant);
    throw error;
  }
}
