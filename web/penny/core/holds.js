// Arrays in shared memory, for one participant: which it holds, and what its slots carry. The protocol is the
// core's (penny/wasm_core/memory/README.md); what is added here is a count of its own holders, since a participant
// holds an array once in shared memory however many objects it has for it.
import * as L from './layout.js';

/**
 * What this needs of a participant's core.
 * @typedef {{participant: number, exports: import('./exports.js').CoreExports, words: Int32Array,
 *            reach(end: number): void, checkBlock(block: number, size: number): void}} Participant
 */

export class Arrays {
  /** What this participant holds, by number. @type {Map<number, {serial: number, holders: number}>} */
  #held = new Map();

  /** @param {Participant} core */
  constructor(core) {
    this.core = core;
  }

  /**
   * Makes an array of zeros, held once.
   * @param {number} size bytes
   * @returns {number} its number, from 1 on; 0: there is no room for it now
   */
  make(size) {
    const {exports, participant} = this.core;
    const number = exports.array_new(participant, size);
    if (number) this.#held.set(number, {serial: exports.array_serial(number) >>> 0, holders: 1});
    return number;
  }

  /**
   * Takes a hold on an array.
   * @param {number} number
   * @param {number} serial
   * @returns {boolean} false: it has been freed
   */
  hold(number, serial) {
    const held = this.#held.get(number);
    if (held) {
      if (held.serial !== serial) return false; // its number is another's by now
      held.holders++;
      return true;
    }
    const {exports, participant} = this.core;
    if (!exports.array_hold(participant, number, serial)) return false;
    this.#held.set(number, {serial, holders: 1});
    return true;
  }

  /** Lets one hold go. @param {number} number */
  drop(number) {
    const held = this.#held.get(number);
    if (!held || --held.holders) return;
    this.#held.delete(number);
    this.core.exports.array_drop(this.core.participant, number);
  }

  /** One more hold of each; the caller sees to it that they live. @param {number[]} numbers */
  holdAll(numbers) {
    for (const number of numbers) this.hold(number, this.serial(number));
  }

  /** @param {number[]} numbers */
  dropAll(numbers) {
    for (const number of numbers) this.drop(number);
  }

  /**
   * Address of an array that is held.
   * @param {number} number
   * @throws {CorruptionError} if it can't be there
   */
  address(number) {
    const {exports} = this.core;
    const address = exports.array_block(number) >>> 0;
    this.core.checkBlock(address, this.size(number));
    return address;
  }

  /** Bytes of an array that is held. @param {number} number */
  size(number) {
    return this.core.exports.array_size(number) >>> 0;
  }

  /** Serial of an array that is held. @param {number} number */
  serial(number) {
    return this.core.exports.array_serial(number) >>> 0;
  }

  // ---- what slots carry -------------------------------------------------------------------------

  /**
   * Has a slot carry arrays, which are held, each once. The slot carries nothing yet.
   * @param {number} task
   * @param {number[]} numbers
   * @returns {boolean} false: there is no room for the list
   */
  carry(task, numbers) {
    if (!numbers.length) return true;
    const {core} = this;
    const list = core.exports.list_new(core.participant, numbers.length) >>> 0;
    if (!list) return false;
    core.reach(list + 4 + 4 * numbers.length);
    core.words.set(numbers, list / 4 + 1);
    core.exports.task_carry(task, list);
    return true;
  }

  /** Whether a slot, which is this participant's, carries any. @param {number} task */
  carries(task) {
    return this.core.words[L.CARRIED_WORD + task] !== 0;
  }

  /** The slot, which is this participant's, carries nothing any more. @param {number} task */
  uncarry(task) {
    if (this.carries(task)) this.core.exports.task_uncarry(task, this.core.participant);
  }
}
