// Shared arrays for JavaScript: typed arrays over the memory that the workers share.
import {CorruptionError} from '../core/corruption.js';
import {Handle} from '../core/layout.js';
import {TYPES} from '../memory/elements.js';
import {HANDLE} from '../wire/opcodes.js';

/** @typedef {import('../core/core.js').Core} Core */
/** @typedef {typeof TYPES[number]} Type */

/** Lets go of arrays whose objects have been collected. */
const registry = new FinalizationRegistry(
  (/** @type {{core: Core, number: number}} */ {core, number}) => core.arrays.drop(number),
);

/** The heap has no room for an array. */
export class ArrayRoomError extends RangeError {
  /**
   * @param {number} size bytes asked
   * @param {Core} core
   */
  constructor(size, {exports}) {
    super(
      `an array of ${size} bytes finds no room in the scheduler's shared heap of ${exports.heap_limit()} bytes, of ` +
        `which ${exports.heap_used()} are in use: free others, or give the scheduler a larger memory`,
    );
    this.name = 'ArrayRoomError';
  }
}

/**
 * An array of numbers in the memory that a scheduler's workers share. In arguments and results of submit() it
 * travels as a handle; in Python it is a penny.SharedArray.
 *
 * The memory is given back when nobody holds it any more: here that is free(), or the collection of this object.
 * Who goes on with `data` keeps this object, too.
 */
export class SharedArray {
  /** @type {Core} */
  #core;
  #number;
  #serial;
  #type;
  #offset;
  #freed = false;

  /**
   * @param {Core} core by which it is held, once, for this object
   * @param {number} number
   * @param {Type} type
   * @param {readonly number[]} shape
   * @param {readonly number[]} strides in bytes
   * @param {number} offset of the first element, in bytes
   */
  constructor(core, number, type, shape, strides, offset) {
    this.#core = core;
    this.#number = number;
    this.#serial = core.arrays.serial(number);
    this.#type = type;
    this.#offset = offset;
    /** Elements along each axis. */
    this.shape = Object.freeze([...shape]);
    /** Bytes from one element to the next, along each axis. */
    this.strides = Object.freeze([...strides]);
    registry.register(this, {core, number}, this);
  }

  /**
   * A new array of zeros: see Scheduler.array().
   * @param {Core} core
   * @param {number | readonly number[]} shape
   * @param {string} dtype
   */
  static make(core, shape, dtype) {
    const extents = typeof shape === 'number' ? [shape] : [...shape];
    if (!extents.every(extent => Number.isSafeInteger(extent) && extent >= 0))
      throw new RangeError(`a shape is made of integers that are not negative, not [${extents}]`);
    const type = TYPES.find(({name}) => name === dtype);
    if (!type) throw new TypeError(`no element type '${dtype}': there are ${TYPES.map(({name}) => name).join(', ')}`);
    const size = extents.reduce((product, extent) => product * extent, type.bytes);
    const number = size <= core.exports.heap_limit() ? core.arrays.make(size) : 0;
    if (!number) throw new ArrayRoomError(size, core);
    return new SharedArray(core, number, type, extents, denseStrides(extents, type.bytes), 0);
  }

  /**
   * The array of a handle.
   * @param {Core} core
   * @param {Uint8Array} handle
   * @throws {CorruptionError} if it was overwritten, and names what is no part of an array
   */
  static attach(core, handle) {
    const corrupted = () => new CorruptionError('what is said to be a part of a shared array is none');
    if (handle.length < Handle.BYTES) throw corrupted();
    const view = new DataView(handle.buffer, handle.byteOffset, handle.byteLength);
    const identity = view.getUint32(Handle.identity, true);
    const number = view.getUint16(Handle.number, true);
    if (identity !== core.identity || !core.arrays.hold(number, view.getUint32(Handle.serial, true)))
      throw new Error('this array has been freed, or is in the memory of another scheduler');
    const type = TYPES[view.getUint8(Handle.type)];
    const axes = view.getUint8(Handle.axes) & ~Handle.STRIDED;
    const strided = (view.getUint8(Handle.axes) & Handle.STRIDED) !== 0;
    const offset = view.getUint32(Handle.offset, true);
    const at = (/** @type {number} */ axis) => Handle.BYTES + 4 * axis;
    if (type && handle.length === at(axes) + (strided ? 8 * axes : 0)) {
      const shape = Array.from({length: axes}, (_, axis) => view.getUint32(at(axis), true));
      const strides = strided
        ? shape.map((_, axis) => Number(view.getBigInt64(at(axes) + 8 * axis, true)))
        : denseStrides(shape, type.bytes);
      if (liesWithin(core.arrays.size(number), type.bytes, shape, strides, offset))
        return new SharedArray(core, number, type, shape, strides, offset);
    }
    core.arrays.drop(number);
    throw corrupted();
  }

