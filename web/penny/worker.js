// A worker's entry: pool worker, host worker or snapshot maker, as the page's first message says.
import {bootPyodide, hearDoorbell, makeSnapshot, onDeath, prepare} from './boot.js';
import {installBridge} from './bridge.js';
import {Client} from './client.js';
import {ClientPort} from './client_port.js';
import {followClock} from './clock.js';
import {ASYNC, Core, clientParticipant} from './core.js';
import {CoroutinePort} from './coroutine_port.js';
import {hostPools} from './host.js';
import {blockingRead, NO_STDIN} from './input.js';
import {inWords} from './errors.js';
import {SCRIPT, writeTo} from './output.js';
import {ASYNC_WORKER} from './layout.js';
import {WorkerPort} from './worker_port.js';

/**
 * @typedef {import('./messages.js').ToWorker} ToWorker
 * @typedef {import('./messages.js').ToPage} ToPage
 * @typedef {import('./messages.js').StartPool} StartPool
 * @typedef {import('./messages.js').StartHost} StartHost
 * @typedef {import('./messages.js').Extras} Extras
 * @typedef {import('./boot.js').Pyodide} Pyodide
 */

/** @type {(message: ToPage, transfer?: Transferable[]) => void} */
const post = (message, transfer = []) => self.postMessage(message, {transfer});

const HOME = '/home/pyodide';

/** @type {Pyodide} */
let pyodide;
/** @type {ReturnType<typeof hostPools>} */
let pools;

/**
 * @param {Pyodide} python
 * @param {Extras} extras
 */
async function addExtras(python, {packages, files, script}) {
  if (script) python.pyimport('penny.script').remember(script.filename, script.source);
  for (const zip of files) python.unpackArchive(zip.slice(0), 'zip', {extractDir: HOME});
  if (files.length) python.runPython(`import sys; sys.path.insert(0, "${HOME}")`);
  if (!packages.length) return;
  /** @type {string[]} */
  const errors = [];
  await python.loadPackage(packages, {
    messageCallback: () => {},
    errorCallback: (/** @type {string} */ message) => errors.push(message),
  });
  if (errors.length) throw new Error(`could not load packages ${packages.join(', ')}: ${errors.join('; ')}`);
}

/**
 * Sends what Python prints to the page, as Python flushes it. And its death.
 * @param {Pyodide} python
 * @param {number} who
 * @param {Int32Array} [counts]
 */
function report(python, who, counts) {
  let dying = false;
  onDeath(python, {
    begins: () => (dying = true), // its stack goes to stdout otherwise
    ends(death) {
      post({type: 'died', ...death});
      self.close(); // nothing that is still waiting here may go on in a dead Python
    },
  });
  writeTo(python, (stream, bytes) => {
    const after = counts && new Int32Array(counts);
    post({type: 'output', stream: dying ? 'stderr' : stream, bytes, after}, [bytes.buffer]);
    if (counts) Atomics.add(counts, who, 1);
  });
}

/**
 * Emscripten's terminals end at once: whoever asks for a password there had better ask stdin.
 * @param {Pyodide} python
 */
function removeTerminals(python) {
  for (const path of ['/dev/tty', '/dev/tty1']) python.FS.unlink(path);
}

/** @param {string} name */
async function holdLock(name) {
  await new Promise(held => {
    navigator.locks.request(name, () => {
      held(undefined);
      return new Promise(() => {}); // until this worker is gone
    });
  });
  post({type: 'held'});
}

