// Writing: the pickles that Python would have made of values of JavaScript's. What becomes of what: opcodes.js.
//
// Each `write…` function writes at `at`, never at `end` or beyond, and returns the position after
// what it wrote, or OVERFLOW. Nothing is kept between calls (`noted` is put back), so a getter in a
// value may submit a task of its own.
import { PickleError } from "./errors.js";
import { MAX_DEPTH, Obstacle, TOO_DEEP, TOO_LARGE, advice, describe, isPlain } from "./obstacles.js";
import { ATTACHED, HANDLE, Op as opcodes, PROTOCOL, scratch, scratchBytes } from "./opcodes.js";
import { NOWHERE, OVERFLOW as overflow, copyBytes, textEncoder, writeCharacters } from "./text.js";

// Names of this module's own: an engine looks an imported one up at each use, a tenth of the time it takes to write
// a small value.
const Op = opcodes;
const OVERFLOW = overflow;

/**
 * A shared array, see api/shared_array.js.
 * @typedef {{[HANDLE](): Uint8Array}} Referable
 */

/** Where the arrays are noted that are met; null: they are refused. @type {Set<any> | null} */
let noted = null;

/**
 * @template T
 * @typedef {import("./text.js").Write<T>} Write
 */

/**
 * Writes what may contain other values, up to `depth` levels of them.
 *
 * @template T
 * @typedef {(value: T, out: Uint8Array, at: number, end: number, depth: number) => number}
 *   WriteNested
 */

/** No worker could hold more, in bytes: its memory is wasm32's. */
const MAX_SIZE = 2 ** 32;

/**
 * Writes the pickle of a call's arguments: the tuple `args`, or, where there are keyword
 * arguments, the tuple `(args, kwargs)`.
 *
 * @param {readonly unknown[]} args
 * @param {Record<string, unknown> | Map<string, unknown> | null | undefined} kwargs
 * @param {Uint8Array} target may be a view on shared memory
 * @param {number} offset first byte to write
 * @param {number} limit first byte not to write
 * @param {Set<any> | null} [arrays] to which the shared arrays among the values are added; without
 *   it they are refused
 * @returns {number} bytes written, or -1 if they would reach beyond `limit`. What lies between
 *   `offset` and `limit` is then undefined.
 * @throws {PickleError} a value has no Python form
 */
export function encodeArguments(args, kwargs, target, offset, limit, arrays = null) {
  const at = writeCall(args, kwargs, target, offset, Math.min(limit, target.length), arrays);
  return at === OVERFLOW ? OVERFLOW : at - offset;
}

/**
 * How long the pickle of a call's arguments will be. To be asked after `encodeArguments` has
 * returned -1, before room is made: it is this that notices a cycle which overflowed first.
 *
 * @param {readonly unknown[]} args
 * @param {Record<string, unknown> | Map<string, unknown> | null | undefined} kwargs
 * @param {Set<any> | null} [arrays] as for `encodeArguments`
 * @returns {number} bytes
 * @throws {PickleError} a value has no Python form, or they are more than 4 GiB
 */
export function measureArguments(args, kwargs, arrays = null) {
  const size = writeCall(args, kwargs, NOWHERE, 0, MAX_SIZE, arrays);
  if (size === OVERFLOW) throw new PickleError("args", TOO_LARGE);
  return size;
}

/**
 * The pickle of one value.
 *
 * @param {unknown} value
 * @returns {Uint8Array} of exactly the pickle's length
 * @throws {PickleError} the value has no Python form
 */
export function encode(value) {
  let target = new Uint8Array(256);
  for (;;) {
    const length = writeWhole(value, target, 0, target.length);
    if (length === target.length) return target;
    if (length !== OVERFLOW) return target.slice(0, length);
    const size = writeWhole(value, NOWHERE, 0, MAX_SIZE);
    if (size === OVERFLOW) throw new PickleError("value", TOO_LARGE);
    target = new Uint8Array(size); // too small again only if a getter gives something else now
  }
}

/**
 * @param {readonly unknown[]} args
 * @param {Record<string, unknown> | Map<string, unknown> | null | undefined} kwargs
 * @param {Uint8Array} out
 * @param {number} at
 * @param {number} end
 * @param {Set<any> | null} arrays
 * @throws {PickleError}
 */
