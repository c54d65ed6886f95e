// Kernels: wasm functions on the shared memory. How modules of them come into it and into each worker
// (modules.c), and how a kernel is called, and left by an exception (calls.c). The protocol, and why
// each step: penny/wasm_core/kernels/README.md.
import * as L from './layout.js';
import {Failure} from './layout.js';
import {LIMIT, withStackCheck} from './stack_check.js';

/** @typedef {import('./core.js').Core} Core */

/** The names of the errors, by failure. @type {Record<number, string>} */
const NAMES = {
  [Failure.TRAPPED]: 'KernelTrap',
  [Failure.CANCEL_DUE]: 'KernelCancelled',
  [Failure.WORKER_LOST]: 'KernelLost',
  [Failure.OVERFLOW]: 'KernelTrap',
  [Failure.MISUSED]: 'KernelMisuse',
};

/** @type {Record<number, string>} */
const MESSAGES = {
  [Failure.TRAPPED]: 'the kernel trapped',
  [Failure.CANCEL_DUE]: 'the kernel was asked to end',
  [Failure.WORKER_LOST]: 'a worker died while it ran a job that this kernel had spawned',
  [Failure.OVERFLOW]:
    'the worker’s kernel stack is used up: recurse or spawn less deeply, or with smaller frames, or open fewer lanes',
  [Failure.MISUSED]:
    'penny_join: this job is not spawned, was joined before, or runs below its joiner; or penny_close: calls of this ' +
    'lane are not joined, or none is open',
};

/**
 * How a kernel ended that did not return. Its name says how: KernelTrap (also where the kernel stack was used up),
 * KernelCancelled, KernelLost (a worker that ran one of its jobs died), KernelMisuse (of spawn and join).
 */
export class KernelError extends Error {
  /**
   * @param {number} failure
   * @param {string} message
   */
  constructor(failure, message = MESSAGES[failure]) {
    super(message);
    this.failure = failure;
    this.name = NAMES[failure];
  }
}

/** @param {unknown} error @returns {KernelError} */
function kernelError(error) {
  if (error instanceof KernelError) return error;
  const {message} = /** @type {Error} */ (error);
  // A full JavaScript stack is a RangeError: deep recursion in a kernel is the usual reason.
  return new KernelError(Failure.TRAPPED, `${MESSAGES[Failure.TRAPPED]}: ${message}`);
}

// ---- what a module says of itself ------------------------------------------------------------------

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

