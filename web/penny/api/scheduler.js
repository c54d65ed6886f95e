/// <reference lib="esnext.disposable" preserve="true" />
// The Scheduler for JavaScript: submit Python functions by name, await their results.
import {CorruptionError} from '../core/corruption.js';
import {Flag, Outcome} from '../core/layout.js';
import {KernelModule} from '../kernels/binary.js';
import {decodeException} from '../wire/exceptions.js';
import {definesCoroutine, pickledKernel, pickledName, pickledSource} from '../wire/functions.js';
import {decode} from '../wire/read.js';
import {BrokenPool, WorkerLost} from './errors.js';

/**
 * @typedef {import('./engine.js').Engine} Engine
 * @typedef {import('./shared_array.js').SharedArray} SharedArray
 * @typedef {{resolve: (value: any) => void, reject: (error: Error) => void}} Settle
 */

/**
 * Where the engine has no such symbol yet, what compilers of `await using` take instead.
 * @type {typeof Symbol.asyncDispose}
 */
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** Those with listeners for what their workers do: kept until they are shut down. @type {Set<Scheduler>} */
const heard = new Set();

/** Marks keyword arguments; penny.js makes them, which loads no module. */
const KEYWORDS = Symbol.for('penny.keywords');

/**
 * Runs Python functions on a pool of workers, until shutdown(); or until it is garbage, if nothing is pending and nobody
 * listens to its `worker` and `output` events.
 *
 * Events: `progress` {done, pending}, at most one a turn of the event loop; `worker` {worker, state,
 * error}, state is starting, ready, lost or stopped; `output` {stream, text, worker}.
 */
export class Scheduler extends EventTarget {
  /** @type {Map<string, any>} */
  #functions = new Map();
  #done = 0;
  #closing = false;
  #now = false;
  /** @type {Promise<void> | undefined} */
  #closed;
  /** @type {(() => void) | undefined} */
  #idle;

  /** @param {Engine} engine */
  constructor(engine) {
    super();
    this.engine = engine;
    engine.oncompletions = () => this.#collect();
    passOn(engine.pool, new WeakRef(this));
  }

  /**
   * @override @param {string} type @param {any} listener @param {any} [options]
   */
  addEventListener(type, listener, options) {
    // These come by themselves, and whoever awaits one may be all that knows of this.
    if (!this.#closing && (type === 'worker' || type === 'output')) heard.add(this);
    super.addEventListener(type, listener, options);
  }

  /** Its workers, for tests: of what they do it tells by events. */
  get pool() {
    return this.engine.pool;
  }

  /** Number of workers. */
  get workers() {
    return this.engine.workers;
  }

  /**
   * Defines a Python function for later submissions under `name`; again, to change it.
   * @param {string} name
   * @param {string} source "def name(…): …", with imports as needed, or an expression: "lambda x: x + 1". Calls of an
   *     `async def` run side by side in a worker that is for waiting.
   * @returns {string} name
   */
  define(name, source) {
    this.#open();
    this.#define(name, pickledSource(name, source));
    if (definesCoroutine(name, source)) this.#coroutines.add(this.#functions.get(name));
    return name;
  }
  /** Those that are coroutine functions. @type {WeakSet<any>} */
  #coroutines = new WeakSet();

  /**
   * Defines the kernels of a WebAssembly module for later submissions, each under its name:
   *
   *     await s.defineKernels(await (await fetch('saxpy.wasm')).arrayBuffer());
   *     await s.submit('saxpy', 2, x, y);
   *
   * @param {ArrayBuffer | Uint8Array<ArrayBuffer>} bytes of `penny kernel build`
   * @returns {Promise<string[]>} the names; rejected with a TypeError if it is no module of kernels, RangeError if there
   *     is no room for it
   */
  async defineKernels(bytes) {
    const given = new Uint8Array(bytes).slice();
    const module = new KernelModule(given);
    const signatures = module.signatures();
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', given)).slice(0, 16);
    this.#open();
    const number = this.engine.addKernels(module);
    if (!number)
      throw new RangeError(
        `no room for a module of kernels (${module.bytes.length} bytes) in the scheduler's shared heap: give the scheduler ` +
          'a larger memory',
      );
    return Array.from(signatures, ([name, signature]) =>
      this.#define(name, pickledKernel(number, digest, name, signature)),
    );
  }
  /**
   * @param {string} name
   * @param {Uint8Array} pickled
   */
  #define(name, pickled) {
    const fn = this.engine.addFunction(pickled);
    const before = this.#functions.get(name);
    if (before !== undefined) this.engine.dropFunction(before);
    this.#functions.set(name, fn);
    return name;
  }

  /**
   * Runs a Python function in some worker.
   * @param {string} name import path ("operator.add", "len"), or as defined (of a kernel: its name)
   * @param {...unknown} args numbers, strings, booleans, null, BigInt, arrays, plain objects, Map, Set,
   *     Uint8Array, shared arrays, nested as you like; the last one may be Penny.keywords({…})
   * @returns {Promise<any>} rejected with a PythonError if the function raises, WorkerLost if its worker
   *     died, RangeError if the arguments are larger than the shared heap
   */
  submit(name, ...args) {
    // What completes the promise is the call's ticket: there is nothing that could lead to another's.
    return new Promise((resolve, reject) => {
      this.#open();
      this.#submit(name, args, {resolve, reject});
    });
  }

