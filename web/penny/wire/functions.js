// How JavaScript names Python functions: by import path, by source, or as a kernel of a module. Each becomes a pickled
// call that gives the function in the worker, where the result is cached like any other function.
import {encode} from './write.js';

const latin1 = (/** @type {string} */ text) => Uint8Array.from(text, c => c.charCodeAt(0));

/**
 * The pickle of `module.name(...args)`, evaluated when it is loaded.
 * @param {string} module
 * @param {string} name
 * @param {unknown[]} args one to three
 */
function pickledCall(module, name, args) {
  // encode() gives header, value, STOP ('.'): the argument tuple is made of the values' middles.
  const values = args.map(arg => encode(arg).subarray(2, -1));
  const tuple = ['\x85', '\x86', '\x87'][args.length - 1];
  return concatenate([
    latin1('\x80\x05'),
    latin1(`c${module}\n${name}\n`), // GLOBAL
    ...values,
    latin1(`${tuple}R.`), // TUPLE1 to 3, REDUCE, STOP
  ]);
}

/** @param {Uint8Array[]} parts */
function concatenate(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/**
 * The function that `import` finds under this name: "operator.add", "len", "package.module.Class.method".
 * @param {string} name
 */
export const pickledName = name => pickledCall('penny.engines.named', 'find', [name]);

/**
 * The function `name` that this Python source defines; or, if the source is an expression ("lambda x:
 * x + 1"), its value.
 * @param {string} name
 * @param {string} source
 */
export const pickledSource = (name, source) => pickledCall('penny.engines.named', 'define', [name, source]);

/**
 * Whether that function is a coroutine function, which runs in the worker for those. (With a decorator it is whatever that
 * makes of it, which nobody knows here.)
 * @param {string} name
 * @param {string} source
 */
export function definesCoroutine(name, source) {
  const lines = source.trim().split('\n');
  const heads = lines.map(line => /^(async[ \t]+)?def[ \t]+([^\s([]+)/.exec(line));
  const last = heads.findLastIndex(head => head?.[2] === name);
  return Boolean(heads[last]?.[1]) && !lines[last - 1]?.startsWith('@');
}

/**
 * A kernel.
 * @param {number} module its number in the scheduler's memory
 * @param {Uint8Array} digest the first 16 bytes of its SHA-256
 * @param {string} name
 * @param {string} signature "(f32 a, f32[] x)"
 */
export const pickledKernel = (module, digest, name, signature) =>
  pickledCall('penny.engines.named', 'kernel', [[module, digest], name, signature]);
