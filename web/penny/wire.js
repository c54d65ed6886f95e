/**
 * The wire format: pickle protocol 5, between plain JavaScript values and CPython's `pickle`.
 *
 * Workers know one format only, whoever submits. So arguments given in JavaScript are written as
 * the pickle that Python would have made of them, and results, pickles made by CPython in a
 * worker, are read back. Nothing here looks up or calls a Python object: a pickle that asks for
 * one (an instance of a class, say) is refused by name; but for shared arrays.
 *
 * | JavaScript to Python                        | Python to JavaScript                            |
 * |---------------------------------------------|-------------------------------------------------|
 * | undefined, null: None                       | None: null                                      |
 * | boolean: bool                               | bool: boolean                                   |
 * | number: int if a safe integer and not -0,   | int: number if a safe integer, else BigInt      |
 * | else float                                  | float: number                                   |
 * | BigInt: int                                 |                                                 |
 * | string: str, lone surrogates included       | str: string                                     |
 * | Uint8Array, ArrayBuffer: bytes              | bytes, bytearray: Uint8Array, a private copy    |
 * | Array: list                                 | list, tuple: Array                              |
 * | plain object, Map: dict                     | dict: plain object if all keys are str, else Map|
 * | Set: set                                    | set, frozenset: Set                             |
 * | SharedArray: penny.SharedArray              | penny.SharedArray: SharedArray, the same memory |
 *
 * What must be hashable in Python, a Map's key or a Set's element, is written in its hashable
 * form: an Array as a tuple, a Set as a frozenset. An object that occurs twice in a value is
 * written twice; reading keeps identity, cycles included.
 *
 * The format is described in CPython's `Lib/pickletools.py`.
 *
 * @module
 */

/** Opcodes of protocol 5: all that CPython's C pickler emits, and what is refused by name. */
const Op = Object.freeze({
  // the frame around the value
  PROTO: 0x80, // uint8 version
  FRAME: 0x95, // uint64 length: a hint for reading from files
  STOP: 0x2e, // the result is on top of the stack
  // constants and numbers
  NONE: 0x4e,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  BININT: 0x4a, // int32
  BININT1: 0x4b, // uint8
  BININT2: 0x4d, // uint16
  LONG1: 0x8a, // uint8 n, then n bytes in two's complement, lowest first
  LONG4: 0x8b, // int32 n, then the same
  BINFLOAT: 0x47, // float64, big-endian, alone in that
  // text (UTF-8, surrogates let through) and bytes, with a length of 1, 4 or 8 bytes
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE: 0x58,
  BINUNICODE8: 0x8d,
  SHORT_BINBYTES: 0x43,
  BINBYTES: 0x42,
  BINBYTES8: 0x8e,
  BYTEARRAY8: 0x96,
  // containers; those in the plural take everything above the last MARK
  MARK: 0x28,
  EMPTY_TUPLE: 0x29,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  TUPLE: 0x74,
  EMPTY_LIST: 0x5d,
  APPEND: 0x61,
  APPENDS: 0x65,
  EMPTY_DICT: 0x7d,
  SETITEM: 0x73,
  SETITEMS: 0x75,
  EMPTY_SET: 0x8f,
  ADDITEMS: 0x90,
  FROZENSET: 0x91,
  // the memo: how one object is named twice
  MEMOIZE: 0x94, // the top of the stack gets the next number
  BINGET: 0x68, // uint8 number
  LONG_BINGET: 0x6a, // uint32 number
  POP: 0x30, // these two undo a tuple that turned out to contain itself
  POP_MARK: 0x31,
  // refused: classes and functions, by name or by number, and data that is not in the pickle
  STACK_GLOBAL: 0x93,
  GLOBAL: 0x63, // two lines of text
  EXT1: 0x82,
  EXT2: 0x83,
  EXT4: 0x84,
  BINPERSID: 0x51,
  REDUCE: 0x52, // a call; obeyed for shared arrays alone
  NEXT_BUFFER: 0x97,
  READONLY_BUFFER: 0x98,
});

const PROTOCOL = 5;

/** Names the method that gives a shared array's handle. */
export const HANDLE = Symbol("penny.handle");

/** What makes an array of a handle, in Python: module and name. */
const ATTACHED = ["penny.arrays", "_attached"];

/**
 * How many containers may lie within each other in a value to be sent. It bounds the JavaScript
 * stack, and it is how cycles are noticed: the values of the hot path pay nothing for that.
 */
