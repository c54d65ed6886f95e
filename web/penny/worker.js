// A worker's entry: pool worker, host worker or snapshot maker, as the page's first message says.
import {bootPyodide, makeSnapshot, onFatal, prepare} from './boot.js';
import {installBridge} from './bridge.js';
import {Core} from './core.js';
import {hostPools} from './host.js';
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
 * Sends what Python prints to the page, as Python flushes it; whole lines where `lines`.
 * @param {Pyodide} python
 * @param {boolean} lines
 */
function sendOutput(python, lines) {
  let dying = false;
  onFatal(python, () => (dying = true)); // its stack goes to stdout otherwise
  for (const stream of /** @type {const} */ (['stdout', 'stderr'])) {
    const set = stream === 'stdout' ? python.setStdout : python.setStderr;
    if (lines) {
      set({
        batched: (/** @type {string} */ text) =>
          post({type: 'output', stream: dying ? 'stderr' : stream, text: text + '\n'}),
      });
      continue;
    }
    const decoder = new TextDecoder();
    set({
      write: (/** @type {Uint8Array} */ bytes) => {
        post({type: 'output', stream, text: decoder.decode(bytes.slice(), {stream: true})});
        return bytes.length;
      },
    });
  }
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
async function runPool({parts, memory, worker, extras, lock, announce}) {
  await holdLock(lock);
  pyodide = await bootPyodide(parts);
  sendOutput(pyodide, true);
  await addExtras(pyodide, extras);
  const core = new Core(parts.core, memory, worker);
  const tell = announce ? () => post({type: 'completed'}) : undefined;
  const main = pyodide.pyimport('penny.worker').main;
  post({type: 'ready'});
  // Blocks in the core while there is nothing to do; returns when the scheduler stops.
  main(
    worker,
    (/** @type {any} */ inbox, /** @type {any} */ outbox) =>
      new WorkerPort(pyodide._module, core, worker, inbox, outbox, tell),
  );
  post({type: 'ended'});
}

/** @param {StartHost} message */
async function startHost({parts, extras, workers, waitAsync}) {
  pyodide = await bootPyodide(parts);
  sendOutput(pyodide, false);
  await addExtras(pyodide, extras);
  pools = hostPools(parts.core, post, waitAsync);
  installBridge(pyodide, {role: 'host', defaultWorkers: workers, openPool: pools.open});
}

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
        post({type: 'exit', status: await run(data.source, data.filename, data.argv, data.dedent)});
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
    post({type: 'failed', error: String(/** @type {any} */ (error)?.stack ?? error)});
  }
};