const BUILD = 'build it with `penny kernel build`, or as docs/kernels-abi.md says';

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
function needs(module) {
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
function hasActiveData(bytes) {
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
function signaturesOf(module) {
  return WebAssembly.Module.customSections(module, 'penny')
    .map(section => new TextDecoder().decode(section))
    .join('');
}

// ---- modules ----------------------------------------------------------------------------------------

/** Of a kernel stack, above where its stack pointer has to stay. */
const STACK_ROOM = L.KERNEL_STACK_BYTES - L.KERNEL_STACK_LOW;

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

/** What a participant has of the kernel modules. A client adds them, and runs nothing of them. */
export class KernelModules {
  /** The functions of all modules, at the same places in every worker. */
  table = new WebAssembly.Table({element: 'anyfunc', initial: 1});
  /** By module number. @type {(WebAssembly.Instance | undefined)[]} */
  instances = [];
  /** @type {Map<number, string>} */
  #signatures = new Map();

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
    this.#signatures.set(number, signaturesOf(module));
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

  /** @param {number} number of a module that has been added */
  signatures(number) {
    this.load(number);
    return /** @type {string} */ (this.#signatures.get(number));
  }
}

// ---- calls ------------------------------------------------------------------------------------------

/** A worker's kernels. */
export class Kernels extends KernelModules {
  #added = 0;
  #hasStack = false;

  /**
   * @param {Core} core of a worker
   * @param {(task: number) => void} runOther runs a task that is no kernel's, now RUNNING, to its end, on top of a
   *     kernel that waits. It must not throw
   */
  constructor(core, runOther) {
    super(core, 0, 0);
    this.runOther = runOther;
    core.kernels = this;
  }

  /** Makes ready to run any kernel that somebody knows of. */
  #prepare() {
    const {exports, participant} = this.core;
    if (!this.#hasStack) {
      const stack = exports.kernel_stack(participant) >>> 0;
      if (!stack) throw new KernelError(Failure.TRAPPED, 'the shared heap has no room for a worker’s kernel stack');
      this.stackPointer.value = stack + L.KERNEL_STACK_BYTES;
      this.stackLimit = stack + L.KERNEL_STACK_LOW;
      this.#hasStack = true;
    }
    const added = exports.kernels_added();
    if (added === this.#added) return;
    for (let number = 1; number <= L.KERNEL_MODULES; number++)
      if (exports.kernel_module_ready(number)) this.load(number);
    this.#added = added;
  }

  /**
   * @override
   * @param {KernelModule | Uint8Array<ArrayBuffer>} given
   */
  add(given) {
    this.#prepare(); // constructors run on the kernel stack
    return super.add(given);
  }

  /**
   * @param {number} module
   * @param {string} name
   * @returns {(...args: (number | bigint)[]) => number | bigint | undefined}
   */
  #kernel(module, name) {
    this.#prepare();
    const kernel = this.instances[module]?.exports[name];
    if (typeof kernel === 'function') return /** @type {any} */ (kernel);
    throw new RangeError(`kernel module ${module} has no kernel ${name}`);
  }

  /**
   * Calls a kernel.
   * @param {number} module
   * @param {string} name
   * @param {(number | bigint)[]} args
   * @throws {KernelError} when all that it had spawned has ended
   */
  call(module, name, args) {
    const kernel = this.#kernel(module, name);
    return this.#enter(() => kernel(...args));
  }

  /**
   * Calls a kernel with each i in [low, high), and then `args`.
   * @param {number} module
   * @param {string} name
   * @param {number} low
   * @param {number} high
   * @param {(number | bigint)[]} args
   */
  range(module, name, low, high, args) {
    const kernel = this.#kernel(module, name);
    this.#enter(() => {
      for (let i = low; i < high; i++) kernel(i, ...args);
    });
  }

  /**
   * @template T
   * @param {(lane: number) => T} call gets the entry that it may use for calls
   * @returns {T}
   */
  #enter(call) {
    const {exports, participant} = this.core;
    const {stackPointer} = this;
    const stack = stackPointer.value;
    const coreStack = exports.__stack_pointer.value;
    const lane = exports.kernel_enter(participant, stack);
    if (!lane) throw new KernelError(Failure.OVERFLOW);
    let error;
    try {
      const result = call(lane);
      if (exports.kernel_leave(participant)) return result;
      error = new KernelError(Failure.MISUSED, 'the kernel returned before it had joined all that it had spawned');
    } catch (thrown) {
      error = this.overflowed() ? new KernelError(Failure.OVERFLOW) : kernelError(thrown);
    }
    exports.__stack_pointer.value = coreStack; // frames of the core may have been left as well
    exports.kernel_unwind(participant);
    stackPointer.value = stack;
    exports.kernel_leave(participant);
    throw error;
  }

  /** Whether a task is a kernel's. @param {number} task */
  isKernel(task) {
    return (this.core.taskWord(task, L.TASK_FLAGS_WORD) & L.Flag.KERNEL) !== 0;
  }

  /** Runs a kernel's task, now RUNNING, to its end. @param {number} task */
  run(task) {
    const {core} = this;
    const {exports, participant} = core;
    const outer = exports.kernel_begin(participant, task);
    const payload = core.taskAddress(task) + L.TASK_PAYLOAD;
    let state = L.State.RETURNED;
    let size = 0;
    try {
      this.#prepare();
      const address = core.words[(payload >> 2) + L.KERNEL_ADDRESS_WORD] >>> 0;
      const place = core.words[(payload >> 2) + L.KERNEL_FUNCTION_WORD];
      core.reach(address + 8);
      if (place) {
        const run = this.table.get(place);
        this.#nameJob(place);
        this.#enter(lane => run(address, lane));
      } else {
        const run = this.table.get(core.words[(address >> 2) + L.JOB_FUNCTION_WORD]);
        this.#nameJob(core.words[(address >> 2) + L.JOB_FUNCTION_WORD]);
        const argument = core.words[(address >> 2) + L.JOB_ARGUMENT_WORD];
        this.#enter(() => run(argument));
      }
    } catch (thrown) {
      state = L.State.RAISED;
      const {failure, message} = kernelError(thrown);
      // Behind the job's address, which others may still read: is_orphan() in orphans.c.
      const room = L.TASK_PAYLOAD_BYTES - L.KERNEL_FAILURE - 1;
      const text = new TextEncoder().encode(message).subarray(0, room);
      core.bytes[payload + L.KERNEL_FAILURE] = failure;
      core.bytes.set(text, payload + L.KERNEL_FAILURE + 1);
      size = L.KERNEL_FAILURE + 1 + text.length;
    }
    exports.task_finish(task, participant, state, size, 0);
    exports.kernel_end(participant, outer);
  }

  /**
   * Lets a trace know a job's function, if its module exports it.
   * @param {number} place
   */
  #nameJob(place) {
    if (!this.core.traced || this.#named.has(place)) return;
    this.#named.add(place);
    for (const instance of this.instances)
      for (const [name, value] of Object.entries(instance?.exports ?? {}))
        if (value === this.table.get(place)) this.core.nameFunction(L.NAME_IS_PLACE + place, name);
  }
  /** @type {Set<number>} */
  #named = new Set();

  /** A task that a kernel's join has found. @param {number} task */
  help(task) {
    if (this.isKernel(task)) this.run(task);
    else this.runOther(task);
  }

  /**
   * Leaves a kernel, for the core.
   * @param {number} failure
   * @param {number} task JOB_FAILED: the joined one, whose slot this frees
   * @returns {never}
   */
  fail(failure, task) {
    if (failure !== Failure.JOB_FAILED) throw new KernelError(failure);
    const {core} = this;
    const payload = core.taskAddress(task) + L.TASK_PAYLOAD;
    const size = core.taskWord(task, L.TASK_SIZE_WORD);
    const failed = payload + L.KERNEL_FAILURE;
    const text = new TextDecoder().decode(core.bytes.slice(failed + 1, payload + size));
    const error = new KernelError(core.bytes[failed], text);
    core.exports.job_free(core.hint(task), core.participant);
    throw error;
  }
}
