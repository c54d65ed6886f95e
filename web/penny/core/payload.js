// A payload on its way into shared memory: bytes, or several pieces that lie one after the other in the end, so
// that what is large is copied once, from where it is.

/** @typedef {Uint8Array | Uint8Array[]} Pieces */

/** @param {Pieces} pieces @returns {number} bytes */
export function lengthOf(pieces) {
  if (!Array.isArray(pieces)) return pieces.length;
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/**
 * @param {Pieces} pieces
 * @param {Uint8Array} target
 * @param {number} at
 */
export function writePieces(pieces, target, at) {
  if (!Array.isArray(pieces)) {
    target.set(pieces, at);
    return;
  }
  for (const piece of pieces) {
    target.set(piece, at);
    at += piece.length;
  }
}

/** Up to here a loop is faster than finding out where to copy by set(), bytes. */
const FEW = 64;

/**
 * @param {Uint8Array} source
 * @param {number} from
 * @param {number} size
 * @param {Uint8Array} target
 * @param {number} to
 */
export function copyBytes(source, from, size, target, to) {
  if (size <= FEW) for (let i = 0; i < size; i++) target[to + i] = source[from + i];
  else target.set(source.subarray(from, from + size), to);
}

/** A copy, in one piece. @param {Pieces} pieces */
export function joined(pieces) {
  if (!Array.isArray(pieces)) return pieces.slice();
  const whole = new Uint8Array(lengthOf(pieces));
  writePieces(pieces, whole, 0);
  return whole;
}
