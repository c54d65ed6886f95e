// Threads of fuzz.test.mjs: a client and a worker in one thread, and somebody who overwrites words of the shared
// memory between their steps.
import assert from 'node:assert/strict';

import {SharedArray} from '../../web/penny/api/shared_array.js';
import {HOST, KEEPER, MEBIBYTE, clientParticipant, createMemory} from '../../web/penny/core/core.js';
import {CorruptionError} from '../../web/penny/core/corruption.js';
import * as L from '../../web/penny/core/layout.js';
import {Outcome} from '../../web/penny/core/layout.js';
import {Kernels} from '../../web/penny/kernels/calls.js';
import {KernelError} from '../../web/penny/kernels/failures.js';
import {KernelModules} from '../../web/penny/kernels/modules.js';
import {WorkerPort} from '../../web/penny/ports/worker_port.js';
import {PLAIN} from '../../web/penny/tasks/calls.js';
import {Client} from '../../web/penny/tasks/client.js';
import {HANDLE} from '../../web/penny/wire/opcodes.js';
import {NOTHING, STOPPED, TestCore, generator} from './support/threads.mjs';

/** @typedef {import('./support/threads.mjs').Body} Body */

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

/**
 * The rounds of a body that overwrites a memory of its own each time: its core, and what is drawn by the round's seed.
 * @param {WebAssembly.Module} module
 * @param {{seed: number, rounds: number}} settings
 * @param {(text: string) => void} note
 * @param {(round: number) => [workers: number, options?: {firstPosition: number}]} [kind] what it is initialised with
 */
function* memories(module, {seed, rounds}, note, kind = () => [1]) {
  for (let round = 0; round < rounds; round++) {
    const name = `seed ${seed + round}`;
    note(name);
    const [workers, options] = kind(round);
    const core = new TestCore(module, createMemory(HEAP), KEEPER);
    core.initialise(workers, HEAP, options);
    yield {name, core, random: generator(seed + round)};
  }
}

