// WebAssembly has no guard page: a recursion that leaves its stack writes on, into whatever lies below. So a module
// of kernels is changed before it is compiled: wherever it moves the stack pointer it looks whether that is still
// within the stack, and traps if not. This holds for modules of any compiler, whose functions all move the one
// stack pointer that they import (docs/kernels-abi.md).
//
// Of the binary format (WebAssembly Core Specification 3.0, chapter 5) this knows how long each instruction is; garbage
// collection apart. What it does not know it refuses.

/** What a checked module imports besides: the lowest address that its stack pointer may have. */
export const LIMIT = {module: 'penny', name: 'stack_limit'};

const Section = /** @type {const} */ ({
  CUSTOM: 0, TYPE: 1, IMPORT: 2, FUNCTION: 3, TABLE: 4, GLOBAL: 6, EXPORT: 7, ELEMENT: 9, CODE: 10, DATA: 11,
});
/** Of imports and exports. */
const Kind = /** @type {const} */ ({FUNCTION: 0, TABLE: 1, MEMORY: 2, GLOBAL: 3, TAG: 4});
const I32 = 0x7f;
const END = 0x0b;
const DELEGATE = 0x18; // ends its try
const GLOBAL_GET = 0x23;
const GLOBAL_SET = 0x24;
const I32_CONST = 0x41;

/** Custom sections that say something of places in the code, which are others afterwards. */
const OF_PLACES = /^(\.debug_|reloc\.|metadata\.code\.|sourceMappingURL$|external_debug_info$)/;

/** Why a module is not understood. */
class Unreadable extends Error {}

/**
 * A module with the checks.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {number} size of the stack, bytes from LIMIT up
 * @returns {Uint8Array<ArrayBuffer> | null} the same bytes if it has no stack; null if it is damaged, or is newer than this
 */
export function withStackCheck(bytes, size) {
  try {
    return new Rewriter(bytes, size).module();
  } catch (error) {
    if (error instanceof Unreadable) return null;
    throw error;
  }
}

/** Reads a module, and writes one: what is not written otherwise is copied. */
class Rewriter {
  #at = 0;
  #copied = 0;
  /** What has been written. @type {(Uint8Array | number[])[]} */
  #out = [];
  /** Parameters of each type. @type {number[]} */
  #types = [];
  /** Type of each function that the module has itself. @type {number[]} */
  #functions = [];
  /** The number of LIMIT: of the first global that is not imported, which all become one more. */
  #limit = 0;
  /** Numbers of the stack pointer, mostly one. @type {Set<number>} */
  #pointers = new Set();

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {number} size
   */
  constructor(bytes, size) {
    this.bytes = bytes;
    this.size = signed(size);
  }

