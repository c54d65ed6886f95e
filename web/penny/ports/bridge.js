// The seam to Python on a page or in a host worker: the module `_penny_bridge`, which penny/bridge/javascript.py
// alone imports.
import {filesIn, moduleOf} from '../boot/private.js';
import {contentsOf, readInstalled} from '../boot/installed.js';
import {sayWhy} from '../pool/not_shared.js';
import {WORKERS_MAX, memoryOrDefault, workersOrDefault} from '../pool/limits.js';
import {ClientPort} from './client_port.js';
import {MessageClientPort} from './message_ports.js';

/**
 * Opens workers that get their tasks by messages; returns at once.
 * @callback OpenMessages
 * @param {{workers: number, packages: string[], installed?: import('../boot/installed.js').Installed, environment?: Record<string, string>, check: boolean}} options
 * @returns {{pool: import('../messages/pool.js').MessagePool, close(): Promise<void>}}
 */

/** @param {import('../boot/pyodide.js').Pyodide} pyodide @returns {Record<string, string>} of its environment */
const variablesOf = pyodide => JSON.parse(pyodide.pyimport('penny.mirror.frozen').environment());

/**
 * @param {import('../boot/pyodide.js').Pyodide} pyodide
 * @param {{role: 'page' | 'host' | 'kept', processors: number, defaultWorkers: number | null, defaultTrace: boolean,
 *          openPool: import('../pool/limits.js').OpenPool | null, openMessages: OpenMessages, canSleep?: () => boolean}} options
 *     role: kept: by a worker that this one has started; openPool: null: there is no shared memory; canSleep: whether it
 *     can already sleep, of such
 */
export function installBridge(pyodide, {role, processors, defaultWorkers, defaultTrace, openPool, openMessages, canSleep}) {
  // Python keeps a module that it has imported: without this a second installation had no effect.
  pyodide.pyimport('sys').modules.pop('_penny_bridge', undefined);
  pyodide.registerJsModule('_penny_bridge', {
    role,
    shares_memory: openPool !== null,
    workers_max: WORKERS_MAX,
    say_why: sayWhy,
    /** @param {string} folders as JSON */
    files_in: folders => JSON.stringify(filesIn(pyodide.FS, JSON.parse(folders))),
    /** @param {string} paths as JSON */
    contents: paths => contentsOf(pyodide, JSON.parse(paths)),
    /**
     * @param {number | undefined} workers
     * @param {number | undefined} memory bytes
     * @param {any} packages list of str
     * @param {string} installed paths of files that workers shall have, as JSON
     * @param {string} leftOut names of packages whose files are not among them, as JSON
     * @param {boolean} check
     * @param {boolean | undefined} trace
     * @param {any} inbox bytearray
     * @param {any} outbox bytearray
     */
    open(workers, memory, packages, installed, leftOut, check, trace, inbox, outbox) {
      if (!openPool) throw new Error('there is no shared memory');
      const pool = openPool({
        workers: workersOrDefault(workers ?? defaultWorkers, processors),
        memory: memoryOrDefault(memory),
        packages: packages.toJs(),
        installed: readInstalled(pyodide, JSON.parse(installed), JSON.parse(leftOut)),
        environment: variablesOf(pyodide),
        check,
        trace: trace ?? defaultTrace,
      });
      return new ClientPort(moduleOf(pyodide), pool.client, inbox, outbox, {...pool, canSleep});
    },
    /**
     * @param {number | undefined} workers
     * @param {any} packages list of str
     * @param {string} installed as of open()
     * @param {string} leftOut
     * @param {boolean} check
     * @param {any} inbox bytearray
     * @param {any} outbox bytearray
     */
    open_messages(workers, packages, installed, leftOut, check, inbox, outbox) {
      const opened = openMessages({
        workers: workersOrDefault(workers ?? defaultWorkers, processors),
        packages: packages.toJs(),
        installed: readInstalled(pyodide, JSON.parse(installed), JSON.parse(leftOut)),
        environment: variablesOf(pyodide),
        check,
      });
      return new MessageClientPort(moduleOf(pyodide), opened.pool, inbox, outbox, opened);
    },
  });
}
