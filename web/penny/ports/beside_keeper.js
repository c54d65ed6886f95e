// Penny in a Pyodide in a worker that has no page of Penny's, and whose program blocks: it submits by itself, and a small
// worker keeps its pools.
import {onDeath} from '../boot/pyodide.js';
import {pythonOf} from '../boot/versions.js';
import {clockHere} from '../core/clock.js';
import {hostPools} from '../pool/host_pools.js';
import {hasWaitAsync} from '../pool/page_pools.js';
import {tell} from '../pool/starter.js';
import {installBridge} from './bridge.js';
import {whereItPrints} from './where_it_prints.js';

/** How long a keeper may take to begin, once the event loop had a turn, ms. */
const PATIENCE = 5_000;

/**
 * Makes `import penny` work in a Pyodide, in which its files lie already.
 * @param {import('../hosts/host.js').Host} host
 * @param {import('../boot/pyodide.js').Pyodide} pyodide
 * @param {WebAssembly.Module} core
 * @param {Uint8Array} python zip with the packages penny and cloudpickle
 * @param {import('../boot/pyodide.js').Origin} origin of the Pyodide
 */
export function installBesideKeeper(host, pyodide, core, python, {lock, ...origin}) {
  const runs = new Int32Array(new SharedArrayBuffer(4));
  const output = whereItPrints(pyodide);
  /** What the keeper is to be told once it keeps. @type {any[] | null} */
  let waiting = [];
  /** @type {import('../hosts/host.js').Thread | undefined} */
  let keeper;
  /** @param {any} message */
  const post = message => {
    if (waiting) waiting.push(message);
    else if (keeper) tell(keeper, message);
  };
  const pools = hostPools(core, post, hasWaitAsync);
  const version = pythonOf(pyodide);
  const start = async () => {
    keeper = host.startWorker('penny keeper', {
      message(/** @type {import('../pool/messages.js').ToWorker | import('../pool/messages.js').ToPage} */ message) {
        if (message.type === 'completed' && 'pool' in message) pools.announce(message.pool);
        else if (message.type === 'closed') pools.closed(message.pool);
        else if (message.type === 'printed') output(message.stream, message.text, null, new Uint8Array());
        else if (message.type === 'failed') pools.fail(message.error);
      },
      error: ({notStarted}) => pools.fail(notStarted),
    });
    const text = (await lock?.()) ?? '';
    tell(keeper, {type: 'keep', clock: clockHere(), core, python, origin: {...origin, lock: text}, version, runs});
    const messages = waiting ?? [];
    waiting = null;
    messages.forEach(post);
  };
  let turns = false;
  setTimeout(() => (turns = true));
  start().catch(error => pools.fail(error.message));
  onDeath(pyodide, {ends: () => keeper?.terminate()});
  installBridge(pyodide, {
    role: 'kept',
    processors: host.processors(),
    defaultWorkers: null,
    defaultTrace: false,
    openPool: pools.open,
    openMessages() {
      throw new Error('the engine "messages" can\'t start workers while the program blocks, as it does here: leave out engine=');
    },
    canSleep: () =>
      Atomics.load(runs, 0) === 1 || (turns && Atomics.wait(runs, 0, 0, PATIENCE) !== 'timed-out'),
  });
}
