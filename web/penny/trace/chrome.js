// Makes a Chrome trace of what a scheduler's participants recorded (rings.js): the JSON that ui.perfetto.dev and
// chrome://tracing open. Its format: "Trace Event Format", by the Chromium project.
//
// A scheduler is a process, a participant a thread of it. What a worker does is spans (`X`), which nest: tasks, with
// others on top while they join; joins; spinning; sleeping. Coroutines are spans side by side (`b`, `e`). All
// else is instants (`i`), and an arrow (`s`, `f`) leads from a victim to the task that was stolen.
import * as L from '../core/layout.js';
import {lostEvents} from './rings.js';

/**
 * @typedef {import('./rings.js').Recording} Recording
 * @typedef {import('./rings.js').Track} Track
 *
 * An event of the format. ts, dur: µs.
 * @typedef {{name: string, ph: string, pid: number, tid: number, ts?: number, dur?: number, cat?: string,
 *            id?: number | string, bp?: string, s?: string, args?: Record<string, unknown>}} TraceEvent
 * @typedef {{traceEvents: TraceEvent[], displayTimeUnit: 'ms', otherData: {generator: string, dropped: number}}} ChromeTrace
 *     dropped: events that are lost, since rings were overwritten before anybody read them
 *
 * A decoded event. time: 0.1 µs.
 * @typedef {{time: number, kind: number, how: number, who: number, task: number, fn: number}} Event
 * @typedef {{kind: number, task: number, event: TraceEvent}} Span one that has not ended
 */

/** @type {Record<number, string>} */
const ORIGINS = {
  [L.ORIGIN_OWN]: 'own deque',
  [L.ORIGIN_INJECTED]: 'injector',
  [L.ORIGIN_URGENTLY]: 'interactive injector',
  [L.ORIGIN_COROUTINE]: 'coroutines',
};
/** Which events begin a span that another ends. @type {Record<number, number>} */
const BEGINS = {
  [L.TRACE_ENDED]: L.TRACE_BEGAN,
  [L.TRACE_ASIDE]: L.TRACE_BEGAN,
  [L.TRACE_JOINED]: L.TRACE_JOINS,
  [L.TRACE_SPUN]: L.TRACE_SPINS,
  [L.TRACE_UNPARKED]: L.TRACE_PARKS,
};
/** @type {Record<number, string>} */
const WAITS = {[L.TRACE_JOINS]: 'join', [L.TRACE_SPINS]: 'spin', [L.TRACE_PARKS]: 'park'};
/** @type {Record<number, string>} */
const ENDINGS = {[L.State.RETURNED]: 'returned', [L.State.RAISED]: 'raised'};
/** @type {Record<number, string>} */
const QUEUES = {
  [L.INTERACTIVE]: 'interactive',
  [L.BATCH]: 'batch',
  [L.COROUTINES]: 'coroutine',
};

/** How much later, by the clock, a task may be queued than begun, 0.1 µs: too short for all uses of its slot. */
const LATE = 5_000_000;

/** Bits of enum reason. @param {number} bits */
const reasons = bits => ['steal', 'urgent', 'cancel'].filter((_, i) => (bits >> i) & 1).join(', ');

/** @param {number} time 0.1 µs */
const micro = time => time / 10;

/** @param {number} participant */
function threadName(participant) {
  if (participant < L.ASYNC_WORKER) return `worker ${participant}`;
  if (participant === L.ASYNC_WORKER) return 'async worker';
  return participant === L.FIRST_CLIENT ? 'page' : 'host';
}

/** A thread's number, not 0; what the async worker's coroutines submit is its own. @param {number} participant */
const threadId = participant =>
  (participant === L.FIRST_CLIENT + L.ASYNC_CLIENT ? L.ASYNC_WORKER : participant) + 1;

