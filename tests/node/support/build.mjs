// The test core: the core's own files and exports.c, compiled and linked with the Makefile's flags into
// build/tests/core.wasm, whenever that is older than its sources.
import {execFileSync, spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const CORE = join(ROOT, 'penny/wasm_core');
const TARGET = join(ROOT, 'build/tests/core.wasm');
const EXPORTS = join(ROOT, 'tests/node/support/exports.c');

/** Functions that have a breakpoint, see exports.c. */
export const BREAKPOINTS = /** @type {const} */ ([
  'injector_put',
  'deque_push',
  'claim',
  'completion_push',
  'heap_take_over',
  'heap_free',
  'heap_sweep',
  'heap_allocate',
  'latch_set',
  'latch_get_sleepy',
  'latch_fall_asleep',
  'latch_wake_up',
  'wake_worker',
  'ring',
  'ring_busy',
  'announce_work',
  'task_release',
  'function_retain',
  'deque_newest',
  'ask_cancel',
  'park',
  'has_pushed',
]);

/** @param {string} file */
const age = file => statSync(file, {throwIfNoEntry: false})?.mtimeMs ?? 0;

/**
 * @param {string} variable of the Makefile
 * @returns {string[]} its words
 */
function flags(variable) {
  const rule = `print-variable: ; @echo $(${variable})`;
  const {MAKEFLAGS, MAKELEVEL, ...env} = process.env; // we may be running under make
  const options = ['-s', '-C', ROOT, '--no-print-directory', '--eval', rule];
  const answer = execFileSync('make', [...options, 'print-variable'], {encoding: 'utf8', env});
  const words = answer.trim().split(/\s+/);
  if (words.length < 2) throw new Error(`the Makefile says nothing of ${variable}`);
  return words;
}

/** @param {string[]} sources */
function build(sources) {
  mkdirSync(join(ROOT, 'build/tests'), {recursive: true});
  const folder = mkdtempSync(join(ROOT, 'build/tests/core-')); // test files may run at the same time
  try {
    /** @type {import('node:child_process').ExecFileSyncOptions} */
    const options = {cwd: folder, stdio: ['ignore', 'inherit', 'inherit']};
    const compiler = flags('CORE_CFLAGS').map(flag => (flag.startsWith('-I') ? `-I${join(ROOT, flag.slice(2))}` : flag));
    const objects = sources.map((source, i) => {
      execFileSync('emcc', [...compiler, '-c', source, '-o', `${i}.o`], options);
      return `${i}.o`;
    });
    const wraps = BREAKPOINTS.map(name => `--wrap=${name}`);
    const linker = join(ROOT, 'scripts/wasm-ld');
    execFileSync(linker, [...flags('CORE_LDFLAGS'), ...wraps, ...objects, '-o', 'core.wasm'], options);
    renameSync(join(folder, 'core.wasm'), TARGET);
  } finally {
    rmSync(folder, {recursive: true});
  }
}

/**
 * A module of kernels, compiled from tests/node/kernels/<name>.c, whenever it is older than its sources.
 * @param {string} name
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function kernelModule(name) {
  const source = join(ROOT, `tests/node/kernels/${name}.c`);
  const target = join(ROOT, `build/tests/${name}.wasm`);
  const inputs = [source, join(CORE, 'include/penny.h'), join(ROOT, 'Makefile')];
  if (Math.max(...inputs.map(age)) > age(target)) {
    mkdirSync(join(ROOT, 'build/tests'), {recursive: true});
    const folder = mkdtempSync(join(ROOT, 'build/tests/kernels-'));
    try {
      const object = join(folder, 'kernels.o');
      const module = join(folder, 'kernels.wasm');
      /** @type {import('node:child_process').ExecFileSyncOptions} */
      const options = {cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit']};
      execFileSync('emcc', [...flags('KERNEL_CFLAGS'), '-c', source, '-o', object], options);
      execFileSync(join(ROOT, 'scripts/wasm-ld'), [...flags('KERNEL_LDFLAGS'), object, '-o', module], options);
      renameSync(module, target);
    } finally {
      rmSync(folder, {recursive: true});
    }
  }
  return new Uint8Array(readFileSync(target));
}

/** Whether kernels can be compiled for this machine. */
export function hasNativeCompiler() {
  return spawnSync('cc', ['--version']).status === 0;
}

/**
 * Compiles tests/node/kernels/<name>.c and its main program <name>_native.c for this machine, with sanitizers, and runs it.
 * @param {string} name
 * @returns {string} what it prints
 */
export function runNatively(name) {
  const folder = mkdtempSync(join(tmpdir(), 'penny-'));
  try {
    const program = join(folder, name);
    const sources = [name, `${name}_native`].map(source => join(ROOT, `tests/node/kernels/${source}.c`));
    const options = ['-std=c11', '-O1', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined'];
    execFileSync('cc', [...options, '-fno-sanitize-recover', `-I${CORE}/include`, ...sources, '-o', program]);
    return execFileSync(program, {encoding: 'utf8'});
  } finally {
    rmSync(folder, {recursive: true});
  }
}

/** The test core, compiled. */
export function testCore() {
  const own = readdirSync(CORE, {recursive: true, encoding: 'utf8'})
    .filter(name => /\.[ch]$/.test(name) && name !== 'layout.c')
    .map(name => join(CORE, name));
  const inputs = [...own, EXPORTS, join(ROOT, 'Makefile'), fileURLToPath(import.meta.url)];
  if (Math.max(...inputs.map(age)) > age(TARGET))
    build([...own.filter(name => name.endsWith('.c')), EXPORTS]);
  return new WebAssembly.Module(readFileSync(TARGET));
}
