// Threads of fuzz.test.mjs: a client and a worker in one thread, and somebody who overwrites words of the shared
// memory between their steps.
import assert from 'node:assert/strict';

import {Client, Outcome, PLAIN} from '../../web/penny/client.js';
import {HOST, KEEPER, MEBIBYTE, clientParticipant, createMemory} from '../../web/penny/core.js';
import {CorruptionError} from '../../web/penny/errors.js';
import * as L from '../../web/penny/layout.js';
import {WorkerPort} from '../../web/penny/worker_port.js';
import {NOTHING, STOPPED, TestCore, generator} from './threads.mjs';

/** @typedef {import('./threads.mjs').Body} Body */

const WORKER = 0;
const HEAP = 4 * MEBIBYTE;
const INBOX = 2048;
const STEPS = 60;
/** Errors after which a round has shown what it can. */
const ENOUGH = 8;
/** Payloads in the slot, in small blocks, in large ones. */
const SIZES = [12, 100, 208, 209, 3000, 40_000, 200_000];

/** What is written over a word. */
const VALUES = [0, 1, 12, 207, 208, 209, 512, 65536, L.TASKS - 1, L.TASKS, L.HEAP_ADDRESS, L.NONE, 0x7fffffff, 0x80000000];

/** A Python buffer, and a Pyodide whose memory it lies in. @param {Uint8Array} data */
const buffer = data => ({getBuffer: () => ({data, release() {}})});

class Scene {
  /**
   * @param {WebAssembly.Module} module
   * @param {number} seed
   * @param {(text: string) => void} note
   */
  constructor(module, seed, note) {
    this.random = generator(seed);
    this.note = note;
    this.core = new TestCore(module, createMemory(HEAP), KEEPER);
    this.core.initialise(1, HEAP);
    this.client = new Client(this.core.as(clientParticipant(HOST)), HOST, {waitAsync: false});
    this.fn = this.client.addFunction(new Uint8Array(700).fill(7));
    /** How each task ended, by ticket. @type {Map<number, number>} */
    this.pending = new Map();
    /** @type {Set<number>} */
    this.slots = new Set();
    this.ended = 0;
    this.errors = 0;
    /** Of the worker’s Python: its boxes, and behind them what is larger. */
    this.memory = new Uint8Array(1 << 20);
    this.port = this.newWorker();
  }

  newWorker() {
    const {memory} = this;
    const box = (/** @type {number} */ at) => buffer(memory.subarray(at, at + INBOX));
    const boxes = {inbox: box(0), outbox: box(INBOX), parcel: box(2 * INBOX)};
    const pool = {workers: 1, watch() {}, coroutine() {}};
    return new WorkerPort({HEAPU8: memory}, this.core.as(WORKER), WORKER, boxes, pool);
  }

  /** A list of one Python buffer. @param {number} size */
  large(size) {
    const data = this.memory.subarray(4 * INBOX, 4 * INBOX + size);
    return {length: 1, get: () => ({...buffer(data), destroy() {}})};
  }

  /** @param {number} n */
  below(n) {
    return this.random() % n;
  }

  submit() {
    const size = SIZES[this.below(SIZES.length)];
    const ticket = this.client.submit(this.fn, PLAIN, new Uint8Array(size).fill(9));
    assert.ok(!this.pending.has(ticket));
    this.pending.set(ticket, size);
    for (let index = 0; index < L.TASKS && this.slots.size < 64; index++)
      if (this.core.state(index).state) this.slots.add(index);
      else if (index > 4000 && this.slots.size) break;
  }

  /** A worker takes a task and reads what its Python would. */
  work() {
    const {exports} = this.core.as(WORKER);
    const task = exports.worker_next(WORKER, 0);
    if (task === NOTHING) return;
    // What start() does, without a wait.
    const next = [task];
    /** @type {any} */ (this.port).core.exports = {...exports, worker_next: () => next.pop() ?? STOPPED};
    const code = this.port.start();
    if (code === STOPPED) return; // it was taken for a kernel's, and has ended
    if (code & 2) {
      const size = this.port.arguments_size();
      assert.ok(size <= HEAP, `arguments of ${size} bytes`);
      const bytes = new Uint8Array(size);
      this.port.read_arguments(0, buffer(bytes));
      this.port.arguments_read();
    }
    assert.ok(this.port.function().length <= HEAP);
    const size = SIZES[this.below(SIZES.length)];
    if (size <= INBOX) this.port.finish(this.below(2), size);
    else this.port.finish_large(this.below(2), this.large(size), {toJs: () => []});
  }

