// Pools whose client is the page itself: for schedulers of its JavaScript and of its own Pyodide.
import {Core, KEEPER, PAGE, createMemory} from '../core/core.js';
import {toConsole} from '../stdio/output.js';
import {Client} from '../tasks/client.js';
import {memoryOrDefault, workersOrDefault} from './limits.js';
import {Pool} from './pool.js';

/**
 * @typedef {import('../stdio/output.js').Output} Output
 * @typedef {import('./starter.js').Starter} Starter
 * @typedef {{filename: string, source: string}} Program
 * @typedef {{workers?: number, memory?: number, packages?: string[], files?: ArrayBuffer[],
 *            place?: import('../boot/extras.js').Place, written?: (files: import('../boot/written.js').Written[], worker: number | null) => void,
 *            check?: boolean, trace?: boolean, output?: Output}} SchedulerOptions
 *   workers: how many, default: processors; memory: limit of the shared heap in bytes; packages: Pyodide
 *   packages or URLs of wheels, loaded into every worker; check: every job through pickle; files: zip archives, unpacked in every worker; place: where they belong;
 *   written: gets what workers have written to files, as they end, if they have a place;
 *   trace: record what workers do, for trace(); output: what tasks print, default: the console
 */

export const hasWaitAsync = 'waitAsync' in Atomics;

/**
 * Names of packages go to Pyodide as they are; URLs are relative to the page, not to the worker's script.
 * @param {import('../hosts/host.js').Host} host
 * @param {string[]} packages
 */
export const packagesFrom = (host, packages) =>
  packages.map(name => (name.includes('/') && URL.canParse(name, host.base) ? new URL(name, host.base).href : name));

/**
 * @param {import('../hosts/host.js').Host} host
 * @param {SchedulerOptions} options
 */
export function poolOptions(
  host,
  {workers, memory, packages = [], files = [], place, written, check = false, trace = false, output = toConsole()},
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
  };
}

/**
 * @param {Starter} starter
 * @param {WebAssembly.Module} module the core
 * @param {ReturnType<typeof poolOptions> & {python?: import('../boot/versions.js').PythonVersion}} options python: of
 *     the client, if one submits
 * @param {Program} [script] the program that the page's Pyodide runs
 * @param {(recording: import('../trace/rings.js').Recording) => void} [traced] gets what a traced pool has done, at its end
 */
export function openPagePool(starter, module, options, script, traced) {
  const {workers, memory: limit, packages, files, place, written, check, trace, output, python} = options;
  const memory = createMemory(limit, trace ? workers : 0);
  const core = new Core(module, memory, KEEPER);
  core.initialise(workers, limit, {trace});
  const client = new Client(core, PAGE, {waitAsync: hasWaitAsync});
  const pool = new Pool(starter, core, workers, {
    extras: {packages, files, place, script},
    output,
    written,
    check,
    python,
    announce: hasWaitAsync ? undefined : () => client.announce(),
    traced,
  });
  client.onwatch = () => pool.watch();
  client.oncoroutine = () => pool.startAsync();
  return {client, pool};
}