  module() {
    const {bytes} = this;
    if (bytes.length < 8 || bytes[0] !== 0 || bytes[1] !== 0x61 || bytes[4] !== 1) throw new Unreadable();
    this.#at = 8;
    while (this.#at < bytes.length) {
      const start = this.#at;
      const id = this.#byte();
      const end = this.#size();
      if (id === Section.CUSTOM) {
        if (OF_PLACES.test(this.#name())) this.#replace(start, end, []);
      } else if (id in SECTIONS) {
        this.#flush(start);
        const outer = this.#out;
        this.#out = [];
        this.#copied = this.#at;
        SECTIONS[id].call(this);
        if (this.#at !== end) throw new Unreadable();
        this.#flush(end);
        const parts = this.#out;
        const length = parts.reduce((sum, part) => sum + part.length, 0);
        this.#out = outer;
        this.#out.push([id, ...unsigned(length)], ...parts);
        if (id === Section.IMPORT && !this.#pointers.size) return bytes;
      }
      this.#at = end;
    }
    if (!this.#pointers.size) return bytes;
    this.#flush(bytes.length);
    return joined(this.#out);
  }

  // ---- reading and copying ------------------------------------------------------------------------

  #byte() {
    if (this.#at >= this.bytes.length) throw new Unreadable();
    return this.bytes[this.#at++];
  }
  /** A LEB128 number without sign: of 32 bits, where its value is asked for. */
  #number() {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Unreadable();
  }
  /** The end of what follows, after its size. */
  #size() {
    const size = this.#number();
    if (this.#at + size > this.bytes.length) throw new Unreadable();
    return this.#at + size;
  }
  #name() {
    const end = this.#size();
    const name = new TextDecoder().decode(this.bytes.subarray(this.#at, end));
    this.#at = end;
    return name;
  }
  /** @param {() => void} item */
  #each(item) {
    for (let count = this.#number(); count > 0; count--) item();
  }
  #valueType() {
    const type = this.#byte();
    if (type === 0x63 || type === 0x64) this.#number();
  }
  #limits() {
    const flags = this.#number();
    this.#number();
    if (flags & 1) this.#number();
  }

  /** Writes all that was read and not written, up to a place. @param {number} end */
  #flush(end) {
    if (end > this.#copied) this.#out.push(this.bytes.subarray(this.#copied, end));
    this.#copied = end;
  }
  /**
   * Writes something instead of a part.
   * @param {number} start
   * @param {number} end
   * @param {number[]} bytes
   */
  #replace(start, end, bytes) {
    this.#flush(start);
    this.#out.push(bytes);
    this.#copied = end;
  }

  // ---- sections -----------------------------------------------------------------------------------

  typeSection() {
    this.#each(() => {
      if (this.#byte() !== 0x60) throw new Unreadable(); // of garbage collection
      this.#types.push(this.#number());
      for (let i = this.#types[this.#types.length - 1]; i > 0; i--) this.#valueType();
      this.#each(() => this.#valueType());
    });
  }

  importSection() {
    const start = this.#at;
    const count = this.#number();
    const first = this.#at;
    for (let i = 0; i < count; i++) {
      const from = this.#name();
      const name = this.#name();
      const kind = this.#byte();
      if (kind === Kind.FUNCTION) this.#number();
      else if (kind === Kind.MEMORY) this.#limits();
      else if (kind === Kind.TABLE) {
        this.#valueType();
        this.#limits();
      } else if (kind === Kind.TAG) {
        this.#byte();
        this.#number();
      } else if (kind === Kind.GLOBAL) {
        this.#valueType();
        this.#byte();
        if (from === 'env' && name === '__stack_pointer') this.#pointers.add(this.#limit);
        this.#limit++;
      } else throw new Unreadable();
    }
    this.#replace(start, first, unsigned(count + 1));
    this.#flush(this.#at);
    this.#out.push([...named(LIMIT.module), ...named(LIMIT.name), Kind.GLOBAL, I32, 0]);
  }

  functionSection() {
    this.#each(() => this.#functions.push(this.#number()));
  }

  tableSection() {
    this.#each(() => {
      const initialised = this.bytes[this.#at] === 0x40;
      if (initialised) this.#at += 2;
      this.#valueType();
      this.#limits();
      if (initialised) this.#expression();
    });
  }

  globalSection() {
    this.#each(() => {
      this.#valueType();
      this.#byte();
      this.#expression();
    });
  }

  exportSection() {
    this.#each(() => {
      this.#name();
      const kind = this.#byte();
      const start = this.#at;
      const number = this.#number();
      if (kind === Kind.GLOBAL && number >= this.#limit) this.#replace(start, this.#at, unsigned(number + 1));
    });
  }