  collect() {
    const {client} = this;
    client.collect((ticket, outcome, address, size) => {
      assert.ok(this.pending.delete(ticket), `ticket ${ticket} ends, which is not pending`);
      this.ended++;
      if (outcome === Outcome.CORRUPTED) this.errors++;
      if (!size) return true;
      // Where it says that the payload lies there is one, as far as anybody can know.
      const end = address + size;
      const {bytes} = client.core;
      assert.ok(end <= bytes.length, `${size} bytes at ${address} of ${bytes.length}`);
      const first = Math.floor((address - L.TASK_ADDRESS) / L.TASK_BYTES);
      if (address < L.HEAP_ADDRESS) {
        assert.ok(first >= 0 && first < L.TASKS);
        assert.ok(end <= L.TASK_ADDRESS + (first + 1) * L.TASK_BYTES, 'a payload of several slots');
      }
      return true;
    });
  }

  step() {
    const steps = [this.submit, this.work, this.work, this.collect];
    const step = steps[this.below(steps.length)];
    this.note(`${step.name}, ${this.pending.size} pending`);
    try {
      this.attempt(step);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      this.errors++; // in the recovery: the injector itself was hit
    }
  }

  /** Something that may fail, but must come back; a worker to which that happens dies of it. */
  attempt(/** @type {() => void} */ step) {
    try {
      step.call(this);
    } catch (error) {
      const expected = error instanceof CorruptionError || error instanceof WebAssembly.RuntimeError;
      if (!expected) throw error;
      this.errors++;
      if (step !== this.work) return;
      this.core.exports.recover(WORKER);
      this.core.exports.reinject();
      this.port = this.newWorker();
    }
  }

  /** @param {readonly number[]} words that may be hit, as offsets in a slot */
  hitSlot(words) {
    const slots = [...this.slots];
    const slot = slots[this.below(slots.length)] ?? 0;
    const address = L.TASK_ADDRESS + slot * L.TASK_BYTES + 4 * words[this.below(words.length)];
    this.hit(address);
  }

  /** @param {number} address of a word */
  hit(address) {
    const before = this.core.word(address);
    const value =
      this.below(3) === 0
        ? this.random()
        : this.below(2)
          ? VALUES[this.below(VALUES.length)]
          : before ^ (1 << this.below(32));
    this.core.poke(address, value);
  }

  /** Ends the round: all that still can ends. */
  settle() {
    for (let i = 0; i < 3 * STEPS && this.pending.size && this.errors < 5 * ENOUGH; i++) {
      this.attempt(this.work);
      this.attempt(this.collect);
    }
    this.client.close();
  }
}

/** Words by which a slot's content is found: what JavaScript reads before it reads bytes. */
const CONTENT = [L.TASK_SIZE_WORD, L.TASK_BLOCK_WORD, L.TASK_FUNCTION_WORD, L.TASK_FLAGS_WORD];

/**
 * Overwrites sizes, blocks, function numbers, links: every task must end, with an error or not.
 * @type {Body}
 */
export function content({module}, {seed, rounds}, {note}) {
  let ended = 0;
  let errors = 0;
  for (let round = 0; round < rounds; round++) {
    const scene = new Scene(module, seed + round, text => note(`seed ${seed + round}: ${text}`));
    for (let i = 0; i < STEPS; i++) {
      scene.step();
      if (i % 7 === 3) scene.hitSlot(CONTENT);
    }
    scene.settle();
    assert.equal(scene.pending.size, 0, `seed ${seed + round}: ${scene.pending.size} never end`);
    ended += scene.ended;
    errors += scene.errors;
  }
  return {ended, errors};
}

/**
 * Overwrites anything in slots, completion lists, the function table, the heap's map, the injector. Nobody hangs, nobody
 * reads what is no payload.
 * @type {Body}
 */
export function anything({module}, {seed, rounds}, {note}) {
  let ended = 0;
  let errors = 0;
  for (let round = 0; round < rounds; round++) {
    const scene = new Scene(module, seed + round, text => note(`seed ${seed + round}: ${text}`));
    const {core} = scene;
    const places = [
      () => scene.hitSlot(Array.from({length: 16}, (_, word) => word)),
      () => scene.hit(L.CLIENT_ADDRESS + HOST * L.CLIENT_BYTES + 4 * scene.below(3)),
      () => scene.hit(core.test.at_life(1 + scene.below(4)) + 4 * scene.below(4)),
      () => scene.hit(core.test.at_granule(scene.below(64))),
      () => scene.hit(core.test.at_injector_head(L.BATCH)),
      () => scene.hit(core.test.at_injector_tail(L.BATCH) + 64 + 4 * scene.below(64)),
    ];
    // Where the queue itself was hit, everything fails from then on.
    for (let i = 0; i < STEPS && scene.errors < ENOUGH; i++) {
      scene.step();
      if (i % 5 === 2) places[scene.below(places.length)]();
    }
    try {
      if (scene.errors < ENOUGH) scene.settle();
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      scene.errors++;
    }
    ended += scene.ended;
    errors += scene.errors;
  }
  return {ended, errors};
}
