// What has ended and has not been collected yet: interactive tasks first, else oldest first.
import {CorruptionError} from '../core/corruption.js';
import * as L from '../core/layout.js';

/** First in, first out. */
class Queue {
  /** @type {number[]} */
  #items = [];
  #head = 0;

  get first() {
    return this.#items[this.#head];
  }

  get length() {
    return this.#items.length - this.#head;
  }

  /** @param {number} item */
  push(item) {
    this.#items.push(item);
  }

  shift() {
    this.#head++;
    if (this.#head < this.#items.length) return;
    this.#items = [];
    this.#head = 0;
  }
}

export class Completed {
  #urgent = new Queue();
  #others = new Queue();
  #deathsSeen = 0;
  /** Slots noted in step b of recovery.c. @type {{index: number, word: number}[]} */
  #adrift = [];

  /**
   * @param {import('../core/core.js').Core} core
   * @param {number} client
   */
  constructor(core, client) {
    this.core = core;
    this.client = client;
  }

  /** How many are here, at least. */
  get length() {
    return this.#urgent.length + this.#others.length + this.#adrift.length;
  }

  /** Takes in what has ended since, so that urgent ones are not held up by the others here. */
  refresh() {
    // What is noted after a death is only looked at when all is collected that was taken by then.
    if (this.length && !this.#adrift.length) this.#take();
  }

  /** The slot of the next, or NONE. It stays the next until shift(). */
  first() {
    while (!this.#urgent.length && !this.#others.length) {
      // Steps a to d of recovery.c.
      const noted = this.#adrift.pop();
      if (noted) {
        if (this.core.taskWord(noted.index, L.TASK_STATE_WORD) === noted.word)
          this.#others.push(noted.index);
        continue;
      }
      const deaths = this.core.exports.deaths();
      const died = deaths !== this.#deathsSeen;
      if (died) this.#noteAdrift();
      this.#deathsSeen = deaths;
      this.#take();
      if (!died) break;
    }
    return this.#urgent.first ?? this.#others.first ?? L.NONE;
  }

  shift() {
    if (this.#urgent.length) this.#urgent.shift();
    else this.#others.shift();
  }

  /** Takes the completion list. */
  #take() {
    const {core} = this;
    let index = core.exports.completions_take(this.client) >>> 0;
    for (let length = 0; index !== L.NONE; length++) {
      // Also in a circle, should somebody write into the list just now.
      if (index >= L.TASKS || length === L.TASKS)
        throw new CorruptionError('the list of completed tasks leads nowhere');
      const urgent = core.taskWord(index, L.TASK_QUEUE_WORD) === L.INTERACTIVE;
      (urgent ? this.#urgent : this.#others).push(index);
      index = core.taskWord(index, L.TASK_NEXT_WORD);
    }
  }

  #noteAdrift() {
    const {core, client} = this;
    for (let index = 0; ; index++) {
      index = core.exports.adrift_next(client, index) >>> 0;
      if (index === L.NONE) return;
      this.#adrift.push({index, word: core.taskWord(index, L.TASK_STATE_WORD)});
    }
  }
}
