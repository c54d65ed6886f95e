// What the tests of the core share: a scene (a scheduler's memory with the test core on it), and a crew
// of threads that run named functions of a module of the test's on the same memory.
//
// The verdicts depend on no timing: a thread that does not end fails its test after a generous time,
// with what every thread was doing.
import assert from 'node:assert/strict';
import {Worker, isMainThread, parentPort, workerData} from 'node:worker_threads';

import {Core, KEEPER, MEBIBYTE, createMemory} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {BREAKPOINTS, testCore} from './build.mjs';

/** Whoever is not done by then never will be, ms. */
const PATIENCE = Number(process.env.PENNY_TEST_PATIENCE ?? 20_000);
const NOTE_BYTES = 256;

export const NONE = L.NONE;

export const {State, Latch, Reason, SIGUSR1} = L;
export const {STOPPED, NOTHING, ENDED, INTERRUPTED} = L.Wait;

/**
 * Exports of exports.c. Numbers are signed where JavaScript gets them straight from WebAssembly:
 * compare with `>>> 0`.
 * @typedef {{
 *   deque_push(worker: number, hint: number): number,
 *   deque_pop(worker: number): number,
 *   deque_steal(victim: number): number,
 *   deque_looks_empty(worker: number): number,
 *   push_or_spill(worker: number, hint: number): number,
 *   injector_put(queue: number, hint: number): number,
 *   injector_take(queue: number): number,
 *   injector_length(queue: number): number,
 *   park(worker: number, joined: number, help: number, milliseconds: number): number,
 *   spin(worker: number, joined: number): number,
 *   wake_one(): number,
 *   wake_worker(worker: number): void,
 *   ring(worker: number, reason: number): void,
 *   ring_busy(caller: number, reason: number): void,
 *   latch_is_set(hint: number): number,
 *   latch_get_sleepy(hint: number): number,
 *   latch_fall_asleep(hint: number): number,
 *   latch_wake_up(hint: number): void,
 *   latch_set(index: number, owner: number, worker: number): void,
 *   latch_set_for_dead(index: number, generation: number, owner: number): void,
 *   latch_abandon(index: number, generation: number): void,
 *   function_retain(fn: number, serial: number): number,
 *   function_release(participant: number, fn: number): void,
 *   array_look(participant: number, number: number): void,
 *   array_claim(participant: number, number: number, life: bigint): number,
 *   at_array_life(array: number): number,
 *   at_array_holders(array: number): number,
 *   at_array_block(array: number): number,
 *   at_kernel_module(number: number): number,
 *   at_carried(index: number): number,
 *   claim(hint: number, worker: number): number,
 *   heap_sweep(participant: number, keeper: number): void,
 *   trace(kind: number, how: number, who: number, task: number, fn: number): void,
 *   at_deque_top(worker: number): number,
 *   at_deque_bottom(worker: number): number,
 *   at_injector_head(queue: number): number,
 *   at_injector_tail(queue: number): number,
 *   at_idle(): number,
 *   at_spinner(): number,
 *   at_onlooker(): number,
 *   at_waits_for(worker: number): number,
 *   at_hears(worker: number): number,
 *   at_parent(index: number): number,
 *   at_armed(client: number): number,
 *   at_reasons(worker: number): number,
 *   at_interrupt(worker: number): number,
 *   at_kernel_stack(worker: number): number,
 *   at_latch(index: number): number,
 *   at_limit(index: number): number,
 *   at_started(index: number): number,
 *   at_life(fn: number): number,
 *   at_function_block(fn: number): number,
 *   at_granule(granule: number): number,
 *   at_hazard(participant: number): number,
 *   at_arena(arena: number): number,
 *   DEQUE_ENTRIES(): number,
 *   INJECTOR_CELLS(): number,
 *   HEAD(): number,
 *   FUNCTIONS(): number,
 * }} TestExports
 * @typedef {typeof BREAKPOINTS[number]} Breakpoint
 */

/** What a breakpoint's word says, as in exports.c. */
const PASS = 0;
const PAUSE = 1;
const DIE = 2;

/** A participant's instance of the test core. */
export class TestCore extends Core {
  /**
   * @param {WebAssembly.Module} module
   * @param {WebAssembly.Memory} memory
   * @param {number} participant
   */
  constructor(module, memory, participant) {
    super(module, memory, participant);
    this.module = module;
    const own = Object.entries(this.exports)
      .filter(([name]) => name.startsWith('test_'))
      .map(([name, value]) => [name.slice('test_'.length), value]);
    this.test = /** @type {TestExports} */ (Object.fromEntries(own));
  }

  /** Another participant's instance in this thread. @param {number} participant */
  as(participant) {
    return new TestCore(this.module, this.memory, participant);
  }

  /** @param {number} address @returns {number} unsigned */
  word(address) {
    this.reach(address + 4);
    return Atomics.load(this.words, address >> 2) >>> 0;
  }