function writeCall(args, kwargs, out, at, end, arrays) {
  let root = "args";
  const outer = noted;
  noted = arrays;
  try {
    at = writePair(Op.PROTO, PROTOCOL, out, at, end);
    if (at !== OVERFLOW) at = writeTuple(args, out, at, end, MAX_DEPTH, writeValue);
    if (at !== OVERFLOW && kwargs !== null && kwargs !== undefined) {
      root = "kwargs";
      if (!(kwargs instanceof Map) && !isPlain(kwargs)) {
        throw new Obstacle(`${describe(kwargs)} cannot be keyword arguments: pass a plain object`);
      }
      at = writeValue(kwargs, out, at, end, MAX_DEPTH);
      if (at !== OVERFLOW) at = writeByte(Op.TUPLE2, out, at, end);
    }
    return at === OVERFLOW ? OVERFLOW : writeByte(Op.STOP, out, at, end);
  } catch (thrown) {
    throw thrown instanceof Obstacle ? thrown.toError(root) : thrown;
  } finally {
    noted = outer;
  }
}

/**
 * @type {Write<unknown>}
 * @throws {PickleError}
 */
function writeWhole(value, out, at, end) {
  try {
    at = writePair(Op.PROTO, PROTOCOL, out, at, end);
    if (at !== OVERFLOW) at = writeValue(value, out, at, end, MAX_DEPTH);
    return at === OVERFLOW ? OVERFLOW : writeByte(Op.STOP, out, at, end);
  } catch (thrown) {
    throw thrown instanceof Obstacle ? thrown.toError("value") : thrown;
  }
}

/**
 * @param {number} byte
 * @param {Uint8Array} out
 * @param {number} at
 * @param {number} end
 */
function writeByte(byte, out, at, end) {
  if (at >= end) return OVERFLOW;
  out[at] = byte;
  return at + 1;
}

/**
 * @param {number} first
 * @param {number} second
 * @param {Uint8Array} out
 * @param {number} at
 * @param {number} end
 */
function writePair(first, second, out, at, end) {
  if (at + 2 > end) return OVERFLOW;
  out[at] = first;
  out[at + 1] = second;
  return at + 2;
}

/**
 * An opcode and a uint32.
 *
 * @param {number} opcode
 * @param {number} value
 * @param {Uint8Array} out
 * @param {number} at
 * @param {number} end
 */
function writeWithUint32(opcode, value, out, at, end) {
  if (at + 5 > end) return OVERFLOW;
  out[at] = opcode;
  out[at + 1] = value;
  out[at + 2] = value >>> 8;
  out[at + 3] = value >>> 16;
  out[at + 4] = value >>> 24;
  return at + 5;
}

/** @type {WriteNested<unknown>} */
function writeValue(value, out, at, end, depth) {
  switch (typeof value) {
    case "number":
      return writeNumber(value, out, at, end);
    case "string":
      return writeText(value, out, at, end);
    case "boolean":
      return writeByte(value ? Op.NEWTRUE : Op.NEWFALSE, out, at, end);
    case "undefined":
      return writeByte(Op.NONE, out, at, end);
    case "bigint":
      return writeBigInt(value, out, at, end);
    case "object":
      if (value === null) return writeByte(Op.NONE, out, at, end);
      if (Array.isArray(value)) return writeList(value, out, at, end, depth);
      if (value instanceof Uint8Array) return writeBytes(value, out, at, end);
      if (value instanceof Map) return writeMap(value, out, at, end, depth);
      if (value instanceof Set) return writeSet(value, out, at, end, depth);
      if (value instanceof ArrayBuffer) return writeBytes(new Uint8Array(value), out, at, end);
      if (noted && HANDLE in value) {
        return writeArray(/** @type {Referable} */ (value), out, at, end);
      }
      if (isPlain(value)) return writeObject(value, out, at, end, depth);
  }
  throw new Obstacle(`${describe(value)} cannot be sent to a worker${advice(value)}`);
}

/**
 * A key of a dict or an element of a set.
 *
 * @type {WriteNested<unknown>}
 */
function writeHashable(value, out, at, end, depth) {
  if (typeof value !== "object" || value === null) return writeValue(value, out, at, end, depth);
  if (Array.isArray(value)) return writeTuple(value, out, at, end, depth, writeHashable);
  if (value instanceof Set) {
    at = writeByte(Op.MARK, out, at, end);
    if (at !== OVERFLOW) at = writeElements(value, out, at, end, depth);
    return at === OVERFLOW ? OVERFLOW : writeByte(Op.FROZENSET, out, at, end);
  }
  if (value instanceof Map || isPlain(value)) {
    throw new Obstacle(`${describe(value)} becomes a dict, which cannot be a key or in a set`);
  }
  return writeValue(value, out, at, end, depth);
}

