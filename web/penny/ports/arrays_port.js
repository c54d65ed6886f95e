// What Python (penny/memory/pool_blocks.py) calls for its arrays: holds, copies between shared memory and Pyodide's
// own, single elements. Addresses are of shared memory; types are by number, see memory/elements.js.
import {keepOpenFiles, layFiles} from '../boot/private.js';
import {TYPES, copyElements} from '../memory/elements.js';
import {withBytes} from './boxes.js';

/**
 * @typedef {import('../core/core.js').Core} Core
 * @typedef {import('./boxes.js').Buffer} Buffer
 * @typedef {import('./boxes.js').IntList} IntList
 */

const ATOMICS = /** @type {const} */ (['add', 'and', 'or', 'xor', 'exchange', 'store']);

export class ArraysPort {
  /** Views on shared memory, by type. @type {any[]} */
  #views = [];
  /** How much of it they see. */
  #reach = 0;

  /** @param {Core} core */
  constructor(core) {
    this.core = core;
    this.arrays = core.arrays;
  }

  /** What names this memory. */
  get identity() {
    return this.core.identity;
  }

  /** Bytes that the heap can hold at most. */
  get limit() {
    return this.core.exports.heap_limit();
  }

  /** Bytes of it that are used. */
  get used() {
    return this.core.exports.heap_used();
  }

  // ---- holds ------------------------------------------------------------------------------------

  /** @param {number} size bytes @returns {number} number of a new array, held; 0: there is no room */
  make(size) {
    return this.arrays.make(size);
  }

  /** @param {number} number @param {number} serial @returns {boolean} false: it has been freed */
  hold(number, serial) {
    return this.arrays.hold(number, serial);
  }

  /** @param {number} number */
  drop(number) {
    this.arrays.drop(number);
  }

  /** @param {number} number of an array that is held */
  serial(number) {
    return this.arrays.serial(number);
  }

  /** @param {number} number of an array that is held @returns {number} where its elements are */
  address(number) {
    return this.arrays.address(number);
  }

  /** @param {number} number of an array that is held @returns {number} its bytes */
  size(number) {
    return this.arrays.size(number);
  }

  // ---- copies -----------------------------------------------------------------------------------

  /** A view, which Python copies. @param {number} address @param {number} size bytes */
  bytes(address, size) {
    this.core.reach(address + size);
    return this.core.bytes.subarray(address, address + size);
  }

  /** @param {number} address @param {Buffer} buffer contiguous */
  write(address, buffer) {
    withBytes(buffer, bytes => {
      this.core.reach(address + bytes.length);
      this.core.bytes.set(bytes, address);
    });
  }

  /**
   * Elements with strides into a buffer without.
   * @param {number} address of the first
   * @param {IntList} strides
   * @param {IntList} shape
   * @param {number} size bytes of an element
   * @param {Buffer} buffer
   */
  gather(address, strides, shape, size, buffer) {
    const [from, extent] = [this.#place(address, strides), shape.toJs()];
    withBytes(buffer, bytes => copyElements(from, dense(bytes, extent, size), extent, size));
  }

  /**
   * Elements of a buffer without strides to places with.
   * @param {number} address of the first
   * @param {IntList} strides
   * @param {IntList} shape
   * @param {number} size bytes of an element
   * @param {Buffer} buffer
   */
  scatter(address, strides, shape, size, buffer) {
    const [to, extent] = [this.#place(address, strides), shape.toJs()];
    withBytes(buffer, bytes => copyElements(dense(bytes, extent, size), to, extent, size));
  }

  /**
   * Between two places in shared memory that do not overlap.
   * @param {number} from
   * @param {IntList} fromStrides
   * @param {number} to
   * @param {IntList} toStrides
   * @param {IntList} shape
   * @param {number} size bytes of an element
   */
  copy(from, fromStrides, to, toStrides, shape, size) {
    copyElements(this.#place(from, fromStrides), this.#place(to, toStrides), shape.toJs(), size);
  }

  /** @param {number} address @param {IntList} strides */
  #place(address, strides) {
    this.core.reach(this.core.memory.buffer.byteLength);
    return {memory: this.core.bytes, address, strides: strides.toJs()};
  }

  // ---- files ------------------------------------------------------------------------------------

  /**
   * Files whose contents lie here, one after the other.
   * @param {any} FS
   * @param {number} address of the first one's contents
   * @param {string} folder
   * @param {string} entries of each its path in the folder, bytes, and when it was changed, ms; as JSON
   */
  lay_files(FS, address, folder, entries) {
    const files = JSON.parse(entries).map((/** @type {[string, number, number]} */ [name, size, mtime]) => {
      address += size;
      return {path: `${folder}/${name}`, bytes: this.bytes(address - size, size), mtime};
    });
    layFiles(FS, files);
  }

  /**
   * Whoever has one of these files open shall have it, after what lies here has been freed.
   * @param {any} FS
   * @param {string} folder
   */
  let_files_be(FS, folder) {
    keepOpenFiles(FS, folder);
  }

  // ---- elements ---------------------------------------------------------------------------------

  /** @param {number} type @param {number} address */
  #view(type, address) {
    if (address >= this.#reach) {
      const {buffer} = this.core.memory;
      this.#views = TYPES.map(({view, bytes}) => new view(buffer, 0, buffer.byteLength / bytes));
      this.#reach = buffer.byteLength;
    }
    return this.#views[type];
  }

  /** @param {number} type @param {number} address @returns {number | bigint} */
  get(type, address) {
    return this.#view(type, address)[address / TYPES[type].bytes];
  }

  /** @param {number} type @param {number} address @param {number | bigint} value in range */
  set(type, address, value) {
    const element = TYPES[type].big ? BigInt(value) : Number(value);
    this.#view(type, address)[address / TYPES[type].bytes] = element;
  }

  /** @param {number} type @param {number} address @returns {number | bigint} */
  load(type, address) {
    return Atomics.load(this.#view(type, address), address / TYPES[type].bytes);
  }

  /**
   * @param {typeof ATOMICS[number]} operation
   * @param {number} type
   * @param {number} address
   * @param {number | bigint} value taken modulo the type's range
   * @returns {number | bigint} what was there before
   */
  update(operation, type, address, value) {
    const operand = TYPES[type].big ? BigInt(value) : Number(value);
    return Atomics[operation](this.#view(type, address), address / TYPES[type].bytes, /** @type {any} */ (operand));
  }

  /**
   * @param {number} type
   * @param {number} address
   * @param {number | bigint} expected
   * @param {number | bigint} value
   * @returns {number | bigint} what was there before
   */
  compare_exchange(type, address, expected, value) {
    const convert = TYPES[type].big ? BigInt : Number;
    return Atomics.compareExchange(
      this.#view(type, address),
      address / TYPES[type].bytes,
      /** @type {any} */ (convert(expected)),
      /** @type {any} */ (convert(value)),
    );
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {number[]} shape
 * @param {number} size of an element
 */
function dense(bytes, shape, size) {
  const strides = Array(shape.length);
  for (let axis = shape.length - 1, stride = size; axis >= 0; stride *= shape[axis--]) strides[axis] = stride;
  return {memory: bytes, address: 0, strides};
}
