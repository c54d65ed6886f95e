/// <reference lib="esnext.disposable" preserve="true" />
// The Scheduler for JavaScript: submit Python functions by name, await their results.
import {CorruptionError} from '../core/corruption.js';
import {Flag, Outcome} from '../core/layout.js';
import {KernelModule} from '../kernels/binary.js';
import {KernelModules} from '../kernels/modules.js';
import {HeapLimitError, PLAIN, queueOf} from '../tasks/calls.js';
import {Client} from '../tasks/client.js';
import {chromeTrace} from '../trace/chrome.js';
import {PickleError} from '../wire/errors.js';
import {decodeException} from '../wire/exceptions.js';
import {definesCoroutine, pickledKernel, pickledName, pickledSource} from '../wire/functions.js';
import {decode} from '../wire/read.js';
import {encodeArguments, measureArguments} from '../wire/write.js';
import {BrokenPool, WorkerLost} from './errors.js';
import {SharedArray} from './shared_array.js';

/**
 * @typedef {import('../pool/pool.js').Pool} Pool
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
  /** @type {Map<string, import('../tasks/calls.js').TableFunction>} */
  #functions = new Map();
  #done = 0;
  #closing = false;
  #now = false;
  /** @type {Promise<void> | undefined} */
  #closed;
  /** @type {(() => void) | undefined} */
  #idle;

  /**
   * @param {Client} client
   * @param {Pool} pool
   */
  constructor(client, pool) {
    super();
    this.client = client;
    this.pool = pool;
    client.oncompletions = () => this.#collect();
    passOn(pool, new WeakRef(this));
  }

  /**
   * @override @param {string} type @param {any} listener @param {any} [options]
   */
  addEventListener(type, listener, options) {
    // These come by themselves, and whoever awaits one may be all that knows of this.
    if (!this.#closing && (type === 'worker' || type === 'output')) heard.add(this);
    super.addEventListener(type, listener, options);
  }

  /** Number of workers. */
  get workers() {
    return this.pool.size;
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
    this.#kernels ??= new KernelModules(this.client.core);
    const number = this.#kernels.add(module);
    if (!number)
      throw new RangeError(
        `no room for a module of kernels (${module.bytes.length} bytes) in the scheduler's shared heap: give the scheduler ` +
          'a larger memory',
      );
    return Array.from(signatures, ([name, signature]) =>
      this.#define(name, pickledKernel(number, digest, name, signature)),
    );
  }
  /** @type {KernelModules | undefined} */
  #kernels;

  /**
   * @param {string} name
   * @param {Uint8Array} pickled
   */
  #define(name, pickled) {
    const fn = this.client.addFunction(pickled);
    const before = this.#functions.get(name);
    if (before !== undefined) this.client.dropFunction(before);
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
      fn = this.client.addFunction(pickledName(name));
      this.#functions.set(name, fn);
    }
    fn.references++; // a getter among the arguments may define the name anew
    try {
      this.#submitCall(fn, args, ticket);
    } finally {
      this.client.dropFunction(fn);
    }
  }

  /**
   * @param {import('../tasks/calls.js').TableFunction} fn
   * @param {unknown[]} args
   * @param {Settle} ticket
   */
  #submitCall(fn, args, ticket) {
    const {client} = this;
    const last = /** @type {any} */ (args[args.length - 1]);
    const kwargs = (typeof last === 'object' && last?.[KEYWORDS]) || null;
    if (kwargs) args.pop();
    const coroutine = this.#coroutines.has(fn);
    const flags = (kwargs ? Flag.HAS_KWARGS : 0) | (coroutine ? Flag.COROUTINE : 0);
    /** @type {Set<SharedArray>} */
    const arrays = new Set();
    const inline =
      !coroutine &&
      client.submitInline(
        fn,
        flags,
        (bytes, offset, limit) => {
          const size = encodeArguments(args, kwargs, bytes, offset, limit, arrays);
          this.#open(); // a getter among the arguments may have shut it down
          return arrays.size ? -1 : size;
        },
        ticket,
      );
    if (inline) return;
    // Too large for a slot, or no slot, or arrays to be carried: pickle here.
    arrays.clear();
    const bytes = encodeLarge(args, kwargs, arrays);
    this.#open();
    for (const array of arrays)
      if (!array.isIn(client.core))
        throw new PickleError('args', 'a shared array of another scheduler cannot be sent to this one');
    const numbers = new Set([...arrays].map(array => array.number));
    client.submit(fn, {...PLAIN, flags, queue: queueOf(flags, false)}, bytes, [...numbers], ticket);
  }

  /**
   * Makes an array that the workers share: zeros.
   * @param {number | readonly number[]} shape elements along each axis
   * @param {string} [dtype] 'bool', 'int8' to 'int64', 'uint8' to 'uint64', 'float32', 'float64'
   * @returns {SharedArray} RangeError: there is no room for it
   */
  array(shape, dtype = 'float64') {
    return SharedArray.make(this.client.core, shape, dtype);
  }

  #collect() {
    const attach = (/** @type {Uint8Array} */ handle) => SharedArray.attach(this.client.core, handle);
    const count = this.client.collect((ticket, outcome, address, size, worker) => {
      const {resolve, reject} = /** @type {Settle} */ (ticket);
      try {
        const view = this.client.core.bytes;
        if (outcome === Outcome.RETURNED) resolve(decode(view, address, size, attach));
        else if (outcome === Outcome.RAISED) reject(decodeException(view, address, size));
        else if (outcome === Outcome.CORRUPTED)
          reject(new CorruptionError('the outcome of this task is not known'));
        else if (outcome === Outcome.NO_ROOM)
          reject(new HeapLimitError(size, this.client.core.exports.heap_limit()));
        else if (outcome === Outcome.BROKEN)
          reject(new BrokenPool(new TextDecoder().decode(view.slice(address, address + size))));
        else reject(new WorkerLost(worker));
      } catch (error) {
        reject(/** @type {Error} */ (error));
      }
      return true;
    });
    if (!count) return;
    this.#done += count;
    if (this.client.pending === 0) this.#idle?.();
    this.dispatchEvent(
      new CustomEvent('progress', {detail: {done: this.#done, pending: this.client.pending}}),
    );
  }

  /** What the workers did: tasks run and stolen, seconds busy and idle, wake-ups; bytes of the heap. */
  stats() {
    const {core, pending} = this.client;
    return {...core.statistics(this.pool.size), pending};
  }

  /**
   * What the workers have done since the start, and when; also after shutdown(). As a file of JSON it opens in
   * ui.perfetto.dev and chrome://tracing.
   * @returns {import('../trace/chrome.js').ChromeTrace}
   * @throws {Error} the scheduler was opened without {trace: true}
   */
  trace() {
    if (!this.client.core.traced)
      throw new Error('nothing was recorded: open the scheduler with Penny.scheduler({trace: true})');
    return chromeTrace([this.pool.recording()]);
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
      this.pool.close({now});
    }
    return this.#closed;
  }

  /** `await using s = await scheduler()`: shutdown() at the end of the block. */
  async [asyncDispose]() {
    await this.shutdown();
  }

  async #close() {
    const idle = new Promise(resolve => (this.#idle = () => resolve(undefined)));
    if (this.client.pending) await idle;
    await this.pool.close({now: this.#now});
    heard.delete(this);
    this.client.close();
    for (const {reject} of this.client.tickets()) reject(new Error('the scheduler was shut down'));
  }
}

/**
 * Passes on what becomes of the workers, and what they print. The pool is kept by its workers: so it may not keep the
 * scheduler, which is why this is a function of its own: closures of one function keep what any of them uses.
 * @param {Pool} pool
 * @param {WeakRef<Scheduler>} scheduler
 */
function passOn(pool, scheduler) {
  for (const type of ['worker', 'output'])
    pool.addEventListener(type, event => {
      const {detail} = /** @type {CustomEvent} */ (event);
      scheduler.deref()?.dispatchEvent(new CustomEvent(type, {detail}));
    });
}

/**
 * @param {unknown[]} args
 * @param {Record<string, unknown> | null} kwargs
 * @param {Set<SharedArray>} arrays to which those among the values are added
 */
function encodeLarge(args, kwargs, arrays) {
  const bytes = new Uint8Array(measureArguments(args, kwargs, arrays));
  encodeArguments(args, kwargs, bytes, 0, bytes.length, arrays);
  return bytes;
}
