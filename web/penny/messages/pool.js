// The half of whoever submits: starts workers, gives them calls, takes what has become of these, and notices deaths.
// README.md has the protocol, and what could go wrong.
import * as L from '../core/layout.js';
import {CancelReason, Outcome} from '../core/layout.js';
import {Life} from '../pool/life.js';
import {decoded, tellError} from '../stdio/output.js';
import {Call, Queue, TableFunction} from './calls.js';
import {Member} from './member.js';
import {INTERACTIVE} from './protocol.js';
import {Reader} from './records.js';
import {Submitted} from './submitting.js';

/**
 * @typedef {import('./member.js').Sent} Sent
 * @typedef {import('./protocol.js').FromWorker} FromWorker
 * @typedef {import('../pool/life.js').State} State
 * @typedef {import('../boot/extras.js').Wanted} Wanted
 * @typedef {import('../stdio/output.js').Output} Output
 * @typedef {import('./calls.js').Arrived} Arrived
 */

/** So many failed starts in a row, and the pool gives up: see pool/pool.js. */
const ATTEMPTS = 3;
/** A worker is given more calls while what it has takes less than this, ms: it has something to do while a message comes. */
const AHEAD = 4;
/** Calls that go in one message take at most so long, ms: whoever waits for the first of them waits for all. */
const GROUP = 0.5;
/** … and are so many at most, of so many bytes. */
const GROUP_CALLS = 64;
const GROUP_BYTES = 1 << 16;
/** So many calls a worker has at most, however fast they are said to be. */
const CALLS = 4096;
/** A call that is not its worker's only one may go on so long after it was asked to end, ms: it may be over by then, or yet to begin. */
const GRACE = 20;
/** A coroutine that was asked to end has begun to do so by then, ms, or its worker does not hear. */
const COROUTINE_GRACE = 1_000;
/** What a worker had posted before it was gone has set out to its channel within this time, ms. */
const LAST_WORDS = 50;

const NOTHING = new Uint8Array();

/** Announces what becomes of the workers: `worker` events with {worker, state, error?}. */
export class MessagePool extends EventTarget {
  /** There is something to collect(). */
  oncompletions = () => {};
  /** Calls that have not ended, by ticket. @type {Map<any, Call>} */
  #calls = new Map();
  /** … that workers have, by id. @type {Map<number, Call>} */
  #sent = new Map();
  #lastId = 0;
  #queues = {interactive: new Queue(), batch: new Queue(), coroutines: new Queue()};
  /** By number. @type {Map<number, TableFunction>} */
  #functions = new Map();
  /** Definitions, by place. @type {Map<number, Uint8Array>} */
  #bundles = new Map();
  #lastNumber = 0;
  /** By number; undefined: it starts, or is lost. @type {(Member | undefined)[]} */
  #members = [];
  /** @type {(Life | undefined)[]} */
  #lives = [];
  /** What has ended and was not collected, interactive calls first. @type {Arrived[][]} */
  #arrived = [[], []];
  #failures = 0;
  /** By number: whether the last one was ready, and died all the same without a task. @type {boolean[]} */
  #barren = [];
  /** By number: how many tasks those before it have run. @type {number[]} */
  #ranBefore = [];
  #ended = false;
  /** Why there are no workers. @type {Uint8Array | undefined} */
  #broken;
  #flushing = false;
  /** By number. @type {{run: number, busy: number, since: number}[]} */
  #statistics = [];