class Scene {
  /**
   * @param {WebAssembly.Module} module
   * @param {number} seed
   * @param {(text: string) => void} note
   * @param {number} [workers]
   */
  constructor(module, seed, note, workers = 1) {
    this.random = generator(seed);
    this.note = note;
    this.core = new TestCore(module, createMemory(HEAP), KEEPER);
    this.core.initialise(workers, HEAP);
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

  newWorker(worker = WORKER, first = 0) {
    const {memory} = this;
    const box = (/** @type {number} */ at) => buffer(memory.subarray(at, at + INBOX));
    const boxes = {inbox: box(first), outbox: box(first + INBOX), parcel: box(first + 2 * INBOX)};
    const pool = {workers: 1, watch() {}, coroutine() {}, trace: () => ''};
    return new WorkerPort({HEAPU8: memory}, this.core.as(worker), worker, boxes, pool);
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
    if (code & L.Code.IS_LARGE) {
      const size = this.port.arguments_size();
      assert.ok(size <= HEAP, `arguments of ${size} bytes`);
      const bytes = new Uint8Array(size);
      this.port.read_arguments(0, buffer(bytes));
      this.port.arguments_read();
    }
    assert.ok(this.port.function().length <= HEAP);
    const size = SIZES[this.below(SIZES.length)];
    if (size <= INBOX) this.port.finish(this.below(2), size);
    else this.port.finish(this.below(2), size, this.large(size), {toJs: () => []});
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
 * Overwrites anything in slots, completion lists, the function table, the heap's map, deque and injector. Nobody hangs, nobody
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
      () => scene.hit(core.test.at_deque_top(WORKER)),
      () => scene.hit(core.test.at_deque_bottom(WORKER)),
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

/**
 * Overwrites a deque's positions, far and near, with tasks in it: its owner and thieves get an error or go on, and all tasks
 * run once a successor has taken over.
 * @type {Body}
 */
export function deque({module}, settings, {note}) {
  let ended = 0;
  let errors = 0;
  for (const {name, core, random} of memories(module, settings, note, round => [
    2,
    {firstPosition: round % 2 ? 0 : -3},
  ])) {
    const [owner, thief] = [core.as(0), core.as(1)];
    const tasks = 20;
    for (let i = 0; i < tasks; i++) {
      const task = core.exports.task_new(HOST);
      assert.equal(core.exports.task_submit(task, 0, L.BATCH, 0, 0, 0), 1);
    }
    const done = new Set();
    const run = (/** @type {TestCore} */ worker) => {
      const task = worker.exports.worker_next(worker.participant, 0);
      if (task === NOTHING) return false;
      assert.ok(!done.has(task), `task ${task} runs twice`);
      done.add(task);
      worker.exports.task_finish(task, worker.participant, L.State.RETURNED, 0, 0);
      return true;
    };
    /** One of them may find that it is overwritten, and die of it. @param {TestCore} worker */
    const attempt = worker => {
      try {
        return run(worker);
      } catch (error) {
        if (!(error instanceof WebAssembly.RuntimeError)) throw error;
        errors++;
        core.exports.recover(worker.participant);
        assert.equal(core.exports.reinject(), 0);
        worker.exports.worker_start(worker.participant);
        return true;
      }
    };
    attempt(owner); // some of them lie in its deque now
    const word = random() % 2 ? core.test.at_deque_top(0) : core.test.at_deque_bottom(0);
    core.poke(word, random() % 2 ? random() : core.word(word) ^ (1 << (random() % 32)));
    while (attempt(random() % 2 ? owner : thief) || attempt(owner) || attempt(thief)) continue;
    // What lay where the deque ends now is found by whoever recovers.
    core.exports.recover(0);
    assert.equal(core.exports.reinject(), 0);
    owner.exports.worker_start(0);
    while (attempt(owner) || attempt(thief)) continue;
    assert.equal(done.size, tasks, `${name}: ${done.size} of ${tasks} tasks have run`);
    ended += done.size;
  }
  return {ended, errors};
}

/**
 * Overwrites the array table, lists of what slots carry and what names them. Whoever has an array gets an address in the heap or
 * an error, and nothing is written where no array is.
 * @type {Body}
 */
export function arrays({module}, settings, {note}) {
  let ended = 0;
  let errors = 0;
  for (const {name, core, random} of memories(module, settings, note)) {
    const below = (/** @type {number} */ n) => random() % n;
    const holders = [core.as(clientParticipant(HOST)), core.as(WORKER)];
    /** @type {{number: number, serial: number}[]} */
    const names = [];
    /** @type {number[]} slots that carry some */
    const slots = [];
    const lists = new Set();
    // Words that nobody may write: slots between those where the two begin to look for free ones.
    const wordOf = (/** @type {number} */ slot) => (L.TASK_ADDRESS + slot * L.TASK_BYTES) >> 2;
    const unused = () => core.words.slice(wordOf(1000), wordOf(15_000));
    const before = unused();
    const steps = [
      function make() {
        const {arrays} = holders[below(2)];
        const number = arrays.make([8, 700, 40_000, 200_000][below(4)]);
        if (number) names.push({number, serial: arrays.serial(number)});
      },
      function hold() {
        const name = names[below(names.length)];
        if (name && holders[below(2)].arrays.hold(name.number, name.serial)) ended++;
      },
      function look() {
        const name = names[below(names.length)];
        const holder = holders[below(2)];
        if (!name || !holder.arrays.hold(name.number, name.serial)) return;
        const address = holder.arrays.address(name.number);
        const size = holder.exports.array_size(name.number) >>> 0;
        assert.ok(address >= L.HEAP_ADDRESS && address + size <= holder.bytes.length, `${size} bytes at ${address}`);
        holder.arrays.drop(name.number);
      },
      function drop() {
        const name = names[below(names.length)];
        if (name) holders[below(2)].arrays.drop(name.number);
      },
      function carry() {
        const holder = holders[0];
        const held = [...new Set(names.map(({number}) => number))].slice(-3);
        const slot = holder.exports.task_new(HOST);
        const list = holder.exports.list_new(holder.participant, held.length) >>> 0;
        if (!list) return;
        holder.reach(list + 4 + 4 * held.length);
        holder.words.set(held, list / 4 + 1);
        lists.add(list);
        if (below(4) === 0) hit(list + 4 * below(held.length + 1));
        holder.exports.task_carry(slot, list);
        slots.push(slot);
      },
      function uncarry() {
        const slot = slots.splice(below(slots.length || 1), 1)[0];
        if (slot !== undefined) holders[0].exports.task_free(slot, HOST);
      },
      function recover() {
        if (below(4)) return;
        core.exports.recover(WORKER);
        holders[1] = core.as(WORKER);
      },
    ];
    const hit = (/** @type {number} */ address) => {
      const was = core.word(address);
      core.poke(address, below(2) ? VALUES[below(VALUES.length)] : below(2) ? random() : was ^ (1 << below(32)));
    };
    const places = [
      () => hit(core.test.at_array_life(names[below(names.length)].number) + 4 * below(2)),
      () => hit(core.test.at_array_holders(names[below(names.length)].number) + 4 * below(3)),
      () => hit(core.test.at_array_block(names[below(names.length)].number) + 4 * below(2)),
      () => hit(core.test.at_carried(slots.length ? slots[below(slots.length)] : below(64))),
      () => lists.size && hit([...lists][below(lists.size)] + 4 * below(4)),
    ];
    for (let i = 0; i < STEPS; i++) {
      const step = steps[below(steps.length)];
      note(`${name}: ${step.name}`);
      try {
        step();
      } catch (error) {
        if (!(error instanceof CorruptionError || error instanceof WebAssembly.RuntimeError)) throw error;
        errors++;
      }
      if (i % 5 === 4 && names.length) places[below(places.length)]();
    }
    const after = unused();
    const wild = after.findIndex((word, i) => word !== before[i]);
    assert.equal(wild, -1, `${name}: word ${wild} of the unused slots was written`);
  }
  return {ended, errors};
}

/**
 * Overwrites handles of arrays, as they lie in payloads: an error, or an array whose elements lie within the one that there is.
 * @type {Body}
 */
export function handles({module}, settings, {note}) {
  let ended = 0;
  let errors = 0;
  for (const {name, core, random} of memories(module, settings, note)) {
    const base = core.exports.heap_used();
    const array = SharedArray.make(core, [3 + (random() % 5), 4], ['uint8', 'int32', 'float64'][random() % 3]);
    const [first, last] = [array.data.byteOffset, array.data.byteOffset + array.data.byteLength];
    for (let i = 0; i < STEPS; i++) {
      const handle = array[HANDLE]();
      const from = random() % 8 ? 10 : 0; // else it names nothing
      for (let hits = 1 + (random() % 3); hits; hits--)
        handle[from + (random() % (handle.length - from))] = random() % 2 ? random() : random() % 4;
      try {
        const got = SharedArray.attach(core, random() % 8 ? handle : handle.subarray(0, random() % handle.length));
        try {
          const {byteOffset, byteLength} = got.data;
          assert.ok(!byteLength || (byteOffset >= first && byteOffset + byteLength <= last), name);
        } finally {
          got.free();
        }
        ended++;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        errors++;
      }
    }
    array.free();
    assert.equal(core.exports.heap_used(), base, `${name}: a hold is left`);
  }
  return {ended, errors};
}

/** What loading and calling a kernel may end with. */
const KERNEL_ERRORS = [KernelError, CorruptionError, WebAssembly.CompileError, WebAssembly.LinkError, WebAssembly.RuntimeError, RangeError, TypeError];

/**
 * Overwrites the table of kernel modules: a worker that loads one then has it as it was, or an error.
 * @type {Body}
 */
export function modules({module}, {kernels, ...settings}, {note}) {
  let ended = 0;
  let errors = 0;
  for (const {core, random} of memories(module, settings, note)) {
    assert.equal(new KernelModules(core).add(kernels), 1);
    const word = core.test.at_kernel_module(1) + 4 * (random() % 5); // state, block, size, data, table
    const before = core.word(word);
    const value = [VALUES[random() % VALUES.length], random(), before ^ (1 << (random() % 32))][random() % 3];
    core.poke(word, value);
    const worker = new Kernels(core.as(WORKER), () => assert.fail('there is no other task'));
    try {
      assert.equal(worker.call(1, 'fib', [10]), 55);
      ended++;
    } catch (error) {
      if (!KERNEL_ERRORS.some(type => error instanceof type)) throw error;
      errors++;
    }
  }
  return {ended, errors};
}

const THIEF = 1;
/** So many that all find room. */
const JOBS = 5;

/**
 * A job, and what is known of it.
 * @typedef {{id: number, handle: number, size: number, state: 'queued' | 'begun' | 'ended' | 'lost', runner: number,
 *     raised: number, returns: number, asked: boolean}} Job
 */

/** A task that promotes jobs and joins them, and a thief, each by its WorkerPort. */
class Joins extends Scene {
  /** @type {Job[]} */
  jobs = [];
  /** What the thief is at. @type {Job | undefined} */
  stolen;
  made = 0;

  /**
   * @param {WebAssembly.Module} module
   * @param {number} seed
   * @param {(text: string) => void} note
   * @param {boolean} wild whether words are overwritten: then nothing is known but where bytes may be read
   */
  constructor(module, seed, note, wild) {
    super(module, seed, note, 2);
    this.wild = wild;
    this.thief = this.newThief();
    this.pending.set(this.client.submit(this.fn, PLAIN, new Uint8Array(12)), 12);
    this.take(this.port);
    this.parent = this.port.task();
    this.entry = this.port.entry();
    this.serial = this.core.exports.function_serial(this.entry);
  }

  newThief() {
    return this.newWorker(THIEF, 3 * INBOX);
  }

  /** What start() does, without a wait. @param {WorkerPort} port */
  take(port) {
    const {exports} = this.core.as(port.worker);
    const task = exports.worker_next(port.worker, 0);
    if (task === NOTHING) return NOTHING;
    const next = [task];
    /** @type {any} */ (port).core.exports = {...exports, worker_next: () => next.pop() ?? STOPPED};
    return port.start();
  }

  /** A payload that says whose it is. @param {number} id @param {number} size */
  payload(id, size) {
    const bytes = new Uint8Array(size).fill(id);
    new DataView(bytes.buffer).setInt32(0, id, true);
    return bytes;
  }

  /** A list of three Python buffers. @param {Uint8Array} data */
  pieces(data) {
    const [i, j] = [this.below(data.length), this.below(data.length)].sort((a, b) => a - b);
    const copy = this.memory.subarray(6 * INBOX, 6 * INBOX + data.length);
    copy.set(data);
    const pieces = [copy.subarray(0, i), copy.subarray(i, j), copy.subarray(j)];
    return {length: 3, get: (/** @type {number} */ at) => ({...buffer(pieces[at]), destroy() {}})};
  }

  promote() {
    if (this.jobs.length >= JOBS) return;
    const {port, entry, serial, parent} = this;
    const [size, returns] = [0, 0].map(() => SIZES[this.below(SIZES.length)]);
    const id = this.made++;
    const bytes = this.payload(id, size);
    let handle;
    if (size <= INBOX && this.below(2)) {
      port.parcel.memory.set(bytes, port.parcel.address);
      handle = port.promote(entry, serial, 0, false, 0, parent, false, size);
    } else handle = port.promote(entry, serial, 0, false, 0, parent, false, size, this.pieces(bytes), {toJs: () => []});
    if (!this.wild) assert.ok(handle >= 0, `promote() gives ${handle}`);
    if (handle < 0) return;
    this.slots.add(handle & L.INDEX_MASK);
    this.jobs.push({id, handle, size, state: 'queued', runner: -1, raised: this.below(2), returns, asked: false});
  }

  /**
   * The job that a port has just begun, its arguments read as Python would.
   * @param {WorkerPort} port
   * @param {number} code
   * @returns {Job}
   */
  begin(port, code) {
    const size = port.arguments_size();
    assert.ok(size <= HEAP, `arguments of ${size} bytes`);
    const bytes = new Uint8Array(size);
    if (code & L.Code.IS_LARGE) {
      const half = this.below(size);
      port.read_arguments(0, buffer(bytes.subarray(0, half)));
      port.read_arguments(half, buffer(bytes.subarray(half)));
      port.arguments_read();
    } else bytes.set(port.inbox.memory.subarray(port.inbox.address, port.inbox.address + size));
    const job = this.jobs.find(({handle}) => handle === port.task());
    if (this.wild) return job ?? {.../** @type {Job} */ ({}), id: -1, raised: 0, returns: 12};
    assert.ok(job?.state === 'queued', `job ${job?.id} begins, which is ${job?.state}`);
    assert.deepEqual(bytes, this.payload(job.id, job.size), `the arguments of job ${job.id}`);
    job.state = 'begun';
    job.runner = port.worker;
    return job;
  }

  /** @param {WorkerPort} port @param {Job} job */
  end(port, job) {
    const bytes = this.payload(~job.id, job.returns);
    if (bytes.length <= INBOX && this.below(2)) {
      port.outbox.memory.set(bytes, port.outbox.address);
      port.finish(job.raised, bytes.length);
    } else port.finish(job.raised, bytes.length, this.pieces(bytes), {toJs: () => []});
    if (!this.wild) assert.ok(port.stack.outcomes.isEmpty, 'an outcome finds no room');
    job.state = 'ended';
  }

  steal() {
    if (this.stolen) return;
    const code = this.take(this.thief);
    if (code !== NOTHING && code !== STOPPED) this.stolen = this.begin(this.thief, code);
  }

  finishStolen() {
    const {stolen} = this;
    this.stolen = undefined;
    if (stolen) this.end(this.thief, stolen);
  }

  die() {
    if (this.below(6) === 0) this.loseThief();
  }

  loseThief() {
    this.core.exports.recover(THIEF);
    this.core.exports.reinject();
    if (this.stolen) this.stolen.state = 'lost';
    this.stolen = undefined;
    this.thief = this.newThief();
  }

  get some() {
    return this.jobs[this.below(this.jobs.length || 1)];
  }

  askCancel() {
    const job = this.some;
    if (!job) return;
    const asked = this.port.ask_cancel(job.handle);
    if (this.wild) return;
    assert.equal(asked, job.state === 'begun', `job ${job.id} is asked to end, ${job.state}`);
    job.asked ||= asked;
  }

  takeBack() {
    const job = this.some;
    if (!job) return;
    const back = this.port.take_back(job.handle);
    if (!this.wild) assert.equal(back, job.state === 'queued', `job ${job.id} is taken back, ${job.state}`);
    if (back) this.forget(job);
  }

  look() {
    const job = this.some;
    if (!job) return;
    const [ended, begun] = [this.port.ended(job.handle), this.port.begun(job.handle)];
    if (this.wild) return;
    assert.equal(ended, job.state === 'ended' || job.state === 'lost');
    assert.equal(begun, job.state !== 'queued');
  }

  /** @param {Job} job */
  forget(job) {
    this.jobs.splice(this.jobs.indexOf(job), 1);
  }

  join(job = this.some) {
    if (!job) return;
    const {port} = this;
    const {state} = job;
    const result = port.join(job.handle, this.below(2) === 1, 0, 0);
    if (result >= L.Code.IS_TASK) {
      const other = this.begin(port, result);
      if (!this.wild) assert.ok(other.id >= job.id, 'what was spawned before the job that is waited for');
      this.end(port, other);
    } else if (result === L.Joined.INTERRUPTED || result === L.Joined.NOTHING) {
      port.reasons();
      if (!this.wild) assert.ok(state === 'queued' || state === 'begun', `job ${job.id} is ${state}, and waited for`);
    } else {
      this.readOutcome(job, result);
      port.release(job.handle);
      this.forget(job);
      this.ended++;
    }
  }

  /** Reads an outcome as Python would. @param {Job} job @param {number} result */
  readOutcome(job, result) {
    const {port} = this;
    const [worker, asked] = [port.outcome_worker(), port.outcome_asked()];
    if (!this.wild) {
      const {RETURNED, RAISED, LOST} = L.Joined;
      assert.equal(result, job.state === 'lost' ? LOST : job.raised ? RAISED : RETURNED, `job ${job.id}`);
      assert.deepEqual([worker, asked], [job.runner, job.asked ? L.CancelReason.ASKED : L.CancelReason.NOT_ASKED], `job ${job.id}`);
    }
    if (result === L.Joined.LOST) return;
    const size = port.outcome_size();
    assert.ok(size <= HEAP, `an outcome of ${size} bytes`);
    const bytes = new Uint8Array(size);
    if (size <= INBOX) bytes.set(port.inbox.memory.subarray(port.inbox.address, port.inbox.address + size));
    else
      for (let at = 0, most = 0; at < size; at += most) {
        most = 1 + this.below(size);
        port.read_outcome(at, buffer(bytes.subarray(at, at + most)));
      }
    if (!this.wild) assert.deepEqual(bytes, this.payload(~job.id, job.returns), `the outcome of job ${job.id}`);
  }

  /** @override */
  step() {
    const steps = [this.promote, this.promote, this.steal, this.steal, this.finishStolen, this.join, this.join];
    steps.push(this.die, this.askCancel, this.takeBack, this.look);
    const step = steps[this.below(steps.length)];
    this.note(`${step.name}, ${this.jobs.length} jobs`);
    step.call(this);
  }
}

/**
 * A task and a thief, at random, nothing overwritten: each join has the outcome of its own job, and at the end nothing is left.
 * @type {Body}
 */
export function joins({module}, {seed, rounds}, {note}) {
  let ended = 0;
  for (let round = 0; round < rounds; round++) {
    const scene = new Joins(module, seed + round, text => note(`seed ${seed + round}: ${text}`), false);
    for (let i = 0; i < 4 * STEPS; i++) scene.step();
    scene.finishStolen();
    for (let i = 0; scene.jobs.length; i++) {
      assert.ok(i < 20 * JOBS, `${scene.jobs.length} jobs never end`);
      scene.steal();
      scene.finishStolen();
      scene.join();
    }
    scene.port.finish(0, 0);
    scene.collect();
    scene.client.dropFunction(scene.fn);
    scene.client.close();
    assert.equal(scene.core.exports.heap_used(), 0);
    ended += scene.ended;
  }
  return {ended, errors: 0};
}

/**
 * Overwrites slots and latches of jobs: a join gives an error, or an outcome that lies where one can lie; no hang.
 * @type {Body}
 */
export function outcomes({module}, {seed, rounds}, {note}) {
  let ended = 0;
  let errors = 0;
  const words = Array.from({length: 16}, (_, word) => word);
  for (let round = 0; round < rounds; round++) {
    const scene = new Joins(module, seed + round, text => note(`seed ${seed + round}: ${text}`), true);
    let failed = 0;
    for (let i = 0; i < STEPS && failed < ENOUGH; i++) {
      for (const step of [() => scene.step(), () => scene.loseThief()])
        try {
          step();
          break;
        } catch (error) {
          // The thief dies of it, whoever met it. In its recovery: where a job is to be queued was hit.
          if (!(error instanceof CorruptionError || error instanceof WebAssembly.RuntimeError)) throw error;
          failed++;
        }
      if (i % 5 === 3) scene.hitSlot(round % 2 ? CONTENT : words);
    }
    scene.client.close();
    ended += scene.ended;
    errors += failed;
  }
  return {ended, errors};
}