const MAX_DEPTH = 500;

/** A value that cannot be sent to a worker. The message starts with its path. */
export class PickleError extends TypeError {
  /**
   * @param {string} path where in the arguments the value is, e.g. `args[1].lock`
   * @param {string} reason
   */
  constructor(path, reason) {
    super(`${path}: ${reason}`);
    this.name = "PickleError";
    this.path = path;
  }
}

/** A pickle with no JavaScript form, or one that is malformed or cut short. */
export class UnpicklingError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "UnpicklingError";
  }
}

// Writing ---------------------------------------------------------------------------------------
//
// Each `write…` function writes at `at`, never at `end` or beyond, and returns the position after
// what it wrote, or OVERFLOW. Nothing is kept between calls (`noted` is put back), so a getter in a
// value may submit a task of its own.

const OVERFLOW = -1;

/**
 * A shared array, see shared_array.js.
 * @typedef {{[HANDLE](): Uint8Array}} Referable
 */

/** Where the arrays are noted that are met; null: they are refused. @type {Set<any> | null} */
let noted = null;

/**
 * @template T
 * @typedef {(value: T, out: Uint8Array, at: number, end: number) => number} Write
 */

/**
 * The same for what may contain other values, up to `depth` levels of them.
 *
 * @template T
 * @typedef {(value: T, out: Uint8Array, at: number, end: number, depth: number) => number}
 *   WriteNested
 */

/** The bytes of a float64, by way of `setFloat64`: no allocation, whatever the machine's order. */
const scratchBytes = new Uint8Array(8);
const scratch = new DataView(scratchBytes.buffer);

const textEncoder = new TextEncoder();

/** What is written here is lost, as stores beyond a typed array's end are: for measuring. */
const NOWHERE = new Uint8Array(0);

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

/**
 * UTF-8 in which a lone surrogate is three bytes like any other code point of its size, which is
 * what Python's error handler "surrogatepass" reads. (TextEncoder would put U+FFFD.)
 *
 * @type {Write<string>}
 */
