// The keeper's part: starts the workers of one scheduler, notices deaths, recovers what the dead left
// in shared memory, starts successors. Runs on the page, whoever submits: a worker started by a worker
// would not start while its parent blocks.
import {ASYNC_WORKER} from '../core/layout.js';
import {decoded, tellError} from '../stdio/output.js';
import {LiveTrace} from '../trace/live.js';
import {Tracer, readTrace} from '../trace/rings.js';
import {breakPool} from './breaking.js';
import {Life} from './life.js';
import {Watch} from './watch.js';

/**
 * @typedef {import('../core/core.js').Core} Core
 * @typedef {import('./messages.js').ToPage} ToPage
 * @typedef {import('../boot/extras.js').Wanted} Wanted
 * @typedef {import('./life.js').State} State
 * @typedef {{worker: number, state: State, error?: string}} WorkerChange
 * @typedef {import('../stdio/output.js').Output} Output
 */

/**
 * So many failed starts in a row, and the pool gives up. A start has failed if the worker dies before it is ready; or
 * later, of itself, but before it has begun a task: what it dies of then may await each successor.
 */
const ATTEMPTS = 3;

/** Announces what becomes of the workers: `worker` events with {worker, state, error?}. */
export class Pool extends EventTarget {
  /** By number; null: it is lost, or stopped. @type {(Life | null)[]} */
  #workers = [];
  #failures = 0;
  /** By number: whether the last one was ready, and died all the same without a task. @type {boolean[]} */
  #barren = [];
  /** By number: how many tasks those before it have begun. @type {number[]} */
  #ranBefore = [];
  #ended = false;

