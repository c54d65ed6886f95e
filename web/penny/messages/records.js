// Calls and outcomes as bytes: many in one message, which costs a page as much as one.
//
// A record: four words of 32 bits (which call; a number and bits, which mean what their kind says; bytes of the payload),
// then the payload, padded to whole words. One that is large is in a buffer of its own, which changes its owner instead of
// being copied; a bit says so. Few bytes go as a string, a character each, since a browser takes much longer for an array of them.
import {copyBytes} from '../core/payload.js';

/** Bytes before a payload. */
const HEADER_BYTES = 16;

/** The bit of a record whose payload is not in it. */
const APART = 1 << 31;

/** Bytes from which on a payload has a buffer of its own: to hand over a small one costs more than to copy it. */
export const LARGE = 1 << 16;

/** Bytes of records up to which they go as a string. */
const STRING = 1 << 8;

/**
 * What is in a message beside its records.
 * @typedef {{records: Uint8Array<ArrayBuffer> | string, large: Uint8Array<ArrayBuffer>[]}} Packed
 *   large: payloads that are not in their records, in the order of these
 */

/** Records that are being written. */
export class Writer {
  #bytes = new Uint8Array(1 << 12);
  #words = new Uint32Array(this.#bytes.buffer);
  #used = 0;
  /** @type {Uint8Array<ArrayBuffer>[]} */
  #large = [];

  /** Bytes of what has been written and not been taken. */
  get size() {
    return this.#used;
  }

  /**
   * @param {number} id
   * @param {number} number
   * @param {number} bits all but the highest
   * @param {Uint8Array} source where the payload lies
   * @param {number} from
   * @param {number} size
   */
  add(id, number, bits, source, from, size) {
    const at = this.#header(id, number, bits, size, size);
    copyBytes(source, from, size, this.#bytes, at);
  }

  /**
   * A record whose payload is handed over.
   * @param {number} id
   * @param {number} number
   * @param {number} bits all but the highest
   * @param {Uint8Array<ArrayBuffer>} payload all of its buffer
   */
  addLarge(id, number, bits, payload) {
    this.#header(id, number, bits | APART, payload.length, 0);
    this.#large.push(payload);
  }

  /**
   * @param {number} id
   * @param {number} number
   * @param {number} bits all but the highest
   * @param {number} size of the payload
   * @param {number} room for it here
   * @returns {number} where the room begins
   */
  #header(id, number, bits, size, room) {
    const at = this.#used;
    this.#used = at + HEADER_BYTES + ((room + 3) & ~3);
    if (this.#used > this.#bytes.length) this.#grow();
    const word = at / 4;
    const words = this.#words;
    words[word] = id;
    words[word + 1] = number;
    words[word + 2] = bits;
    words[word + 3] = size;
    return at + HEADER_BYTES;
  }

  #grow() {
    const before = this.#bytes;
    this.#bytes = new Uint8Array(Math.max(2 * before.length, (this.#used + 3) & ~3));
    this.#bytes.set(before);
    this.#words = new Uint32Array(this.#bytes.buffer);
  }

  /** What has been written, for one message. @returns {Packed} */
  take() {
    const used = this.#used;
    const records =
      used <= STRING ? String.fromCharCode.apply(null, /** @type {any} */ (this.#bytes.subarray(0, used))) : this.#bytes.slice(0, used);
    const packed = {records, large: this.#large};
    this.#used = 0;
    this.#large = [];
    return packed;
  }
}

/** Records that are being read: `next` goes from one to the next. */
export class Reader {
  id = 0;
  number = 0;
  bits = 0;
  /** Bytes of the payload. */
  size = 0;
  /** Where it lies. */
  bytes;
  /** Where it begins there. */
  from = 0;
  #words;
  #next = 0;
  #nextLarge = 0;

  /** @param {Packed} packed */
  constructor({records, large}) {
    const bytes = typeof records === 'string' ? bytesOf(records) : records;
    this.#records = bytes;
    this.#words = new Uint32Array(bytes.buffer);
    this.#large = large;
    this.bytes = bytes;
  }
  #records;
  #large;

  /** @returns {boolean} false: there is none */
  next() {
    const at = this.#next;
    if (at >= this.#records.length) return false;
    const word = at / 4;
    const words = this.#words;
    this.id = words[word];
    this.number = words[word + 1];
    const bits = words[word + 2];
    this.bits = bits & ~APART;
    this.size = words[word + 3];
    const large = (bits & APART) !== 0;
    this.bytes = large ? this.#large[this.#nextLarge++] : this.#records;
    this.from = large ? 0 : at + HEADER_BYTES;
    this.#next = at + HEADER_BYTES + (large ? 0 : (this.size + 3) & ~3);
    return true;
  }
}

/** @param {string} records */
function bytesOf(records) {
  const {length} = records;
  const bytes = new Uint8Array(new ArrayBuffer(length));
  for (let i = 0; i < length; i++) bytes[i] = records.charCodeAt(i);
  return bytes;
}
