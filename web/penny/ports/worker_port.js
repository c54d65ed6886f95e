// What a pool worker's Python calls of the core: tasks and their outcomes, jobs, kernels. What is behind it is in jobs/
// and kernels/; here Python's objects become bytes and numbers. The innermost task is the one that finish(), arguments
// and function are about.
import * as L from '../core/layout.js';
import {Joining} from '../jobs/joining.js';
import {Outcomes} from '../jobs/outcomes.js';
import {Promotion} from '../jobs/promotion.js';
import {Stack} from '../jobs/stack.js';
import {Kernels} from '../kernels/calls.js';
import {nameFunction} from '../trace/names.js';
import {ArraysPort} from './arrays_port.js';
import {Box, withBytes} from './boxes.js';

/**
 * @typedef {import('../core/core.js').Core} Core
 * @typedef {import('../jobs/stack.js').PoolOfWorker} PoolOfWorker
 * @typedef {import('./boxes.js').Buffer} Buffer
 * @typedef {import('./boxes.js').BufferList} BufferList
 * @typedef {import('./boxes.js').IntList} IntList
 * @typedef {import('./boxes.js').PyodideModule} PyodideModule
 */

export class WorkerPort {
  /**
   * @param {PyodideModule} module
   * @param {Core} core
   * @param {number} worker
   * @param {{inbox: Buffer, outbox: Buffer, parcel: Buffer}} boxes
   * @param {PoolOfWorker & {trace(): string}} pool trace: as ClientPort.trace()
   */
  constructor(module, core, worker, {inbox, outbox, parcel}, pool) {
    this.core = core;
    this.worker = worker;
    this.inbox = new Box(module, inbox);
    this.outbox = new Box(module, outbox);
    this.parcel = new Box(module, parcel);
    this.pool = pool;
    this.arrays = new ArraysPort(core);
    this.kernels = new Kernels(core, task => this.#onTask(task));
    const outcomes = new Outcomes(core, pool.announce);
    this.stack = new Stack(core, this.inbox, outcomes, this.kernels);
    this.promotion = new Promotion(core, pool);
    this.joining = new Joining(core, this.stack, pool);
    core.exports.worker_start(worker);
  }

  // ---- the loop ---------------------------------------------------------------------------------

  /**
   * Ends the innermost task, whose pickled outcome lies in the outbox, and waits for the next, whose
   * arguments come into the inbox.
   * @param {number} raised 1 if the outcome is an exception
   * @param {number} size of the outcome in bytes
   * @returns {number} the task's code (enum code in numbers.h; IS_LARGE: call arguments_size() and
   *     read_arguments()); STOPPED: the scheduler stops
   */
  step(raised, size) {
    this.finish(raised, size);
    return this.start();
  }

  /** Waits for the next task: step() without an end. */
  start() {
    return this.stack.start();
  }

  /**
   * Ends the innermost task; no other is taken.
   * @param {number} raised
   * @param {number} size of its pickled outcome, as of Box.withPayload()
   * @param {BufferList} [list]
   * @param {IntList} [arrays]
   */
  finish(raised, size, list, arrays) {
    const {outbox, stack} = this;
    if (!list) stack.finish(raised, outbox.memory, outbox.address, size);
    else outbox.withPayload((pieces, held) => stack.finishLarge(raised, pieces, held), size, list, arrays);
  }

  // ---- the innermost task -----------------------------------------------------------------------

  /** What names it: its slot and which use of it. */
  task() {
    return this.stack.handle;
  }

  /** Bytes of its arguments. */
  arguments_size() {
    return this.stack.reader.size(this.stack.innermost);
  }

  /**
   * @param {number} offset into the arguments
   * @param {Buffer} buffer as long as what is to be read
   */
  read_arguments(offset, buffer) {
    withBytes(buffer, bytes => this.stack.reader.read(this.stack.innermost, offset, bytes));
  }

  /** All of the arguments that is wanted has been read. */
  arguments_read() {
    this.stack.reader.argumentsRead(this.stack.innermost);
  }

  /** Its function's number in the table. */
  entry() {
    return this.stack.reader.entry(this.stack.innermost);
  }

  /** Its pickled function, a copy. */
  function() {
    return this.stack.reader.function(this.stack.innermost);
  }

  /** @param {number} handle of a task on the stack @returns {number} one of CancelReason */
  cancel_asked(handle) {
    return this.core.exports.cancel_asked(handle);
  }

  // ---- the doorbell -----------------------------------------------------------------------------

  /**
   * How many workers are hungry for jobs of a task.
   * @param {number} handle of a task on this worker's stack
   */
  hungry(handle) {
    return this.core.exports.hungry(handle);
  }

  /** Why the doorbell was rung since the last call: bits of Reason. */
  reasons() {
    return this.core.exports.doorbell_reasons(this.worker);
  }

  /** An interactive task, to be run on top of the present one: its code as of step(); or NOTHING. */
  urgent() {
    const task = this.core.exports.urgent_next(this.worker) >>> 0;
    return task === L.NONE ? L.Wait.NOTHING : this.stack.begin(task);
  }

  // ---- jobs -------------------------------------------------------------------------------------

  /**
   * Makes a private job stealable.
   * @param {number} entry number of the function in the table
   * @param {number} serial of the function
   * @param {number} flags
   * @param {boolean} interactive
   * @param {number} limit ms that it may run; 0: no limit
   * @param {number} parent handle of the task whose job it is
   * @param {boolean} alone whether jobs that are promoted later may have been spawned before
   * @param {number} size of the pickled arguments, as of Box.withPayload(): the parcel's
   * @param {BufferList} [list]
   * @param {IntList} [arrays]
   * @returns {number} the job's handle; or one of Refusal
   */
  promote(entry, serial, flags, interactive, limit, parent, alone, size, list, arrays) {
    return this.parcel.withPayload(
      (pieces, held) => this.promotion.promote(entry, serial, flags, pieces, interactive, limit, parent, alone, held),
      size,
      list,
      arrays,
    );
  }

  /**
   * Puts a function into the table.
   * @param {Buffer} buffer
   * @returns {number} its place there; NO_ROOM
   */
  add_function(buffer) {
    const {core} = this;
    const entry = withBytes(buffer, bytes => core.addFunction(bytes.slice()));
    return entry ? core.place(entry) : L.Refusal.NO_ROOM;
  }

  /** @param {number} place in the function table @returns {Uint8Array | undefined} what is there; undefined: no more */
  bundle(place) {
    return this.core.bundle(place);
  }

  /** @param {number} entry of a function that this worker has added */
  drop_function(entry) {
    this.core.exports.function_drop(this.worker, entry);
  }

  /** @param {number} handle of a job @returns {boolean} whether nobody had it: it is private again */
  take_back(handle) {
    return this.promotion.takeBack(handle);
  }

  /** @param {number} handle of a job @returns {boolean} whether a worker has it, or had it */
  begun(handle) {
    return this.joining.begun(handle);
  }

  /** @param {number} handle of a job */
  ended(handle) {
    return this.joining.ended(handle);
  }

  /** @param {number} handle of a job @returns {boolean} false: it does not run */
  ask_cancel(handle) {
    return this.joining.askCancel(handle);
  }

  /**
   * Waits for a job that another worker runs.
   * @param {number} handle
   * @param {boolean} help whether tasks may be taken meanwhile that belong to this join: belongs() in belonging.c
   * @param {number} hears bits of what is to interrupt it, beside a cancel, as of reasons()
   * @param {number} milliseconds at most; negative: no bound
   * @returns {number} code of a task to run before the next call, as of step(); or one of Joined: the job's
   *     pickled outcome of outcome_size() bytes lies in the inbox or, if it is larger, may be read by
   *     read_outcome(), then release() it; INTERRUPTED: reasons() has a cancel, or something that it hears
   */
  join(handle, help, hears, milliseconds) {
    return this.joining.join(handle, help, hears, milliseconds);
  }

  /** @param {number} handle of a job that has ended @returns {number} one of Joined, as join() does */
  outcome(handle) {
    return this.joining.outcome(handle);
  }

  /** Bytes of the outcome that join() found. */
  outcome_size() {
    return this.joining.size;
  }

  /**
   * @param {number} offset into the outcome
   * @param {Buffer} buffer as long as what is to be read
   */
  read_outcome(offset, buffer) {
    withBytes(buffer, bytes => this.joining.read(offset, bytes));
  }

  /** The worker that ran the job that join() found. */
  outcome_worker() {
    return this.joining.worker;
  }

  /** Why the job that join() found had been asked to end: one of CancelReason. */
  outcome_asked() {
    return this.joining.asked;
  }

  /** @param {number} handle of a job whose outcome was read */
  release(handle) {
    this.joining.release(handle);
  }

  // ---- kernels ----------------------------------------------------------------------------------

  /**
   * Adds a module of kernels, for all workers.
   * @param {Buffer} buffer the module
   * @returns {number} its number, from 1; NO_ROOM
   */
  add_kernels(buffer) {
    return withBytes(buffer, bytes => this.kernels.add(bytes.slice())) || L.Refusal.NO_ROOM;
  }

  /**
   * Calls a kernel. Throws a KernelError (kernels/failures.js), whose name and message say what happened.
   * @param {number} module
   * @param {string} name
   * @param {(number | bigint)[]} args
   */
  call_kernel(module, name, args) {
    return this.kernels.call(module, name, args);
  }

  /**
   * Calls a kernel with each i in [low, high), and then `args`.
   * @param {number} module
   * @param {string} name
   * @param {number} low
   * @param {number} high
   * @param {(number | bigint)[]} args
   */
  kernel_range(module, name, low, high, args) {
    this.kernels.range(module, name, low, high, args);
  }

  /**
   * @param {(task: number) => void} run Python's: calls begin(task) and runs the task to its end, on top of a kernel
   *     that waits
   */
  on_task(run) {
    this.#onTask = run;
  }
  /** @type {(task: number) => void} */
  #onTask = () => {
    throw new Error('on_task() was not called');
  };

  /** @param {number} task that a kernel has found @returns {number} its code, as of step() */
  begin(task) {
    return this.stack.begin(task);
  }

  // ---- the pool ---------------------------------------------------------------------------------

  /** Bytes that the shared heap can hold at most. */
  get heap_limit() {
    return this.core.exports.heap_limit();
  }

  /** How many workers compute. */
  get workers() {
    return this.pool.workers;
  }

  /** Statistics as JSON, in the form of penny.Scheduler.stats. */
  stats() {
    return JSON.stringify(this.core.statistics(this.pool.workers));
  }

  // ---- traces -----------------------------------------------------------------------------------

  /** Whether what happens is recorded. */
  get traced() {
    return this.core.traced;
  }

  /**
   * Lets the trace know what a function is called.
   * @param {number} serial
   * @param {string} name
   */
  name_function(serial, name) {
    nameFunction(this.core, serial, name);
  }

  /** As ClientPort.trace(). */
  trace() {
    return this.pool.trace();
  }
}
