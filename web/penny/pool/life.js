// A worker's life, as its pool sees it: from the start of its thread until nothing of it runs any more.
//
//   starting ──► ready ──► lost        it is gone, or never began: what it left in shared memory can be recovered
//       └──────────┴────► stopped      its pool has ended it
//
// In between it may be doomed: it can run no more, and its thread was told to end. But that may go on for a while, and
// no memory is recovered that somebody writes: so it is lost when it is gone, and at once only if it has never held on
// to its life, which it does before it gets to see the memory.
import {clockHere} from '../core/clock.js';
import {ASYNC_WORKER} from '../core/layout.js';
import {unheld} from '../hosts/holding.js';
import {START_TIMEOUT} from './limits.js';
import {tell} from './starter.js';

/**
 * @typedef {'starting' | 'ready' | 'lost' | 'stopped'} State
 * @typedef {import('./messages.js').ToPage} ToPage
 * @typedef {import('./messages.js').StartPool} StartPool
 * @typedef {import('./messages.js').StartMessages} StartMessages
 * @typedef {import('../boot/extras.js').Wanted} Wanted
 * @typedef {'type' | 'role' | 'parts' | 'clock' | 'worker' | 'life'} Given what a life itself knows of what starts a worker
 *
 * What a worker is started from: a Starter, on a page. parts: null: whoever starts the thread adds them
 * @typedef {{host: Pick<import('../hosts/host.js').Host, 'startWorker' | 'whenGone'>, site: {indexURL(): Promise<string>},
 *            parts(): Promise<import('../boot/site.js').Parts | null>,
 *            packed(wanted: Wanted): import('../boot/pyodide.js').Packed | undefined,
 *            drop(packed: import('../boot/pyodide.js').Packed, reason: string): void,
 *            pack(wanted: Wanted, imports: import('../boot/with_packages.js').Imports): void,
 *            installed(wanted: Wanted): Promise<import('./starter.js').Ready>}} Starting
 *
 * Who is told of a life. became: its state is another; heard: the worker has sent what is not about its life; uncaught:
 * an error that nobody has caught in it
 * @typedef {{became(life: Life): void, heard(message: ToPage): void, uncaught(error: string): void}} Witness
 */

/**
 * How long a worker has to print what it holds and leave by itself, ms. It has no task then, so this takes it no time;
 * but a busy machine may not let it run at once, and a shutdown should not seem to hang.
 */
const GRACE = 2_000;

export class Life {
  /** @type {State} */
  state = 'starting';
  /** Whether it has been ready. */
  wasReady = false;
  /** Whether its pool, and not what it did, has ended it. */
  wasKilled = false;
  /** Why it can run no more, if that is known. @type {string | undefined} */
  reason;
  /** Whether it holds on to its life: from then on it can be known when it is gone. */
  #holds = false;
  /** It has said its last word. @type {() => void} */
  #leaves = () => {};
  #hasLeft = new Promise(resolve => (this.#leaves = () => resolve(undefined)));

