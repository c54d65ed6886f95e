// A worker's half: the calls that came in a message, one after the other, and what became of them, which goes back in
// one. And the functions and definitions that calls need.
import {Reader, Writer} from './records.js';

/**
 * @typedef {import('./protocol.js').Group} Group
 * @typedef {import('./protocol.js').Table} Table
 * @typedef {import('./protocol.js').FromWorker} FromWorker
 */

/** Functions and definitions that whoever submits has sent, for as long as it has use for them. */
export class Forms {
  /** @type {Map<number, Uint8Array>} */
  #forms = new Map();

  /** @param {Table} table */
  take({functions, bundles, forget}) {
    if (functions) for (const [number, form] of functions) this.#forms.set(number, form);
    if (bundles) for (const [place, form] of bundles) this.#forms.set(place, form);
    if (forget) for (const number of forget) this.#forms.delete(number);
  }

  /** @param {number} number of a function, or place of definitions @returns {Uint8Array | undefined} undefined: it is there no more */
  get(number) {
    return this.#forms.get(number);
  }
}

/** The tasks of a worker that runs one at a time. */
export class Tasks {
  forms = new Forms();
  /** The task that is run, or ran last. */
  task = new Reader({records: new Uint8Array(), large: []});
  #outcomes = new Writer();
  /** Id of the task that is run; null: none is. @type {number | null} */
  #at = null;

  /** @param {MessagePort} channel */
  constructor(channel) {
    this.channel = channel;
  }

  /** @param {Group} group to be run */
  take(group) {
    this.forms.take(group);
    this.task = new Reader(group);
  }

  /** Goes to the next task; false: there is none. */
  next() {
    const is = this.task.next();
    this.#at = is ? this.task.id : null;
    return is;
  }

  /**
   * Ends the task.
   * @param {number} raised 1 if the outcome is an exception
   * @param {Uint8Array} source where its pickle lies
   * @param {number} from
   * @param {number} size
   */
  end(raised, source, from, size) {
    this.#outcomes.add(this.task.id, raised, 0, source, from, size);
  }

  /**
   * Ends the task, whose outcome is large.
   * @param {number} raised
   * @param {Uint8Array<ArrayBuffer>} outcome all of its buffer
   */
  endLarge(raised, outcome) {
    this.#outcomes.addLarge(this.task.id, raised, 0, outcome);
  }

  /** All of a group have ended. @param {number} ms that they took */
  tell(ms) {
    tellEnded(this.channel, this.#outcomes, ms);
  }

  /** Nothing will run here any more. */
  die() {
    const packed = this.#outcomes.take();
    /** @type {FromWorker} */
    const message = {type: 'dies', at: this.#at, ...packed};
    this.channel.postMessage(message, packed.large.map(({buffer}) => buffer));
  }
}

/**
 * @param {MessagePort} channel
 * @param {Writer} outcomes
 * @param {number} ms
 */
export function tellEnded(channel, outcomes, ms) {
  const packed = outcomes.take();
  /** @type {FromWorker} */
  const message = {type: 'ended', ms, ...packed};
  channel.postMessage(message, packed.large.map(({buffer}) => buffer));
}
