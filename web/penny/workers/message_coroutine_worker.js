// The worker of the engine `messages` for coroutine tasks, on whose event loop they run side by side.
import {MessageCoroutinePort} from '../ports/message_ports.js';
import {startPoolPython, tellPage, toldBy} from './python.js';

/**
 * @param {import('../hosts/host.js').Self} here
 * @param {import('../pool/messages.js').StartMessages} message
 */
export async function start(here, message) {
  const {worker, workers, channel} = message;
  const pyodide = await startPoolPython(toldBy(here, channel), message);
  const main = pyodide.pyimport('penny.engines.messages.coroutines').main;
  tellPage(here, {type: 'ready'});
  await main(worker, workers, (/** @type {any} */ outbox) => new MessageCoroutinePort(pyodide._module, channel, outbox));
  tellPage(here, {type: 'ended'});
}