/** @param {Int32Array} words @param {number} at @returns {Event} */
function decode(words, at) {
  const low = words[at] >>> 0;
  return {
    time: (words[at + 1] >>> 0) * 2 ** (32 - L.EVENT_TIME_SHIFT) + (low >>> L.EVENT_TIME_SHIFT),
    kind: (low >>> L.EVENT_KIND_SHIFT) & L.EVENT_KIND_MASK,
    how: (low >>> L.EVENT_HOW_SHIFT) & L.EVENT_HOW_MASK,
    who: low & L.EVENT_WHO_MASK,
    task: words[at + 2] >>> 0,
    fn: words[at + 3] >>> 0,
  };
}

/** @param {Track} track @returns {Generator<{event: Event, lost: number}>} lost: events just before it */
function* eventsOf({first, pieces}) {
  let expected = first;
  for (const piece of pieces) {
    let lost = (piece.first - expected) >>> 0;
    for (let at = 0; at < piece.words.length; at += 4) {
      yield {event: decode(piece.words, at), lost};
      lost = 0;
    }
    expected = (piece.first + piece.words.length / 4) >>> 0;
  }
}

/**
 * The last of the spans that begins at or before a time.
 * @param {TraceEvent[]} spans in order
 * @param {number} ts
 */
function lastUntil(spans, ts) {
  let low = 0;
  for (let high = spans.length; low < high; ) {
    const middle = (low + high) >> 1;
    if (Number(spans[middle].ts) <= ts) low = middle + 1;
    else high = middle;
  }
  return spans[low - 1];
}

/** A scheduler's events. */
class Process {
  /** @type {TraceEvent[]} */
  events = [];
  /** When a task was queued, and its function, by hint; the last of that hint, or all. */
  #queued = /** @type {Map<number, {time: number, by: number, fn: number}[]>} */ (new Map());
  /** When workers died, by number. @type {Map<number, number[]>} */
  #deaths = new Map();
  /** @type {{from: number, left: number, to: number, arrived: number}[]} */
  #arrows = [];
  /** Spans on top of no other, by thread. @type {Map<number, TraceEvent[]>} */
  #outermost = new Map();

  /**
   * @param {Recording} recording
   * @param {number} pid
   */
  constructor(recording, pid) {
    this.recording = recording;
    this.pid = pid;
    const tracks = recording.tracks.filter(
      ({participant, pieces}) => participant < recording.workers || pieces.length,
    );
    for (const track of tracks) this.#note(track);
    for (const track of tracks) new Thread(this, track).convert();
    for (const spans of this.#outermost.values()) spans.sort((a, b) => Number(a.ts) - Number(b.ts));
    this.#drawArrows();
    this.#sort();
  }

  /** What other tracks refer to. @param {Track} track */
  #note(track) {
    for (const {event} of eventsOf(track)) {
      const {kind, time, task, fn, who} = event;
      if (kind === L.TRACE_SUBMITTED || kind === L.TRACE_PROMOTED) {
        const note = {time, by: track.participant, fn};
        const known = this.#queued.get(task);
        if (known) known.push(note);
        else this.#queued.set(task, [note]);
      } else if (kind === L.TRACE_LOST) {
        this.#deaths.set(who, [...(this.#deaths.get(who) ?? []), time]);
      }
    }
  }