  /**
   * @param {import('../pool/life.js').Starting} starter
   * @param {number} workers
   * @param {{extras: Wanted, output: Output, check: boolean, python?: import('../boot/versions.js').PythonVersion}} options as
   *     of Pool
   */
  constructor(starter, workers, options) {
    super();
    this.starter = starter;
    this.workers = workers;
    this.options = options;
    // Not before whoever opened the pool has had a chance to listen.
    setTimeout(() => {
      for (let worker = 0; worker < workers && !this.#ended; worker++) this.#start(worker);
    });
  }

  // ---- what workers are given ---------------------------------------------------------------------

  /**
   * @param {Uint8Array} form a function's pickle
   * @returns {number}
   */
  addFunction(form) {
    this.#functions.set(++this.#lastNumber, new TableFunction(this.#lastNumber, form));
    return this.#lastNumber;
  }

  /** No call of that function is under way, and none will be. @param {number} number */
  dropFunction(number) {
    this.#functions.delete(number);
    for (const member of this.#members) member?.forget(number, false);
  }

  /**
   * @param {Uint8Array} form a pickle of definitions
   * @returns {number} their place
   */
  addBundle(form) {
    this.#bundles.set(++this.#lastNumber, form);
    return this.#lastNumber;
  }

  /** @param {number} place */
  dropBundle(place) {
    this.#bundles.delete(place);
    for (const member of this.#members) member?.forget(place, true);
  }

  /**
   * @param {any} ticket
   * @param {number} number of the function
   * @param {{flags: number, interactive: boolean, limit: number}} options flags: of Flag; limit: ms that it may run; 0: no limit
   * @param {Uint8Array<ArrayBuffer>} bytes where its pickled arguments lie, and stay; if they are large, nothing else
   * @param {number} from
   * @param {number} size
   */
  submit(ticket, number, {flags, interactive, limit}, bytes, from, size) {
    const fn = /** @type {TableFunction} */ (this.#functions.get(number));
    const coroutine = (flags & L.Flag.COROUTINE) !== 0;
    const bits = flags | (interactive ? INTERACTIVE : 0);
    const call = new Call((this.#lastId = (this.#lastId + 1) >>> 0), ticket, fn, {bits, limit, coroutine}, bytes, from, size);
    this.#calls.set(ticket, call);
    if (this.#broken) {
      this.#arrive(call, Outcome.BROKEN, 0, this.#broken);
      queueMicrotask(() => this.oncompletions());
      return;
    }
    if (coroutine && !this.#lives[L.ASYNC_WORKER] && !this.#ended) this.#start(L.ASYNC_WORKER);
    this.#queueOf(call).push(call);
    if (coroutine) this.#dispatchCoroutines();
    else this.#dispatch(false);
  }

  /** @param {Call} call */
  #queueOf({coroutine, bits}) {
    const {interactive, batch, coroutines} = this.#queues;
    if (coroutine) return coroutines;
    return bits & INTERACTIVE ? interactive : batch;
  }

  /**
   * Gives workers what they have time for.
   * @param {boolean} all whether a group that is not full is sent to a worker that has something to do. Else more may
   *     come before the turn is over
   */
  #dispatch(all) {
    if (this.#ended) return;
    const {interactive, batch} = this.#queues;
    const now = performance.now();
    for (;;) {
      const queue = interactive.length ? interactive : batch;
      const first = queue.peek();
      if (!first) return;
      const member = this.#idlest(first, now);
      if (!member) return;
      const idle = member.groups.length === 0;
      if (!idle && !all && queue.length < GROUP_CALLS) {
        this.#flushLater();
        return;
      }
      const group = this.#take(queue, first, idle);
      this.#send(member, group, now);
    }
  }

  #flushLater() {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#dispatch(true);
    });
  }

  /**
   * The worker that will have done first what it has, if it may have another call.
   * @param {Call} call
   * @param {number} now
   */
  #idlest({fn, isLarge, limit}, now) {
    /** @type {Member | undefined} */
    let found;
    let least = Infinity;
    for (let number = 0; number < this.workers; number++) {
      const member = this.#members[number];
      if (!member?.ready) continue;
      if (!member.groups.length) return member;
      const busy = member.busyFor(now);
      if (busy < least && member.calls < CALLS) {
        found = member;
        least = busy;
      }
    }
    // What waits behind another call waits for that, whoever else is idle by then. So nothing does that may take long.
    // What is large has to be begun by whoever gets it.
    const mayWait = found && !isLarge && !limit && least + fn.expected <= AHEAD;
    return mayWait ? found : undefined;
  }

  /**
   * Takes a group out of a queue: calls of one function, of which it is known that they take no time.
   * @param {Queue} queue
   * @param {Call} first
   * @param {boolean} idle whether somebody waits for them
   */
  #take(queue, first, idle) {
    const {fn} = first;
    // Shared out, if there are few.
    const most = Math.min(GROUP_CALLS, GROUP / fn.expected, idle ? Math.ceil(queue.length / this.workers) : Infinity);
    const calls = [first];
    queue.shift();
    let bytes = first.size;
    if (first.limit || first.isLarge) return calls;
    for (let next; calls.length < most && (next = queue.peek()); ) {
      if (next.fn !== fn || next.limit || (bytes += next.size) > GROUP_BYTES) break;
      queue.shift();
      calls.push(next);
    }
    return calls;
  }

  /** @param {Member} member @param {Call[]} calls @param {number} now */
  #send(member, calls, now) {
    for (const call of calls) this.#sent.set(call.id, call);
    const group = member.send(calls, calls.length * calls[0].fn.expected, now, this.#bundles);
    if (member.groups[0] === group) this.#begins(member);
  }

  #dispatchCoroutines() {
    const member = this.#members[L.ASYNC_WORKER];
    if (!member?.ready || this.#ended) return;
    for (const call of this.#queues.coroutines.takeAll()) {
      this.#sent.set(call.id, call);
      member.send([call], 0, 0, this.#bundles);
      if (call.limit) setTimeout(() => this.#ask(call, CancelReason.TIMED_OUT), call.limit);
    }
  }

  // ---- cancelling ---------------------------------------------------------------------------------

  /** @param {any} ticket @returns {boolean} whether no worker had it, and none ever will */
  cancel(ticket) {
    const call = this.#calls.get(ticket);
    if (!call || call.worker !== null) return false;
    this.#queueOf(call).remove(call);
    this.#calls.delete(ticket);
    return true;
  }

  /** @param {any} ticket @returns {boolean} whether whoever has it was asked to end it */
  askCancel(ticket) {
    const call = this.#calls.get(ticket);
    return call !== undefined && this.#ask(call, CancelReason.ASKED);
  }

  /** @param {any} ticket */
  running(ticket) {
    return (this.#calls.get(ticket)?.worker ?? null) !== null;
  }

  /**
   * @param {Call} call
   * @param {number} reason
   */
  #ask(call, reason) {
    const member = call.worker === null ? undefined : this.#members[call.worker];
    if (!member || this.#sent.get(call.id) !== call) return false;
    if (call.asked === CancelReason.NOT_ASKED) call.asked = reason;
    if (call.coroutine) {
      member.cancel(call);
      // It is told what it has heard; a worker that does not hear at all ends with all that it has.
      setTimeout(() => this.#sent.get(call.id) === call && !call.heard && this.kill(member.number), COROUTINE_GRACE);
    } else if (member.groups[0]?.calls.includes(call)) this.#endFirst(member);
    return true;
  }

  /** The first group of a worker is what it is at now. @param {Member} member */
  #begins(member) {
    if (member.number === L.ASYNC_WORKER || !member.ready) return;
    clearTimeout(member.timer);
    member.timer = undefined;
    const group = member.groups[0];
    if (!group) return;
    if (group.calls.some(({asked}) => asked !== CancelReason.NOT_ASKED)) this.#endFirst(member);
    else if (group.limit) member.timer = setTimeout(() => this.#ask(group.calls[0], CancelReason.TIMED_OUT), group.limit);
  }

  /** One of the first group was asked to end: nothing reaches a worker that runs something. @param {Member} member */
  #endFirst(member) {
    const [group] = member.groups;
    // It may be that the others of a group have not begun, or have ended; they take no time, so that this is soon over. And
    // where a group waits behind, the worker may be at that already.
    if (group.calls.length === 1 && member.groups.length === 1) this.kill(member.number);
    else
      setTimeout(() => {
        if (member.groups[0] === group) this.kill(member.number);
      }, GRACE);
  }

  // ---- what workers say ---------------------------------------------------------------------------

  /**
   * @param {Member} member
   * @param {FromWorker} message
   * @param {(stream: import('../stdio/output.js').Stream, bytes: Uint8Array) => void} print
   * @param {Submitted} submitted
   */
  #hear(member, message, print, submitted) {
    member.heard++;
    switch (message.type) {
      case 'output':
        print(message.stream, message.bytes);
        break;
      case 'heard': {
        const call = this.#sent.get(message.id);
        if (call) call.heard = true;
        break;
      }
      case 'ended':
        this.#groupEnded(member, message);
        break;
      case 'dies':
        this.#dies(member, message);
        break;
      default:
        submitted.hear(message);
    }
  }

  /**
   * Takes what has become of calls.
   * @param {Member} member
   * @param {import('./records.js').Packed} packed
   */
  #outcomes(member, packed) {
    const reader = new Reader(packed);
    /** @type {Call | undefined} */
    let call;
    let count = 0;
    while (reader.next()) {
      call = this.#sent.get(reader.id);
      if (!call) continue; // a worker that was given up had ended it
      count++;
      let outcome = reader.number ? Outcome.RAISED : Outcome.RETURNED;
      // Ended in the midst of a synchronous request, for instance, a task is told that this has failed.
      if (member.killed && outcome === Outcome.RAISED) outcome = OUTCOMES[call.asked];
      this.#sent.delete(reader.id);
      this.#arrive(call, outcome, member.number, reader.bytes, reader.from, reader.size);
    }
    this.#statistics[member.number].run += count;
    return {last: call, count};
  }

  /** @param {Member} member @param {import('./protocol.js').Ended} message */
  #groupEnded(member, message) {
    const {last, count} = this.#outcomes(member, message);
    this.#statistics[member.number].busy += message.ms;
    if (last) {
      const now = performance.now();
      const group = member.groups.find(({calls}) => calls.includes(last));
      if (group) member.ended(group, now);
      if (!last.coroutine) {
        last.fn.took(message.ms / count);
        this.#begins(member);
        this.#dispatch(true);
      }
    }
    this.oncompletions();
  }

  /** @param {Member} member @param {import('./protocol.js').Dies} message */
  #dies(member, message) {
    member.ready = false;
    member.last = message;
    this.#outcomes(member, message);
    for (const group of member.groups) group.calls = group.calls.filter(({id}) => this.#sent.has(id));
    this.oncompletions();
  }

  /**
   * @param {Call} call
   * @param {number} outcome
   * @param {number} worker
   * @param {Uint8Array} [bytes]
   * @param {number} [from]
   * @param {number} [size]
   */
  #arrive({ticket, bits}, outcome, worker, bytes = NOTHING, from = 0, size = bytes.length) {
    this.#calls.delete(ticket);
    const arrived = {ticket, outcome, worker, bytes, from, size};
    if (ticket.remote) ticket.remote.arrive(arrived);
    else this.#arrived[bits & INTERACTIVE ? 0 : 1].push(arrived);
  }