  elementSection() {
    this.#each(() => {
      const flags = this.#number();
      const passive = flags & 1;
      if (!passive && flags & 2) this.#number(); // table
      if (!passive) this.#expression();
      const expressions = flags & 4;
      if (flags & 3) expressions ? this.#valueType() : this.#byte();
      this.#each(() => void (expressions ? this.#expression() : this.#number()));
    });
  }

  dataSection() {
    this.#each(() => {
      const flags = this.#number();
      if (flags === 2) this.#number(); // memory
      if (flags !== 1) this.#expression();
      this.#at = this.#size();
    });
  }

  codeSection() {
    let number = 0;
    this.#each(() => {
      const start = this.#at;
      const end = this.#size();
      const outer = this.#out;
      this.#flush(start);
      this.#out = [];
      this.#copied = this.#at;
      this.#body(this.#types[this.#functions[number++]]);
      if (this.#at !== end) throw new Unreadable();
      this.#flush(end);
      const parts = this.#out;
      this.#out = outer;
      this.#out.push(unsigned(parts.reduce((sum, part) => sum + part.length, 0)), ...parts);
    });
  }

  /** @param {number} parameters */
  #body(parameters) {
    const groups = this.#number();
    const first = this.#at;
    let locals = parameters;
    for (let i = 0; i < groups; i++) {
      locals += this.#number();
      this.#valueType();
    }
    const code = this.#at;
    this.#flush(code);
    const declared = this.#out.length - 1;
    // One more local, the last: to keep the stack pointer in.
    if (this.#expression(locals))
      this.#out.splice(declared, 1, unsigned(groups + 1), this.bytes.subarray(first, code), [1, I32]);
  }

  // ---- instructions -------------------------------------------------------------------------------

  /**
   * Up to its end.
   * @param {number} [local] where a check may keep the stack pointer
   * @returns {boolean} whether there is a check
   */
  #expression(local = -1) {
    let checked = false;
    let depth = 1;
    while (depth) {
      const start = this.#at;
      const code = this.#byte();
      if (code === END) depth--;
      else if (code === DELEGATE) {
        this.#number();
        depth--;
      }
      else if (code === GLOBAL_GET || code === GLOBAL_SET) {
        const global = this.#number();
        if (code === GLOBAL_SET && this.#pointers.has(global)) {
          checked = true;
          this.#replace(start, this.#at, this.#check(global, local));
        } else if (global >= this.#limit) this.#replace(start, this.#at, [code, ...unsigned(global + 1)]);
      } else if (this.#immediates(code)) depth++;
    }
    return checked;
  }

  /**
   * Instead of global.set: first the write, so that whoever sees the trap sees where the pointer was to go.
   * @param {number} pointer
   * @param {number} local
   */
  #check(pointer, local) {
    const kept = unsigned(local);
    return [
      ...[0x22, ...kept, GLOBAL_SET, ...unsigned(pointer)], // local.tee, global.set
      ...[0x20, ...kept, GLOBAL_GET, ...unsigned(this.#limit), 0x6b], // local.get, global.get, i32.sub
      ...[I32_CONST, ...this.size, 0x4b], // i32.const, i32.gt_u
      ...[0x04, 0x40, 0x00, END], // if: unreachable, end
    ];
  }

  /** Passes over what follows an instruction's code. @param {number} code @returns {boolean} it begins a block */
  #immediates(code) {
    if (code <= 0x04) {
      if (code < 0x02) return false; // unreachable, nop
      this.#blockType();
      return true;
    }
    if (code >= 0x45 && code <= 0xc4) return false; // comparing, computing, converting
    if (code >= 0x28 && code <= 0x3e) this.#address();
    else if (code === 0xfc) this.#more(this.#number());
    else if (code === 0xfd) this.#vector(this.#number());
    else if (code === 0xfe) this.#atomic(this.#number());
    else if (code === 0x43) this.#at += 4;
    else if (code === 0x44) this.#at += 8;
    else if (code === 0x0e || code === 0x1c) {
      if (code === 0x1c) this.#each(() => this.#valueType());
      else {
        this.#each(() => this.#number());
        this.#number();
      }
    } else if (code === 0x06 || code === 0x1f) {
      this.#blockType();
      if (code === 0x1f) this.#each(() => this.#catch());
      return true;
    } else {
      const numbers = NUMBERS[code];
      if (numbers === undefined) throw new Unreadable();
      for (let i = 0; i < numbers; i++) this.#number();
    }
    return false;
  }

  #blockType() {
    const code = this.bytes[this.#at]; // one byte for types of values; numbers of types are longer, or smaller
    this.#number();
    if (code === 0x63 || code === 0x64) this.#number();
  }
  #catch() {
    if (this.#byte() < 2) this.#number();
    this.#number();
  }
  /** Of a load or a store: alignment, memory, offset. */
  #address() {
    if (this.#number() & 0x40) this.#number();
    this.#number();
  }
  /** @param {number} code */
  #more(code) {
    // Conversions that saturate; memory.init, data.drop, memory.copy, .fill; table.init, elem.drop, …
    const numbers = code < 8 ? 0 : [2, 1, 2, 1, 2, 1, 2, 1, 1, 1][code - 8];
    if (numbers === undefined) throw new Unreadable();
    for (let i = 0; i < numbers; i++) this.#number();
  }
  /** @param {number} code */
  #vector(code) {
    if (code <= 11 || code === 92 || code === 93) this.#address();
    else if (code === 12 || code === 13) this.#at += 16; // v128.const, i8x16.shuffle
    else if (code >= 21 && code <= 34) this.#byte(); // a lane
    else if (code >= 84 && code <= 91) {
      this.#address();
      this.#byte();
    } else if (code > 0x113) throw new Unreadable();
  }
  /** @param {number} code */
  #atomic(code) {
    if (code === 3) this.#byte(); // fence
    else if (code <= 2 || (code >= 0x10 && code <= 0x4e)) this.#address();
    else throw new Unreadable();
  }
}