/** @type {Write<number>} */
function writeNumber(value, out, at, end) {
  if ((value | 0) === value && !Object.is(value, -0)) {
    if (value < 0 || value > 0xffff) return writeWithUint32(Op.BININT, value, out, at, end);
    if (value <= 0xff) return writePair(Op.BININT1, value, out, at, end);
    if (at + 3 > end) return OVERFLOW;
    out[at] = Op.BININT2;
    out[at + 1] = value;
    out[at + 2] = value >>> 8;
    return at + 3;
  }
  if (Number.isSafeInteger(value) && value !== 0) {
    if (at + 10 > end) return OVERFLOW;
    out[at] = Op.LONG1;
    out[at + 1] = 8;
    scratch.setInt32(0, value, true); // takes the value modulo 2**32
    scratch.setInt32(4, Math.floor(value / 2 ** 32), true);
    for (let i = 0; i < 8; i++) out[at + 2 + i] = scratchBytes[i];
    return at + 10;
  }
  if (at + 9 > end) return OVERFLOW;
  out[at] = Op.BINFLOAT;
  scratch.setFloat64(0, value, false);
  for (let i = 0; i < 8; i++) out[at + 1 + i] = scratchBytes[i];
  return at + 9;
}

/** @type {Write<bigint>} */
function writeBigInt(value, out, at, end) {
  if (BigInt.asIntN(53, value) === value) return writeNumber(Number(value), out, at, end);
  // In two's complement the bits of a negative number are those of ~value, inverted. Hexadecimal
  // is the one way to a BigInt's bits that takes linear time.
  const inversion = value < 0n ? 0xff : 0;
  const digits = (value < 0n ? ~value : value).toString(16);
  // One bit more than the magnitude has, for the sign.
  const length = (digits.length + (digits >= "8" ? 2 : 1)) >>> 1;
  if (length <= 0xff) {
    at = writePair(Op.LONG1, length, out, at, end);
  } else {
    at = writeWithUint32(Op.LONG4, length, out, at, end);
  }
  if (at === OVERFLOW || at + length > end) return OVERFLOW;
  for (let i = 0, right = digits.length; i < length; i++, right -= 2) {
    const byte = right > 0 ? parseInt(digits.slice(Math.max(right - 2, 0), right), 16) : 0;
    out[at + i] = byte ^ inversion;
  }
  return at + length;
}

/** @type {Write<string>} */
function writeText(text, out, at, end) {
  const length = text.length;
  if (length > 0xff) return writeLongText(text, out, at, end);
  const start = at + 2;
  if (start + length > end) return OVERFLOW;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return writeLongText(text, out, at, end);
    out[start + i] = unit;
  }
  out[at] = Op.SHORT_BINUNICODE;
  out[at + 1] = length;
  return start + length;
}

/**
 * Text that is long or not ASCII. (BINUNICODE8 is for 4 GiB and more; no string is that long.)
 *
 * @type {Write<string>}
 */
function writeLongText(text, out, at, end) {
  const start = at + 5;
  if (start + text.length > end) return OVERFLOW;
  let stop;
  if (text.length > 0xff && text.isWellFormed()) {
    // By way of a private array: not every engine's `encodeInto` takes shared memory.
    stop = copyBytes(textEncoder.encode(text), out, start, end);
  } else {
    stop = writeCharacters(text, out, start, end);
  }
  if (stop !== OVERFLOW) writeWithUint32(Op.BINUNICODE, stop - start, out, at, end);
  return stop;
}

/** @type {Write<Uint8Array>} */
function writeBytes(bytes, out, at, end) {
  const length = bytes.length;
  if (length >= MAX_SIZE) throw new Obstacle(TOO_LARGE);
  if (length <= 0xff) {
    at = writePair(Op.SHORT_BINBYTES, length, out, at, end);
  } else {
    at = writeWithUint32(Op.BINBYTES, length, out, at, end);
  }
  return at === OVERFLOW ? OVERFLOW : copyBytes(bytes, out, at, end);
}

/** @type {Write<Referable>} */
function writeArray(array, out, at, end) {
  noted?.add(array);
  at = writeByte(Op.GLOBAL, out, at, end);
  for (let i = 0; i < ATTACHED_LINES.length && at !== OVERFLOW; i++) {
    at = writeByte(ATTACHED_LINES.charCodeAt(i), out, at, end);
  }
  if (at !== OVERFLOW) at = writeBytes(array[HANDLE](), out, at, end);
  return at === OVERFLOW ? OVERFLOW : writePair(Op.TUPLE1, Op.REDUCE, out, at, end);
}

const ATTACHED_LINES = ATTACHED.map((line) => `${line}\n`).join("");

