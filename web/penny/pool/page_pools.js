// Pools whose client is the page itself: for schedulers of its JavaScript and of its own Pyodide.
import {Core, KEEPER, PAGE, createMemory} from '../core/core.js';
import {toConsole} from '../stdio/output.js';
import {Client} from '../tasks/client.js';
import {memoryOrDefault, packagesFrom, workersOrDefault} from './limits.js';
import {Pool} from './pool.js';

/**
 * @typedef {import('../stdio/output.js').Output} Output
 * @typedef {import('./starter.js').Starter} Starter
 * @typedef {{filename: string, source: string}} Program
 * @typedef {{workers?: number, memory?: number, packages?: string[], files?: ArrayBuffer[],
 *            place?: import('../boot/place.js').Place, written?: (files: import('../boot/written.js').Written[], worker: number | null) => void,
 *            check?: boolean, trace?: boolean, output?: Output, machine?: import('../boot/machine.js').Machine}} SchedulerOptions
 *   workers: how many, default: processors; memory: limit of the shared heap in bytes; packages: names,
 *   requirements or URLs of wheels, which tasks can import; check: every job through pickle; files: zip archives, unpacked in every worker; place: where they belong;
 *   written: gets what workers have written to files, as they end, if they have a place;
 *   trace: record what workers do, for trace(); output: what tasks print, default: the console;
 *   machine: folders of the machine, in Node
 */

/**
 * Pools whose client was dropped without being closed: nobody can submit to them any more, and nothing is pending, since
 * a client that has something pending is kept (tasks/listening.js).
 */
const dropped = new FinalizationRegistry((/** @type {Pool} */ pool) => pool.close());

export const hasWaitAsync = 'waitAsync' in Atomics;

/**
 * @param {import('../hosts/host.js').Host} host
 * @param {SchedulerOptions} options
 */
export function poolOptions(
  host,
  {workers, memory, packages = [], files = [], place, written, check = false, trace = false, output = toConsole(), machine},
) {
  return {
    workers: workersOrDefault(workers, host.processors()),
    memory: memoryOrDefault(memory),
    packages: packagesFrom(host, packages),
    files,
    place,
    written,
    check,
    trace,
    output,
    machine,
  };
}

/**
 * @param {Starter} starter
 * @param {WebAssembly.Module} module the core
 * @param {ReturnType<typeof poolOptions> & {installed?: import('../boot/installed.js').Installed, environment?: Record<string, string>, python?: import('../boot/versions.js').PythonVersion}} options installed: what
 *     the client has that workers shall have; python: of the client, if one submits
 * @param {Program} [script] the program that the page's Pyodide runs
 * @param {(recording: import('../trace/rings.js').Recording) => void} [traced] gets what a traced pool has done, at its end
 */
export function openPagePool(starter, module, options, script, traced) {
  const {workers, memory: limit, installed, environment, packages, files, place, machine, written, check, trace, output, python} = options;
  const memory = createMemory(limit, trace ? workers : 0);
  const core = new Core(module, memory, KEEPER);
  core.initialise(workers, limit, {trace});
  const client = new Client(core, PAGE, {waitAsync: hasWaitAsync});
  // Its workers keep the pool; so it may not keep whoever uses it.
  const listener = new WeakRef(client);
  const pool = new Pool(starter, core, workers, {
    extras: {installed, environment, packages, files, place, machine, script},
    output,
    written,
    check,
    python,
    announce: hasWaitAsync ? undefined : () => listener.deref()?.announce(),
    traced,
  });
  client.onwatch = () => pool.watch();
  client.oncoroutine = () => pool.startAsync();
  dropped.register(client, pool);
  return {client, pool};
}
