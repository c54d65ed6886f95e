// The core's JavaScript face: creates the shared memory, instantiates the core on it, gives typed
// views. Nobody else calls WebAssembly or knows an address.
import {clock} from './clock.js';
import {CorruptionError} from './corruption.js';
import {Arrays} from './holds.js';
import * as L from './layout.js';

/** @typedef {import('./exports.js').CoreExports} CoreExports */

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

/**
 * What the core calls where a kernel runs. help: runs a task that the kernel's join has found; fail: leaves the kernel
 * by an exception (kernels/calls.js)
 * @typedef {{help(task: number): void, fail(failure: number, task: number): never}} RunsKernels
 */

/** One participant's instance of the core. */
export class Core {
  /** Where this participant is a worker that runs kernels. @type {RunsKernels | null} */
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
