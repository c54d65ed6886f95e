// The kernel modules of a scheduler's memory: how one comes into it, and into each participant. The protocol, and why
// each step: penny/wasm_core/kernels/README.md.
import * as L from '../core/layout.js';
import {BUILD, KernelModule, STACK_ROOM, hasActiveData, needs} from './binary.js';
import {LIMIT} from './stack_check.js';

/** @typedef {import('../core/core.js').Core} Core */

/** What of libm WebAssembly has no instruction for. */
const MATH = {
  ...Object.fromEntries(
    /** @type {const} */ ([
      ...['acos', 'acosh', 'asin', 'asinh', 'atan', 'atan2', 'atanh', 'cbrt', 'cos', 'cosh', 'exp'],
      ...['expm1', 'hypot', 'log', 'log10', 'log1p', 'log2', 'pow', 'sin', 'sinh', 'tan', 'tanh'],
    ]).flatMap(name => [[name, Math[name]], [`${name}f`, Math[name]]]),
  ),
  fmod: (/** @type {number} */ x, /** @type {number} */ y) => x % y,
  fmodf: (/** @type {number} */ x, /** @type {number} */ y) => x % y,
};

/** What a participant has of the kernel modules. A client adds them, and runs nothing of them. */
export class KernelModules {
  /** The functions of all modules, at the same places in every worker. */
  table = new WebAssembly.Table({element: 'anyfunc', initial: 1});
  /** By module number. @type {(WebAssembly.Instance | undefined)[]} */
  instances = [];

  /**
   * @param {Core} core
   * @param {number} stackPointer where constructors of static data may run
   * @param {number} stackLimit how far down
   */
  constructor(core, stackPointer = core.exports.__stack_pointer.value, stackLimit = stackPointer - L.STACK_BYTES) {
    this.core = core;
    this.stackLimit = stackLimit;
    this.stackPointer = new WebAssembly.Global({value: 'i32', mutable: true}, stackPointer);
    const {exports} = core;
    this.imports = {
      ...MATH,
      memory: core.memory,
      __indirect_function_table: this.table,
      __stack_pointer: this.stackPointer,
    };
    // The core's own functions: a call goes from wasm to wasm.
    this.runtime = {
      spawn: exports.kernel_spawn,
      join: exports.kernel_join,
      ran: exports.kernel_ran,
      fork: exports.kernel_fork,
      wait: exports.kernel_wait,
      open: exports.kernel_open,
      close: exports.kernel_close,
      allocate: exports.kernel_allocate,
      free: exports.heap_free,
      cancelled: exports.kernel_cancelled,
    };
  }

  /**
   * Adds a module, for all workers, until the scheduler closes. Its static data is initialised here, once.
   * @param {KernelModule | Uint8Array<ArrayBuffer>} given
   * @returns {number} the module's number, from 1; that of an equal one, if there is one; 0: there is no room
   * @throws {TypeError} it is no module of kernels
   */
  add(given) {
    const {core} = this;
    const {exports, participant} = core;
    const {bytes, module} = given instanceof KernelModule ? given : new KernelModule(given);
    this.#check(module, bytes);
    const before = this.#find(bytes);
    if (before) return before;
    const {data, alignment, functions} = needs(module);
    if (2 ** alignment > L.GRANULE_BYTES)
      throw new TypeError(
        `the module’s static data is to be aligned to 2 ** ${alignment} bytes: ${L.GRANULE_BYTES} is the most`,
      );
    // Small blocks are aligned to SMALL_BYTES only.
    const room = 2 ** alignment > L.SMALL_BYTES ? Math.max(data, L.SMALL_MAX + 1) : data;
    const number = exports.kernel_module_new(participant, bytes.length, room, functions);
    if (!number) return 0;
    const block = exports.kernel_module_block(number) >>> 0;
    core.reach(block + bytes.length);
    core.bytes.set(bytes, block);
    const stack = this.stackPointer.value;
    try {
      const instance = this.#instantiate(number, module);
      const construct = instance.exports._initialize ?? instance.exports.__wasm_call_ctors;
      if (typeof construct === 'function') construct();
      this.instances[number] = instance;
    } catch (error) {
      exports.kernel_module_drop(number, participant);
      const message = this.overflowed() ? 'its constructors use up the stack' : /** @type {Error} */ (error).message;
      this.stackPointer.value = stack;
      throw new TypeError(`the module cannot be instantiated (${message}): ${BUILD}`);
    }
    exports.kernel_module_share(number);
    return number;
  }