/** @param {StartPool} message */
async function runPool(message) {
  const {parts, clock, memory, worker, workers, check, extras, lock, counts, announce} = message;
  const ahead = followClock(clock);
  await holdLock(lock);
  pyodide = await bootPyodide(parts, {ahead});
  report(pyodide, worker, counts);
  removeTerminals(pyodide);
  pyodide.setStdin(NO_STDIN);
  pyodide.pyimport('penny.input').refuse();
  await addExtras(pyodide, extras);
  const core = new Core(parts.core, memory, worker);
  const pool = {
    workers,
    announce: announce ? () => post({type: 'completed'}) : undefined,
    watch: () => post({type: 'watch'}),
    coroutine: () => post({type: 'coroutine'}),
  };
  if (worker === ASYNC_WORKER) {
    await runCoroutines(parts.core, core, pool);
    post({type: 'ended'});
    return;
  }
  hearDoorbell(pyodide, core);
  const main = pyodide.pyimport('penny.worker').main;
  post({type: 'ready'});
  // Blocks in the core while there is nothing to do; returns when the scheduler stops.
  main(
    worker,
    (/** @type {any} */ inbox, /** @type {any} */ outbox, /** @type {any} */ parcel) =>
      new WorkerPort(pyodide._module, core, worker, {inbox, outbox, parcel}, pool),
    check,
  );
  post({type: 'ended'});
}

/**
 * The async worker: its Python runs on the event loop.
 * @param {WebAssembly.Module} module the core
 * @param {Core} core
 * @param {import('./worker_port.js').PoolOfWorker} pool
 */
async function runCoroutines(module, core, pool) {
  const client = new Client(new Core(module, core.memory, clientParticipant(ASYNC)), ASYNC);
  client.onwatch = pool.watch;
  client.oncoroutine = pool.coroutine;
  client.inherit();
  const {_module} = pyodide;
  const main = pyodide.pyimport('penny.coroutines').main;
  post({type: 'ready'});
  await main(
    core.participant,
    (/** @type {any} */ outbox) => new CoroutinePort(_module, core, outbox, pool),
    (/** @type {any} */ inbox, /** @type {any} */ outbox) =>
      new ClientPort(_module, client, inbox, outbox, {
        workers: pool.workers,
        close: async () => {}, // the pool is the page's
      }),
  );
}

/** @param {StartHost} message */
async function startHost({parts, clock, extras, workers, trace, input, counts, waitAsync, lock}) {
  const ahead = followClock(clock);
  await holdLock(lock);
  pyodide = await bootPyodide(parts, {ahead});
  report(pyodide, SCRIPT, counts);
  removeTerminals(pyodide);
  if (input) {
    const read = blockingRead(input.buffer, size => post({type: 'input', size}));
    pyodide.setStdin({read, isatty: input.terminal});
  } else {
    pyodide.setStdin(NO_STDIN);
    const stdin = pyodide.pyimport('penny.input');
    stdin.refuse(stdin.NO_STDIN);
  }
  await addExtras(pyodide, extras);
  pools = hostPools(parts.core, post, waitAsync);
  installBridge(pyodide, {
    role: 'host',
    defaultWorkers: workers,
    defaultTrace: trace,
    openPool: pools.open,
  });
}

self.onmessageerror = () => post({type: 'failed', error: "the page's message could not be read"});

/** @type {Promise<void>} */
let started = Promise.resolve();

self.onmessage = async (/** @type {MessageEvent<ToWorker>} */ {data}) => {
  try {
    switch (data.type) {
      case 'prepare':
        await prepare(data.indexURL);
        break;
      case 'snapshot': {
        const bytes = makeSnapshot(await bootPyodide(data.parts, {makeSnapshot: true}));
        post({type: 'snapshot', snapshot: bytes}, [/** @type {ArrayBuffer} */ (bytes.buffer)]);
        break;
      }
      case 'pool':
        await runPool(data);
        break;
      case 'host':
        await (started = startHost(data));
        break;
      case 'run': {
        await started;
        const run = pyodide.pyimport('penny.script').run;
        post({type: 'exit', status: await run(data.source, data.filename, data.argv, data.dedent, data.environment)});
        break;
      }
      case 'completed':
        pools.announce(data.pool);
        break;
      case 'closed':
        pools.closed(data.pool);
        break;
    }
  } catch (error) {
    post({type: 'failed', error: inWords(error)});
  }
};
