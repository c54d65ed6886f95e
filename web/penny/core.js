// The core's JavaScript face: creates the shared memory, instantiates the core on it, gives typed
// views. Nobody else calls WebAssembly or knows an address.
import {Arrays} from './arrays.js';
import {clock} from './clock.js';
import * as L from './layout.js';
import {CorruptionError} from './errors.js';
import {nameFunction} from './trace.js';

/**
 * The exported functions of penny/wasm_core; each is documented there.
 * @typedef {{
 *   __stack_pointer: WebAssembly.Global,
 *   initialise(workers: number, granules: number, firstPosition: number): void,
 *   task_new(client: number): number,
 *   task_limit(index: number, milliseconds: number): void,
 *   task_parent(index: number, hint: number, alone: number): void,
 *   task_submit(index: number, fn: number, queue: number, flags: number, size: number,
 *               block: number): number,
 *   task_ask_cancel(index: number): number,
 *   task_was_asked(index: number): number,
 *   task_cancel(index: number, client: number): number,
 *   task_free(index: number, client: number): void,
 *   task_arguments_read(index: number, worker: number): void,
 *   task_finish(index: number, worker: number, state: number, size: number, block: number): number,
 *   all_quiet(): number,
 *   quiescent(): number,
 *   arguments_allocate(participant: number, size: number): number,
 *   completions_take(client: number): number,
 *   completions_arm(client: number): number,
 *   completions_disarm(client: number): void,
 *   completions_wait(client: number, seen: number, milliseconds: number): void,
 *   client_wake(client: number): void,
 *   worker_start(worker: number): void,
 *   worker_next(worker: number, milliseconds: number): number,
 *   worker_wants_room(worker: number, wants: number): void,
 *   worker_join(worker: number, hint: number, help: number, hears: number, milliseconds: number): number,
 *   urgent_next(worker: number): number,
 *   coroutine_next(): number,
 *   promotion_slot(worker: number): number,
 *   promotion_withdraw(index: number, worker: number): void,
 *   promote(index: number, worker: number, fn: number, serial: number, queue: number,
 *           flags: number, size: number, block: number): number,
 *   take_back(hint: number, worker: number): number,
 *   job_ended(hint: number): number,
 *   job_free(hint: number, worker: number): void,
 *   job_ask_cancel(hint: number): number,
 *   cancel_asked(hint: number): number,
 *   hungry(hint: number): number,
 *   doorbell_take(worker: number): number,
 *   doorbell_reasons(worker: number): number,
 *   watch_next(from: number): number, watch_needed(): number,
 *   kernel_module_new(participant: number, size: number, data: number, functions: number): number,
 *   kernel_module_drop(module: number, participant: number): void,
 *   kernel_module_share(module: number): void,
 *   kernel_module_ready(module: number): number, kernels_added(): number,
 *   kernel_module_block(module: number): number, kernel_module_size(module: number): number,
 *   kernel_module_data(module: number): number, kernel_module_table(module: number): number,
 *   kernel_stack(worker: number): number,
 *   kernel_enter(worker: number, entry: number): number,
 *   kernel_leave(worker: number): number,
 *   kernel_unwind(worker: number): void,
 *   kernel_begin(worker: number, index: number): number,
 *   kernel_end(worker: number, outer: number): void,
 *   kernel_spawn(job: number): void, kernel_join(job: number): number, kernel_ran(job: number): void,
 *   kernel_fork(call: number): number, kernel_wait(call: number): number,
 *   kernel_open(worker: number): number, kernel_close(worker: number): void,
 *   kernel_allocate(worker: number, size: number): number,
 *   kernel_cancelled(worker: number): number,
 *   heap_allocate(participant: number, size: number): number,
 *   heap_free(participant: number, address: number): void,
 *   heap_used(): number, heap_size(): number, heap_limit(): number,
 *   function_new(participant: number, size: number): number,
 *   function_drop(participant: number, fn: number): void,
 *   function_serial(fn: number): number,
 *   function_block(fn: number): number,
 *   function_size(fn: number): number,
 *   array_new(participant: number, size: number): number,
 *   array_hold(participant: number, number: number, serial: number): number,
 *   array_drop(participant: number, number: number): void,
 *   array_block(number: number): number,
 *   array_size(number: number): number,
 *   array_serial(number: number): number,
 *   list_new(participant: number, count: number): number,
 *   task_carry(index: number, list: number): void,
 *   task_uncarry(index: number, participant: number): void,
 *   recover(worker: number): number, reinject(): number, deaths(): number,
 *   adrift_next(client: number, from: number): number,
 *   trace_start(firstPosition: number): number,
 *   trace_name(): number,
 *   trace_aside(index: number): void,
 *   trace_head(ring: number): number,
 *   trace_read(ring: number, from: number): number,
 *   trace_log(ring: number, from: number): number,
 *   break_pool(block: number, size: number): void, close_pool(): void, stop(): void,
 * }} CoreExports
 */

/** The page is client 0 of every scheduler and its keeper; a host worker is client 1; what the async
 * worker's coroutines submit is client 2's. */