  /**
   * @param {import('./starter.js').Starter} starter
   * @param {Core} core the page's instance on the scheduler's memory
   * @param {number} workers
   * @param {{extras: Wanted, output: Output, inOrder?: import('../stdio/output.js').InOrder, check: boolean,
   *          python?: import('../boot/versions.js').PythonVersion, announce?: () => void,
   *          written?: (files: import('../boot/written.js').Written[], worker: number) => void, traced?: (recording: import('../trace/rings.js').Recording) => void,
   *          live?: import('../trace/live.js').Listener, together?: boolean}} options check: every
   *     job through pickle; python: of whoever submits; announce: tells the client that there are completions, only where it has to be
   *     told by message; written: gets what its workers have written to files, as they end; traced: gets what a traced pool has done when it has closed;
   *     live: is told what its workers do, meanwhile; together: none begins a task before all of them are ready
   */
  constructor(starter, core, workers, options) {
    super();
    this.starter = starter;
    this.core = core;
    this.size = workers;
    this.options = options;
    this.#watch = new Watch(core, worker => this.kill(worker));
    this.#tracer = core.traced ? new Tracer(core) : null;
    this.#gate = options.together ? new Int32Array(new SharedArrayBuffer(4)) : undefined;
    this.#live = core.traced && options.live ? new LiveTrace(core, options.live) : null;
    // Not before whoever opened the pool has had a chance to listen.
    setTimeout(() => {
      for (let worker = 0; worker < workers && !this.#ended; worker++) this.#start(worker);
    });
  }

  /** @type {Watch} */
  #watch;
  /** @type {Tracer | null} */
  #tracer;
  /** @type {LiveTrace | null} */
  #live;

  /** Where workers that are ready sleep until it is 1: written here alone, once. @type {Int32Array | undefined} */
  #gate;
  #ready = new Set();

  /** Nobody waits for others any more. */
  #openGate() {
    if (!this.#gate) return;
    Atomics.store(this.#gate, 0, 1);
    Atomics.notify(this.#gate, 0);
  }

  /** What has been recorded so far, of a pool that is traced. */
  recording() {
    return readTrace(this.core);
  }

  /** There is a task with a time limit, or one that was asked to end. */
  watch() {
    if (!this.#ended) this.#watch.start();
  }

  /** Starts the worker for coroutines, unless it runs. */
  startAsync() {
    if (!this.#ended && this.#workers[ASYNC_WORKER] === undefined) this.#start(ASYNC_WORKER);
  }

  /**
   * @param {number} number
   * @param {State} state
   * @param {string} [error]
   */
  #tell(number, state, error) {
    this.dispatchEvent(new CustomEvent('worker', {detail: {worker: number, state, error}}));
  }

  /** @param {number} number */
  async #start(number) {
    const {options} = this;
    this.#tell(number, 'starting');
    this.#ranBefore[number] = this.core.tasksRun(number);
    const print = decoded((stream, text, _, bytes) => {
      options.output(stream, text, number, bytes);
      if (!text) return;
      this.dispatchEvent(new CustomEvent('output', {detail: {stream, text, worker: number}}));
    }, number);
    try {
      const life = new Life(this.starter, number, {
        became: life => (life.state === 'ready' ? this.#isReady(life) : this.#lost(life)),
        heard: message => this.#hear(number, message, print),
        uncaught: error => tellError(options.output, error, number),
      });
      this.#workers[number] = life;
      await life.begin({
        memory: this.core.memory,
        workers: this.size,
        check: options.check,
        python: options.python,
        extras: options.extras,
        counts: options.inOrder?.counts,
        announce: options.announce !== undefined,
        gate: this.#gate,
      });
    } catch (error) {
      this.#break(String(/** @type {Error} */ (error).message ?? error));
    }
  }

  /**
   * @param {number} number
   * @param {ToPage} message
   * @param {(stream: import('../stdio/output.js').Stream, bytes: Uint8Array) => void} print
   */
  #hear(number, message, print) {
    const {inOrder, announce} = this.options;
    switch (message.type) {
      case 'output':
        if (!inOrder || !message.after) print(message.stream, message.bytes);
        else inOrder.take(number, message.after, () => print(message.stream, message.bytes));
        break;
      case 'completed':
        announce?.();
        break;
      case 'watch':
        this.watch();
        break;
      case 'coroutine':
        this.startAsync();
        break;
      case 'written':
        this.options.written?.(message.files, number);
        break;
    }
  }

  /** @param {Life} life */
  #isReady({number}) {
    if (!this.#barren[number]) this.#failures = 0; // else being ready proves nothing
    this.#tell(number, 'ready');
    if (number !== ASYNC_WORKER && this.#ready.add(number).size === this.size) this.#openGate();
  }

  /** @param {Life} life */
  #lost({number, wasReady, wasKilled, reason}) {
    if (this.#ended) return;
    this.#openGate(); // a successor may take long, or fail as well
    const hasRun = this.core.tasksRun(number) > this.#ranBefore[number];
    this.#barren[number] = wasReady && !wasKilled && !hasRun;
    if (hasRun) this.#failures = 0;
    else if (!wasReady || !wasKilled) this.#failures++;
    this.#workers[number] = null;
    this.options.inOrder?.gone(number);
    this.#tell(number, 'lost', reason);
    this.core.exports.recover(number);
    this.watch(); // what it had promoted was asked to end
    this.options.announce?.();
    this.#reinject();
    if (this.#failures >= ATTEMPTS) {
      this.#break(reason ?? `${ATTEMPTS} workers in a row died while they started`);
      return;
    }
    this.#start(number);
  }

  #reinject() {
    if (this.core.exports.reinject() && !this.#ended) setTimeout(() => this.#reinject(), 10);
  }

  /**
   * No worker can start: says so to all clients.
   * @param {string} reason
   */
  #break(reason) {
    if (this.#ended) return;
    this.#end(life => life.stop());
    breakPool(this.core, reason);
    this.options.announce?.();
  }

  /** @param {(life: Life) => Promise<void> | void} end */
  async #end(end) {
    this.#ended = true;
    this.#openGate();
    this.#watch.stop();
    this.core.exports.stop();
    await Promise.all(
      this.#workers.map(async (life, number) => {
        if (life) await end(life);
        this.#workers[number] = null;
        this.options.inOrder?.gone(number);
        this.#tell(number, 'stopped');
      }),
    );
  }

  /**
   * Ends all workers.
   * @param {{now?: boolean}} [options] now: whatever they do. Else they have nothing to do any more, and
   *     what they printed is seen first.
   */
  async close({now = false} = {}) {
    this.#closed ??= this.#ended ? Promise.resolve() : this.#end(life => life.leave(this.core.tasksRun(life.number) > 0));
    if (now) for (const life of this.#workers) life?.stop();
    else await this.#closed;
    this.options.output.end?.();
    this.#endTrace();
    this.core.exports.close_pool();
    this.options.announce?.();
  }

  #endTrace() {
    this.#live?.stop();
    this.#live = null;
    if (!this.#tracer) return;
    this.#tracer.drain();
    this.#tracer.stop();
    this.#tracer = null;
    this.options.traced?.(this.recording());
  }
  /** @type {Promise<void> | undefined} */
  #closed;

  /**
   * Ends one worker at once, as a crash would: its task is lost, a successor starts. For tests, and for
   * whoever must stop a task that does not end.
   * @param {number} number
   */
  kill(number) {
    this.#workers[number]?.kill();
  }
}
