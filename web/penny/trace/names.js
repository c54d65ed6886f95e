// What the functions of a trace are called: a table in shared memory into which each worker writes what it learns.
import * as L from '../core/layout.js';

/** @typedef {import('../core/core.js').Core} Core */

/** @param {Core} core */
export const traceAddress = core => core.words[L.TRACE_WORD] >>> 0;

/** @param {Core} core */
function* nameEntries(core) {
  const {words} = core;
  const count = Atomics.load(words, traceAddress(core) / 4 + L.TRACE_NAMES_WORD);
  for (let i = 0; i < Math.min(count, L.TRACE_NAMES); i++) {
    const address = traceAddress(core) + L.TRACE_NAME + i * L.NAME_ENTRY_BYTES;
    const key = Atomics.load(words, address / 4 + L.NAME_SERIAL_WORD) >>> 0;
    if (key) yield {key, address};
  }
}

/** @param {Core} core */
export function readNames(core) {
  /** @type {Map<number, string>} */
  const names = new Map();
  const decoder = new TextDecoder();
  for (const {key, address} of nameEntries(core)) {
    const size = core.words[address / 4 + L.NAME_SIZE_WORD];
    const text = address + L.NAME_TEXT;
    names.set(key, decoder.decode(core.bytes.slice(text, text + size)));
  }
  return names;
}

/**
 * Notes what a function is called, if anything is recorded, unless somebody has. Beyond FUNCTION_NAMES functions it
 * does nothing.
 * @param {Core} core
 * @param {number} key its serial; or NAME_IS_PLACE + its place in the workers' function tables
 * @param {string} name of which the end stays, if it is long
 */
export function nameFunction(core, key, name) {
  if (!core.traced) return;
  core.reach(core.memory.buffer.byteLength);
  for (const entry of nameEntries(core)) if (entry.key === key) return;
  const encoder = new TextEncoder();
  let bytes = encoder.encode(name);
  for (let text = name; bytes.length > L.NAME_BYTES; bytes = encoder.encode(`…${text}`))
    text = text.slice(Math.max(1, text.length - L.NAME_BYTES + 3));
  const address = core.exports.trace_name() >>> 0;
  if (!address) return;
  core.bytes.set(bytes, address + L.NAME_TEXT);
  core.words[address / 4 + L.NAME_SIZE_WORD] = bytes.length;
  Atomics.store(core.words, address / 4 + L.NAME_SERIAL_WORD, key | 0);
}
