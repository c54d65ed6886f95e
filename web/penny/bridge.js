// The seam to Python on a page or in a host worker: the module `_penny_bridge`, which penny/_bridge.py
// alone imports.
import {ClientPort} from './client_port.js';
import {WORKERS_MAX, memoryOrDefault, workersOrDefault} from './limits.js';

/**
 * @typedef {{workers: number, memory: number, packages: string[], check: boolean, trace: boolean}} PoolOptions memory:
 *     heap limit, bytes; check: every job through pickle; trace: record what workers do
 * @typedef {{client: import('./client.js').Client, workers: number, close(): Promise<void>}} OpenedPool
 * @callback OpenPool returns at once; workers come up by and by
 * @param {PoolOptions} options
 * @returns {OpenedPool}
 */

/**
 * @param {import('./boot.js').Pyodide} pyodide
 * @param {{role: 'page' | 'host', defaultWorkers: number | null, defaultTrace: boolean, openPool: OpenPool}} options
 */
export function installBridge(pyodide, {role, defaultWorkers, defaultTrace, openPool}) {
  // Python keeps a module that it has imported: without this a second installation had no effect.
  pyodide.pyimport('sys').modules.pop('_penny_bridge', undefined);
  pyodide.registerJsModule('_penny_bridge', {
    role,
    workers_max: WORKERS_MAX,
    /**
     * @param {number | undefined} workers
     * @param {number | undefined} memory bytes
     * @param {any} packages list of str
     * @param {boolean} check
     * @param {boolean | undefined} trace
     * @param {any} inbox bytearray
     * @param {any} outbox bytearray
     */
    open(workers, memory, packages, check, trace, inbox, outbox) {
      const pool = openPool({
        workers: workersOrDefault(workers ?? defaultWorkers),
        memory: memoryOrDefault(memory),
        packages: packages.toJs(),
        check,
        trace: trace ?? defaultTrace,
      });
      return new ClientPort(pyodide._module, pool.client, inbox, outbox, pool);
    },
  });
}
