// Pools that a host worker opens. The host makes the memory and submits by itself; the page, which
// alone can start workers that run while the host blocks, keeps the pool. Or a small worker does.
import {Core, HOST, KEEPER, clientParticipant, createMemory} from '../core/core.js';
import {Client} from '../tasks/client.js';
import {breakPool} from './breaking.js';

/** @typedef {import('./limits.js').OpenPool} OpenPool */

/**
 * @param {WebAssembly.Module} module the core
 * @param {(message: import('./messages.js').ToPage) => void} post
 * @param {boolean} waitAsync whether the engine has Atomics.waitAsync
 */
export function hostPools(module, post, waitAsync) {
  /** @type {Map<number, {client: Client, closed: () => void}>} */
  const pools = new Map();
  let next = 0;
  /** Why there is no keeper. @type {string | undefined} */
  let failed;
  /** @param {Client} client @param {string} reason */
  const breakIt = (client, reason) => {
    breakPool(new Core(module, client.core.memory, KEEPER), reason);
    client.announce();
  };
  return {
    /** @type {OpenPool} */
    open({workers, memory: limit, packages, installed, environment, check, trace}) {
      const pool = next++;
      const memory = createMemory(limit, trace ? workers : 0);
      const core = new Core(module, memory, clientParticipant(HOST));
      core.initialise(workers, limit, {trace});
      const client = new Client(core, HOST, {waitAsync});
      const gone = new Promise(resolve => pools.set(pool, {client, closed: () => resolve(undefined)}));
      client.onwatch = () => post({type: 'watch', pool});
      client.oncoroutine = () => post({type: 'coroutine', pool});
      post({type: 'open', pool, memory, workers, packages, installed, environment, check});
      if (failed !== undefined) breakIt(client, failed);
      return {
        client,
        workers,
        async close() {
          post({type: 'close', pool});
          if (failed === undefined) await gone;
          if (failed !== undefined) core.exports.close_pool();
          pools.delete(pool);
        },
      };
    },
    /** @param {number} pool */
    announce(pool) {
      pools.get(pool)?.client.announce();
    },
    /** There is no keeper, and no worker. @param {string} reason */
    fail(reason) {
      failed = reason;
      for (const {client, closed} of pools.values()) {
        breakIt(client, reason);
        closed();
      }
    },
    /** @param {number} pool */
    closed(pool) {
      pools.get(pool)?.closed();
    },
  };
}
