// Where no memory is shared: the calls of a Scheduler of JavaScript go to its workers by messages.
import {MessagePool} from '../messages/pool.js';
import {poolOptions} from '../pool/page_pools.js';
import {anothersArray, encoded} from './engine.js';

/**
 * @typedef {import('./engine.js').Arguments} Arguments
 * @typedef {import('./engine.js').Ended} Ended
 * @typedef {import('./engine.js').Engine} Engine
 * @typedef {{number: number, references: number}} AddedFunction
 */

/** Pools whose engine was dropped without being closed: nothing is pending there, else it would be kept. */
const dropped = new FinalizationRegistry((/** @type {MessagePool} */ pool) => pool.close());
/** Engines with something pending: nobody else need hold them, and workers keep their pools only. @type {Set<MessageEngine>} */
const busy = new Set();

/** @implements {Engine} */
export class MessageEngine {
  /** Whose outcome comes has its function until then. @type {Map<object, AddedFunction>} */
  #calls = new Map();
  /** @type {(() => void) | null} */
  oncompletions = null;
  attach = null;

  /**
   * @param {MessagePool} pool
   * @param {import('../hosts/host.js').Host} host
   */
  constructor(pool, host) {
    this.pool = pool;
    this.host = host;
    const listener = new WeakRef(this);
    pool.oncompletions = () => listener.deref()?.oncompletions?.();
    dropped.register(this, pool);
  }

  get workers() {
    return this.pool.workers;
  }

  get pending() {
    return this.#calls.size;
  }

  /** @param {Uint8Array} pickled @returns {AddedFunction} */
  addFunction(pickled) {
    return {number: this.pool.addFunction(pickled), references: 1};
  }

  /** @param {AddedFunction} fn */
  dropFunction(fn) {
    if (--fn.references === 0) this.pool.dropFunction(fn.number);
  }

  /**
   * @param {AddedFunction} fn
   * @param {number} flags
   * @param {Arguments} call
   * @param {() => void} open
   * @param {object} ticket
   */
  submit(fn, flags, call, open, ticket) {
    const arrays = new Set();
    const bytes = encoded(call, arrays);
    open();
    if (arrays.size) throw anothersArray();
    fn.references++;
    this.#calls.set(ticket, fn);
    busy.add(this);
    this.pool.submit(ticket, fn.number, {flags, interactive: false, limit: 0}, bytes, 0, bytes.length);
  }

  /** @param {(ticket: any, ended: Ended) => void} settle */
  collect(settle) {
    let count = 0;
    this.pool.collect(({ticket, outcome, worker, bytes, from, size}) => {
      const fn = this.#calls.get(ticket);
      this.#calls.delete(ticket);
      if (fn) this.dropFunction(fn);
      count++;
      settle(ticket, {outcome, worker, bytes, offset: from, size});
      return true;
    }, Infinity);
    if (!this.#calls.size) busy.delete(this);
    return count;
  }

  /** @returns {never} */
  array() {
    throw this.#noMemory('shared arrays: send a Uint8Array, which is copied');
  }

  /** @returns {never} */
  addKernels() {
    throw this.#noMemory('kernels for JavaScript: tasks can call those of Python');
  }

  /** @param {string} what */
  #noMemory(what) {
    this.host.requireSharedMemory(); // says how to have some
    return new TypeError(`the engine "messages" shares no memory, so it has no ${what}; or leave out engine`);
  }

  stats() {
    return this.pool.stats();
  }

  /** @returns {never} */
  trace() {
    throw new Error('the engine "messages" records nothing: tasks go by messages here, since no memory is shared');
  }

  /** @param {{now: boolean}} options */
  close(options) {
    return this.pool.close(options);
  }

  end() {
    busy.delete(this);
    const tickets = [...this.#calls.keys()];
    this.#calls.clear();
    return tickets;
  }
}

/**
 * @param {import('../pool/starter.js').Starter} starter
 * @param {import('../pool/page_pools.js').SchedulerOptions} options
 */
export function openMessages(starter, options) {
  const {workers, packages, files, check, output} = poolOptions(starter.host, options);
  return new MessageEngine(new MessagePool(starter, workers, {extras: {packages, files}, output, check}), starter.host);
}
