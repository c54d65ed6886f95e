// Random programs for a client (web/penny/tasks/client.js), against an oracle: whoever is handed an outcome submits, withdraws,
// collects, refuses, keeps slots and throws, and more tasks end meanwhile. Each outcome is handed over once, to
// whose call it is of. PENNY_FUZZ says how many programs, PENNY_SEED where they begin. See web/penny/tasks/README.md.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {KEEPER, MEBIBYTE, PAGE, clientParticipant} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {Outcome} from '../../../web/penny/core/layout.js';
import {KEEP, PLAIN} from '../../../web/penny/tasks/calls.js';
import {Client} from '../../../web/penny/tasks/client.js';
import {argumentsOf, checkResult, endTask, runTask} from '../support/pool.threads.mjs';
import {NOTHING, generator, scene} from '../support/threads.mjs';

/** @typedef {{id: number, state: 'pending' | 'over' | 'cancelled'}} Ticket */

const PROGRAMS = Number(process.env.PENNY_FUZZ ?? 25);
const SEED = Number(process.env.PENNY_SEED ?? 1);
const STEPS = 150;
const MOST = 400;

class Thrown extends Error {}

class Play {
  /** @type {Ticket[]} */
  tickets = [];
  /** Slots that were kept. @type {number[]} */
  kept = [];
  /** What a worker is at. @type {{task: number, id: number, returns: number}[]} */
  begun = [];
  /** Whose outcome is being handed over. @type {Ticket | undefined} */
  taking;
  broken = false;
  depth = 0;

  /**
   * @param {import('../support/threads.mjs').TestCore} core
   * @param {number} seed
   */
  constructor(core, seed) {
    this.core = core;
    this.random = generator(seed);
    this.client = new Client(core.as(clientParticipant(PAGE)), PAGE);
    this.fn = this.client.addFunction(new Uint8Array(10));
    this.worker = core.as(0);
  }

  /** @param {number} n */
  below(n) {
    return this.random() % n;
  }

  submit() {
    if (this.tickets.length >= MOST) return;
    /** @type {Ticket} */
    const ticket = {id: this.tickets.length, state: 'pending'};
    this.tickets.push(ticket);
    const queue = this.below(5) ? L.BATCH : L.INTERACTIVE;
    const size = this.below(4) ? 12 : 4 * this.below(200_000);
    const bytes = argumentsOf(ticket.id, {size});
    assert.equal(this.client.submit(this.fn, {...PLAIN, queue}, bytes, [], ticket), ticket);
  }

  /** A worker runs what it finds, at most so many. */
  run(most = 3) {
    for (let i = 0; i < most; i++) {
      const task = this.worker.exports.worker_next(0, 0);
      if (task === NOTHING) return;
      const {id, returns} = runTask(this.worker, task);
      endTask(this.worker, task, id, returns);
    }
  }

  /** A worker begins a task, and goes on with it. */
  begin() {
    const task = this.worker.exports.worker_next(0, 0);
    if (task !== NOTHING) this.begun.push({task, ...runTask(this.worker, task)});
  }

  finish() {
    const begun = this.begun.splice(this.below(this.begun.length || 1), 1)[0];
    if (begun) endTask(this.worker, begun.task, begun.id, begun.returns);
  }

  cancel() {
    if (!this.tickets.length) return;
    const own = this.taking && this.below(3) === 0;
    const ticket = own ? /** @type {Ticket} */ (this.taking) : this.tickets[this.below(this.tickets.length)];
    const {state} = ticket;
    if (state !== 'pending' && ticket !== this.taking) {
      assert.equal(this.client.running(ticket), false);
      assert.equal(this.client.askCancel(ticket), false);
    }
    if (!this.client.cancel(ticket)) return;
    assert.equal(state, 'pending', 'a call that was over is withdrawn');
    ticket.state = 'cancelled';
  }

  free() {
    const slot = this.kept.pop();
    if (slot !== undefined) this.client.free(slot);
  }

  break() {
    if (this.broken || this.below(4)) return;
    this.broken = true;
    const {core} = this;
    const block = core.exports.heap_allocate(KEEPER, 4) >>> 0;
    if (block) core.exports.break_pool(block, 4);
  }

  collect(calm = false) {
    const limit = this.below(3) ? Infinity : 1 + this.below(3);
    let taken = 0;
    const before = this.depth;
    try {
      const count = this.client.collect((ticket, outcome, address, size, worker, slot) => {
        if (!calm && this.below(10) === 0) throw new Thrown();
        if (!calm && this.below(10) === 0) return false;
        assert.equal(ticket.state, 'pending', `call ${ticket.id} ends, which is ${ticket.state}`);
        assert.equal(this.tickets[ticket.id], ticket);
        if (outcome === Outcome.RETURNED) checkResult(this.core, address, size, ticket.id);
        else assert.ok(outcome === Outcome.NO_ROOM || (this.broken && outcome === Outcome.BROKEN));
        ticket.state = 'over';
        this.taking = ticket;
        taken++;
        this.depth++;
        for (let i = this.below(3); !calm && i > 0; i--) this.act();
        this.depth--;
        if (slot === L.NONE || this.below(4)) return true;
        this.kept.push(slot);
        return KEEP;
      }, limit);
      assert.equal(count, taken);
      if (this.depth) assert.equal(count, 0, 'collected while others are');
    } catch (error) {
      if (!(error instanceof Thrown)) throw error;
    } finally {
      this.depth = before;
      if (!before) this.taking = undefined;
    }
    assert.ok(taken <= limit);
  }

  act() {
    const actions = ['submit', 'submit', 'submit', 'run', 'run', 'begin', 'finish', 'cancel', 'cancel', 'collect', 'free'];
    this[/** @type {'submit'} */ (actions[this.below(actions.length)])]();
  }

  /** @param {import('../support/threads.mjs').Crew} crew */
  async end(crew) {
    if (this.broken) for (let i = 0; i < 20; i++) this.collect(); // some of what it is at ends only afterwards
    await crew.until(() => {
      while (this.begun.length) this.finish();
      this.run(Infinity);
      this.collect(true);
      while (this.kept.length) this.free();
      return !this.client.pending;
    }, 'the end of all calls');
    assert.deepEqual(
      this.tickets.filter(({state}) => state === 'pending'),
      [],
    );
    this.collect(true); // nobody's are thrown away
    this.client.dropFunction(this.fn);
    this.client.close();
    if (!this.broken) assert.equal(this.core.exports.heap_used(), 0);
  }
}

test(`${PROGRAMS} random programs, from seed ${SEED}`, async t => {
  for (let seed = SEED; seed < SEED + PROGRAMS; seed++) {
    const {core, crew} = scene(t, {heap: 4 * MEBIBYTE});
    const play = new Play(core, seed);
    try {
      for (let step = 0; step < STEPS; step++) {
        play.act();
        if (play.below(4) === 0) play.collect();
        if (step > STEPS - 10 && seed % 3 === 0) play.break();
      }
      await play.end(crew);
    } catch (error) {
      play.client.close();
      throw new Error(`seed ${seed}: ${/** @type {Error} */ (error).stack}`, {cause: error});
    }
  }
});