/**
 * @param {readonly unknown[]} items
 * @param {Uint8Array} out
 * @param {number} at
 * @param {number} end
 * @param {number} depth
 * @param {WriteNested<unknown>} write how to write an item
 */
function writeTuple(items, out, at, end, depth, write) {
  if (depth === 0) throw new Obstacle(TOO_DEEP);
  const length = items.length;
  if (length === 0) return writeByte(Op.EMPTY_TUPLE, out, at, end);
  if (length > 3) at = writeByte(Op.MARK, out, at, end);
  let i = 0;
  try {
    for (; i < length && at !== OVERFLOW; i++) at = write(items[i], out, at, end, depth - 1);
  } catch (thrown) {
    throw Obstacle.within(thrown, items, `[${i}]`);
  }
  if (at === OVERFLOW) return OVERFLOW;
  const opcode =
    length === 1 ? Op.TUPLE1 : length === 2 ? Op.TUPLE2 : length === 3 ? Op.TUPLE3 : Op.TUPLE;
  return writeByte(opcode, out, at, end);
}

/** @type {WriteNested<readonly unknown[]>} */
function writeList(items, out, at, end, depth) {
  if (depth === 0) throw new Obstacle(TOO_DEEP);
  at = writePair(Op.EMPTY_LIST, Op.MARK, out, at, end);
  let i = 0;
  try {
    for (; i < items.length && at !== OVERFLOW; i++) {
      at = writeValue(items[i], out, at, end, depth - 1);
    }
  } catch (thrown) {
    throw Obstacle.within(thrown, items, `[${i}]`);
  }
  return at === OVERFLOW ? OVERFLOW : writeByte(Op.APPENDS, out, at, end);
}

/** @type {WriteNested<Record<string, unknown>>} */
function writeObject(object, out, at, end, depth) {
  if (depth === 0) throw new Obstacle(TOO_DEEP);
  at = writePair(Op.EMPTY_DICT, Op.MARK, out, at, end);
  let key = "";
  try {
    for (key of Object.keys(object)) {
      if (at !== OVERFLOW) at = writeText(key, out, at, end);
      if (at !== OVERFLOW) at = writeValue(object[key], out, at, end, depth - 1);
      if (at === OVERFLOW) return OVERFLOW;
    }
  } catch (thrown) {
    const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key);
    throw Obstacle.within(thrown, object, identifier ? `.${key}` : `[${JSON.stringify(key)}]`);
  }
  return at === OVERFLOW ? OVERFLOW : writeByte(Op.SETITEMS, out, at, end);
}

/** @type {WriteNested<Map<unknown, unknown>>} */
function writeMap(map, out, at, end, depth) {
  if (depth === 0) throw new Obstacle(TOO_DEEP);
  at = writePair(Op.EMPTY_DICT, Op.MARK, out, at, end);
  let i = 0;
  let part = "keys"; // or values: which of the two is being written
  /** @type {unknown} */
  let lookup;
  try {
    for (const [key, value] of map) {
      lookup = key;
      part = "keys";
      if (at !== OVERFLOW) at = writeHashable(key, out, at, end, depth - 1);
      part = "values";
      if (at !== OVERFLOW) at = writeValue(value, out, at, end, depth - 1);
      if (at === OVERFLOW) return OVERFLOW;
      i++;
    }
  } catch (thrown) {
    const named = part === "values" && (typeof lookup === "string" || typeof lookup === "number");
    const segment = named ? `.get(${JSON.stringify(lookup)})` : `.${part}()[${i}]`;
    throw Obstacle.within(thrown, map, segment);
  }
  return at === OVERFLOW ? OVERFLOW : writeByte(Op.SETITEMS, out, at, end);
}

/** @type {WriteNested<Set<unknown>>} */
function writeSet(set, out, at, end, depth) {
  at = writePair(Op.EMPTY_SET, Op.MARK, out, at, end);
  if (at !== OVERFLOW) at = writeElements(set, out, at, end, depth);
  return at === OVERFLOW ? OVERFLOW : writeByte(Op.ADDITEMS, out, at, end);
}

/** @type {WriteNested<Set<unknown>>} */
function writeElements(set, out, at, end, depth) {
  if (depth === 0) throw new Obstacle(TOO_DEEP);
  let i = 0;
  try {
    for (const element of set) {
      at = writeHashable(element, out, at, end, depth - 1);
      if (at === OVERFLOW) return OVERFLOW;
      i++;
    }
  } catch (thrown) {
    throw Obstacle.within(thrown, set, `.values()[${i}]`);
  }
  return at;
}