  /**
   * Starts its thread.
   * @param {Starting} starter
   * @param {number} number
   * @param {Witness} witness
   * @throws {Error} that says why there is none
   */
  constructor(starter, number, witness) {
    this.starter = starter;
    this.number = number;
    this.witness = witness;
    this.#thread = starter.host.startWorker(`penny worker ${number}`, {
      message: message => this.#hear(message),
      error: error => this.#uncaught(error),
    });
    const late = () => this.#doom(`worker ${number} was not ready within ${START_TIMEOUT / 1000} s`);
    this.#timeout = unheld(setTimeout(late, START_TIMEOUT));
  }
  /** @type {import('../hosts/host.js').Thread} */
  #thread;
  /** @type {ReturnType<typeof setTimeout>} */
  #timeout;

  /**
   * Gives it what it needs to begin, when that is there.
   * @param {(Omit<StartPool, Given> | Omit<StartMessages, Given>) & {extras: Wanted}} settings extras: what it is to have
   * @param {{role?: import('./messages.js').PoolRole, transfer?: Transferable[]}} [options] transfer: what of the settings
   *     is handed over
   * @throws {Error} that says what could not be loaded
   */
  async begin({extras, ...settings}, {role, transfer} = {}) {
    const {starter, number} = this;
    role ??= number === ASYNC_WORKER ? 'coroutines' : 'pool';
    tell(this.#thread, {type: 'prepare', role, indexURL: await starter.site.indexURL()});
    const parts = await starter.parts();
    if (this.#isOver) return;
    const {life} = this.#thread;
    /** @type {any} */
    const start = {type: 'pool', role, parts, clock: clockHere(), worker: number, life, ...settings};
    this.#wanted = extras;
    this.#packed = starter.packed(extras);
    if (this.#packed) start.packed = this.#packed;
    tell(this.#thread, start, transfer);
    // Its Python starts meanwhile.
    const {packages, environment, ...given} = extras;
    const installed = await starter.installed(extras);
    if (!this.#isOver) tell(this.#thread, {type: 'extras', extras: {...given, ...installed}});
  }

  get #isOver() {
    return this.state === 'lost' || this.state === 'stopped';
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    clearTimeout(this.#timeout);
  }

  /** The snapshot with packages from which it was to start. @type {import('../boot/pyodide.js').Packed | undefined} */
  #packed;
  /** @type {Wanted | undefined} */
  #wanted;

  /** @param {ToPage} message */
  #hear(message) {
    switch (message.type) {
      case 'held':
        this.#holds = true;
        this.starter.host.whenGone(this.#thread, () => {
          this.#leaves();
          this.#lose();
        });
        break;
      case 'ready':
        if (this.#isOver) break;
        this.#become('ready');
        this.wasReady = true;
        this.witness.became(this);
        break;
      case 'plain':
        if (this.#packed) this.starter.drop(this.#packed, message.reason);
        break;
      case 'imports':
        if (this.#wanted) this.starter.pack(this.#wanted, message.imports);
        break;
      case 'ended':
        this.#leaves();
        break;
      case 'failed':
        this.#leaves();
        this.#doom(message.error);
        break;
      case 'died':
        this.#leaves();
        this.#doom(message.details);
        break;
      default:
        this.witness.heard(message);
    }
  }

  /** @param {import('../hosts/host.js').WorkerError} error */
  #uncaught({said, notStarted}) {
    // Once it runs, what nobody catches there is some task's timer's or event handler's: no more than on a page.
    if (!this.#holds && !this.wasReady) this.#doom(`worker ${this.number}: ${notStarted}`);
    else if (this.reason === undefined) this.witness.uncaught(said); // else it is what it died of
  }

  /**
   * It can run no more.
   * @param {string} reason
   */
  #doom(reason) {
    this.reason ??= reason;
    this.#thread.terminate();
    if (!this.#holds) this.#lose();
  }

  /** Its thread is gone, or never touched the shared memory. */
  #lose() {
    if (this.#isOver) return;
    this.#become('lost');
    this.#thread.terminate();
    this.witness.became(this);
  }

  /** Ends it at once; its pool hears no more of it. */
  stop() {
    this.#become('stopped');
    this.#thread.terminate();
  }

  /**
   * Ends it when it has left by itself, with all that it printed. What it does not do in time, it will not do.
   * @param {boolean} hasRun whether it has run a task: those complete through shared memory, which may be faster than
   *     its 'ready'
   */
  async leave(hasRun) {
    // Its last outputs come before its 'ended'.
    if (this.wasReady || hasRun) {
      const late = setTimeout(this.#leaves, GRACE);
      await this.#hasLeft;
      clearTimeout(late);
    }
    this.stop();
  }

  /** Ends it as a crash would. */
  kill() {
    this.wasKilled = true;
    this.#doom(`worker ${this.number} was killed`);
  }
}
