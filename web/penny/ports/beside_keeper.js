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
 * @param {import('../pool/page_pools.js').SchedulerOptions} options as of installOnPage
 * @returns {Promise<void>} resolves when the program may block; it may begin before, with what does not
 */
export function installBesideKeeper(host, pyodide, core, python, {lock, ...origin}, {workers, trace, files = [], ...options}) {
  const runs = new Int32Array(new SharedArrayBuffer(4));
  const output = options.output ?? whereItPrints(pyodide);
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
  /** @type {() => void} */
  let began = () => {};
  /** @type {Promise<void>} */
  const running = new Promise(resolve => (began = resolve));
  /** @param {string} reason */
  const fail = reason => {
    pools.fail(reason);
    began(); // whoever opens a pool is told
  };
  const start = async () => {
    keeper = host.startWorker('penny keeper', {
      message(/** @type {import('../pool/messages.js').ToWorker | import('../pool/messages.js').ToPage} */ message) {
        if (message.type === 'completed' && 'pool' in message) pools.announce(message.pool);
        else if (message.type === 'closed') pools.closed(message.pool);
        else if (message.type === 'printed') output(message.stream, message.text, message.worker, message.bytes);
        else if (message.type === 'keeping') began();
        else if (message.type === 'failed') fail(message.error);
      },
      error: ({notStarted}) => fail(notStarted),
    });
    const text = (await lock?.()) ?? '';
    tell(keeper, {type: 'keep', clock: clockHere(), core, python, origin: {...origin, lock: text}, version, files, runs});
    const messages = waiting ?? [];
    waiting = null;
    messages.forEach(post);
  };
  let turns = false;
  setTimeout(() => (turns = true));
  start().catch(error => fail(error.message));
  onDeath(pyodide, {ends: () => keeper?.terminate()});
  installBridge(pyodide, {
    role: 'kept',
    processors: host.processors(),
    defaultWorkers: workers ?? null,
    defaultTrace: trace ?? false,
    openPool: pools.open,
    openMessages() {
      throw new Error('the engine "messages" can\'t start workers while the program blocks, as it does here: leave out engine=');
    },
    canSleep: () =>
      Atomics.load(runs, 0) === 1 || (turns && Atomics.wait(runs, 0, 0, PATIENCE) !== 'timed-out'),
  });
  return running;
}