  /** The elements' type: 'float32', … */
  get dtype() {
    return this.#type.name;
  }

  /** Number of elements. */
  get size() {
    return this.shape.reduce((product, extent) => product * extent, 1);
  }

  /** Whether free() was called. */
  get freed() {
    return this.#freed;
  }

  /**
   * The elements: a typed array over the shared memory, nothing is copied. For 64-bit integers it is one of BigInt,
   * for bool a Uint8Array.
   *
   * Some functions of the browser refuse shared memory, `new ImageData` among them: see imageData().
   * @returns {any}
   */
  get data() {
    const {bytes, view} = this.#type;
    const dense = denseStrides(this.shape, bytes);
    if (this.size && this.shape.some((extent, axis) => extent > 1 && this.strides[axis] !== dense[axis]))
      throw new TypeError('the elements of this view do not lie one after the other: copy them in Python');
    return new view(this.#core.memory.buffer, this.#address() + this.#offset, this.size);
  }

  /** A copy of an image, an array of bytes of the shape [height, width, 4], for putImageData(). */
  imageData() {
    const [height, width, channels] = this.shape;
    if (this.dtype !== 'uint8' || this.shape.length !== 3 || channels !== 4)
      throw new TypeError(`an image is a uint8 array of the shape [height, width, 4], not a ${this.dtype} one of [${this.shape}]`);
    const image = new ImageData(width, height);
    image.data.set(this.data);
    return image;
  }

  #address() {
    if (this.#freed) throw new TypeError('this array has been freed');
    return this.#core.arrays.address(this.#number);
  }

  /** Lets go of the array here; others may have it still. */
  free() {
    if (this.#freed) return;
    this.#freed = true;
    registry.unregister(this);
    this.#core.arrays.drop(this.#number);
  }

  /** Whether it is in the memory of this participant. @param {Core} core */
  isIn(core) {
    return core.memory === this.#core.memory;
  }

  /** Its number in the array table. */
  get number() {
    return this.#number;
  }

  /** What it is in a pickle. */
  [HANDLE]() {
    this.#address();
    const axes = this.shape.length;
    const handle = new Uint8Array(Handle.BYTES + 12 * axes);
    const view = new DataView(handle.buffer);
    view.setUint32(Handle.identity, this.#core.identity, true);
    view.setUint16(Handle.number, this.#number, true);
    view.setUint32(Handle.serial, this.#serial, true);
    view.setUint8(Handle.type, TYPES.indexOf(this.#type));
    view.setUint8(Handle.axes, axes | Handle.STRIDED);
    view.setUint32(Handle.offset, this.#offset, true);
    this.shape.forEach((extent, axis) => view.setUint32(Handle.BYTES + 4 * axis, extent, true));
    this.strides.forEach((stride, axis) =>
      view.setBigInt64(Handle.BYTES + 4 * axes + 8 * axis, BigInt(stride), true),
    );
    return handle;
  }
}

/**
 * Whether all elements lie within an array.
 * @param {number} size of the array, in bytes
 * @param {number} bytes of an element
 * @param {readonly number[]} shape
 * @param {readonly number[]} strides
 * @param {number} offset
 */
function liesWithin(size, bytes, shape, strides, offset) {
  if (shape.includes(0)) return true;
  let low = offset;
  let high = offset + bytes;
  shape.forEach((extent, axis) => {
    const reach = (extent - 1) * strides[axis];
    if (reach < 0) low += reach;
    else high += reach;
  });
  return low >= 0 && high <= size && [offset, ...strides].every(step => step % bytes === 0);
}

/** @param {readonly number[]} shape @param {number} bytes of an element */
function denseStrides(shape, bytes) {
  const strides = Array(shape.length);
  for (let axis = shape.length - 1, stride = bytes; axis >= 0; stride *= shape[axis--]) strides[axis] = stride;
  return strides;
}