  /** Whether it was a check of the stack that trapped. */
  overflowed() {
    return (this.stackPointer.value - this.stackLimit) >>> 0 > STACK_ROOM;
  }

  /**
   * @param {WebAssembly.Module} module
   * @param {Uint8Array} bytes
   */
  #check(module, bytes) {
    needs(module);
    const known = {...this.imports, __memory_base: 0, __table_base: 0};
    let memory = false;
    for (const {module: from, name} of WebAssembly.Module.imports(module)) {
      memory ||= from === 'env' && name === 'memory';
      if (Object.hasOwn(from === 'env' ? known : from === 'penny' ? this.runtime : {}, name)) continue;
      if (from === LIMIT.module && name === LIMIT.name) continue;
      const why = from.startsWith('GOT.')
        ? 'compile with -fvisibility=hidden, so that the linker knows where its own symbols are'
        : 'a kernel has the mathematical functions of C and what penny.h declares, and no other library';
      throw new TypeError(`the module imports ${from}.${name}: ${why}`);
    }
    if (!memory) throw new TypeError(`the module does not import a memory: ${BUILD}`);
    if (hasActiveData(bytes))
      throw new TypeError(`each worker would overwrite the module’s static data: link it with --shared-memory, or ${BUILD}`);
  }

  /** The number of a module of the same bytes, or 0. @param {Uint8Array} bytes */
  #find(bytes) {
    const {core} = this;
    const {exports} = core;
    for (let number = 1; number <= L.KERNEL_MODULES; number++) {
      if (!exports.kernel_module_ready(number)) continue;
      if (exports.kernel_module_size(number) >>> 0 !== bytes.length) continue;
      const block = exports.kernel_module_block(number) >>> 0;
      core.checkBlock(block, bytes.length);
      if (bytes.every((byte, i) => byte === core.bytes[block + i])) return number;
    }
    return 0;
  }

  /**
   * @param {number} number
   * @param {WebAssembly.Module} module
   */
  #instantiate(number, module) {
    const {exports} = this.core;
    const {data, functions} = needs(module);
    const place = exports.kernel_module_table(number) >>> 0;
    if (data) this.core.checkBlock(exports.kernel_module_data(number) >>> 0, data); // it may write there
    if (this.table.length < place + functions) this.table.grow(place + functions - this.table.length);
    const constant = (/** @type {number} */ value) => new WebAssembly.Global({value: 'i32'}, value);
    return new WebAssembly.Instance(module, {
      env: {
        ...this.imports,
        __memory_base: constant(exports.kernel_module_data(number)),
        __table_base: constant(place),
      },
      penny: {...this.runtime, [LIMIT.name]: this.stackLimit},
    });
  }

  /** @param {number} number of a module that has been added @throws {CorruptionError} */
  load(number) {
    const {core, instances} = this;
    const {exports} = core;
    if (instances[number]) return;
    if (!exports.kernel_module_ready(number)) throw new RangeError(`there is no kernel module ${number}`);
    const block = exports.kernel_module_block(number) >>> 0;
    const size = exports.kernel_module_size(number) >>> 0;
    core.checkBlock(block, size);
    const module = new WebAssembly.Module(core.bytes.slice(block, block + size));
    instances[number] = this.#instantiate(number, module);
  }
}
