// What a pool worker's Python (penny/worker.py, penny/promotion.py) calls of the core. An ordinary task costs
// one crossing, step(), which ends the last task and waits for the next.
//
// Tasks of one worker are stacked: while a join waits it runs what belongs to the join, and an urgent task may run on top of a
// long one. The innermost is the one that finish(), arguments and function are about.
import * as L from './layout.js';
import {Aside} from './aside.js';
import {queueOf} from './tasks/calls.js';
import {ArraysPort} from './arrays_port.js';
import {Kernels} from './kernels.js';
import {copyBytes, lengthOf} from './payload.js';
import {Box, withBytes, withPieces} from './python_buffers.js';
import {nameFunction} from './trace/names.js';
import {CorruptionError} from './core/corruption.js';
import {FULL, fill} from './core/slots.js';
import {TaskReader} from './jobs/reader.js';

/**
 * @typedef {import('./core.js').Core} Core
 * @typedef {import('./python_buffers.js').Buffer} Buffer
 * @typedef {import('./python_buffers.js').BufferList} BufferList
 * @typedef {import('./python_buffers.js').PyodideModule} PyodideModule
 *
 * What a worker has to say to the page. announce: tells the client by message that it was woken; only
 * where the page lacks Atomics.waitAsync. watch: a task has to be watched. coroutine: the async worker has
 * to run.
 * @typedef {{workers: number, announce?: () => void, watch(): void, coroutine(): void}} PoolOfWorker
 */

/** A task's code is the serial of its function * CODE_SERIAL, + bits of Code. */
const CODE_SERIAL = 2 ** L.Code.SHIFT;

