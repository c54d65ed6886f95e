// What a worker does at the page's word. Each loads only what its role needs: so a pool has its workers sooner.
import {bootPyodide, makeSnapshot, prepare} from '../boot/pyodide.js';
import {inWords} from '../hosts/in_words.js';
import {tellPage} from './python.js';

/**
 * @typedef {import('../hosts/host.js').Self} Self
 * @typedef {import('../pool/messages.js').ToWorker} ToWorker
 */

const ROLES = {
  pool: () => import('./pool_worker.js'),
  coroutines: () => import('./coroutine_worker.js'),
  messages: () => import('./message_worker.js'),
  'messages-coroutines': () => import('./message_coroutine_worker.js'),
  host: () => import('./host_worker.js'),
  keeper: () => import('./keeper_worker.js'),
  installer: () => import('./installer.js'),
};

/** @param {Self} here */
export function serve(here) {
  /** @type {Promise<Awaited<ReturnType<typeof import('./host_worker.js').start>>> | undefined} */
  let host;
  /** @type {ReturnType<typeof import('./keeper_worker.js').start> | undefined} */
  let keeper;

  /** @type {(extras: import('../pool/messages.js').Extras) => void} */
  let giveExtras = () => {};
  /** @type {Promise<import('../pool/messages.js').Extras>} */
  const extras = new Promise(resolve => (giveExtras = resolve));

  /** @param {ToWorker} message */
  async function obey(message) {
    switch (message.type) {
      case 'prepare':
        await Promise.all([ROLES[message.role](), prepare(message.indexURL)]);
        break;
      case 'snapshot': {
        const bytes = makeSnapshot(await bootPyodide(message.parts, {makeSnapshot: true}));
        tellPage(here, {type: 'snapshot', snapshot: bytes}, [bytes.buffer]);
        break;
      }
      case 'pool': {
        const {start} = await ROLES[message.role]();
        await start(here, /** @type {any} */ (message), extras);
        break;
      }
      case 'extras':
        giveExtras(message.extras);
        break;
      case 'install':
        await (await ROLES.installer()).installPackages(here, message);
        break;
      case 'pack':
        await (await ROLES.installer()).packPackages(here, message);
        break;
      case 'host':
        host = ROLES.host().then(({start}) => start(here, message));
        await host;
        break;
      case 'keep':
        keeper = ROLES.keeper().then(({start}) => start(here, message));
        await keeper;
        break;
      case 'open':
      case 'watch':
      case 'coroutine':
      case 'close':
        (await keeper)?.answer(message);
        break;
      case 'run':
        await (await host)?.run(message);
        break;
      case 'interrupt':
        (await host)?.interrupt();
        break;
      case 'completed':
        (await host)?.pools?.announce(message.pool);
        break;
      case 'closed':
        (await host)?.pools?.closed(message.pool);
        break;
    }
  }

  here.hear(
    message => obey(message).catch(error => tellPage(here, {type: 'failed', error: inWords(error)})),
    () => tellPage(here, {type: 'failed', error: "the page's message could not be read"}),
  );
}