  /** Whether there is something to collect. */
  get hasArrived() {
    return this.#arrived.some(arrived => arrived.length > 0);
  }

  /**
   * Gives what has ended, each once, interactive calls first.
   * @param {(arrived: Arrived) => boolean} take false: not now
   * @param {number} most
   */
  collect(take, most) {
    for (const arrived of this.#arrived) {
      let taken = 0;
      while (taken < arrived.length && most > 0 && take(arrived[taken])) {
        taken++;
        most--;
      }
      const all = taken === arrived.length;
      arrived.splice(0, taken);
      if (!all) return;
    }
  }

  // ---- workers' lives -----------------------------------------------------------------------------

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
    const {output} = options;
    this.#tell(number, 'starting');
    this.#statistics[number] ??= {run: 0, busy: 0, since: performance.now()};
    this.#ranBefore[number] = this.#statistics[number].run;
    const print = decoded((stream, text, _, bytes) => {
      output(stream, text, number, bytes);
      if (text) this.dispatchEvent(new CustomEvent('output', {detail: {stream, text, worker: number}}));
    }, number);
    const {port1, port2} = new MessageChannel();
    const member = new Member(number, port1);
    const submitted = new Submitted(this, port1);
    port1.onmessage = ({data}) => this.#hear(member, data, print, submitted);
    this.#members[number] = member;
    try {
      const life = new Life(this.starter, number, {
        became: life => (life.state === 'ready' ? this.#ready(member) : this.#lost(member, life, submitted)),
        heard: message => message.type === 'output' && print(message.stream, message.bytes),
        uncaught: error => tellError(output, error, number),
      });
      this.#lives[number] = life;
      const settings = {workers: this.workers, check: options.check, python: options.python, extras: options.extras};
      await life.begin({...settings, announce: false, channel: port2}, {
        role: number === L.ASYNC_WORKER ? 'messages-coroutines' : 'messages',
        transfer: [port2],
      });
    } catch (error) {
      this.#break(String(/** @type {Error} */ (error).message ?? error));
    }
  }

