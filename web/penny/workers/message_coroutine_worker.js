// The worker of the engine `messages` for coroutine tasks, on whose event loop they run side by side.
import {moduleOf} from '../boot/private.js';
import {RemotePool} from '../messages/submitting.js';
import {MessageClientPort, MessageCoroutinePort} from '../ports/message_ports.js';
import {startPoolPython, tellPage, toldBy} from './python.js';

/**
 * @param {import('../hosts/host.js').Self} here
 * @param {import('../pool/messages.js').StartMessages} message
 * @param {Promise<import('../boot/extras.js').Extras>} extras
 */
export async function start(here, message, extras) {
  const {worker, workers, channel} = message;
  const pyodide = await startPoolPython(toldBy(here, channel), message, extras);
  const main = pyodide.pyimport('penny.engines.messages.coroutines').main;
  tellPage(here, {type: 'ready'});
  const module = moduleOf(pyodide);
  const pool = new RemotePool(channel, workers);
  await main(
    worker,
    (/** @type {any} */ outbox) => new MessageCoroutinePort(module, channel, outbox, pool),
    (/** @type {any} */ inbox, /** @type {any} */ outbox) =>
      new MessageClientPort(module, pool, inbox, outbox, {close: async () => {}}), // the workers are the page's
  );
  tellPage(here, {type: 'ended'});
}
