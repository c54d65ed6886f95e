// Threads of kernels.test.mjs: pool workers whose tasks are calls of kernels, and the page's side of that.
//
// A task's arguments and its result are JSON: [module, name, arguments, low, high, [arguments, times]]; {value} or
// {error, message}. The last: other arguments with which the kernel is called before, and how often.
import assert from 'node:assert/strict';

import {PAGE} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {Outcome} from '../../../web/penny/core/layout.js';
import {Kernels} from '../../../web/penny/kernels/calls.js';
import {KernelModules} from '../../../web/penny/kernels/modules.js';
import {PLAIN} from '../../../web/penny/tasks/calls.js';
import {Client} from '../../../web/penny/tasks/client.js';
import {STOPPED} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */
/** @typedef {import('../support/threads.mjs').Body} Body */
/** @typedef {{value?: any, error?: string, message?: string, worker: number, outcome: number}} End */

const BODIES = new URL(import.meta.url);

/** A pool worker. Returns how many tasks of each kind it ran, and how many on top of a kernel. @type {Body} */
export function worker(core, _, {note}) {
  const {exports, participant} = core;
  const innermost = (L.WORKER_ADDRESS + participant * L.WORKER_BYTES) / 4 + L.WORKER_INNERMOST_WORD;
  const counts = {calls: 0, jobs: 0, helped: 0};
  const kernels = new Kernels(core, task => {
    counts.helped++;
    run(task);
  });
  /** @param {number} task */
  const run = task => {
    counts.calls++;
    const outer = core.words[innermost];
    core.words[innermost] = core.hint(task) + 1;
    const payload = core.taskAddress(task) + L.TASK_PAYLOAD;
    const bytes = core.bytes.slice(payload, payload + core.taskWord(task, L.TASK_SIZE_WORD));
    const [module, name, args, low, high, warm] = JSON.parse(Buffer.from(bytes).toString());
    note(`${JSON.stringify(counts)}; calls ${name}`);
    let end;
    try {
      for (let i = 0; warm && i < warm[1]; i++) kernels.call(module, name, warm[0]);
      const value =
        low === null || low === undefined ? kernels.call(module, name, args) : kernels.range(module, name, low, high, args);
      end = {value};
    } catch (error) {
      const {name, message} = /** @type {Error} */ (error);
      end = {error: name, message};
    }
    const result = Buffer.from(JSON.stringify(end)).subarray(0, L.TASK_PAYLOAD_BYTES);
    core.bytes.set(result, payload);
    exports.task_finish(task, participant, L.State.RETURNED, result.length, 0);
    core.words[innermost] = outer;
  };
  exports.worker_start(participant);
  for (;;) {
    note(`${JSON.stringify(counts)}; looks for a task`);
    const task = exports.worker_next(participant, -1);
    if (task === STOPPED) return counts;
    if (!kernels.isKernel(task)) run(task);
    else {
      counts.jobs++;
      note(`${JSON.stringify(counts)}; runs a job`);
      kernels.run(task);
    }
  }
}

/** The page: adds modules, submits calls, notes how they end. */
export class KernelPage {
  /** @type {Map<number, (end: End) => void>} */
  #waiting = new Map();

  /**
   * @param {ReturnType<typeof import('../support/threads.mjs').scene>} scene
   * @param {import('node:test').TestContext} t
   * @param {number} workers
   */
  constructor({core, crew}, t, workers) {
    this.core = core;
    this.crew = crew;
    this.modules = new KernelModules(core);
    this.client = new Client(core, PAGE);
    t.after(() => this.client.close());
    this.fn = this.client.addFunction(new Uint8Array(10));
    this.client.oncompletions = () => this.#collect();
    this.threads = Array.from({length: workers}, (_, number) => this.start(number));
  }

  /** @param {number} number */
  start(number) {
    return this.crew.start(BODIES, 'worker', number);
  }

  /** Room in the heap that is zeros. @param {number} words @returns {number} address */
  words(words) {
    const address = this.core.exports.heap_allocate(this.core.participant, 4 * words) >>> 0;
    assert.ok(address);
    this.core.reach(address + 4 * words);
    this.core.words.fill(0, address >> 2, (address >> 2) + words);
    return address;
  }

  /** @param {number} address @param {number} words */
  view(address, words) {
    return this.core.words.subarray(address >> 2, (address >> 2) + words);
  }

  /**
   * Submits a call.
   * @param {unknown[]} call module, name, arguments; and low, high for a range
   * @returns {{ticket: number, end: Promise<End>}}
   */
  submit(...call) {
    return this.#submit(PLAIN, call);
  }

  /** The same for an interactive call. @param {unknown[]} call */
  submitUrgent(...call) {
    return this.#submit({...PLAIN, queue: L.INTERACTIVE}, call);
  }

  /**
   * @param {import('../../../web/penny/tasks/calls.js').CallOptions} options
   * @param {unknown[]} call
   * @returns {{ticket: number, end: Promise<End>}}
   */
  #submit(options, call) {
    const bytes = new Uint8Array(Buffer.from(JSON.stringify(call)));
    assert.ok(bytes.length <= L.TASK_PAYLOAD_BYTES);
    const ticket = this.client.submit(this.fn, options, bytes);
    return {ticket, end: new Promise(resolve => this.#waiting.set(ticket, resolve))};
  }

  /** Submits a call and waits for its end. @param {unknown[]} call @returns {Promise<End>} */
  async call(...call) {
    return await this.crew.patiently(this.submit(...call).end, `the end of ${call[1]}`);
  }

  #collect() {
    this.client.collect((ticket, outcome, address, size, worker) => {
      const bytes = this.core.bytes.slice(address, address + size);
      const end = outcome === Outcome.RETURNED ? JSON.parse(Buffer.from(bytes).toString()) : {};
      this.#waiting.get(ticket)?.({...end, outcome, worker});
      return this.#waiting.delete(ticket);
    });
  }

  /** Ends the workers. Returns what they counted, added up; and that nothing is under way any more. */
  async finish() {
    const {core, crew} = this;
    await crew.until(() => core.exports.all_quiet(), 'the end of what nobody needs any more');
    core.exports.stop();
    const counts = {calls: 0, jobs: 0, helped: 0};
    for (const thread of this.threads) {
      const own = await crew.result(thread);
      counts.calls += own.calls;
      counts.jobs += own.jobs;
      counts.helped += own.helped;
    }
    return counts;
  }
}
