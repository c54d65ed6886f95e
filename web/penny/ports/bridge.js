// The seam to Python on a page or in a host worker: the module `_penny_bridge`, which penny/bridge/javascript.py
// alone imports.
import {WORKERS_MAX, memoryOrDefault, workersOrDefault} from '../pool/limits.js';
import {ClientPort} from './client_port.js';

/**
 * @param {import('../boot/pyodide.js').Pyodide} pyodide
 * @param {{role: 'page' | 'host' | 'kept', processors: number, defaultWorkers: number | null, defaultTrace: boolean,
 *          openPool: import('../pool/limits.js').OpenPool, canSleep?: () => boolean}} options role: kept: by a worker that
 *     this one has started; canSleep: whether it can already sleep, of such
 */
export function installBridge(pyodide, {role, processors, defaultWorkers, defaultTrace, openPool, canSleep}) {
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
        workers: workersOrDefault(workers ?? defaultWorkers, processors),
        memory: memoryOrDefault(memory),
        packages: packages.toJs(),
        check,
        trace: trace ?? defaultTrace,
      });
      return new ClientPort(pyodide._module, pool.client, inbox, outbox, {...pool, canSleep});
    },
  });
}
