// Pools that another worker has opened and submits to, which may block: host_pools.js is its half. Kept where the event
// loop goes on: by a page, or by a small worker.
import {Core, HOST, KEEPER} from '../core/core.js';
import {packagesFrom} from './limits.js';
import {hasWaitAsync} from './page_pools.js';
import {Pool} from './pool.js';

/**
 * @typedef {import('./messages.js').ToPage} ToPage
 *
 * module: the core, once a pool can be opened; tell: the client; failed: a pool could not be closed; opened: told of each;
 * the rest: of all pools, see Pool
 * @typedef {{module: () => WebAssembly.Module, tell: (message: import('./messages.js').Announce | import('./messages.js').Closed) => void,
 *            failed: (error: Error) => void, opened?: (pool: Pool) => void,
 *            files: ArrayBuffer[], place?: import('../boot/place.js').Place, machine?: import('../boot/machine.js').Machine,
 *            script?: import('./page_pools.js').Program, live?: import('../trace/live.js').Listener, together?: boolean,
 *            written?: (files: import('../boot/written.js').Written[], worker: number) => void, output: import('../stdio/output.js').Output,
 *            inOrder?: import('../stdio/output.js').InOrder, python?: import('../boot/versions.js').PythonVersion,
 *            traced?: (recording: import('../trace/rings.js').Recording) => void}} Keeping
 */

/**
 * @param {import('./starter.js').Starter} starter
 * @param {Keeping} keeping
 */
export function keptPools(starter, {module, tell, failed, opened, files, place, machine, script, ...options}) {
  /** @type {Map<number, Pool>} */
  const pools = new Map();
  return {
    /** Does what the client asks for, if the message is about pools. @param {ToPage} message */
    answer(message) {
      switch (message.type) {
        case 'open': {
          const {pool: number} = message;
          const packages = packagesFrom(starter.host, message.packages);
          const core = new Core(module(), message.memory, KEEPER);
          const pool = new Pool(starter, core, message.workers, {
            ...options,
            extras: {installed: message.installed, environment: message.environment, packages, files, place, machine, script},
            check: message.check,
            announce: hasWaitAsync ? undefined : () => tell({type: 'completed', pool: number}),
          });
          opened?.(pool);
          pools.set(number, pool);
          break;
        }
        case 'watch':
          if ('pool' in message) pools.get(message.pool)?.watch();
          break;
        case 'coroutine':
          if ('pool' in message) pools.get(message.pool)?.startAsync();
          break;
        case 'close': {
          const {pool: number} = message;
          pools
            .get(number)
            ?.close()
            .then(() => tell({type: 'closed', pool: number}), failed);
          pools.delete(number);
          break;
        }
      }
    },
    /** Wakes the client where it waits for one of them. */
    wake() {
      for (const {core} of pools.values()) core.exports.client_wake(HOST);
    },
    /** Ends them all, whatever they do. */
    end() {
      for (const pool of pools.values()) pool.close({now: true});
    },
  };
}
