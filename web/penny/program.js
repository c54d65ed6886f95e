// Running a Python program: in a host worker of its own, where it may block, or on the page's Pyodide.
import {bootPyodide} from './boot.js';
import {chromeTrace} from './chrome_trace.js';
import {clockHere} from './clock.js';
import {Core, KEEPER} from './core.js';
import {requireIsolation} from './isolation.js';
import {checkWorkers} from './limits.js';
import {answer, inPieces, inputBuffer} from './input.js';
import {InOrder, SCRIPT, decoded, newCounts, toConsole, writeTo} from './output.js';
import {hasWaitAsync, installOnPage, poolOptions} from './page_pool.js';
import {Pool} from './pool.js';
import {indexURL, newWorker, site, startingParts, tell} from './starter.js';

/**
 * @typedef {import('./output.js').Output} Output
 * @typedef {import('./pool.js').WorkerChange} WorkerChange
 * @typedef {import('./messages.js').ToPage} ToPage
 * @typedef {import('./boot.js').Pyodide} Pyodide
 * @typedef {{on?: 'host' | 'page', filename?: string, argv?: string[], dedent?: boolean,
 *            workers?: number, files?: ArrayBuffer[], output?: Output,
 *            input?: import('./input.js').Input, terminal?: boolean, environment?: Record<string, string>,
 *            worker?: (change: WorkerChange) => void,
 *            trace?: (trace: import('./chrome_trace.js').ChromeTrace) => void, signal?: AbortSignal}} RunOptions
 *   dedent: the source may be indented as a whole; workers: the default of Scheduler(); files: zip
 *   archives, unpacked into the working directory, also in the workers; output: what is printed, default: the console;
 *   input: stdin, default: none in a host worker, prompt() on the page; terminal: whether that is one; environment: set
 *   in os.environ; worker: told what becomes of
 *   the pool's workers; trace: its schedulers record what workers do, and this gets it, once, when the program
 *   has ended, however that was; signal: ends the program, in a host worker only
 * @typedef {{source: string, filename: string, argv: string[], dedent: boolean,
 *            environment: Record<string, string>}} Script
 */

/**
 * Runs a Python program.
 * @param {string} source
 * @param {RunOptions} [options]
 * @returns {Promise<number>} its exit status; a traceback has gone to stderr
 */
export async function run(source, options = {}) {
  requireIsolation();
  checkWorkers(options.workers);
  const {filename = '<script>', argv = [filename], dedent = false, environment = {}} = options;
  const runIt = options.on === 'page' ? runOnPage : runInHost;
  /** @type {import('./trace.js').Recording[]} */
  const recordings = [];
  const traced = options.trace && recordings.push.bind(recordings);
  try {
    return await runIt({source, filename, argv, dedent, environment}, options, traced);
  } finally {
    options.trace?.(chromeTrace(recordings));
  }
}

/**
 * Gets what a pool of the program's has done, when it has closed. Undefined: nothing is traced.
 * @typedef {((recording: import('./trace.js').Recording) => void) | undefined} Traced
 */

// ---- on the page ---------------------------------------------------------------------------------

/** @type {Promise<Pyodide> | undefined} */
let pagePyodide;
/** The last program on the page: they share one Python and take turns. @type {Promise<unknown>} */
let turn = Promise.resolve();

/**
 * @param {Script} script
 * @param {RunOptions} options
 * @param {Traced} traced
 * @returns {Promise<number>}
 */
function runOnPage(script, options, traced) {
  const mine = turn.then(() => runNow(script, options, traced));
  turn = mine.catch(() => {});
  return mine;
}

/**
 * @param {Script} script
 * @param {RunOptions} options
 * @param {Traced} traced
 */
async function runNow(script, {workers, files = [], output = toConsole(), input}, traced) {
  pagePyodide ??= startingParts()
    .then(parts => bootPyodide(parts))
    .catch(error => {
      pagePyodide = undefined; // the next one tries again
      throw error;
    });
  const pyodide = await pagePyodide;
  writeTo(pyodide, decoded(output, null));
  pyodide.pyimport('penny.input').read_by(input && inPieces(input));
  for (const zip of files) pyodide.unpackArchive(zip.slice(0), 'zip', {extractDir: '/home/pyodide'});
  const trace = traced !== undefined;
  installOnPage(pyodide, await site.core(), {workers, files, trace, output}, script, traced);
  const {source, filename, argv, dedent, environment} = script;
  const {run} = pyodide.pyimport('penny.script');
  try {
    return await run(source, filename, argv, dedent, environment);
  } finally {
    output.end?.();
  }
}