  /**
   * The last death of a worker until then.
   * @param {number} worker
   * @param {number} time
   */
  death(worker, time) {
    return (this.#deaths.get(worker) ?? []).filter(death => death <= time).at(-1);
  }

  /**
   * How a task came to be queued. A slot's uses are counted with 16 bits, so that an older one may have the same hint.
   * @param {number} task
   * @param {number} time when it was begun; a worker that goes from one task to the next does not ask the clock again, so
   *     it may be before, if the thread had to wait for a processor
   */
  queued(task, time) {
    return this.#queued.get(task)?.findLast(note => note.time <= time + LATE);
  }

  /** @param {number} fn @param {boolean} isKernel */
  functionName(fn, isKernel) {
    const known = this.recording.names.get(isKernel ? L.NAME_IS_PLACE + fn : fn);
    return known ?? (isKernel ? `kernel function ${fn}` : `function ${fn}`);
  }

  /**
   * An arrow to the begin of a task.
   * @param {number} from participant
   * @param {number} left when it leaves there, 0.1 µs
   * @param {number} to participant
   * @param {number} arrived
   */
  arrow(from, left, to, arrived) {
    this.#arrows.push({from, left, to, arrived});
  }

  /** A span that is on top of no other. @param {TraceEvent} span */
  outermost(span) {
    const spans = this.#outermost.get(span.tid);
    if (spans) spans.push(span);
    else this.#outermost.set(span.tid, [span]);
  }

  /** Arrows lead from span to span. One that would leave between two is left out; the steal is there anyway. */
  #drawArrows() {
    this.#arrows.forEach(({from, left, to, arrived}, i) => {
      const tid = threadId(from);
      const ts = micro(left);
      const span = lastUntil(this.#outermost.get(tid) ?? [], ts);
      if (!span || ts > Number(span.ts) + Number(span.dur)) return;
      const arrow = {name: 'steal', cat: 'steal', pid: this.pid, id: `${this.pid}.${i + 1}`};
      this.events.push(
        {...arrow, ph: 's', tid, ts},
        {...arrow, ph: 'f', bp: 'e', tid: threadId(to), ts: micro(arrived)},
      );
    });
  }

  /** By thread, then time; of those that begin at the same time the outermost first. */
  #sort() {
    this.events.sort(
      (a, b) => a.tid - b.tid || (a.ts ?? -1) - (b.ts ?? -1) || (b.dur ?? -1) - (a.dur ?? -1),
    );
  }
}

/** One participant's events. */
class Thread {
  /** Spans that have not ended, the innermost last. @type {Span[]} */
  #open = [];
  /** Coroutines that have not ended, by hint. @type {Map<number, TraceEvent>} */
  #coroutines = new Map();
  /** Tasks that have ended, and whose outcomes wait for room. @type {Set<number>} */
  #aside = new Set();
  /** Since when all is known: what began before is not. @type {number | undefined} */
  #resumed;
  #last = 0;

  /**
   * @param {Process} process
   * @param {Track} track
   */
  constructor(process, track) {
    this.process = process;
    this.track = track;
    this.participant = track.participant;
    this.isAsync = track.participant === L.ASYNC_WORKER;
    this.thread = {pid: process.pid, tid: threadId(track.participant)};
  }

  convert() {
    const {process, participant, thread} = this;
    process.events.push(
      {name: 'thread_name', ph: 'M', ...thread, args: {name: threadName(participant)}},
      {name: 'thread_sort_index', ph: 'M', ...thread, args: {sort_index: thread.tid}},
    );
    for (const {event, lost} of eventsOf(this.track)) {
      if (lost) this.#resume(event.time, lost);
      this.#convert(event);
      this.#last = event.time;
    }
    // A worker that died is not said so in its own ring.
    const now = Math.max(this.#last, Math.round(process.recording.now * 1e4));
    const death = process.death(participant, now);
    if (death !== undefined && death >= this.#last) this.#die(death);
    else this.#closeAll(now, {unfinished: true});
  }

  /** @param {Event} event */
  #convert(event) {
    const {process} = this;
    const {time, kind, how, who, task, fn} = event;
    switch (kind) {
      case L.TRACE_STARTED:
        if (fn) this.#die(process.death(this.participant, time) ?? this.#last);
        this.#instant(time, 'start', 'worker');
        break;
      case L.TRACE_STOPPED:
        this.#instant(time, 'stop', 'worker');
        break;
      case L.TRACE_SUBMITTED:
        this.#instant(time, `submit ${process.functionName(fn, false)}`, 'submit', {
          ...this.#task(task),
          queue: QUEUES[how],
        });
        break;
      case L.TRACE_BEGAN:
        this.#begin(event);
        break;
      case L.TRACE_JOINS:
      case L.TRACE_SPINS:
      case L.TRACE_PARKS: {
        const args = task === L.NONE ? {} : {for: this.#task(task)};
        this.#push(event, {name: WAITS[kind], cat: kind === L.TRACE_JOINS ? 'join' : 'idle', args});
        break;
      }
      case L.TRACE_ENDED:
      case L.TRACE_ASIDE:
      case L.TRACE_JOINED:
      case L.TRACE_SPUN:
      case L.TRACE_UNPARKED:
        this.#end(event);
        break;
      case L.TRACE_PROMOTED:
        this.#instant(time, 'promote', 'promotion', {...this.#task(task), queue: QUEUES[how]});
        break;
      case L.TRACE_RANG:
        this.#instant(time, 'ring', 'doorbell', {worker: threadName(who), reason: reasons(how)});
        break;
      case L.TRACE_HEARD:
        this.#instant(time, 'hear', 'doorbell', {reasons: reasons(how)});
        break;
      case L.TRACE_WOKE:
        // stop() and recover() wake all whom there might be.
        if (who < process.recording.workers || who === L.ASYNC_WORKER)
          this.#instant(time, 'wake', 'wake', {worker: threadName(who)});
        break;
      case L.TRACE_LOST:
        process.events.push({
          ...{name: 'death', cat: 'worker', ph: 'i', s: 't', pid: process.pid, tid: threadId(who)},
          ts: micro(time),
        });
        break;
    }
  }