function writeCharacters(text, out, at, end) {
  for (const character of text) {
    const code = /** @type {number} */ (character.codePointAt(0));
    if (at + (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4) > end) return OVERFLOW;
    if (code < 0x80) {
      out[at++] = code;
    } else {
      if (code < 0x800) {
        out[at++] = 0xc0 | (code >>> 6);
      } else {
        if (code < 0x10000) {
          out[at++] = 0xe0 | (code >>> 12);
        } else {
          out[at++] = 0xf0 | (code >>> 18);
          out[at++] = 0x80 | ((code >>> 12) & 0x3f);
        }
        out[at++] = 0x80 | ((code >>> 6) & 0x3f);
      }
      out[at++] = 0x80 | (code & 0x3f);
    }
  }
  return at;
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

/** @type {Write<Uint8Array>} */
function copyBytes(bytes, out, at, end) {
  if (at + bytes.length > end) return OVERFLOW;
  if (out !== NOWHERE) out.set(bytes, at);
  return at + bytes.length;
}

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

// What cannot be written ------------------------------------------------------------------------

const TOO_DEEP = Symbol("nested too deep, or cyclic");
const TOO_LARGE = "4 GiB and more cannot be sent to a worker (or is there a cycle?)";

/**
 * Thrown where a value cannot be written. On its way out every container adds itself, so the path
 * costs nothing until it is needed.
 */
class Obstacle {
  /** @param {string | typeof TOO_DEEP} reason */
  constructor(reason) {
    this.reason = reason;
    /** @type {{container: object, segment: string}[]} innermost first */
    this.trail = [];
  }

  /**
   * @param {unknown} thrown
   * @param {object} container
   * @param {string} segment the way from the container to the obstacle, in JavaScript
   * @returns {unknown} what was thrown; errors of the user's own, from a getter, stay as they are
   */
  static within(thrown, container, segment) {
    if (thrown instanceof Obstacle) thrown.trail.push({ container, segment });
    return thrown;
  }

  /**
   * @param {string} root the name of the outermost value
   * @returns {PickleError}
   */
  toError(root) {
    const trail = this.trail.reverse();
    if (typeof this.reason === "string") {
      return new PickleError(root + trail.map((step) => step.segment).join(""), this.reason);
    }
    /** @type {Map<object, string>} */
    const paths = new Map();
    let path = root;
    for (const { container, segment } of trail) {
      const first = paths.get(container);
      if (first !== undefined) {
        return new PickleError(path, `a cycle (this is ${first}) cannot be sent to a worker`);
      }
      paths.set(container, path);
      path += segment;
    }
    return new PickleError(
      root + trail[0].segment,
      `a value nested more than ${MAX_DEPTH} levels deep cannot be sent to a worker`,
    );
  }
}

/**
 * Whether an object is a literal, `Object.create(null)`, or a literal of another frame.
 *
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isPlain(value) {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return (
    prototype === Object.prototype ||
    prototype === null ||
    Object.getPrototypeOf(prototype) === null
  );
}

/**
 * A value's kind, with an article, for messages.
 *
 * @param {unknown} value
 * @returns {string}
 */
function describe(value) {
  if (isPyProxy(value)) return "a PyProxy";
  if (typeof value !== "object") return `a ${typeof value}`;
  if (value === null) return "null";
  if (Array.isArray(value)) return "an Array";
  if (isPlain(value)) return "an object";
  return `an instance of ${value.constructor?.name || "an unnamed class"}`;
}

/**
 * What to do instead, for messages.
 *
 * @param {unknown} value
 * @returns {string}
 */
function advice(value) {
  if (isPyProxy(value)) return ": submit Python objects from Python, or convert them with toJs()";
  if (value instanceof Date) return ": send its getTime() or toISOString()";
  if (ArrayBuffer.isView(value)) return ": send an Array of its numbers, or a Uint8Array";
  return "";
}

/**
 * Whether the value is a Python object in Pyodide. Only the tag says so, and says it of a
 * destroyed one too.
 *
 * @param {unknown} value
 */
function isPyProxy(value) {
  return Object.prototype.toString.call(value) === "[object PyProxy]";
}

// Reading ---------------------------------------------------------------------------------------

const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes up to which a loop beats `TextDecoder`, which must be given a copy of shared memory. */
const SHORT_TEXT = 96;

/**
 * The value in a pickle.
 *
 * @param {Uint8Array} bytes may be a view on shared memory; nothing of the result is
 * @param {number} [offset] where the pickle starts
 * @param {number} [length] its length in bytes; what follows the pickle's end is not looked at
 * @param {((handle: Uint8Array) => unknown) | null} [attach] makes a shared array of its handle;
 *   without it they are refused
 * @returns {any}
 * @throws {UnpicklingError} the value has no JavaScript form, or the bytes are no whole pickle
 */
export function decode(bytes, offset = 0, length = bytes.length - offset, attach = null) {
  if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) {
    throw new UnpicklingError(`no ${length} bytes at ${offset} in ${bytes.length}`);
  }
  const arrays = attach && new Attaching(attach);
  const reading = new Reading(bytes, offset, offset + length, NO_MAPS, arrays);
  const result = reading.run();
  if (reading.misfits === null) return result;
  // A dict that began as an object has keys that are not strings. Others may hold a reference to
  // it by now, so it cannot be exchanged; but now it is known which dicts must be Maps.
  const maps = reading.dictsToBeMaps();
  arrays?.again();
  const again = new Reading(bytes, offset, offset + length, maps, arrays);
  const mended = again.run();
  if (again.misfits !== null) throw new UnpicklingError("the pickle changed while it was read");
  return mended;
}

/** @type {ReadonlySet<number>} */
const NO_MAPS = new Set();

/** Makes shared arrays of the handles in a pickle: each once, though it may be read twice. */
class Attaching {
  /** @type {unknown[]} */
  #made = [];
  #next = 0;

  /** @param {(handle: Uint8Array) => unknown} attach */
  constructor(attach) {
    this.attach = attach;
  }

  /** It is read from its beginning. */
  again() {
    this.#next = 0;
  }