  /** @param {Member} member */
  #ready(member) {
    if (!this.#barren[member.number]) this.#failures = 0; // else being ready proves nothing
    member.ready = true;
    this.#tell(member.number, 'ready');
    if (member.number === L.ASYNC_WORKER) this.#dispatchCoroutines();
    else this.#dispatch(true);
  }

  /**
   * It is gone. What it had posted may not have come yet.
   * @param {Member} member
   * @param {Life} life
   * @param {Submitted} submitted
   */
  async #lost(member, {wasReady, wasKilled, reason}, submitted) {
    const {number} = member;
    if (this.#ended) return;
    member.ready = false;
    clearTimeout(member.timer);
    this.#tell(number, 'lost', reason);
    await this.#lastWords(member);
    member.channel.close();
    if (this.#ended) return;
    const idle = this.#statistics[number].run === this.#ranBefore[number] && !member.begun().length;
    this.#barren[number] = wasReady && !wasKilled && idle;
    if (!idle) this.#failures = 0;
    else if (!wasReady || !wasKilled) this.#failures++;
    submitted.gone();
    this.#bury(member);
    if (this.#failures >= ATTEMPTS) this.#break(reason ?? `${ATTEMPTS} workers in a row died while they started`);
    else this.#start(number);
    this.#dispatch(true);
    this.oncompletions();
  }

  /**
   * Until all has come that it had posted. Its channel may hold more than one message, and browsers take one a turn from each:
   * what is posted now by another channel comes after the first of them.
   * @param {Member} member
   */
  async #lastWords(member) {
    if (!member.last) await new Promise(later => setTimeout(later, LAST_WORDS));
    for (let heard = NaN; !member.last && heard !== member.heard; ) {
      heard = member.heard;
      await turn();
    }
  }

  /**
   * What it was at is lost, and not tried again, since it may have had effects; what it had not begun goes to others.
   * @param {Member} member
   */
  #bury(member) {
    const sent = member.groups.flatMap(({calls}) => calls);
    const lost = new Set(member.number === L.ASYNC_WORKER ? sent : member.begun());
    for (const call of lost) {
      this.#sent.delete(call.id);
      this.#statistics[member.number].run++;
      // Which of them it hung in is not known. The next ones go alone, until the function is known to be quick again.
      if (!member.last && call.fn.expected < AHEAD) call.fn.took(AHEAD);
      this.#arrive(call, OUTCOMES[call.asked], member.number);
    }
    const calls = sent.filter(call => !lost.has(call));
    for (const call of calls) {
      this.#sent.delete(call.id);
      call.worker = null;
    }
    const {interactive, batch} = this.#queues;
    const ready = calls.filter(call => call.asked === CancelReason.NOT_ASKED);
    interactive.putBack(ready.filter(({bits}) => bits & INTERACTIVE));
    batch.putBack(ready.filter(({bits}) => !(bits & INTERACTIVE)));
    for (const call of calls) if (call.asked !== CancelReason.NOT_ASKED) this.#arrive(call, OUTCOMES[call.asked], member.number);
    member.groups = [];
    member.calls = 0;
  }