  /** What names a task: its slot, and which use of it. @param {number} hint */
  #task(hint) {
    return {slot: hint & L.INDEX_MASK, use: hint >>> L.INDEX_BITS};
  }

  /**
   * @param {number} time
   * @param {string} name
   * @param {string} cat
   * @param {Record<string, unknown>} [args]
   */
  #instant(time, name, cat, args = {}) {
    this.process.events.push({name, cat, ph: 'i', s: 't', ...this.thread, ts: micro(time), args});
  }

  /** A task. @param {Event} event */
  #begin(event) {
    const {process} = this;
    const {time, how, who, task, fn} = event;
    const isKernel = (how & L.IS_KERNEL) !== 0;
    const origin = how & L.ORIGIN_MASK;
    const queued = process.queued(task, time);
    const args = {
      ...this.#task(task),
      from: who === L.NOBODY ? ORIGINS[origin] : threadName(who),
      stolen: origin === L.ORIGIN_STOLEN,
      ...(how & L.IS_URGENT && {interactive: true}),
      ...(isKernel && {kernel: true}),
      ...(queued && {queued_by: threadName(queued.by), queued_us: micro(Math.max(0, time - queued.time))}),
    };
    this.#push(event, {name: process.functionName(fn, isKernel), cat: 'task', args});
    if (origin !== L.ORIGIN_STOLEN) return;
    this.#instant(time, 'steal', 'steal', {victim: threadName(who), ...this.#task(task)});
    // From where it was promoted, if the victim did that; a task from the injector it has just had in its deque.
    const left = queued?.by === who ? Math.min(queued.time, time) : time;
    process.arrow(who, left, this.participant, time);
  }

  /**
   * @param {Event} event
   * @param {{name: string, cat: string, args: Record<string, unknown>}} span
   */
  #push({time, kind, task}, {name, cat, args}) {
    if (this.isAsync && kind === L.TRACE_BEGAN) {
      const id = `${this.thread.pid}.${task}`;
      const begin = {name, cat, ph: 'b', id, ...this.thread, ts: micro(time), args};
      this.process.events.push(begin);
      this.#coroutines.set(task, begin);
      return;
    }
    const span = {name, cat, ph: 'X', ...this.thread, ts: micro(time), dur: 0, args};
    this.process.events.push(span);
    if (!this.#open.length) this.process.outermost(span);
    this.#open.push({kind, task, event: span});
  }

  /** @param {Event} event */
  #end(event) {
    const {time, kind, how, task} = event;
    const begun = BEGINS[kind];
    const outcome = kind === L.TRACE_ENDED ? {outcome: ENDINGS[how]} : {};
    if (kind === L.TRACE_ASIDE) this.#aside.add(task);
    if (kind === L.TRACE_ENDED && this.#aside.delete(task)) {
      this.#instant(time, 'outcome finds room', 'task', this.#task(task));
      return;
    }
    if (this.isAsync && begun === L.TRACE_BEGAN) {
      this.#endCoroutine(task, time, outcome);
      return;
    }
    const at = this.#open.findLastIndex(
      span => span.kind === begun && (begun !== L.TRACE_BEGAN || span.task === task),
    );
    if (at >= 0) {
      for (const {event: inner} of this.#open.splice(at + 1)) this.#close(inner, time, {});
      this.#close(/** @type {Span} */ (this.#open.pop()).event, time, outcome);
    } else if (this.#resumed !== undefined && !this.#open.length) {
      this.#push({...event, kind: begun, time: this.#resumed}, this.#unknown(event, begun));
      this.#close(/** @type {Span} */ (this.#open.pop()).event, time, {truncated: true, ...outcome});
    }
  }

  /** A span whose begin is lost. @param {Event} event @param {number} begun */
  #unknown({task, time}, begun) {
    if (begun !== L.TRACE_BEGAN)
      return {name: WAITS[begun], cat: begun === L.TRACE_JOINS ? 'join' : 'idle', args: {}};
    const queued = this.process.queued(task, time);
    const name = queued ? this.process.functionName(queued.fn, false) : 'task';
    return {name, cat: 'task', args: this.#task(task)};
  }

  /**
   * @param {number} task
   * @param {number} time
   * @param {Record<string, unknown>} args
   */
  #endCoroutine(task, time, args) {
    const begin = this.#coroutines.get(task);
    if (!begin) return;
    this.#coroutines.delete(task);
    const {name, cat, id} = begin;
    this.process.events.push({name, cat, ph: 'e', id, ...this.thread, ts: micro(time), args});
  }

  /**
   * @param {TraceEvent} span
   * @param {number} time
   * @param {Record<string, unknown>} args
   */
  #close(span, time, args) {
    // Whole tenths: the difference of two µs is not.
    span.dur = micro(time - Math.round(/** @type {number} */ (span.ts) * 10));
    Object.assign(/** @type {{}} */ (span.args), args);
  }

  /**
   * @param {number} time
   * @param {Record<string, unknown>} args
   */
  #closeAll(time, args) {
    for (const {event} of this.#open.splice(0)) this.#close(event, time, args);
    for (const task of [...this.#coroutines.keys()]) this.#endCoroutine(task, time, args);
  }

  /** @param {number} time */
  #die(time) {
    this.#closeAll(Math.max(time, this.#last), {lost: true});
    this.#aside.clear();
  }

  /**
   * Events are missing: what was open has ended, or not; nobody knows.
   * @param {number} time of the next event
   * @param {number} lost how many are missing
   */
  #resume(time, lost) {
    this.#closeAll(this.#last, {truncated: true});
    this.#aside.clear();
    this.#resumed = time;
    this.#instant(time, 'events dropped', 'trace', {dropped: lost});
  }
}

