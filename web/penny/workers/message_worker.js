// A worker of the engine `messages`: runs the tasks of a message, one after the other, and goes back to its event loop.
import {moduleOf} from '../boot/private.js';
import {Tasks} from '../messages/tasks.js';
import {MessageWorkerPort} from '../ports/message_ports.js';
import {startPoolPython, tellImports, tellPage, toldBy} from './python.js';

/**
 * @param {import('../hosts/host.js').Self} here
 * @param {import('../pool/messages.js').StartMessages} message
 * @param {Promise<import('../boot/extras.js').Extras>} extras
 */
export async function start(here, message, extras) {
  const {worker, workers, check, channel} = message;
  const tasks = new Tasks(channel);
  const pyodide = await startPoolPython(toldBy(here, channel, () => tasks.die()), message, extras);
  const main = pyodide.pyimport('penny.engines.messages.worker').main;
  /** @type {any} */
  let port;
  const open = (/** @type {any} */ inbox, /** @type {any} */ outbox) => (port = new MessageWorkerPort(moduleOf(pyodide), tasks, inbox, outbox));
  const {serve, flush} = main(worker, workers, open, check);
  channel.onmessage = ({data}) => {
    const order = /** @type {import('../messages/protocol.js').ToWorker} */ (data);
    if (order.type === 'group') {
      const began = performance.now();
      tasks.take(order);
      serve(port.start());
      tasks.tell(performance.now() - began);
    } else if (order.type === 'leave') {
      flush();
      tellImports(here, pyodide);
      tellPage(here, {type: 'ended'});
    }
  };
  tellPage(here, {type: 'ready'});
}
