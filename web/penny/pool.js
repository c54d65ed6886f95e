// The keeper's part: starts the workers of one scheduler, notices deaths, recovers what the dead left
// in shared memory, starts successors. Runs on the page, whoever submits: a worker started by a worker
// would not start while its parent blocks.
import {clockHere} from './clock.js';
import {KEEPER} from './core.js';
import {ASYNC_WORKER, HEAP_ADDRESS} from './layout.js';
import {decoded, tellError} from './output.js';
import {Tracer, readTrace} from './trace.js';
import {Watch} from './watch.js';
import {indexURL, newLock, newWorker, notStarted, startingParts, tell} from './starter.js';

/**
 * @typedef {import('./core.js').Core} Core
 * @typedef {import('./messages.js').ToPage} ToPage
 * @typedef {import('./messages.js').Extras} Extras
 * @typedef {'starting' | 'ready' | 'lost' | 'stopped'} WorkerState
 * @typedef {{worker: number, state: WorkerState, error?: string}} WorkerChange
 * @typedef {import('./output.js').Output} Output
 */

/** So many failed starts in a row, and the pool gives up. */
const ATTEMPTS = 3;
/** A worker that is not ready by then will not be, ms. */
export const START_TIMEOUT = 120_000;

/** How long workers have to print what they hold and leave by themselves, ms. */
const GRACE = 2_000;

/**
 * A worker as the pool sees it. terminate(): at once, unnoticed; leave(): resolves once it has left by
 * itself, with all it printed; kill(): as a crash would.
 * @typedef {{terminate(): void, leave(): Promise<void>, kill(): void}} Running
 */

/** Announces what becomes of the workers: `worker` events with {worker, state, error?}. */
export class Pool extends EventTarget {
  /** @type {(Running | null)[]} by number */
  #workers = [];
  #failures = 0;
  #ended = false;

  /**
   * @param {Core} core the page's instance on the scheduler's memory
   * @param {number} workers
   * @param {{extras: Extras, output: Output, inOrder?: import('./output.js').InOrder, check: boolean, announce?: () => void,
   *          traced?: (recording: import('./trace.js').Recording) => void}} options check: every
   *     job through pickle; announce: tells the client that there are completions, only where it has to be
   *     told by message; traced: gets what a traced pool has done when it has closed
   */
  constructor(core, workers, options) {
    super();
    this.core = core;
    this.size = workers;
    this.options = options;
    this.#watch = new Watch(core, worker => this.kill(worker));
    this.#tracer = core.traced ? new Tracer(core) : null;
    // Not before whoever opened the pool has had a chance to listen.
    setTimeout(() => {
      for (let worker = 0; worker < workers && !this.#ended; worker++) this.#start(worker);
    });
  }

  /** @type {Watch} */
  #watch;
  /** @type {Tracer | null} */
  #tracer;

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
   * @param {WorkerState} state
   * @param {string} [error]
   */
  #tell(number, state, error) {
    this.dispatchEvent(new CustomEvent('worker', {detail: {worker: number, state, error}}));
  }

  /** @param {number} number */
  async #start(number) {
    const {core, options} = this;
    const {inOrder} = options;
    this.#tell(number, 'starting');
    let worker;
    try {
      worker = newWorker(`penny worker ${number}`);
    } catch (error) {
      this.#break(notStarted(error));
      return;
    }
    const lock = newLock();
    let held = false;
    let ready = false;
    let over = false;