  /** @param {unknown} args of the call */
  next(args) {
    const [handle] = /** @type {unknown[]} */ (args);
    if (!(handle instanceof Uint8Array)) throw new UnpicklingError("malformed: no handle");
    const at = this.#next++;
    if (at === this.#made.length) this.#made.push(this.attach(handle));
    return this.#made[at];
  }
}

/** The stack machine, at work on one pickle. */
class Reading {
  /**
   * @param {Uint8Array} bytes
   * @param {number} at
   * @param {number} end
   * @param {ReadonlySet<number>} maps which dicts, in order of appearance, have to be Maps
   * @param {Attaching | null} arrays
   */
  constructor(bytes, at, end, maps, arrays) {
    this.arrays = arrays;
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.maps = maps;
    /**
     * Begins with an item that is never popped: an array born with a pointer in it does not pass
     * through the engine's integer and float representations, which shows in tiny pickles.
     *
     * @type {any[]}
     */
    this.stack = [null];
    /** The stack's height at the last MARK: nothing below may be popped. */
    this.fence = 1;
    /** The fences of the MARKs before. @type {number[]} */
    this.marks = [];
    /** @type {unknown[]} */
    this.memo = [];
    /** Dicts so far, in order of appearance. @type {object[]} */
    this.dicts = [];
    /** Dicts read into an object, wrongly: a key was no string. @type {Set<object> | null} */
    this.misfits = null;
  }

  /** @returns {unknown} */
  run() {
    const { bytes, stack, memo } = this;
    for (;;) {
      const opcode = bytes[this.take(1)];
      switch (opcode) {
        case Op.PROTO:
          if (bytes[this.take(1)] > PROTOCOL) throw new UnpicklingError("a newer pickle protocol");
          break;
        case Op.FRAME:
          if (this.unsigned(8) > this.end - this.at) throw cutShort();
          break;
        case Op.STOP:
          return this.pop();

        case Op.BININT1:
          stack.push(bytes[this.take(1)]);
          break;
        case Op.BININT2:
          stack.push(this.unsigned(2));
          break;
        case Op.BININT:
          stack.push(this.unsigned(4) | 0);
          break;
        case Op.BINFLOAT:
          stack.push(this.float());
          break;
        case Op.NONE:
          stack.push(null);
          break;
        case Op.NEWTRUE:
          stack.push(true);
          break;
        case Op.NEWFALSE:
          stack.push(false);
          break;
        case Op.LONG1:
          stack.push(this.long(this.unsigned(1)));
          break;
        case Op.LONG4:
          stack.push(this.long(this.unsigned(4)));
          break;

        case Op.SHORT_BINUNICODE:
          stack.push(this.text(this.unsigned(1)));
          break;
        case Op.BINUNICODE:
          stack.push(this.text(this.unsigned(4)));
          break;
        case Op.BINUNICODE8:
          stack.push(this.text(this.unsigned(8)));
          break;
        case Op.SHORT_BINBYTES:
          stack.push(this.copy(this.unsigned(1)));
          break;
        case Op.BINBYTES:
          stack.push(this.copy(this.unsigned(4)));
          break;
        case Op.BINBYTES8:
        case Op.BYTEARRAY8:
          stack.push(this.copy(this.unsigned(8)));
          break;

        case Op.MEMOIZE:
          memo.push(this.top());
          break;
        case Op.BINGET:
          stack.push(this.recall(this.unsigned(1)));
          break;
        case Op.LONG_BINGET:
          stack.push(this.recall(this.unsigned(4)));
          break;
        case Op.POP:
          this.pop();
          break;
        case Op.POP_MARK:
          this.sinceMark();
          break;

        case Op.MARK:
          this.marks.push(this.fence);
          this.fence = stack.length;
          break;
        case Op.EMPTY_TUPLE:
        case Op.EMPTY_LIST:
          stack.push([]);
          break;
        case Op.TUPLE1:
          stack.push([this.pop()]);
          break;
        case Op.TUPLE2: {
          const second = this.pop();
          stack.push([this.pop(), second]);
          break;
        }
        case Op.TUPLE3: {
          const third = this.pop();
          const second = this.pop();
          stack.push([this.pop(), second, third]);
          break;
        }
        case Op.TUPLE:
          stack.push(this.sinceMark());
          break;
        case Op.APPEND:
          this.append([this.pop()]);
          break;
        case Op.APPENDS:
          this.append(this.sinceMark());
          break;

        case Op.EMPTY_DICT: {
          const dict = this.maps.has(this.dicts.length) ? new Map() : {};
          this.dicts.push(dict);
          stack.push(dict);
          break;
        }
        case Op.SETITEM: {
          const value = this.pop();
          this.setItems([this.pop(), value]);
          break;
        }
        case Op.SETITEMS:
          this.setItems(this.sinceMark());
          break;

        case Op.EMPTY_SET:
          stack.push(new Set());
          break;
        case Op.ADDITEMS:
          this.addItems(this.sinceMark());
          break;
        case Op.FROZENSET:
          stack.push(new Set(this.sinceMark()));
          break;

        case Op.STACK_GLOBAL: {
          const name = this.pop();
          stack.push(this.global(this.pop(), name));
          break;
        }
        case Op.REDUCE: {
          const args = this.pop();
          if (this.pop() !== ATTACHED) throw new UnpicklingError("malformed: a call of no function");
          stack.push(/** @type {Attaching} */ (this.arrays).next(args));
          break;
        }

        default:
          throw this.refusal(opcode);
      }
    }
  }