export class WorkerPort {
  /** Slots of the tasks on this worker's stack, the innermost last. @type {number[]} */
  #tasks = [];
  /** The promoted job whose outcome join() found. */
  #joined = L.NONE;

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
    this.reader = new TaskReader(core);
    this.aside = new Aside(core, worker, pool.announce);
    this.kernels = new Kernels(core, task => this.#onTask(task));
    core.exports.worker_start(worker);
    this.#innermostWord = (L.WORKER_ADDRESS + worker * L.WORKER_BYTES) / 4 + L.WORKER_INNERMOST_WORD;
  }
  /** @type {number} */
  #innermostWord;

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
    for (;;) {
      const task = this.aside.wait(-1, milliseconds =>
        this.core.exports.worker_next(this.worker, milliseconds),
      );
      if (task === L.Wait.STOPPED) return task;
      if (!this.kernels.isKernel(task)) return this.#begin(task);
      this.kernels.run(task);
    }
  }

  /**
   * Ends the innermost task; no other is taken.
   * @param {number} raised
   * @param {number} size
   */
  finish(raised, size) {
    const {memory, address} = this.outbox;
    this.aside.finish(this.#pop(), raised, memory, address, size);
  }

  /**
   * Like finish(), for an outcome that is large, or that refers to arrays.
   * @param {number} raised
   * @param {BufferList} list its pickle, in pieces
   * @param {{toJs(): number[]}} arrays list of their numbers, each once
   */
  finish_large(raised, list, arrays) {
    withPieces(this.inbox.module, list, pieces =>
      this.aside.finishLarge(this.#pop(), raised, pieces, arrays.toJs()),
    );
  }

  #pop() {
    const task = /** @type {number} */ (this.#tasks.pop());
    this.#tellInnermost();
    return task;
  }

  /** While there is none the word stays: the keeper compares it with tasks that run. */
  #tellInnermost() {
    if (this.#tasks.length) this.core.words[this.#innermostWord] = this.task() + 1;
  }

  /**
   * Puts a task, now RUNNING, on the stack and its arguments into the inbox.
   * @param {number} task
   * @returns {number} its code
   */
  #begin(task) {
    const {core, reader} = this;
    this.#tasks.push(task);
    this.#tellInnermost();
    let code = reader.serial(task) * CODE_SERIAL + L.Code.IS_TASK + (reader.hasKwargs(task) ? L.Code.HAS_KWARGS : 0);
    if (core.exports.hungry(this.task())) code += L.Code.HUNGRY;
    if (core.taskWord(task, L.TASK_QUEUE_WORD) === L.INTERACTIVE) code += L.Code.IS_INTERACTIVE;
    const from = core.payload(task);
    const size = reader.size(task);
    if (size > this.inbox.size) return code + L.Code.IS_LARGE;
    const {memory, address} = this.inbox;
    copyBytes(core.bytes, from, size, memory, address);
    if (size > L.TASK_PAYLOAD_BYTES) reader.argumentsRead(task);
    return code;
  }

  // ---- the innermost task -----------------------------------------------------------------------

  get #innermost() {
    return this.#tasks[this.#tasks.length - 1];
  }

  /** What names it: its slot and which use of it. */
  task() {
    return this.core.hint(this.#innermost);
  }

  /** Bytes of its arguments. */
  arguments_size() {
    return this.reader.size(this.#innermost);
  }

  /**
   * @param {number} offset into the arguments
   * @param {Buffer} buffer as long as what is to be read
   */
  read_arguments(offset, buffer) {
    withBytes(buffer, bytes => this.reader.read(this.#innermost, offset, bytes));
  }

  /** All of the arguments that is wanted has been read. */
  arguments_read() {
    this.reader.argumentsRead(this.#innermost);
  }

  /** Its function's number in the table. */
  entry() {
    return this.reader.entry(this.#innermost);
  }

  /** Its pickled function, a copy. */
  function() {
    return this.reader.function(this.#innermost);
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
    return task === L.NONE ? L.Wait.NOTHING : this.#begin(task);
  }

  // ---- jobs -------------------------------------------------------------------------------------

  /**
   * Makes a private job stealable. Its pickled arguments lie in the parcel.
   * @param {number} entry number of the function in the table
   * @param {number} serial of the function
   * @param {number} flags
   * @param {number} size
   * @param {boolean} interactive
   * @param {number} limit ms that it may run; 0: no limit
   * @param {number} parent handle of the task whose job it is
   * @param {boolean} alone whether jobs that are promoted later may have been spawned before
   * @returns {number} the job's handle; or one of Refusal
   */
  promote(entry, serial, flags, size, interactive, limit, parent, alone) {
    const {memory, address} = this.parcel;
    const bytes = memory.subarray(address, address + size);
    return this.#promote(entry, serial, flags, bytes, interactive, limit, parent, alone);
  }

  /**
   * Like promote(), for arguments that are large, or that refer to arrays.
   * @param {number} entry
   * @param {number} serial
   * @param {number} flags
   * @param {BufferList} list their pickle, in pieces
   * @param {{toJs(): number[]}} arrays list of their numbers, each once
   * @param {boolean} interactive
   * @param {number} limit
   * @param {number} parent
   * @param {boolean} alone
   */
  promote_large(entry, serial, flags, list, arrays, interactive, limit, parent, alone) {
    return withPieces(this.inbox.module, list, pieces =>
      this.#promote(entry, serial, flags, pieces, interactive, limit, parent, alone, arrays.toJs()),
    );
  }

  /**
   * @param {number} entry
   * @param {number} serial
   * @param {number} flags
   * @param {import('./payload.js').Pieces} pieces
   * @param {boolean} interactive
   * @param {number} limit
   * @param {number} parent
   * @param {boolean} alone
   * @param {number[]} [arrays]
   */
  #promote(entry, serial, flags, pieces, interactive, limit, parent, alone, arrays = []) {
    const {core, worker} = this;
    const {exports} = core;
    const size = lengthOf(pieces);
    const index = exports.promotion_slot(worker) >>> 0;
    if (index === L.NONE) return L.Refusal.NO_ROOM;
    const block = fill(core, index, size, pieces, arrays, exports.arguments_allocate);
    if (block === FULL) {
      exports.promotion_withdraw(index, worker);
      return L.Refusal.NO_ROOM;
    }
    if (limit) exports.task_limit(index, limit);
    exports.task_parent(index, parent, alone ? 1 : 0);
    const queue = queueOf(flags, interactive);
    const own = flags & L.Flag.HAS_KWARGS;
    const handle = exports.promote(index, worker, entry, serial, queue, own, size, block);
    if (handle < 0) exports.promotion_withdraw(index, worker); // frees the block, too
    else {
      if (limit) this.pool.watch();
      if (queue === L.COROUTINES) this.pool.coroutine();
    }
    return handle;
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
    return this.core.exports.take_back(handle, this.worker) === 1;
  }

  /** @param {number} handle of a job @returns {boolean} whether a worker has it, or had it */
  begun(handle) {
    const {core} = this;
    const word = core.taskWord(handle & L.INDEX_MASK, L.TASK_STATE_WORD);
    return (word & L.STATE_MASK) !== L.State.QUEUED;
  }

  /** @param {number} handle of a job */
  ended(handle) {
    return this.core.exports.job_ended(handle) === 1;
  }

  /** @param {number} handle of a job @returns {boolean} false: it does not run */
  ask_cancel(handle) {
    const asked = this.core.exports.job_ask_cancel(handle) === 1;
    if (asked) this.pool.watch();
    return asked;
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
    const {core, kernels} = this;
    // The latch of another use of the slot would never be set for us.
    if (core.hint(handle & L.INDEX_MASK) !== handle)
      throw new CorruptionError(`the job that is waited for, ${handle}, is not there`);
    const deadline = performance.now() + milliseconds;
    for (let left = milliseconds; ; left = Math.max(0, deadline - performance.now())) {
      const result = this.aside.wait(milliseconds < 0 ? -1 : left, bound =>
        core.exports.worker_join(this.worker, handle, this.#helps(help), hears, bound),
      );
      if (result >= 0 && kernels.isKernel(result)) kernels.run(result);
      else if (result >= 0) return this.#begin(result);
      else if (result === L.Wait.NOTHING) return L.Joined.NOTHING;
      else return result === L.Wait.ENDED ? this.outcome(handle) : L.Joined.INTERRUPTED;
    }
  }

  /** Others may have to begin before an outcome that was laid aside finds room. @param {boolean} help */
  #helps(help) {
    if (!help) return L.Help.NO_HELP;
    return this.aside.isEmpty ? L.Help.BELONGING : L.Help.ANYTHING;
  }

  /** @param {number} handle of a job that has ended @returns {number} one of Joined, as join() does */
  outcome(handle) {
    const {core} = this;
    const task = handle & L.INDEX_MASK;
    this.#joined = task;
    const state = core.taskWord(task, L.TASK_STATE_WORD) & L.STATE_MASK;
    if (state === L.State.LOST) return L.Joined.LOST;
    const from = core.payload(task);
    const size = this.reader.size(task);
    if (size <= this.inbox.size) copyBytes(core.bytes, from, size, this.inbox.memory, this.inbox.address);
    return state === L.State.RETURNED ? L.Joined.RETURNED : L.Joined.RAISED;
  }

  /** Bytes of the outcome that join() found. */
  outcome_size() {
    return this.reader.size(this.#joined);
  }

  /**
   * @param {number} offset into the outcome
   * @param {Buffer} buffer as long as what is to be read
   */
  read_outcome(offset, buffer) {
    withBytes(buffer, bytes => this.reader.read(this.#joined, offset, bytes));
  }

  /** The worker that ran the job that join() found. */
  outcome_worker() {
    return (this.core.taskWord(this.#joined, L.TASK_STATE_WORD) >> L.PARTICIPANT_SHIFT) & L.PARTICIPANT_MASK;
  }

  /** Why the job that join() found had been asked to end: one of CancelReason. */
  outcome_asked() {
    return this.core.exports.task_was_asked(this.#joined);
  }

  /** @param {number} handle of a job whose outcome was read */
  release(handle) {
    this.core.exports.job_free(handle, this.worker);
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

  /** @param {number} module @returns {string} a line name(type name, …) for each kernel that says so */
  kernel_signatures(module) {
    return this.kernels.signatures(module);
  }

  /**
   * Calls a kernel. Throws a KernelError (kernels.js), whose name and message say what happened.
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
    return this.#begin(task);
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