    /** Why it can run no more, if it said so. @type {string | undefined} */
    let reason;
    /** Its thread is gone, or never touched the shared memory. @param {string} [error] */
    const lost = error => {
      if (over) return;
      over = true;
      clearTimeout(timeout);
      worker.terminate();
      if (this.#ended) return;
      this.#lost(number, ready, reason ?? error);
    };
    /**
     * It can run no more. Recovery waits for its lock, since its thread may go on for a while.
     * @param {string} error
     */
    const fail = error => {
      reason ??= error;
      worker.terminate();
      if (!held) lost();
    };
    /** @type {(value?: undefined) => void} */
    let left = () => {};
    const hasLeft = new Promise(resolve => (left = resolve));
    const terminate = () => {
      over = true;
      clearTimeout(timeout);
      worker.terminate();
    };
    this.#workers[number] = {
      terminate,
      async leave() {
        // Its last outputs come before its 'ended'. What it does not do in time, it will not do.
        // Tasks complete through shared memory, which may be faster than its 'ready'.
        const hasRun = core.tasksRun(number) > 0;
        if (ready || hasRun)
          await Promise.race([hasLeft, new Promise(late => setTimeout(late, GRACE))]);
        terminate();
      },
      kill: () => fail(`worker ${number} was killed`),
    };
    const timeout = setTimeout(
      () => fail(`worker ${number} was not ready within ${START_TIMEOUT / 1000} s`),
      START_TIMEOUT,
    );
    worker.onerror = event => {
      event.preventDefault();
      // Once it runs, what nobody catches there is some task's timer's or event handler's: no more than on a page.
      if (held && reason !== undefined) return; // it is what it died of
      if (held) tellError(options.output, event.message, number);
      else fail(`worker ${number}: ${notStarted(event)}`);
    };
    const print = decoded((stream, text, _, bytes) => {
      options.output(stream, text, number, bytes);
      if (!text) return;
      this.dispatchEvent(new CustomEvent('output', {detail: {stream, text, worker: number}}));
    }, number);
    worker.onmessage = (/** @type {MessageEvent<ToPage>} */ {data}) => {
      switch (data.type) {
        case 'held':
          // terminate() and crashes fire no event; but its lock is free once it is gone.
          held = true;
          navigator.locks.request(lock, () => {
            left();
            lost();
          });
          break;
        case 'ready':
          clearTimeout(timeout);
          ready = true;
          this.#failures = 0;
          this.#tell(number, 'ready');
          break;
        case 'output':
          if (!inOrder || !data.after) print(data.stream, data.bytes);
          else inOrder.take(number, data.after, () => print(data.stream, data.bytes));
          break;
        case 'completed':
          options.announce?.();
          break;
        case 'watch':
          this.watch();
          break;
        case 'coroutine':
          this.startAsync();
          break;
        case 'ended':
          left();
          break;
        case 'failed':
          left();
          fail(data.error);
          break;
        case 'died':
          left();
          fail(data.details);
          break;
      }
    };
    try {
      tell(worker, {type: 'prepare', indexURL: await indexURL()});
      const parts = await startingParts();
      if (over || this.#ended) return;
      tell(worker, {
        type: 'pool',
        parts,
        clock: clockHere(),
        memory: this.core.memory,
        worker: number,
        workers: this.size,
        check: options.check,
        extras: options.extras,
        lock,
        counts: inOrder?.counts,
        announce: options.announce !== undefined,
      });
    } catch (error) {
      this.#break(String(/** @type {Error} */ (error).message ?? error));
    }
  }

  /**
   * @param {number} number
   * @param {boolean} ready
   * @param {string} [error]
   */
  #lost(number, ready, error) {
    this.#workers[number] = null;
    this.options.inOrder?.gone(number);
    this.#tell(number, 'lost', error);
    this.core.exports.recover(number);
    this.watch(); // what it had promoted was asked to end
    this.options.announce?.();
    this.#reinject();
    if (!ready && ++this.#failures >= ATTEMPTS) {
      this.#break(error ?? `${ATTEMPTS} workers in a row died while they started`);
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
    this.#end(worker => worker.terminate());
    const {core} = this;
    const text = new TextEncoder().encode(reason);
    const block = core.exports.heap_allocate(KEEPER, text.length) >>> 0;
    if (block) {
      core.reach(block + text.length);
      core.bytes.set(text, block);
      core.exports.break_pool(block, text.length);
    } else {
      // No room for the reason: it is on the console, and in the last 'lost' event.
      console.error(`Penny: the workers could not be started: ${reason}`);
      core.exports.break_pool(HEAP_ADDRESS, 0);
    }
    this.options.announce?.();
  }

  /** @param {(worker: Running) => Promise<void> | void} end */
  async #end(end) {
    this.#ended = true;
    this.#watch.stop();
    this.core.exports.stop();
    await Promise.all(
      this.#workers.map(async (worker, number) => {
        if (worker) await end(worker);
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
    this.#closed ??= this.#ended ? Promise.resolve() : this.#end(worker => worker.leave());
    if (now) for (const worker of this.#workers) worker?.terminate();
    else await this.#closed;
    this.options.output.end?.();
    this.#endTrace();
    this.core.exports.close_pool();
    this.options.announce?.();
  }

  #endTrace() {
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
