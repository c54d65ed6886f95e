// A client that submits tasks of ids 0, 1, … and notes how each ends.
import assert from 'node:assert/strict';

import {Outcome} from '../../../web/penny/core/layout.js';
import {PLAIN} from '../../../web/penny/tasks/calls.js';
import {Client} from '../../../web/penny/tasks/client.js';
import {argumentsOf, checkResult} from './pool.threads.mjs';

/** @typedef {import('./threads.mjs').TestCore} TestCore */

export class Player {
  /** How each task ended: outcomes by id. @type {number[][]} */
  outcomes = [];
  /** Ids in the order in which they ended. @type {number[]} */
  ended = [];
  /** Ids of the pending tasks, by ticket. @type {Map<number, number>} */
  #ids = new Map();

  /**
   * @param {TestCore} core
   * @param {number} number of the client
   * @param {{waitAsync?: boolean}} [options] of the Client
   */
  constructor(core, number, options) {
    this.core = core;
    this.client = new Client(core, number, options);
    this.fn = this.client.addFunction(new Uint8Array(10));
  }

  /**
   * @param {Parameters<typeof argumentsOf>[1]} [options] see pool.threads.mjs
   * @param {Partial<import('../../../web/penny/tasks/calls.js').CallOptions>} [call]
   * @returns {number} ticket
   */
  submit(options, call) {
    const id = this.outcomes.length;
    const ticket = this.client.submit(this.fn, {...PLAIN, ...call}, argumentsOf(id, options));
    assert.ok(!this.#ids.has(ticket), `ticket ${ticket} is given twice`);
    this.outcomes.push([]);
    this.#ids.set(ticket, id);
    return ticket;
  }

  /** Withdraws a task. @param {number} ticket */
  cancel(ticket) {
    return this.client.cancel(ticket) && this.#ids.delete(ticket);
  }

  /** @param {number} [limit] @returns {number} how many */
  collect(limit) {
    return this.client.collect((ticket, outcome, address, size) => {
      const id = this.#ids.get(ticket);
      assert.ok(id !== undefined, `ticket ${ticket} ends, which is not pending`);
      this.#ids.delete(ticket);
      this.outcomes[id].push(outcome);
      this.ended.push(id);
      if (outcome === Outcome.RETURNED) checkResult(this.core, address, size, id);
      else if (outcome === Outcome.LOST) assert.equal(size, 0);
      return true;
    }, limit);
  }

  /** All tasks have ended, once each, and with the function nothing is left in the heap. For the end. */
  assertOver() {
    const wrong = this.outcomes.findIndex(outcomes => outcomes.length !== 1);
    if (wrong >= 0) assert.fail(`task ${wrong} has ended so: ${this.outcomes[wrong]}`);
    assert.equal(this.client.pending, 0);
    this.client.dropFunction(this.fn);
    assert.equal(this.core.exports.heap_used(), 0);
  }

  /** assertOver(), and they have ended in these ways. @param {number[]} outcomes by id */
  assertEnd(outcomes) {
    this.collect();
    assert.deepEqual(this.outcomes, outcomes.map(outcome => [outcome]));
    this.assertOver();
  }
}
