// The bytes of Python objects, where they lie in Pyodide's memory.

/**
 * @typedef {{getBuffer(type: string): {data: Uint8Array, release(): void}}} Buffer a Python buffer
 * @typedef {{length: number, get(index: number): Buffer & {destroy(): void}}} BufferList a list of them
 * @typedef {{toJs(): number[]}} IntList a list of int
 * @typedef {{HEAPU8: Uint8Array}} PyodideModule
 */

/** Where a bytearray of Python's lies. It is never resized, since the view stays open. */
export class Box {
  /**
   * @param {PyodideModule} module
   * @param {Buffer} bytearray
   */
  constructor(module, bytearray) {
    this.module = module;
    const {data} = bytearray.getBuffer('u8');
    this.address = data.byteOffset;
    this.size = data.byteLength;
  }

  /** A payload of Python's that lies here, for as long as nobody puts another. @param {number} size bytes */
  payload(size) {
    return this.memory.subarray(this.address, this.address + size);
  }

  /**
   * Gives `use` a payload of Python's: what penny/wire/outbox.py has put here, or sends in pieces.
   * @template T
   * @param {(pieces: import('../core/payload.js').Pieces, arrays: number[]) => T} use
   * @param {number} size bytes
   * @param {BufferList} [list] its pieces; undefined: it lies here
   * @param {IntList} [arrays] with the pieces: numbers of those that it refers to, each once
   */
  withPayload(use, size, list, arrays) {
    if (!list || !arrays) return use(this.payload(size), []);
    return withPieces(this.module, list, pieces => use(pieces, arrays.toJs()));
  }

  /** Pyodide's memory; it grows, and then this is another array. */
  get memory() {
    return this.module.HEAPU8;
  }
}

/**
 * Gives `use` the bytes of a Python buffer.
 * @template T
 * @param {Buffer} buffer
 * @param {(bytes: Uint8Array) => T} use
 */
export function withBytes(buffer, use) {
  const view = buffer.getBuffer('u8');
  try {
    return use(view.data);
  } finally {
    view.release();
  }
}

/**
 * Gives `use` the bytes of the Python buffers in a list.
 * @template T
 * @param {PyodideModule} module
 * @param {BufferList} list
 * @param {(pieces: Uint8Array[]) => T} use
 */
export function withPieces(module, list, use) {
  /** @type {{release(): void, address: number, size: number}[]} */
  const views = [];
  try {
    for (let i = 0; i < list.length; i++) {
      const buffer = list.get(i);
      const view = buffer.getBuffer('u8');
      buffer.destroy();
      // Now: the next one may make memory grow, and then this view is empty.
      const {byteOffset, byteLength} = view.data;
      views.push({release: () => view.release(), address: byteOffset, size: byteLength});
    }
    const memory = module.HEAPU8;
    return use(views.map(({address, size}) => memory.subarray(address, address + size)));
  } finally {
    for (const view of views) view.release();
  }
}