export const PAGE = 0;
export const HOST = 1;
export const ASYNC = L.ASYNC_CLIENT;

/** @param {number} client */
export const clientParticipant = client => L.FIRST_CLIENT + client;

/** The page's participant, also as the keeper of a pool whose client is a host worker. */
export const KEEPER = clientParticipant(PAGE);

/** A place in the function table is two numbers in one: serial * PLACE_ENTRIES + entry. */
const PLACE_ENTRIES = 2 ** L.Place.BITS;

/** The number of the entry at a place of the function table. @param {number} place */
export const entryAt = place => place % PLACE_ENTRIES;

export const MEBIBYTE = 2 ** 20;
/** Smallest and largest limit of the heap, bytes. */
export const HEAP_MIN = 4 * MEBIBYTE;
export const HEAP_MAX = 4096 * MEBIBYTE - L.HEAP_ADDRESS;

/** Bytes of a trace of so many workers, which lie beyond the heap's limit. @param {number} workers */
function traceBytes(workers) {
  const bytes = L.TRACE_BYTES + (workers + 1 + L.CLIENTS_MAX) * L.RING_BYTES;
  return Math.ceil(bytes / L.ARENA_BYTES) * L.ARENA_BYTES;
}

/**
 * Bytes behind a heap of at most `heapLimit`, and a trace.
 * @param {number} heapLimit
 * @param {number} tracedWorkers how many workers are traced, 0: none are
 */
const heapBytes = (heapLimit, tracedWorkers) =>
  tracedWorkers ? Math.min(HEAP_MAX, heapLimit + traceBytes(tracedWorkers)) : heapLimit;

/**
 * The memory of a new scheduler. It begins without heap and grows up to `heapLimit` bytes of it.
 * @param {number} heapLimit
 * @param {number} [tracedWorkers] how many workers are to be traced
 */
export function createMemory(heapLimit, tracedWorkers = 0) {
  const pages = L.HEAP_ADDRESS / L.GRANULE_BYTES;
  return new WebAssembly.Memory({
    initial: pages,
    maximum: pages + granules(heapBytes(heapLimit, tracedWorkers)),
    shared: true,
  });
}

/** @param {number} bytes */
const granules = bytes => Math.floor(bytes / L.GRANULE_BYTES);

/** One participant's instance of the core. */
export class Core {
  /** Where this participant is a worker that runs kernels. @type {import('./kernels.js').Kernels | null} */
  kernels = null;

  /**
   * @param {WebAssembly.Module} module
   * @param {WebAssembly.Memory} memory
   * @param {number} participant a worker's number, or `clientParticipant(client)`
   */
  constructor(module, memory, participant) {
    this.memory = memory;
    this.participant = participant;
    const instance = new WebAssembly.Instance(module, {
      env: {
        memory,
        clock,
        kernel_task: (/** @type {number} */ task) => this.kernels?.help(task),
        kernel_throw: (/** @type {number} */ failure, /** @type {number} */ task) =>
          this.kernels?.fail(failure, task),
      },
    });
    this.exports = /** @type {CoreExports} */ (/** @type {unknown} */ (instance.exports));
    // Each instance on a stack of its own, in the shared memory. Instances that share one work, most
    // of the time, and run three times slower.
    this.exports.__stack_pointer.value = L.STACK_ADDRESS + (participant + 1) * L.STACK_BYTES;
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Int32Array(memory.buffer);
    this.arrays = new Arrays(this);
  }

  /**
   * @param {number} workers
   * @param {number} heapLimit bytes
   * @param {{trace?: boolean, firstPosition?: number}} [options] trace: record what all do, in a memory that was made
   *     for it; firstPosition: see initialise.c
   */
  initialise(workers, heapLimit, {trace = false, firstPosition = 0} = {}) {
    const bytes = heapBytes(heapLimit, trace ? workers : 0);
    this.exports.initialise(workers, granules(bytes), firstPosition);
    this.words[L.IDENTITY_WORD] = Math.floor(Math.random() * 2 ** 32);
    if (trace && !this.exports.trace_start(firstPosition))
      throw new RangeError('the browser has no memory left for a trace: open a scheduler without trace, or close another');
  }

  /** How many workers compute. */
  get workers() {
    return this.words[L.WORKERS_WORD];
  }

  /** Whether what happens is recorded. */
  get traced() {
    return this.words[L.TRACE_WORD] !== 0;
  }

  /**
   * Lets a trace know what a function is called.
   * @param {number} key its serial; L.NAME_IS_PLACE + place in the workers' function tables
   * @param {string} name
   */
  nameFunction(key, name) {
    if (this.traced) nameFunction(this, key, name);
  }

  /**
   * Makes the views reach `end`: memory may have grown, and a view made before does not see that.
   * @param {number} end
   */
  reach(end) {
    if (end <= this.bytes.length) return;
    this.bytes = new Uint8Array(this.memory.buffer);
    this.words = new Int32Array(this.memory.buffer);
  }

  /** What names this memory in the handles of its arrays. */
  get identity() {
    return this.words[L.IDENTITY_WORD] >>> 0;
  }