/** How each section is gone through; the others are copied. @type {Record<number, (this: Rewriter) => void>} */
const SECTIONS = {
  [Section.TYPE]: Rewriter.prototype.typeSection,
  [Section.IMPORT]: Rewriter.prototype.importSection,
  [Section.FUNCTION]: Rewriter.prototype.functionSection,
  [Section.TABLE]: Rewriter.prototype.tableSection,
  [Section.GLOBAL]: Rewriter.prototype.globalSection,
  [Section.EXPORT]: Rewriter.prototype.exportSection,
  [Section.ELEMENT]: Rewriter.prototype.elementSection,
  [Section.CODE]: Rewriter.prototype.codeSection,
  [Section.DATA]: Rewriter.prototype.dataSection,
};

/** How many numbers follow an instruction that is no other case of #immediates(). @type {Record<number, number>} */
const NUMBERS = {
  ...count(0, 0x05, 0x0a, 0x0f, 0x19, 0x1a, 0x1b, 0xd1, 0xd3, 0xd4), // else, throw_ref, return, catch_all, drop, select
  ...count(1, 0x07, 0x08, 0x09, 0x0c, 0x0d, 0x10, 0x12, 0x14, 0x15), // catch, throw, br, call, return_call, call_ref
  ...count(1, 0x20, 0x21, 0x22, 0x25, 0x26, 0x3f, 0x40, 0x41, 0x42), // locals, tables, memory.size, constants
  ...count(1, 0xd0, 0xd2, 0xd5, 0xd6), // references
  ...count(2, 0x11, 0x13), // call_indirect
};

/**
 * @param {number} numbers
 * @param {...number} codes
 */
function count(numbers, ...codes) {
  return Object.fromEntries(codes.map(code => [code, numbers]));
}

/** LEB128. @param {number} value below 2 ** 32 */
function unsigned(value) {
  const bytes = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value = Math.floor(value / 128);
  } while (value);
  return bytes;
}

/** LEB128 with a sign. @param {number} value from 0, below 2 ** 31 */
function signed(value) {
  const bytes = unsigned(value);
  const last = bytes.length - 1;
  return bytes[last] & 0x40 ? [...bytes.slice(0, last), bytes[last] | 0x80, 0] : bytes;
}

/** @param {string} text */
function named(text) {
  const bytes = new TextEncoder().encode(text);
  return [...unsigned(bytes.length), ...bytes];
}

/** @param {(Uint8Array | number[])[]} parts */
function joined(parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