  /**
   * Moves past the next bytes.
   *
   * @param {number} length
   * @returns {number} where they start
   */
  take(length) {
    const start = this.at;
    if (length > this.end - start) throw cutShort();
    this.at = start + length;
    return start;
  }

  /** @returns {any} */
  top() {
    if (this.stack.length <= this.fence) throw new UnpicklingError("malformed: nothing to take");
    return this.stack[this.stack.length - 1];
  }

  /** @returns {any} */
  pop() {
    if (this.stack.length <= this.fence) throw new UnpicklingError("malformed: nothing to take");
    return this.stack.pop();
  }

  /**
   * Takes everything above the last MARK, and the MARK.
   *
   * @returns {any[]}
   */
  sinceMark() {
    const below = this.marks.pop();
    if (below === undefined) throw new UnpicklingError("malformed: no MARK");
    const items = this.stack.splice(this.fence);
    this.fence = below;
    return items;
  }

  /** @param {number} number */
  recall(number) {
    if (number >= this.memo.length) throw new UnpicklingError(`malformed: no memo ${number}`);
    return this.memo[number];
  }

  /** @param {1 | 2 | 4 | 8} size in bytes; of 8, the result is exact as far as a length may be */
  unsigned(size) {
    const { bytes } = this;
    const start = this.take(size);
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 0x100 + bytes[start + i];
    return value;
  }

  float() {
    const start = this.take(8);
    for (let i = 0; i < 8; i++) scratchBytes[i] = this.bytes[start + i];
    return scratch.getFloat64(0, false);
  }

  /**
   * @param {number} length
   * @returns {number | bigint}
   */
  long(length) {
    const { bytes } = this;
    const start = this.take(length);
    if (length === 0) return 0;
    if (length <= 6) {
      let value = bytes[start + length - 1] << 24 >> 24; // the highest byte has the sign
      for (let i = length - 2; i >= 0; i--) value = value * 0x100 + bytes[start + i];
      return value;
    }
    const digits = [];
    for (let i = length - 1; i >= 0; i--) digits.push(HEX[bytes[start + i]]);
    let value;
    try {
      value = BigInt.asIntN(8 * length, BigInt(`0x${digits.join("")}`));
    } catch {
      throw new UnpicklingError(`an int of ${length} bytes is too large for a BigInt here`);
    }
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  /**
   * The next bytes, copied into memory that is not shared.
   *
   * @param {number} length
   */
  copy(length) {
    const start = this.take(length);
    return new Uint8Array(this.bytes.subarray(start, start + length));
  }

  /** @param {number} length */
  text(length) {
    const { bytes } = this;
    const start = this.take(length);
    const end = this.at;
    if (length > SHORT_TEXT) {
      try {
        return textDecoder.decode(new Uint8Array(bytes.subarray(start, end)));
      } catch {
        return readCharacters(bytes, start, end);
      }
    }
    const codes = new Array(length);
    for (let i = 0; i < length; i++) {
      const byte = bytes[start + i];
      if (byte > 0x7f) return readCharacters(bytes, start, end);
      codes[i] = byte;
    }
    return String.fromCharCode.apply(null, codes);
  }

  /**
   * What a name in a module stands for: of shared arrays alone something.
   *
   * @param {unknown} module
   * @param {unknown} name
   */
  global(module, name) {
    if (this.arrays && module === ATTACHED[0] && name === ATTACHED[1]) return ATTACHED;
    throw noForm(module, name);
  }

  /** @param {unknown[]} items */
  append(items) {
    const list = this.top();
    if (!Array.isArray(list)) throw new UnpicklingError("malformed: APPEND to no list");
    for (const item of items) list.push(item);
  }

  /** @param {unknown[]} items keys and values by turns */
  setItems(items) {
    const dict = this.top();
    if (items.length % 2 !== 0) throw new UnpicklingError("malformed: a key without value");
    if (dict instanceof Map) {
      for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
      return;
    }
    if (!isPlain(dict)) throw new UnpicklingError("malformed: SETITEM on no dict");
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (typeof key !== "string") {
        (this.misfits ??= new Set()).add(dict);
      } else if (key === "__proto__") {
        const property = { value: items[i + 1], enumerable: true, writable: true };
        Object.defineProperty(dict, key, { ...property, configurable: true });
      } else {
        dict[key] = items[i + 1];
      }
    }
  }

