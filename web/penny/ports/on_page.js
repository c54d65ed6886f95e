// Penny in a Pyodide of the page's own, whose schedulers' client is the page.
import {onDeath} from '../boot/pyodide.js';
import {pythonOf} from '../boot/versions.js';
import {openPagePool, poolOptions} from '../pool/page_pools.js';
import {MessagePool} from '../messages/pool.js';
import {installBridge} from './bridge.js';
import {whereItPrints} from './where_it_prints.js';

/**
 * @typedef {import('../boot/pyodide.js').Pyodide} Pyodide
 * @typedef {import('../pool/page_pools.js').Program} Program
 * @typedef {import('../pool/page_pools.js').SchedulerOptions} SchedulerOptions
 * @typedef {import('../pool/pool.js').Pool} Pool
 */

/**
 * Makes `import penny` work in the page's Pyodide, in which its files lie already.
 * @param {import('../pool/starter.js').Starter} starter
 * @param {Pyodide} pyodide
 * @param {WebAssembly.Module | null} module the core; null: there is no shared memory
 * @param {SchedulerOptions} options output: default: where the Pyodide prints
 * @param {Program} [script]
 * @param {(recording: import('../trace/rings.js').Recording) => void} [traced] as in openPagePool
 */
export function installOnPage(starter, pyodide, module, options, script, traced) {
  /** @type {Set<Pool | MessagePool>} */
  const pools = new Set();
  const output = options.output ?? whereItPrints(pyodide);
  onDeath(pyodide, {
    ends() {
      // Nobody can wait for them any more.
      for (const pool of pools) pool.close({now: true});
    },
  });
  installBridge(pyodide, {
    role: 'page',
    processors: starter.host.processors(),
    defaultWorkers: options.workers ?? null,
    defaultTrace: options.trace ?? false,
    openPool: module && (opened => {
      const {installed, environment} = opened;
      const own = {...poolOptions(starter.host, {...options, ...opened, output}), installed, environment, python: pythonOf(pyodide)};
      const {workers} = own;
      const {client, pool} = openPagePool(starter, module, own, script, traced);
      pools.add(pool);
      return {
        client,
        workers,
        async close() {
          pools.delete(pool);
          await pool.close();
        },
      };
    }),
    openMessages(opened) {
      const {workers, packages, files, check} = poolOptions(starter.host, {...options, ...opened});
      const extras = {installed: opened.installed, environment: opened.environment, packages, files, script};
      const pool = new MessagePool(starter, workers, {extras, output, check, python: pythonOf(pyodide)});
      pools.add(pool);
      return {
        pool,
        async close() {
          pools.delete(pool);
          await pool.close();
        },
      };
    },
  });
}
