// Text and bytes in a pickle: what writing and reading share.
import { UnpicklingError } from "./errors.js";

/**
 * Writes a value.
 *
 * @template T
 * @typedef {(value: T, out: Uint8Array, at: number, end: number) => number} Write
 */

/** What a `write…` function returns that finds no room. */
export const OVERFLOW = -1;

/** What is written here is lost, as stores beyond a typed array's end are: for measuring. */
export const NOWHERE = new Uint8Array(0);

export const textEncoder = new TextEncoder();

/**
 * UTF-8 in which a lone surrogate is three bytes like any other code point of its size, which is
 * what Python's error handler "surrogatepass" reads. (TextEncoder would put U+FFFD.)
 *
 * @type {Write<string>}
 */
export function writeCharacters(text, out, at, end) {
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
export function readCharacters(bytes, at, end) {
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

/** @type {Write<Uint8Array>} */
export function copyBytes(bytes, out, at, end) {
  if (at + bytes.length > end) return OVERFLOW;
  if (out !== NOWHERE) out.set(bytes, at);
  return at + bytes.length;
}