  /** @param {unknown[]} items */
  addItems(items) {
    const set = this.top();
    if (!(set instanceof Set)) throw new UnpicklingError("malformed: ADDITEMS to no set");
    for (const item of items) set.add(item);
  }

  /** The misfits, numbered as they appeared. */
  dictsToBeMaps() {
    const { dicts, misfits } = this;
    /** @type {Set<number>} */
    const maps = new Set();
    for (let i = 0; i < dicts.length; i++) if (misfits?.has(dicts[i])) maps.add(i);
    return maps;
  }

  /**
   * Why an opcode is not obeyed.
   *
   * @param {number} opcode
   * @returns {UnpicklingError}
   */
  refusal(opcode) {
    switch (opcode) {
      case Op.GLOBAL:
        return noForm(this.line(), this.line());
      case Op.EXT1:
      case Op.EXT2:
      case Op.EXT4:
        return new UnpicklingError("a type of copyreg.add_extension has no JavaScript form");
      case Op.BINPERSID:
        return new UnpicklingError("a persistent id can be resolved only by the pickler's owner");
      case Op.NEXT_BUFFER:
      case Op.READONLY_BUFFER:
        return new UnpicklingError("a buffer was sent out of band: not for JavaScript");
    }
    return new UnpicklingError(`malformed: opcode 0x${HEX[opcode]} at byte ${this.at - 1}`);
  }

  /** Text up to the end of a line. */
  line() {
    let line = "";
    for (;;) {
      const byte = this.bytes[this.take(1)];
      if (byte === 0x0a) return line;
      line += String.fromCharCode(byte);
    }
  }
}

/** Two hexadecimal digits for each byte. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function cutShort() {
  return new UnpicklingError("the pickle is cut short");
}

/**
 * @param {unknown} module
 * @param {unknown} name
 */
function noForm(module, name) {
  if (typeof module !== "string" || typeof name !== "string") {
    return new UnpicklingError("malformed: a name that is no str");
  }
  // What comes first in the pickle is the type, or a private function that makes instances of it.
  const relation = name.startsWith("_") ? "made by" : "of type";
  return new UnpicklingError(
    `a result ${relation} ${module}.${name} has no JavaScript form: ` +
      "return None, bool, int, float, str, bytes, list, tuple, dict or set",
  );
}

/**
 * The inverse of `writeCharacters`: for text that is short or has lone surrogates. Refuses what
 * Python refuses: stray and missing continuation bytes, overlong forms, what is above U+10FFFF.
 *
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {number} end
 * @returns {string}
 * @throws {UnpicklingError}
 */
function readCharacters(bytes, at, end) {
  /** @type {string[]} */
  const characters = [];
  while (at < end) {
    const lead = bytes[at++];
    let code = lead;
    let more = 0;
    let least = 0;
    if (lead >= 0xf0) {
      code = lead - 0xf0; // from 0xf8 on no lead byte, and too large a code
      more = 3;
      least = 0x10000;
    } else if (lead >= 0xe0) {
      code = lead - 0xe0;
      more = 2;
      least = 0x800;
    } else if (lead >= 0x80) {
      code = lead - 0xc0; // below 0xc0 a stray continuation byte, and a negative code
      more = 1;
      least = 0x80;
    }
    for (; more > 0; more--) {
      const byte = at < end ? bytes[at++] : 0;
      if ((byte & 0xc0) !== 0x80) throw new UnpicklingError("malformed: text is not UTF-8");
      code = (code << 6) | (byte & 0x3f);
    }
    if (code < least || code > 0x10ffff) throw new UnpicklingError("malformed: text is not UTF-8");
    characters.push(String.fromCodePoint(code));
  }
  return characters.join("");
}