  /** @param {number} index */
  taskAddress(index) {
    return L.TASK_ADDRESS + index * L.TASK_BYTES;
  }

  /**
   * Puts a pickled function into the table.
   * @param {Uint8Array} bytes
   * @returns {number} its number there, with one reference, this participant's; 0 if there is no room
   */
  addFunction(bytes) {
    const {exports} = this;
    const number = exports.function_new(this.participant, bytes.length);
    if (!number) return 0;
    const block = exports.function_block(number) >>> 0;
    this.reach(block + bytes.length);
    this.bytes.set(bytes, block);
    return number;
  }

  /**
   * Where an entry of the function table is found for as long as it lives: its serial * PLACE_ENTRIES + its number.
   * @param {number} number
   */
  place(number) {
    return (this.exports.function_serial(number) >>> 0) * PLACE_ENTRIES + number;
  }

  /**
   * A copy of what is at a place of the function table.
   * @param {number} place
   * @returns {Uint8Array | undefined} undefined: it is there no more
   */
  bundle(place) {
    const {exports} = this;
    const number = entryAt(place);
    const block = exports.function_block(number) >>> 0;
    if (!block || this.place(number) !== place) return undefined;
    const size = exports.function_size(number) >>> 0;
    this.checkBlock(block, size);
    const bytes = this.bytes.slice(block, block + size);
    // Nobody holds it for us: only what is still there has not been freed while it was copied. Whoever frees it takes
    // its block away first, and a new entry has a new serial.
    return (exports.function_block(number) >>> 0) === block && this.place(number) === place ? bytes : undefined;
  }

  /**
   * What names a task: its slot, and which use of it.
   * @param {number} index
   */
  hint(index) {
    const generation = this.taskWord(index, L.TASK_STATE_WORD) >>> L.GENERATION_SHIFT;
    return (generation << L.INDEX_BITS) | index;
  }

  /**
   * Where a task's payload lies: as many bytes as its size says are there.
   * @param {number} index
   * @returns {number} address
   * @throws {CorruptionError} if they can't be
   */
  payload(index) {
    const task = this.taskAddress(index);
    const block = this.words[(task >> 2) + L.TASK_BLOCK_WORD] >>> 0;
    const size = this.words[(task >> 2) + L.TASK_SIZE_WORD] >>> 0;
    if (block) this.checkBlock(block, size);
    else if (size > L.TASK_PAYLOAD_BYTES)
      throw new CorruptionError(`slot ${index} holds ${size} bytes`);
    return block || task + L.TASK_PAYLOAD;
  }

  /**
   * Makes sure that a block's bytes lie in the heap, within the views' reach.
   * @param {number} block its address
   * @param {number} size
   * @throws {CorruptionError} if they do not
   */
  checkBlock(block, size) {
    this.reach(block + size);
    if (block < L.HEAP_ADDRESS || block + size > this.bytes.length)
      throw new CorruptionError(`no block of ${size} bytes can lie at ${block}`);
  }

  /**
   * @param {number} index
   * @param {number} word one of the TASK_*_WORD
   */
  taskWord(index, word) {
    return this.words[(this.taskAddress(index) >> 2) + word] >>> 0;
  }

  /**
   * How many tasks a worker has begun.
   * @param {number} worker
   */
  tasksRun(worker) {
    return this.words[(L.WORKER_ADDRESS + worker * L.WORKER_BYTES) / 4 + L.WORKER_RUN_WORD];
  }

  /**
   * What workers and heap have done, in the form of penny.Scheduler.stats.
   * @param {number} workers
   */
  statistics(workers) {
    const {exports} = this;
    return {
      workers: this.workerStatistics(workers),
      heap: {
        used: exports.heap_used(),
        size: exports.heap_size(),
        limit: exports.heap_limit(),
      },
    };
  }

  /**
   * What the workers have done since their start.
   * @param {number} workers
   */
  workerStatistics(workers) {
    const now = clock();
    const view = new DataView(this.memory.buffer);
    return Array.from({length: workers}, (_, worker) => {
      const address = L.WORKER_ADDRESS + worker * L.WORKER_BYTES;
      const word = (/** @type {number} */ i) => view.getUint32(address + 4 * i, true);
      const started = view.getFloat64(address + L.WORKER_STARTED, true);
      const since = view.getFloat64(address + L.WORKER_IDLE_SINCE, true);
      const idle = view.getFloat64(address + L.WORKER_IDLE, true) + (since ? now - since : 0);
      return {
        worker,
        run: word(L.WORKER_RUN_WORD),
        stolen: word(L.WORKER_STOLEN_WORD),
        injected: word(L.WORKER_INJECTED_WORD),
        promoted: word(L.WORKER_PROMOTED_WORD),
        wakeups: word(L.WORKER_WAKEUPS_WORD),
        deaths: word(L.WORKER_DEATHS_WORD),
        busy: started ? Math.max(0, now - started - idle) / 1000 : 0,
        idle: started ? idle / 1000 : 0,
      };
    });
  }
}
