// The async worker of a pool: its Python runs coroutines, on the event loop, and nothing in it blocks.
import {moduleOf} from '../boot/private.js';
import {ASYNC, Core, clientParticipant} from '../core/core.js';
import {ClientPort} from '../ports/client_port.js';
import {CoroutinePort} from '../ports/coroutine_port.js';
import {Client} from '../tasks/client.js';
import {poolOf, startPoolPython, tellPage, tellWritten} from './python.js';

/**
 * Runs coroutines until the scheduler stops.
 * @param {import('../hosts/host.js').Self} here
 * @param {import('../pool/messages.js').StartPool} message
 * @param {Promise<import('../boot/extras.js').Extras>} extras
 */
export async function start(here, message, extras) {
  const {parts, memory, worker} = message;
  const pyodide = await startPoolPython(here, message, extras);
  const core = new Core(parts.core, memory, worker);
  const pool = poolOf(here, message);
  // What its coroutines submit.
  const client = new Client(new Core(parts.core, memory, clientParticipant(ASYNC)), ASYNC);
  client.onwatch = pool.watch;
  client.oncoroutine = pool.coroutine;
  client.inherit();
  const module = moduleOf(pyodide);
  const main = pyodide.pyimport('penny.engines.pool.coroutines').main;
  tellPage(here, {type: 'ready'});
  await main(
    worker,
    (/** @type {any} */ outbox) => new CoroutinePort(module, core, outbox, pool),
    (/** @type {any} */ inbox, /** @type {any} */ outbox) =>
      new ClientPort(module, client, inbox, outbox, {
        workers: pool.workers,
        close: async () => {}, // the pool is the page's
      }),
  );
  tellWritten(pyodide);
  tellPage(here, {type: 'ended'});
}