  /**
   * No worker can start: all that waits fails.
   * @param {string} reason
   */
  #break(reason) {
    if (this.#ended) return;
    this.#broken = new TextEncoder().encode(reason);
    this.#end(life => life.stop());
    for (const call of this.#calls.values()) this.#arrive(call, Outcome.BROKEN, 0, this.#broken);
    this.#sent.clear();
    for (const queue of Object.values(this.#queues)) queue.takeAll();
    this.oncompletions();
  }

  /** @param {(life: Life, member: Member | undefined) => Promise<void> | void} end */
  async #end(end) {
    this.#ended = true;
    await Promise.all(
      this.#lives.map(async (life, number) => {
        const member = this.#members[number];
        clearTimeout(member?.timer);
        if (life) await end(life, member);
        member?.channel.close();
        this.#members[number] = undefined;
        this.#tell(number, 'stopped');
      }),
    );
  }

  /**
   * Ends all workers.
   * @param {{now?: boolean}} [options] now: whatever they do. Else they have nothing to do any more, and what they
   *     printed is seen first
   */
  async close({now = false} = {}) {
    this.#closing ??= this.#ended
      ? Promise.resolve()
      : this.#end(async (life, member) => {
          member?.leave();
          await life.leave(false);
        });
    if (now) for (const life of this.#lives) life?.stop();
    await this.#closing;
    this.options.output.end?.();
    this.closed = true;
  }
  /** @type {Promise<void> | undefined} */
  #closing;
  /** Whether all workers have ended. */
  closed = false;

  /**
   * Ends one worker at once, as a crash would: what it is at is lost, a successor starts.
   * @param {number} number
   */
  kill(number) {
    const member = this.#members[number];
    if (member) {
      member.killed = true;
      member.ready = false; // its thread may be gone long before anybody says so
    }
    this.#lives[number]?.kill();
  }

  /** What the workers did, in the form of penny.Scheduler.stats. */
  stats() {
    const now = performance.now();
    const workers = Array.from({length: this.workers}, (_, worker) => {
      const {run, busy, since} = this.#statistics[worker] ?? {run: 0, busy: 0, since: now};
      const idle = Math.max(0, now - since - busy);
      return {worker, run, stolen: 0, promoted: 0, busy: busy / 1000, idle: idle / 1000, wakeups: 0};
    });
    return {workers, heap: {used: 0, size: 0, limit: 0}, pending: this.#calls.size};
  }
}

/** Until messages that are there now have been heard. @returns {Promise<void>} */
const turn = () =>
  new Promise(resolve => {
    const {port1, port2} = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

/** What has become of a call whose worker is gone, by why it had been asked to end. @type {Record<number, number>} */
const OUTCOMES = {
  [CancelReason.NOT_ASKED]: Outcome.LOST,
  [CancelReason.ASKED]: Outcome.CANCELLED,
  [CancelReason.TIMED_OUT]: Outcome.TIMED_OUT,
};
