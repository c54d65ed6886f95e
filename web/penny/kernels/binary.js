// What a module of kernels says of itself, and whether it can be run: read out of its bytes.
import * as L from '../core/layout.js';
import {withStackCheck} from './stack_check.js';

/** Of a kernel stack, above where its stack pointer has to stay. */
export const STACK_ROOM = L.KERNEL_STACK_BYTES - L.KERNEL_STACK_LOW;

export const BUILD = 'build it with `penny kernel build`, or as docs/kernels-abi.md says';

/** Reads numbers and names out of a module's bytes. */
class Reader {
  at = 0;
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }
  get done() {
    return this.at >= this.bytes.length;
  }
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (!(byte & 0x80)) return value;
    }
  }
  /** The bytes of a section, after its size. */
  section() {
    const size = this.number();
    const bytes = this.bytes.subarray(this.at, this.at + size);
    this.at += size;
    return new Reader(bytes);
  }
}

/**
 * What room a module's static data and functions need.
 * @param {WebAssembly.Module} module
 * @returns {{data: number, alignment: number, functions: number}} bytes, log2 of bytes, count
 */
export function needs(module) {
  const [section] = WebAssembly.Module.customSections(module, 'dylink.0');
  if (!section) throw new TypeError(`the module is no position-independent side module: ${BUILD}`);
  const reader = new Reader(new Uint8Array(section));
  while (!reader.done) {
    const type = reader.number();
    const part = reader.section();
    if (type === 1) return {data: part.number(), alignment: part.number(), functions: part.number()};
  }
  return {data: 0, alignment: 0, functions: 0};
}

/** Static data that every instance would write anew, over what the kernels have made of it. @param {Uint8Array} bytes */
export function hasActiveData(bytes) {
  const reader = new Reader(bytes);
  reader.at = 8;
  while (!reader.done) {
    const id = reader.number();
    const section = reader.section();
    if (id !== 11) continue;
    for (let count = section.number(); count > 0; count--) {
      if (section.number() !== 1) return true;
      section.section();
    }
  }
  return false;
}

/**
 * The lines of a module's sections "penny": name(type name, …) for each kernel.
 * @param {WebAssembly.Module} module
 */
export function signaturesOf(module) {
  return WebAssembly.Module.customSections(module, 'penny')
    .map(section => new TextDecoder().decode(section))
    .join('');
}

/** A module of kernels, compiled, as participants add it. */
export class KernelModule {
  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @throws {TypeError} it is no WebAssembly module, or one that can't be checked
   */
  constructor(bytes) {
    const checked = withStackCheck(bytes, STACK_ROOM);
    try {
      this.module = new WebAssembly.Module(checked ?? bytes);
    } catch (error) {
      throw new TypeError(`this is no WebAssembly module: ${/** @type {Error} */ (error).message}`);
    }
    if (!checked)
      throw new TypeError(
        `the module has instructions or types that Penny doesn’t know, and so can’t check its use of the stack: ${BUILD}`,
      );
    /** What the workers load: with checks of the stack, so these are others than were given. */
    this.bytes = checked;
  }

  /**
   * What its kernels take.
   * @returns {Map<string, string>} signature, in parentheses, by the kernel's name
   * @throws {TypeError} it says nothing of kernels
   */
  signatures() {
    const lines = signaturesOf(this.module).split(/[\n\0]/).filter(line => line.trim());
    if (!lines.length)
      throw new TypeError(`the module does not say what its kernels take: write PENNY_KERNEL(…), and ${BUILD}`);
    return new Map(lines.map(line => {
      const start = line.indexOf('(');
      return [line.slice(0, start).trim(), line.slice(start)];
    }));
  }
}