  /**
   * @param {number} address
   * @param {number} value
   */
  poke(address, value) {
    this.reach(address + 4);
    Atomics.store(this.words, address >> 2, value | 0);
  }

  /** A slot's state, participant, generation and adrift flag. @param {number} index */
  state(index) {
    const word = this.word(L.TASK_ADDRESS + index * L.TASK_BYTES + 4 * L.TASK_STATE_WORD);
    return {
      state: word & L.STATE_MASK,
      participant: (word >> L.PARTICIPANT_SHIFT) & L.PARTICIPANT_MASK,
      generation: word >>> L.GENERATION_SHIFT,
      adrift: (word & L.STATE_ADRIFT) !== 0,
    };
  }

  /** A latch's state and generation. @param {number} index of its slot */
  latch(index) {
    const word = this.word(this.test.at_latch(index));
    return {state: word & 0xffff, generation: word >>> 16};
  }

  /** How many references a function of the table has. @param {number} fn */
  references(fn) {
    return this.word(this.test.at_life(fn)) & 0xffffff;
  }

  /** Workers that are parked. @returns {number[]} */
  get parked() {
    const address = this.test.at_idle();
    return Array.from({length: 64}, (_, worker) => worker).filter(
      worker => (this.word(address + 4 * (worker >> 5)) >>> (worker & 31)) & 1,
    );
  }

