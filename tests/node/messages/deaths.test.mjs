// What becomes of a worker's calls when it dies (web/penny/messages/pool.js): the one that ran is lost, what had not begun is
// given to others, and nothing is given twice, however late it is heard what had ended.
import assert from 'node:assert/strict';
import {afterEach, test} from 'node:test';

import {Outcome} from '../../../web/penny/core/layout.js';
import {MessagePool} from '../../../web/penny/messages/pool.js';
import {Reader, Writer} from '../../../web/penny/messages/records.js';

/** Ports as Firefox has them, at their slowest: each is given one message a turn. */
class SlowPort {
  /** @type {SlowPort} */
  other = this;
  /** @type {any[]} */
  #coming = [];
  /** @type {((event: {data: any}) => void) | undefined} */
  #listener;
  #closed = false;

  /** @param {(event: {data: any}) => void} listener */
  set onmessage(listener) {
    this.#listener = listener;
    this.#next();
  }

  /** @param {any} message */
  postMessage(message) {
    this.other.#coming.push(message);
    if (this.other.#coming.length === 1) this.other.#next();
  }

  #next() {
    if (this.#listener && this.#coming.length) setTimeout(() => this.#take(), 1);
  }

  #take() {
    if (this.#closed) return;
    this.#listener?.({data: this.#coming[0]});
    this.#coming.shift();
    this.#next();
  }

  close() {
    this.#closed = true;
  }
}

const {MessageChannel} = globalThis;
afterEach(() => (globalThis.MessageChannel = MessageChannel));

/** A worker that does what the test says. */
class Worker {
  /** Ids of the calls of each group. @type {number[][]} */
  groups = [];
  gone = () => {};

  /** @param {any} hear */
  constructor(hear) {
    this.hear = hear;
  }

  /** @param {any} message */
  post({type, channel}) {
    if (type !== 'pool') return;
    this.channel = channel;
    channel.onmessage = (/** @type {{data: any}} */ {data}) => {
      const reader = new Reader(data);
      const ids = [];
      while (reader.next()) ids.push(reader.id);
      this.groups.push(ids);
    };
    for (const said of ['held', 'ready']) this.hear.message({type: said});
  }

  /** @param {number[]} ids that have ended */
  #outcomes(ids) {
    const writer = new Writer();
    for (const id of ids) writer.add(id, 0, 0, new Uint8Array(4), 0, 4);
    return writer.take();
  }

