// The bytes of Python objects, where they lie in Pyodide's memory.

/**
 * @typedef {{getBuffer(type: string): {data: Uint8Array, release(): void}}} Buffer a Python buffer
 * @typedef {{length: number, get(index: number): Buffer & {destroy(): void}}} BufferList a list of them
 */

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
 * @param {{HEAPU8: Uint8Array}} module Pyodide's
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
