// The elements of arrays: their types, single ones, and runs of them with strides.

import {Element} from '../core/layout.js';

/** @typedef {{name: string, bytes: number, view: any, big: boolean, atomic: boolean}} Type */

/** By number. @type {readonly Type[]} */
export const TYPES = byNumber({
  [Element.BOOL]: {name: 'bool', bytes: 1, view: Uint8Array, big: false, atomic: false},
  [Element.INT8]: {name: 'int8', bytes: 1, view: Int8Array, big: false, atomic: true},
  [Element.INT16]: {name: 'int16', bytes: 2, view: Int16Array, big: false, atomic: true},
  [Element.INT32]: {name: 'int32', bytes: 4, view: Int32Array, big: false, atomic: true},
  [Element.INT64]: {name: 'int64', bytes: 8, view: BigInt64Array, big: true, atomic: true},
  [Element.UINT8]: {name: 'uint8', bytes: 1, view: Uint8Array, big: false, atomic: true},
  [Element.UINT16]: {name: 'uint16', bytes: 2, view: Uint16Array, big: false, atomic: true},
  [Element.UINT32]: {name: 'uint32', bytes: 4, view: Uint32Array, big: false, atomic: true},
  [Element.UINT64]: {name: 'uint64', bytes: 8, view: BigUint64Array, big: true, atomic: true},
  [Element.FLOAT32]: {name: 'float32', bytes: 4, view: Float32Array, big: false, atomic: false},
  [Element.FLOAT64]: {name: 'float64', bytes: 8, view: Float64Array, big: false, atomic: false},
});

/** @param {Record<number, Type>} types */
function byNumber(types) {
  return Object.freeze(/** @type {Type[]} */ (Object.assign([], types)));
}

/**
 * Elements in some memory: the first one's address, and for each axis how many bytes to the next.
 * @typedef {{memory: Uint8Array, address: number, strides: number[]}} Place
 */

/** Words to copy elements by, by their size. @type {Record<number, any>} */
const WORDS = {1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array};

/**
 * Copies elements from one place to another; neither overlaps the other.
 * @param {Place} from
 * @param {Place} to
 * @param {number[]} shape
 * @param {number} bytes of an element
 */
export function copyElements(from, to, shape, bytes) {
  if (shape.includes(0)) return;
  // The last axes that lie densely in both places are one run of bytes.
  let run = bytes;
  let axes = shape.length;
  while (axes > 0) {
    const axis = axes - 1;
    if (shape[axis] !== 1 && (from.strides[axis] !== run || to.strides[axis] !== run)) break;
    run *= shape[axis];
    axes--;
  }
  const outer = shape.slice(0, axes);
  if (run > bytes || axes === 0) {
    copyRuns(from, to, outer, 0, from.address, to.address, run);
    return;
  }
  // Element by element: as words, if both places are aligned, which all but odd buffers are.
  const begin = from.memory.byteOffset + from.address;
  const goal = to.memory.byteOffset + to.address;
  const aligned = [begin, goal, ...from.strides, ...to.strides].every(n => n % bytes === 0);
  const size = aligned ? bytes : 1;
  const source = words(from.memory, size);
  const target = words(to.memory, size);
  const places = {
    source,
    target,
    outer,
    from: from.strides.map(stride => stride / size),
    to: to.strides.map(stride => stride / size),
    words: bytes / size,
  };
  copyWords(places, 0, begin / size, goal / size);
}

/** @param {Uint8Array} memory @param {number} size */
const words = (memory, size) => new WORDS[size](memory.buffer, 0, Math.floor(memory.buffer.byteLength / size));

/**
 * @param {Place} from
 * @param {Place} to
 * @param {number[]} shape
 * @param {number} axis
 * @param {number} source
 * @param {number} target
 * @param {number} run
 */
function copyRuns(from, to, shape, axis, source, target, run) {
  if (axis === shape.length) {
    to.memory.set(from.memory.subarray(source, source + run), target);
    return;
  }
  for (let i = 0; i < shape[axis]; i++)
    copyRuns(from, to, shape, axis + 1, source + i * from.strides[axis], target + i * to.strides[axis], run);
}

/**
 * @param {{source: any, target: any, outer: number[], from: number[], to: number[], words: number}} places
 * @param {number} axis
 * @param {number} source
 * @param {number} target
 */
function copyWords(places, axis, source, target) {
  const {outer, from, to, words} = places;
  const count = outer[axis];
  if (axis < outer.length - 1) {
    for (let i = 0; i < count; i++)
      copyWords(places, axis + 1, source + i * from[axis], target + i * to[axis]);
    return;
  }
  for (let i = 0; i < count; i++)
    for (let w = 0; w < words; w++)
      places.target[target + i * to[axis] + w] = places.source[source + i * from[axis] + w];
}