  #open() {
    if (this.#closing) throw new Error('the scheduler has been shut down');
  }
  #stillOpen = () => this.#open();

  /**
   * @param {string} name
   * @param {unknown[]} args
   * @param {Settle} ticket
   */
  #submit(name, args, ticket) {
    let fn = this.#functions.get(name);
    if (fn === undefined) {
      if (typeof name !== 'string')
        throw new TypeError('submit() takes the name of a Python function first');
      fn = this.engine.addFunction(pickledName(name));
      this.#functions.set(name, fn);
    }
    fn.references++; // a getter among the arguments may define the name anew
    try {
      this.#submitCall(fn, args, ticket);
    } finally {
      this.engine.dropFunction(fn);
    }
  }

  /**
   * @param {any} fn of the engine
   * @param {unknown[]} args
   * @param {Settle} ticket
   */
  #submitCall(fn, args, ticket) {
    const last = /** @type {any} */ (args[args.length - 1]);
    const kwargs = (typeof last === 'object' && last?.[KEYWORDS]) || null;
    if (kwargs) args.pop();
    const flags = (kwargs ? Flag.HAS_KWARGS : 0) | (this.#coroutines.has(fn) ? Flag.COROUTINE : 0);
    this.engine.submit(fn, flags, {args, kwargs}, this.#stillOpen, ticket);
  }

  /**
   * Makes an array that the workers share: zeros.
   * @param {number | readonly number[]} shape elements along each axis
   * @param {string} [dtype] 'bool', 'int8' to 'int64', 'uint8' to 'uint64', 'float32', 'float64'
   * @returns {SharedArray} RangeError: there is no room for it; IsolationError: nor any memory to share
   */
  array(shape, dtype = 'float64') {
    return this.engine.array(shape, dtype);
  }

  #collect() {
    const {engine} = this;
    const count = engine.collect(({resolve, reject}, ended) => {
      try {
        const {outcome, bytes, offset, size} = ended;
        if (outcome === Outcome.RETURNED) resolve(decode(bytes, offset, size, engine.attach));
        else reject(this.#failure(ended));
      } catch (error) {
        reject(/** @type {Error} */ (error));
      }
    });
    if (!count) return;
    this.#done += count;
    if (engine.pending === 0) this.#idle?.();
    this.dispatchEvent(new CustomEvent('progress', {detail: {done: this.#done, pending: engine.pending}}));
  }

  /** @param {import('./engine.js').Ended} ended */
  #failure({outcome, worker, bytes, offset, size, error}) {
    if (error) return error;
    switch (outcome) {
      case Outcome.RAISED:
        return decodeException(bytes, offset, size);
      case Outcome.CORRUPTED:
        return new CorruptionError('the outcome of this task is not known');
      case Outcome.BROKEN:
        return new BrokenPool(new TextDecoder().decode(bytes.slice(offset, offset + size)));
      default:
        return new WorkerLost(worker);
    }
  }

  /** What the workers did: tasks run and stolen, seconds busy and idle, wake-ups; bytes of the heap. */
  stats() {
    return this.engine.stats();
  }

  /**
   * What the workers have done since the start, and when; also after shutdown(). As a file of JSON it opens in
   * ui.perfetto.dev and chrome://tracing.
   * @returns {import('../trace/chrome.js').ChromeTrace}
   * @throws {Error} the scheduler was opened without {trace: true}, or its tasks go by messages
   */
  trace() {
    return this.engine.trace();
  }

  /**
   * Takes no more tasks, waits for the pending ones, ends the workers.
   * @param {{now?: boolean}} [options] now: do not wait; what is pending is rejected
   */
  shutdown({now = false} = {}) {
    this.#closing = true;
    this.#now ||= now;
    this.#closed ??= this.#close();
    if (now) {
      this.#idle?.();
      this.engine.close({now});
    }
    return this.#closed;
  }

  /** `await using s = await scheduler()`: shutdown() at the end of the block. */
  async [asyncDispose]() {
    await this.shutdown();
  }

  async #close() {
    const idle = new Promise(resolve => (this.#idle = () => resolve(undefined)));
    if (this.engine.pending) await idle;
    await this.engine.close({now: this.#now});
    heard.delete(this);
    for (const {reject} of /** @type {Settle[]} */ (this.engine.end())) reject(new Error('the scheduler was shut down'));
  }
}

/**
 * Passes on what becomes of the workers, and what they print. The pool is kept by its workers: so it may not keep the
 * scheduler, which is why this is a function of its own: closures of one function keep what any of them uses.
 * @param {EventTarget} pool
 * @param {WeakRef<Scheduler>} scheduler
 */
function passOn(pool, scheduler) {
  for (const type of ['worker', 'output'])
    pool.addEventListener(type, event => {
      const {detail} = /** @type {CustomEvent} */ (event);
      scheduler.deref()?.dispatchEvent(new CustomEvent(type, {detail}));
    });
}