/**
 * @param {Recording[]} recordings each becomes a process
 * @returns {ChromeTrace}
 */
export function chromeTrace(recordings) {
  /** @type {TraceEvent[]} */
  const traceEvents = [];
  let dropped = 0;
  recordings.forEach((recording, i) => {
    const pid = i + 1;
    const name = recordings.length > 1 ? `Penny scheduler ${pid}` : 'Penny scheduler';
    traceEvents.push({name: 'process_name', ph: 'M', pid, tid: 0, args: {name}});
    for (const event of new Process(recording, pid).events) traceEvents.push(event);
    for (const track of recording.tracks) dropped += lostEvents(track);
  });
  return {traceEvents, displayTimeUnit: 'ms', otherData: {generator: 'Penny', dropped}};
}

/** So many events at a time, for who writes or sends them. */
const PIECE = 5_000;

/**
 * A trace as JSON, in pieces: one string may not hold it.
 * @param {ChromeTrace} trace
 */
export function* jsonPieces({traceEvents, ...rest}) {
  yield `${JSON.stringify(rest).slice(0, -1)},"traceEvents":[\n`;
  for (let i = 0; i < traceEvents.length; i += PIECE) {
    const events = traceEvents.slice(i, i + PIECE).map(event => JSON.stringify(event));
    yield (i ? ',\n' : '') + events.join(',\n');
  }
  yield '\n]}\n';
}
