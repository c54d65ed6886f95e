// Pools whose client is the page itself: for schedulers of its JavaScript and of its own Pyodide.
import {onDeath} from './boot.js';
import {installBridge} from './bridge.js';
import {Client} from './client.js';
import {Core, KEEPER, PAGE, createMemory} from './core.js';
import {memoryOrDefault, workersOrDefault} from './limits.js';
import {toConsole} from './output.js';
import {Pool} from './pool.js';

/**
 * @typedef {import('./output.js').Output} Output
 * @typedef {import('./boot.js').Pyodide} Pyodide
 * @typedef {{filename: string, source: string}} Program
 * @typedef {{workers?: number, memory?: number, packages?: string[], files?: ArrayBuffer[],
 *            check?: boolean, trace?: boolean, output?: Output}} SchedulerOptions
 *   workers: how many, default: processors; memory: limit of the shared heap in bytes; packages: Pyodide
 *   packages or URLs of wheels, loaded into every worker; check: every job through pickle; files: zip archives, unpacked in every worker;
 *   trace: record what workers do, for trace(); output: what tasks print, default: the console
 */

export const hasWaitAsync = 'waitAsync' in Atomics;

/** @param {SchedulerOptions} options */
export function poolOptions({
  workers,
  memory,
  packages = [],
  files = [],
  check = false,
  trace = false,
  output = toConsole(),
}) {
  return {
    workers: workersOrDefault(workers),
    memory: memoryOrDefault(memory),
    // Names go to Pyodide as they are; URLs are relative to the page, not to the worker's script.
    packages: packages.map(name => (name.includes('/') ? new URL(name, document.baseURI).href : name)),
    files,
    check,
    trace,
    output,
  };
}

/**
 * @param {WebAssembly.Module} module the core
 * @param {ReturnType<typeof poolOptions>} options
 * @param {Program} [script] the program that the page's Pyodide runs
 * @param {(recording: import('./trace.js').Recording) => void} [traced] gets what a traced pool has done, at its end
 */
export function openPagePool(module, options, script, traced) {
  const {workers, memory: limit, packages, files, check, trace, output} = options;
  const memory = createMemory(limit, trace ? workers : 0);
  const core = new Core(module, memory, KEEPER);
  core.initialise(workers, limit, {trace});
  const client = new Client(core, PAGE, {waitAsync: hasWaitAsync});
  const pool = new Pool(core, workers, {
    extras: {packages, files, script},
    output,
    check,
    announce: hasWaitAsync ? undefined : () => client.announce(),
    traced,
  });
  client.onwatch = () => pool.watch();
  client.oncoroutine = () => pool.startAsync();
  return {client, pool};
}

/**
 * Makes `import penny` work in the page's Pyodide, in which its files lie already.
 * @param {Pyodide} pyodide
 * @param {WebAssembly.Module} module
 * @param {SchedulerOptions} options
 * @param {Program} [script]
 * @param {(recording: import('./trace.js').Recording) => void} [traced] as in openPagePool
 */
export function installOnPage(pyodide, module, options, script, traced) {
  /** @type {Set<Pool>} */
  const pools = new Set();
  onDeath(pyodide, {
    ends() {
      // Nobody can wait for them any more.
      for (const pool of pools) pool.close({now: true});
    },
  });
  installBridge(pyodide, {
    role: 'page',
    defaultWorkers: options.workers ?? null,
    defaultTrace: options.trace ?? false,
    openPool(opened) {
      const own = poolOptions({...options, ...opened});
      const {workers} = own;
      const {client, pool} = openPagePool(module, own, script, traced);
      pools.add(pool);
      return {
        client,
        workers,
        async close() {
          pools.delete(pool);
          await pool.close();
        },
      };
    },
  });
}
