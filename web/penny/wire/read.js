// Reading: the values in the pickles that CPython makes in a worker. What becomes of what: opcodes.js.
import { UnpicklingError } from "./errors.js";
import { isPlain } from "./obstacles.js";
import { ATTACHED, Op as opcodes, PROTOCOL, scratch, scratchBytes } from "./opcodes.js";
import { readCharacters } from "./text.js";

// Names of this module's own: an engine looks an imported one up at each use, a tenth of the time it takes to read
// a small value.
const Op = opcodes;

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
