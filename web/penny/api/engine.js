// What a Scheduler of JavaScript submits to, and the pool with shared memory as one. That without is message_engine.js.
import {Flag, Outcome} from '../core/layout.js';
import {KernelModules} from '../kernels/modules.js';
import {HeapLimitError, PLAIN, queueOf} from '../tasks/calls.js';
import {chromeTrace} from '../trace/chrome.js';
import {PickleError} from '../wire/errors.js';
import {encodeArguments, measureArguments} from '../wire/write.js';
import {SharedArray} from './shared_array.js';

/**
 * A function that was added: whoever has a use for it holds a reference.
 * @typedef {{references: number}} AddedFunction
 *
 * What is submitted; kwargs: null: none
 * @typedef {{args: unknown[], kwargs: Record<string, unknown> | null}} Arguments
 *
 * What has become of a call: `size` bytes of `bytes` from `offset`, during the call of `settle`. For BROKEN it is UTF-8
 * text. error: what the engine alone can say of an outcome: of NO_ROOM.
 * @typedef {{outcome: number, worker: number, bytes: Uint8Array, offset: number, size: number, error?: Error}} Ended
 *
 * @typedef {object} Engine
 * @property {EventTarget & {kill(number: number): void}} pool announces `worker` and `output` events; kill ends one worker at once
 * @property {number} workers
 * @property {number} pending calls that have not ended
 * @property {(pickled: Uint8Array) => any} addFunction an AddedFunction, with one reference
 * @property {(fn: any) => void} dropFunction one reference less
 * @property {(fn: any, flags: number, call: Arguments, open: () => void, ticket: object) => void} submit flags: of Flag;
 *     open: throws if the scheduler has been shut down, as a getter among the arguments may have done
 * @property {(settle: (ticket: any, ended: Ended) => void) => number} collect gives each outcome once; how many there were
 * @property {(() => void) | null} oncompletions called when there is something to collect()
 * @property {((handle: Uint8Array) => SharedArray) | null} attach makes a shared array of its handle; null: there are none
 * @property {(shape: number | readonly number[], dtype: string) => SharedArray} array
 * @property {(module: import('../kernels/binary.js').KernelModule) => number} addKernels its number; 0: no room
 * @property {() => {pending: number, workers: object[], heap: object}} stats
 * @property {() => import('../trace/chrome.js').ChromeTrace} trace
 * @property {(options: {now: boolean}) => Promise<void>} close ends the workers
 * @property {() => object[]} end nothing is collected any more; the tickets of what has not ended
 */

/**
 * Workers that share a memory, and steal.
 * @implements {Engine}
 */
export class PoolEngine {
  /**
   * @param {import('../tasks/client.js').Client} client
   * @param {import('../pool/pool.js').Pool} pool
   */
  constructor(client, pool) {
    this.client = client;
    this.pool = pool;
  }

  get workers() {
    return this.pool.size;
  }

  get pending() {
    return this.client.pending;
  }

  /** @param {() => void} listener */
  set oncompletions(listener) {
    this.client.oncompletions = listener;
  }

  /** @param {Uint8Array} pickled */
  addFunction(pickled) {
    return this.client.addFunction(pickled);
  }

  /** @param {import('../tasks/calls.js').TableFunction} fn */
  dropFunction(fn) {
    this.client.dropFunction(fn);
  }

  /**
   * @param {import('../tasks/calls.js').TableFunction} fn
   * @param {number} flags
   * @param {Arguments} call
   * @param {() => void} open
   * @param {object} ticket
   */
  submit(fn, flags, {args, kwargs}, open, ticket) {
    const {client} = this;
    /** @type {Set<SharedArray>} */
    const arrays = new Set();
    const inline =
      !(flags & Flag.COROUTINE) &&
      client.submitInline(
        fn,
        flags,
        (bytes, offset, limit) => {
          const size = encodeArguments(args, kwargs, bytes, offset, limit, arrays);
          open();
          return arrays.size ? -1 : size;
        },
        ticket,
      );
    if (inline) return;
    // Too large for a slot, or no slot, or arrays to be carried: pickle here.
    arrays.clear();
    const bytes = encoded({args, kwargs}, arrays);
    open();
    for (const array of arrays) if (!array.isIn(client.core)) throw anothersArray();
    const numbers = new Set([...arrays].map(array => array.number));
    client.submit(fn, {...PLAIN, flags, queue: queueOf(flags, false)}, bytes, [...numbers], ticket);
  }

  /** @param {(ticket: any, ended: Ended) => void} settle */
  collect(settle) {
    const {client} = this;
    return client.collect((ticket, outcome, offset, size, worker) => {
      const error = outcome === Outcome.NO_ROOM ? new HeapLimitError(size, client.core.exports.heap_limit()) : undefined;
      settle(ticket, {outcome, worker, bytes: client.core.bytes, offset, size, error});
      return true;
    });
  }

  attach = (/** @type {Uint8Array} */ handle) => SharedArray.attach(this.client.core, handle);

  /**
   * @param {number | readonly number[]} shape
   * @param {string} dtype
   */
  array(shape, dtype) {
    return SharedArray.make(this.client.core, shape, dtype);
  }

  /** @param {import('../kernels/binary.js').KernelModule} module */
  addKernels(module) {
    this.#kernels ??= new KernelModules(this.client.core);
    return this.#kernels.add(module);
  }
  /** @type {KernelModules | undefined} */
  #kernels;

  stats() {
    const {core, pending} = this.client;
    return {...core.statistics(this.workers), pending};
  }

  trace() {
    if (!this.client.core.traced)
      throw new Error('nothing was recorded: open the scheduler with Penny.scheduler({trace: true})');
    return chromeTrace([this.pool.recording()]);
  }

  /** @param {{now: boolean}} options */
  close(options) {
    return this.pool.close(options);
  }

  end() {
    this.client.close();
    return this.client.tickets();
  }
}

/**
 * Pickled arguments, in a buffer of their own.
 * @param {Arguments} call
 * @param {Set<SharedArray>} arrays to which those among the values are added
 */
export function encoded({args, kwargs}, arrays) {
  const bytes = new Uint8Array(measureArguments(args, kwargs, arrays));
  encodeArguments(args, kwargs, bytes, 0, bytes.length, arrays);
  return bytes;
}

export const anothersArray = () =>
  new PickleError('args', 'a shared array of another scheduler cannot be sent to this one');