  /** @param {Breakpoint} name */
  #breakpoint(name) {
    const address = /** @type {any} */ (this.test)[`at_breakpoint_${name}`]();
    return address >> 2;
  }

  /** Whoever calls this function next dies there: a WebAssembly.RuntimeError. @param {Breakpoint} name */
  dieAt(name) {
    Atomics.store(this.words, this.#breakpoint(name), DIE);
  }

  /** Whoever calls this function next stops there, until resume(). @param {Breakpoint} name */
  pauseAt(name) {
    Atomics.store(this.words, this.#breakpoint(name), PAUSE);
  }

  /** Blocks until somebody is stopped at a breakpoint. @param {Breakpoint} name */
  awaitPause(name) {
    const answer = Atomics.wait(this.words, this.#breakpoint(name), PAUSE, PATIENCE);
    assert.notEqual(answer, 'timed-out', `nobody came to ${name}`);
  }

  /** @param {Breakpoint} name */
  resume(name) {
    const word = this.#breakpoint(name);
    Atomics.store(this.words, word, PASS);
    Atomics.notify(this.words, word);
  }
}

/**
 * @param {number} index
 * @param {number} generation
 */
export function hintOf(index, generation) {
  return ((generation << Math.log2(L.TASKS)) | index) >>> 0;
}

/** Death at a breakpoint, for assert.throws. @param {unknown} error */
export function died(error) {
  return error instanceof WebAssembly.RuntimeError && error.message === 'unreachable';
}

/** Random numbers in [0, 2^32) that are the same in every run. @param {number} seed */
export function generator(seed) {
  let x = (seed * 0x9e3779b9 + 0x7f4a7c15) | 0 || 1;
  return () => {
    x ^= x << 13; // Marsaglia's xorshift
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

/** @param {number} count @returns {Int32Array} words that can go to threads, zeros */
export function sharedWords(count) {
  return new Int32Array(new SharedArrayBuffer(4 * count));
}

/**
 * @param {Int32Array} tally how often each thing happened
 * @param {string} what
 */
export function assertEachOnce(tally, what) {
  const wrong = tally.findIndex(count => count !== 1);
  if (wrong >= 0) assert.fail(`${what} ${wrong}: ${tally[wrong]} times, not once`);
}

/** @type {WebAssembly.Module | undefined} */
let compiled;

/**
 * A new scheduler's memory, the page's instance on it, and a crew, which ends with the test.
 * @param {import('node:test').TestContext} t
 * @param {{workers?: number, heap?: number, firstPosition?: number, trace?: boolean}} [options] heap in bytes
 */
export function scene(t, {workers = 4, heap = 64 * MEBIBYTE, firstPosition = 0, trace = false} = {}) {
  compiled ??= testCore();
  const memory = createMemory(heap, trace ? workers : 0);
  const core = new TestCore(compiled, memory, KEEPER);
  core.initialise(workers, heap, {trace, firstPosition});
  const crew = new Crew(core);
  t.after(() => crew.terminate());
  return {core, memory, crew};
}

/**
 * What a thread's function gets besides the core and its arguments.
 * @typedef {{note(text: string): void, signals: Int32Array}} Aside note() says what the thread is doing,
 *     for the message of a failed test; signals are words that all threads of a crew share
 * @typedef {(core: TestCore, args: any, aside: Aside) => any} Body
 * @typedef {{module: WebAssembly.Module, memory: WebAssembly.Memory, participant: number, url: string,
 *   name: string, args: unknown, notes: Uint8Array, signals: Int32Array, gate: Int32Array}} Orders
 */

/** Threads on one memory. All wait at a gate until results() or go() opens it. */
export class Crew {
  /** Words that all threads and the test share. */
  signals = sharedWords(64);
  #gate = sharedWords(1);
  /** @type {Thread[]} */
  #threads = [];

  /** @param {TestCore} core */
  constructor(core) {
    this.core = core;
  }

  /**
   * @param {URL} module
   * @param {string} name of an exported function of it, a Body
   * @param {number} participant
   * @param {unknown} [args]
   * @param {import('node:worker_threads').TransferListItem[]} [transfer] what of the arguments goes
   *     over for good
   */
  start(module, name, participant, args, transfer = []) {
    const {core, signals} = this;
    /** @type {Orders} */
    const orders = {
      ...{module: core.module, memory: core.memory, participant, url: module.href, name, args},
      ...{notes: new Uint8Array(new SharedArrayBuffer(NOTE_BYTES)), signals, gate: this.#gate},
    };
    const thread = new Thread(orders, transfer);
    this.#threads.push(thread);
    return thread;
  }

  /** Lets the threads run, as soon as all are ready. */
  async go() {
    await this.patiently(Promise.all(this.#threads.map(thread => thread.ready)), 'threads ready');
    Atomics.store(this.#gate, 0, 1);
    Atomics.notify(this.#gate, 0);
  }

  /** What one thread's function returns, while others may go on. @param {Thread} thread */
  async result(thread) {
    await this.go();
    return await this.patiently(thread.result, 'the end of a thread');
  }

  /** What the threads' functions return, in the order of start(). */
  async results() {
    await this.go();
    const ends = Promise.all(this.#threads.map(thread => thread.result));
    return await this.patiently(ends, 'the end of all threads');
  }

  /**
   * Waits, without blocking, for something that threads do.
   * @param {() => unknown} condition
   * @param {string} what
   */
  async until(condition, what) {
    const deadline = Date.now() + PATIENCE;
    while (!condition()) {
      if (Date.now() > deadline) throw this.#impatient(what);
      await new Promise(resolve => setTimeout(resolve, 1));
    }
  }

  /**
   * Waits for something that threads do.
   * @template T
   * @param {Promise<T>} promise
   * @param {string} what
   * @returns {Promise<T>}
   */
  async patiently(promise, what) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(this.#impatient(what)), PATIENCE);
    });
    try {
      return await /** @type {Promise<T>} */ (Promise.race([promise, late]));
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {string} what */
  #impatient(what) {
    const threads = this.#threads.map(thread => `  ${thread.describe()}\n`).join('');
    return new Error(`no sign of this after ${PATIENCE} ms: ${what}\n${threads}`);
  }

  async terminate() {
    await Promise.all(this.#threads.map(thread => thread.terminate()));
  }
}

/** One thread of a crew. */
class Thread {
  #over = false;

  /**
   * @param {Orders} orders
   * @param {import('node:worker_threads').TransferListItem[]} transfer
   */
  constructor(orders, transfer) {
    this.orders = orders;
    this.worker = new Worker(new URL(import.meta.url), {workerData: {orders}, transferList: transfer});
    /** Resolves when the thread waits at the gate. @type {Promise<void>} */
    this.ready = new Promise(resolve => this.worker.once('message', () => resolve()));
    /** What the function returns; rejects if it throws. @type {Promise<any>} */
    this.result = new Promise((resolve, reject) => {
      this.worker.on('message', message => 'result' in message && resolve(message.result));
      this.worker.on('error', reject);
      this.worker.on('exit', () => {
        this.#over = true;
        reject(new Error(`${this.describe()}`));
      });
    });
    this.result.catch(() => {}); // whoever wants it awaits it
  }

  describe() {
    const {name, participant, notes} = this.orders;
    const note = Buffer.from(notes.slice(0, notes.indexOf(0))).toString() || 'said nothing';
    return `${name} (participant ${participant}), ${this.#over ? 'ended' : 'running'}: ${note}`;
  }

  /** Ends the thread at once, whatever it does, and waits until it is gone. */
  async terminate() {
    await this.worker.terminate();
  }
}

// ---- in the thread ------------------------------------------------------------------------------

/** @param {Orders} orders */
async function perform({module, memory, participant, url, name, args, notes, signals, gate}) {
  const body = /** @type {Body} */ ((await import(url))[name]);
  const core = new TestCore(module, memory, participant);
  const encoder = new TextEncoder();
  /** @param {string} text */
  const note = text => {
    const bytes = encoder.encode(text).subarray(0, NOTE_BYTES - 1);
    notes.set(bytes);
    notes[bytes.length] = 0;
  };
  const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
  port.postMessage({ready: true});
  Atomics.wait(gate, 0, 0);
  const result = await body(core, args, {note, signals});
  port.postMessage({result});
  port.close();
}

// Not awaited: the module that it imports imports this one. If it fails, the thread does.
if (!isMainThread && workerData?.orders) perform(workerData.orders);