  /** @param {number[]} ids */
  tell(ids) {
    this.channel.postMessage({type: 'ended', ms: 0.001 * ids.length, ...this.#outcomes(ids)});
  }

  /** Its Python dies. @param {number | null} at @param {number[]} ended of the group at which it is */
  die(at, ended) {
    this.channel.postMessage({type: 'dies', at, ...this.#outcomes(ended)});
    this.hear.message({type: 'died', details: 'a test'});
    this.gone();
  }

  /** It is gone without a word. */
  vanish() {
    this.gone();
  }
}

/** @param {() => unknown} condition */
async function until(condition) {
  for (let turns = 0; !condition(); turns++) {
    assert(turns < 5_000, 'it does not happen');
    await new Promise(later => setTimeout(later, 1));
  }
}

/** A pool of one worker, which knows of a function that it is quick. */
async function scene() {
  globalThis.MessageChannel = /** @type {any} */ (
    class {
      port1 = new SlowPort();
      port2 = new SlowPort();
      constructor() {
        this.port1.other = this.port2;
        this.port2.other = this.port1;
      }
    }
  );
  /** @type {Worker[]} */
  const workers = [];
  const host = {
    startWorker(/** @type {string} */ life, /** @type {any} */ hear) {
      const worker = new Worker(hear);
      workers.push(worker);
      return {life, post: (/** @type {any} */ message) => worker.post(message), terminate: () => setTimeout(() => worker.gone()), hold() {}};
    },
    whenGone: (/** @type {unknown} */ _, /** @type {() => void} */ then) => (workers[workers.length - 1].gone = then),
  };
  const starter = {host, site: {indexURL: async () => ''}, parts: async () => null, installed: async () => ({}), packed() {}};
  const options = {extras: {packages: [], files: []}, output() {}, check: false};
  const pool = new MessagePool(/** @type {any} */ (starter), 1, /** @type {any} */ (options));
  const quick = pool.addFunction(new Uint8Array());
  /** What has become of calls, by ticket. @type {Map<number, number>} */
  const outcomes = new Map();
  pool.oncompletions = () =>
    pool.collect(({ticket, outcome}) => {
      assert(!outcomes.has(ticket), 'twice');
      outcomes.set(ticket, outcome);
      return true;
    }, Infinity);
  let submitted = 0;
  /** @param {number} count */
  const submit = count => {
    const tickets = Array.from({length: count}, () => submitted++);
    for (const ticket of tickets) pool.submit(ticket, quick, {flags: 0, interactive: false, limit: 0}, new Uint8Array(4), 0, 4);
    return tickets;
  };
  await until(() => workers[0]?.channel);
  for (const _ of [0, 1, 2]) {
    const groups = workers[0].groups.length;
    submit(1);
    await until(() => workers[0].groups.length > groups);
    workers[0].tell(workers[0].groups[groups]);
    await until(() => outcomes.size === submitted);
  }
  workers[0].groups = [];
  return {pool, workers, submit, outcomes};
}

/** @param {number} from @param {number} to */
const range = (from, to) => Array.from({length: to - from}, (_, i) => from + i);

test('a worker that dies says what it was at: that alone is lost', async () => {
  const {workers, submit, outcomes} = await scene();
  const tickets = submit(200);
  await until(() => workers[0].groups.flat().length === 200);
  const {groups} = workers[0];
  workers[0].tell(groups[0]);
  const second = groups[1];
  assert(second.length > 20);
  workers[0].die(second[10], second.slice(0, 10));
  await until(() => workers[1]?.groups.flat().length === 200 - groups[0].length - 11);
  assert.deepEqual(workers[1].groups.flat(), [...second.slice(11), ...groups.slice(2).flat()]);
  for (const group of workers[1].groups) workers[1].tell(group);
  await until(() => tickets.every(ticket => outcomes.has(ticket)));
  const lost = tickets.filter(ticket => outcomes.get(ticket) !== Outcome.RETURNED);
  assert.deepEqual(lost, [tickets[groups[0].length + 10]]);
  assert.equal(outcomes.get(lost[0]), Outcome.LOST);
});

test('what was told before a death counts, however late it is heard', async () => {
  const {workers, submit, outcomes} = await scene();
  const tickets = submit(200);
  await until(() => workers[0].groups.flat().length === 200);
  const {groups} = workers[0];
  const told = groups.slice(0, -1);
  for (const group of told) {
    for (const _ of range(0, 100)) workers[0].channel.postMessage({type: 'heard', id: 0}); // as if it had printed
    workers[0].tell(group);
  }
  workers[0].vanish();
  await until(() => workers[1]?.channel && tickets.every(ticket => outcomes.has(ticket)));
  assert.deepEqual(workers[1].groups, []);
  const lost = tickets.filter(ticket => outcomes.get(ticket) === Outcome.LOST);
  assert.deepEqual(lost, tickets.slice(told.flat().length));
});

test('a worker that dies at its event loop loses nothing, but not for ever', async () => {
  const {pool, workers, submit, outcomes} = await scene();
  const tickets = submit(3);
  for (const worker of range(0, 4)) { // the first one has run tasks before
    await until(() => workers[worker]?.groups.flat().length === 3);
    assert(!tickets.some(ticket => outcomes.has(ticket)));
    workers[worker].die(null, []);
  }
  await until(() => tickets.every(ticket => outcomes.has(ticket)));
  assert.deepEqual(tickets.map(ticket => outcomes.get(ticket)), Array(3).fill(Outcome.BROKEN));
  await pool.close();
});

test('who asks one of a group to end loses the group, and calls of that function go alone then', async () => {
  const {pool, workers, submit, outcomes} = await scene();
  const tickets = submit(150);
  await until(() => workers[0].groups.flat().length === 150);
  const [first, second, ...later] = workers[0].groups;
  workers[0].tell(first);
  const asked = tickets[first.length + 5];
  await until(() => outcomes.has(tickets[first.length - 1]));
  assert(pool.askCancel(asked));
  await until(() => workers[1]?.groups.length);
  for (const at of second.keys()) {
    const ticket = tickets[first.length + at];
    assert.equal(outcomes.get(ticket), ticket === asked ? Outcome.CANCELLED : Outcome.LOST);
  }
  for (let told = 0; workers[1].groups.flat().length < later.flat().length || told < workers[1].groups.length; ) {
    await until(() => told < workers[1].groups.length);
    if (told < 3) assert.equal(workers[1].groups[told].length, 1);
    workers[1].tell(workers[1].groups[told++]);
  }
  assert.deepEqual(workers[1].groups.flat(), later.flat());
  await until(() => tickets.every(ticket => outcomes.has(ticket)));
});

test('who is asked to end, with others behind, may be over by then: nobody is ended for it', async () => {
  const {pool, workers, submit, outcomes} = await scene();
  const tickets = submit(30);
  await until(() => workers[0].groups.flat().length === 30);
  assert.equal(workers[0].groups[0].length, 1);
  let lost = 0;
  pool.addEventListener('worker', event => (lost += /** @type {any} */ (event).detail.state === 'lost' ? 1 : 0));
  assert(pool.askCancel(tickets[0]));
  for (const group of workers[0].groups) workers[0].tell(group);
  await until(() => tickets.every(ticket => outcomes.get(ticket) === Outcome.RETURNED));
  await new Promise(later => setTimeout(later, 50)); // longer than anybody is given
  assert.equal(lost, 0);
});
