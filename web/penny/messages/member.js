// A worker as whoever submits sees it: what it has to do, in groups, and when it will have done it.
import {Writer} from './records.js';

/**
 * @typedef {import('./calls.js').Call} Call
 * @typedef {import('./protocol.js').Table} Table
 * @typedef {import('./protocol.js').ToWorker} ToWorker
 *
 * Calls that were sent in one message. limit: ms that its call may run, 0: no limit
 * @typedef {{calls: Call[], expected: number, limit: number}} Sent
 */

const writer = new Writer();

export class Member {
  /** It takes calls. */
  ready = false;
  /** It was ended, whatever it was at. */
  killed = false;
  /** How many messages have come from it. */
  heard = 0;
  /** What it was at, if it has said so before it died. @type {{at: number | null} | undefined} */
  last;
  /** What it has to do: it is at the first of these, or has not heard of it yet. @type {Sent[]} */
  groups = [];
  /** How many calls that is. */
  calls = 0;
  /** When it will have done all that, ms. */
  #doneAt = 0;
  /** Numbers of functions, and places of definitions, that it has. @type {Set<number>} */
  #has = new Set();
  /** Of them those that it may forget. @type {number[]} */
  #forget = [];
  /** Of the first call of the first group: its time is over. @type {ReturnType<typeof setTimeout> | undefined} */
  timer;

  /**
   * @param {number} number
   * @param {MessagePort} channel
   */
  constructor(number, channel) {
    this.number = number;
    this.channel = channel;
  }

  /** ms until it has nothing to do, as far as anybody knows. @param {number} now */
  busyFor(now) {
    return this.groups.length ? Math.max(0, this.#doneAt - now) : 0;
  }

  /**
   * Sends it calls.
   * @param {Call[]} calls
   * @param {number} expected ms that they take
   * @param {number} now
   * @param {ReadonlyMap<number, Uint8Array>} bundles definitions, by place
   * @returns {Sent}
   */
  send(calls, expected, now, bundles) {
    for (const call of calls) {
      call.worker = this.number;
      if (call.isLarge) writer.addLarge(call.id, call.fn.number, call.bits, call.bytes);
      else writer.add(call.id, call.fn.number, call.bits, call.bytes, call.from, call.size);
    }
    const packed = writer.take();
    this.#post(
      {type: 'group', ...packed, ...this.#lacking(calls, bundles)},
      packed.large.map(bytes => bytes.buffer),
    );
    const sent = {calls, expected, limit: calls[0].limit};
    this.#doneAt = Math.max(now, this.groups.length ? this.#doneAt : now) + expected;
    this.groups.push(sent);
    this.calls += calls.length;
    return sent;
  }

  /** @param {ToWorker} message @param {Transferable[]} [transfer] */
  #post(message, transfer = []) {
    this.channel.postMessage(message, transfer);
  }

  /**
   * @param {Call[]} calls
   * @param {ReadonlyMap<number, Uint8Array>} bundles
   * @returns {Table}
   */
  #lacking(calls, bundles) {
    /** @type {Table} */
    const table = {};
    for (const {fn} of calls) {
      if (this.#has.has(fn.number)) continue;
      this.#has.add(fn.number);
      (table.functions ??= []).push([fn.number, fn.form]);
    }
    if (bundles.size > this.bundles) {
      for (const [place, form] of bundles) {
        if (this.#has.has(place)) continue;
        this.#has.add(place);
        (table.bundles ??= []).push([place, form]);
      }
      this.bundles = bundles.size;
    }
    if (this.#forget.length) table.forget = this.#forget.splice(0);
    return table;
  }
  /** How many of the definitions it has. */
  bundles = 0;

  /**
   * Nobody needs that function or those definitions any more.
   * @param {number} number
   * @param {boolean} isBundle
   */
  forget(number, isBundle) {
    if (!this.#has.delete(number)) return;
    this.#forget.push(number);
    if (isBundle) this.bundles--;
  }

  /** @param {Call} call a coroutine */
  cancel({id, asked}) {
    this.#post({type: 'cancel', id, reason: asked});
  }

  /** Lets it go when it has done what it has. */
  leave() {
    this.#post({type: 'leave'});
  }

  /**
   * What of all that it has to do may have begun: of the first group, but if it has said before it died.
   * @returns {Call[]}
   */
  begun() {
    const [first] = this.groups;
    const {last} = this;
    if (!first) return [];
    return last ? first.calls.filter(({id}) => id === last.at) : first.calls;
  }

  /**
   * The group at which it was has ended.
   * @param {Sent} group
   * @param {number} now
   */
  ended(group, now) {
    this.groups.splice(this.groups.indexOf(group), 1);
    this.calls -= group.calls.length;
    this.#doneAt = now + this.groups.reduce((sum, {expected}) => sum + expected, 0);
  }
}
