// What Python prints, on its way from a worker to whoever shows it: bytes, in the pieces in which they were flushed.

import {ASYNC_WORKER} from '../core/layout.js';

/**
 * @typedef {'stdout' | 'stderr'} Stream
 * @typedef {((stream: Stream, text: string, worker: number | null, bytes: Uint8Array) => void) & {end?: () => void}} Output
 *   gets pieces as they were flushed: some lines, or part of one. text: empty in the middle of a character; worker: its
 *   number, null: the script itself; bytes: the same, which need not be text; end: what was printed is complete, for now
 */

/**
 * Has a Pyodide write to `write`.
 * @param {import('../boot/pyodide.js').Pyodide} pyodide
 * @param {(stream: Stream, bytes: Uint8Array<ArrayBuffer>) => void} write
 */
export function writeTo(pyodide, write) {
  for (const stream of /** @type {const} */ (['stdout', 'stderr'])) {
    const set = stream === 'stdout' ? pyodide.setStdout : pyodide.setStderr;
    set({
      write: (/** @type {Uint8Array} */ bytes) => {
        write(stream, bytes.slice());
        return bytes.length;
      },
    });
  }
  pyodide.pyimport('penny.stdio.output').install();
}

/**
 * Passes bytes of one Python on to `output`, as text too: a character may come in two pieces.
 * @param {Output} output
 * @param {number | null} worker
 * @returns {(stream: Stream, bytes: Uint8Array) => void}
 */
export function decoded(output, worker) {
  const decoders = {stdout: new TextDecoder(), stderr: new TextDecoder()};
  return (stream, bytes) =>
    output(stream, decoders[stream].decode(bytes, {stream: true}), worker, bytes);
}

/**
 * Says on stderr what no program has printed.
 * @param {Output} output
 * @param {string} text a line
 * @param {number | null} worker
 */
export function tellError(output, text, worker) {
  const line = `${text}\n`;
  output('stderr', line, worker, new TextEncoder().encode(line));
}

/** Who prints in a program: a worker by its number, also the one for coroutines; and the script. */
export const SCRIPT = ASYNC_WORKER + 1;

/** How many pieces each of a program has posted, in memory that all of it share. */
export const newCounts = () => new Int32Array(new SharedArrayBuffer(4 * (SCRIPT + 1)));

/**
 * A program's output in an order in which it may have been written. A browser may hand over what one worker has posted
 * before what another had posted earlier. So each piece says how many had been posted by everybody when it was
 * (`after`), and is shown after those: what a task prints, before what whoever has its result prints, and after what was
 * printed before it was submitted. Two pools of a program share the counts of workers of one number, which is as good
 * where only one prints.
 */
export class InOrder {
  /** What was shown, by who wrote it. */
  #shown = new Int32Array(SCRIPT + 1);
  /** @type {Map<number, {after: Int32Array, show: () => void}[]>} */
  #waiting = new Map();

  /** @param {Int32Array} counts of `newCounts` */
  constructor(counts) {
    this.counts = counts;
  }

  /**
   * @param {number} who
   * @param {Int32Array} after
   * @param {() => void} show called once, in its turn
   */
  take(who, after, show) {
    const mine = this.#waiting.get(who);
    if (mine) mine.push({after, show});
    else this.#waiting.set(who, [{after, show}]);
    this.#settle();
  }

  /** The worker is gone, and what it had posted comes no more. @param {number} who */
  gone(who) {
    this.#shown[who] = Math.max(this.#shown[who], Atomics.load(this.counts, who));
    this.#settle();
  }

  #settle() {
    for (let moved = true; moved; ) {
      moved = false;
      for (const [who, pieces] of this.#waiting) {
        while (pieces.length && this.#ready(who, pieces[0].after)) {
          pieces.shift()?.show();
          this.#shown[who]++;
          moved = true;
        }
        if (!pieces.length) this.#waiting.delete(who);
      }
    }
  }

  /** @param {number} who @param {Int32Array} after */
  #ready(who, after) {
    return after.every((count, other) => other === who || this.#shown[other] >= count);
  }
}

/**
 * An output to the console, which has lines only: part of a line is shown with its rest, at the latest before
 * the next whole line of anybody, or when all is over (`end`).
 * @returns {Output}
 */
export function toConsole() {
  /** By who wrote them, in order. @type {Map<string, {stream: Stream, text: string, worker: number | null}>} */
  const parts = new Map();
  /** @param {Stream} stream @param {string} text @param {number | null} worker */
  const show = (stream, text, worker) => {
    const where = worker === null ? [] : [`[worker ${worker}]`];
    if (stream === 'stdout') console.log(...where, text);
    else console.error(...where, text);
  };
  const end = () => {
    for (const {stream, text, worker} of parts.values()) show(stream, text, worker);
    parts.clear();
  };
  /** @type {Output} */
  const output = (stream, text, worker) => {
    const whole = text.lastIndexOf('\n') + 1;
    const key = `${stream} ${worker}`;
    if (whole) {
      const begun = parts.get(key)?.text ?? '';
      parts.delete(key);
      end();
      show(stream, begun + text.slice(0, whole - 1), worker);
    }
    const rest = text.slice(whole);
    if (rest) parts.set(key, {stream, text: (parts.get(key)?.text ?? '') + rest, worker});
  };
  return Object.assign(output, {end});
}