// ---- in a host worker ----------------------------------------------------------------------------

/**
 * @param {Script} script
 * @param {RunOptions} options
 * @param {Traced} traced
 * @returns {Promise<number>}
 */
async function runInHost(script, {signal, workers, files = [], output = toConsole(), input, terminal, ...options}, traced) {
  signal?.throwIfAborted();
  const worker = newWorker('penny host');
  /** @type {Map<number, Pool>} */
  const pools = new Map();
  const inOrder = new InOrder(newCounts());
  const stdin = input && {buffer: inputBuffer(), terminal: terminal ?? false, read: inPieces(input)};
  try {
    tell(worker, {type: 'prepare', indexURL: await indexURL()});
    const [module, parts] = await Promise.all([site.core(), startingParts()]);
    signal?.throwIfAborted(); // while all that was loaded
    const ended = new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
      worker.onerror = event => reject(new Error(event.message || 'the host worker did not load'));
      worker.onmessage = answerHost(worker, module, pools, {...options, output, inOrder, stdin, files, script, traced}, resolve, reject);
    });
    tell(worker, {
      type: 'host',
      parts,
      clock: clockHere(),
      extras: {packages: [], files},
      workers: workers ?? null,
      trace: traced !== undefined,
      waitAsync: hasWaitAsync,
      counts: inOrder.counts,
      input: stdin ? {buffer: stdin.buffer, terminal: stdin.terminal} : null,
    });
    tell(worker, {type: 'run', ...script});
    return await ended;
  } finally {
    worker.terminate();
    for (const pool of pools.values()) pool.close({now: true});
    output.end?.();
  }
}

/**
 * What the page does for a host worker: it keeps the pools that the host opens.
 * @param {Worker} worker
 * @param {WebAssembly.Module} module
 * @param {Map<number, Pool>} pools
 * @param {{files: ArrayBuffer[], output: Output, inOrder: InOrder, worker?: (change: WorkerChange) => void, script: Script, traced: Traced,
 *          stdin?: {buffer: SharedArrayBuffer, read: (size: number) => Promise<Uint8Array>}}} options
 * @param {(status: number) => void} resolve
 * @param {(error: Error) => void} reject
 * @returns {(event: MessageEvent<ToPage>) => void}
 */
function answerHost(worker, module, pools, options, resolve, reject) {
  const {files, output, inOrder, stdin, worker: told, script, traced} = options;
  const print = decoded(output, null);
  const none = new Int32Array();
  return ({data}) => {
    switch (data.type) {
      case 'output':
        inOrder.take(SCRIPT, data.after ?? none, () => print(data.stream, data.bytes));
        break;
      case 'input':
        if (stdin) answer(stdin.buffer, stdin.read(data.size));
        break;
      case 'open': {
        const {pool: number} = data;
        const {packages} = poolOptions({packages: data.packages});
        const pool = new Pool(new Core(module, data.memory, KEEPER), data.workers, {
          extras: {packages, files, script},
          output,
          inOrder,
          check: data.check,
          traced,
          announce: hasWaitAsync ? undefined : () => tell(worker, {type: 'completed', pool: number}),
        });
        if (told) pool.addEventListener('worker', event => told(/** @type {any} */ (event).detail));
        pools.set(number, pool);
        break;
      }
      case 'watch':
        pools.get(/** @type {{pool: number}} */ (data).pool)?.watch();
        break;
      case 'coroutine':
        pools.get(/** @type {{pool: number}} */ (data).pool)?.startAsync();
        break;
      case 'close': {
        const {pool: number} = data;
        pools
          .get(number)
          ?.close()
          .then(() => tell(worker, {type: 'closed', pool: number}));
        pools.delete(number);
        break;
      }
      case 'exit':
        // After all that was printed until now.
        inOrder.take(SCRIPT, new Int32Array(inOrder.counts), () => resolve(data.status));
        break;
      case 'failed':
        reject(new Error(data.error));
        break;
    }
  };
}
