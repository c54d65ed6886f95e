// Running a Python program: in a host worker of its own, where it may block, or on the page's Pyodide.
import {addPackages, unpack} from '../boot/extras.js';
import {bootPyodide, onDeath} from '../boot/pyodide.js';
import {interruptBuffer, interruptProgram} from '../boot/interrupts.js';
import {watchFiles} from '../boot/written.js';
import {clockHere} from '../core/clock.js';
import {Core, HOST, KEEPER} from '../core/core.js';
import {START_TIMEOUT, checkWorkers} from '../pool/limits.js';
import {hasWaitAsync, packagesFrom} from '../pool/page_pools.js';
import {Pool} from '../pool/pool.js';
import {tell} from '../pool/starter.js';
import {installOnPage} from '../ports/on_page.js';
import {Answers, inPieces, inputBuffer} from '../stdio/input.js';
import {InOrder, SCRIPT, decoded, newCounts, tellError, toConsole, writeTo} from '../stdio/output.js';
import {chromeTrace} from '../trace/chrome.js';

/**
 * @typedef {import('../stdio/output.js').Output} Output
 * @typedef {import('../pool/pool.js').WorkerChange} WorkerChange
 * @typedef {import('../pool/starter.js').Starter} Starter
 * @typedef {import('../pool/messages.js').ToPage} ToPage
 * @typedef {import('../pool/messages.js').Script} Script
 * @typedef {import('../boot/pyodide.js').Pyodide} Pyodide
 * @typedef {import('../boot/pyodide.js').Death} Death
 * @typedef {{on?: 'host' | 'page', filename?: string, argv?: string[], dedent?: boolean,
 *            workers?: number, packages?: string[], files?: ArrayBuffer[], place?: import('../boot/extras.js').Place,
 *            written?: Wrote, output?: Output,
 *            input?: import('../stdio/input.js').Input, terminal?: boolean, environment?: Record<string, string>,
 *            worker?: (change: WorkerChange) => void,
 *            trace?: (trace: import('../trace/chrome.js').ChromeTrace) => void, interrupt?: AbortSignal, signal?: AbortSignal}} RunOptions
 *   dedent: the source may be indented as a whole; workers: the default of Scheduler();
 *   packages: Pyodide packages or URLs of wheels, for the program and for each of its workers; files: zip
 *   archives, unpacked into the working directory, also in the workers; place: where they belong, if elsewhere, and
 *   then written is told what was written to files, by the program (worker null) and its workers, as each ends; output: what is printed, default: the console;
 *   input: stdin, default: none in a host worker, prompt() on the page; terminal: whether that is one; environment: set
 *   in os.environ; worker: told what becomes of
 *   the pool's workers; trace: its schedulers record what workers do, and this gets it, once, when the program
 *   has ended, however that was; interrupt: what Ctrl-C is in a terminal, KeyboardInterrupt in the program; signal: ends
 *   the program, in a host worker only
 *
 * @callback Wrote
 * @param {import('../boot/written.js').Written[]} files
 * @param {number | null} worker
 * @returns {void}
 */

/**
 * Runs a Python program.
 * @param {Starter} starter
 * @param {string} source
 * @param {RunOptions} [options]
 * @returns {Promise<number>} its exit status; a traceback has gone to stderr, or a line about what its Python died of
 */
export async function run(starter, source, options = {}) {
  starter.host.requireSharedMemory();
  checkWorkers(options.workers);
  const {filename = '<script>', argv = [filename], dedent = false, environment = {}} = options;
  const runIt = options.on === 'page' ? runOnPage : runInHost;
  /** @type {import('../trace/rings.js').Recording[]} */
  const recordings = [];
  const traced = options.trace && recordings.push.bind(recordings);
  try {
    return await runIt(starter, {source, filename, argv, dedent, environment}, options, traced);
  } finally {
    options.trace?.(chromeTrace(recordings));
  }
}

/**
 * Gets what a pool of the program's has done, when it has closed. Undefined: nothing is traced.
 * @typedef {((recording: import('../trace/rings.js').Recording) => void) | undefined} Traced
 */

// ---- on the page ---------------------------------------------------------------------------------

/**
 * Its death is a program's that runs there, and the next one gets a new Pyodide.
 * @type {Promise<{pyodide: Pyodide, death: Promise<Death>}> | undefined}
 */
let pagePyodide;
/** The last program on the page: they share one Python and take turns. @type {Promise<unknown>} */
let turn = Promise.resolve();

/**
 * @param {Starter} starter
 * @param {Script} script
 * @param {RunOptions} options
 * @param {Traced} traced
 * @returns {Promise<number>}
 */
function runOnPage(starter, script, options, traced) {
  const mine = turn.then(() => runNow(starter, script, options, traced));
  turn = mine.catch(() => {});
  return mine;
}

/**
 * @param {Starter} starter
 * @param {Script} script
 * @param {RunOptions} options
 * @param {Traced} traced
 */
async function runNow(starter, script, {workers, packages = [], files = [], place, written, output: shown, input, interrupt}, traced) {
  const output = shown ?? toConsole();
  pagePyodide ??= starter
    .parts()
    .then(parts => bootPyodide(parts))
    .then(pyodide => {
      const death = new Promise(ends => onDeath(pyodide, {ends}));
      death.then(() => (pagePyodide = undefined));
      return {pyodide, death};
    })
    .catch(error => {
      pagePyodide = undefined; // the next one tries again
      throw error;
    });
  const {pyodide, death} = await pagePyodide;
  let dying = false;
  onDeath(pyodide, {begins: () => (dying = true), ends() {}});
  const print = decoded(output, null);
  writeTo(pyodide, (stream, bytes) => print(dying ? 'stderr' : stream, bytes)); // its stack goes to stdout otherwise
  pyodide.pyimport('penny.stdio.input').read_by(input && inPieces(input));
  unpack(pyodide, files, place);
  packages = packagesFrom(starter.host, packages);
  await addPackages(pyodide, packages);
  const changed = place && watchFiles(pyodide, place);
  const trace = traced !== undefined;
  installOnPage(starter, pyodide, await starter.site.core(), {workers, packages, files, place, written, trace, output}, script, traced);
  const {source, filename, argv, dedent, environment} = script;
  const {run} = pyodide.pyimport('penny.hosts.script');
  interrupt?.addEventListener('abort', () => pyodide.pyimport('penny.hosts.interrupts').interrupt());
  try {
    const status = run(source, filename, argv, dedent, environment);
    return await Promise.race([status, death.then(death => statusOfDead(death, output, shown !== undefined))]);
  } finally {
    if (changed) written?.(changed(), null);
    output.end?.();
  }
}

/**
 * Says what a program's Python died of.
 * @param {Death} death
 * @param {Output} output
 * @param {boolean} onConsole whether to say it there, too
 */
function statusOfDead({status, reason}, output, onConsole) {
  if (status) {
    tellError(output, `penny: ${reason}`, null);
    if (onConsole) console.error(`penny: ${reason}`);
  }
  return status;
}

// ---- in a host worker ----------------------------------------------------------------------------

/** The exit status of a program whose worker has gone without a word, as a shell has it: 128 + SIGKILL. */
const KILLED = 137;
/** That of one that was interrupted before it began: 128 + SIGINT. */
const INTERRUPTED = 130;
/** How long what such a worker may have said is waited for, ms. */
const LAST_WORDS = 1_000;

/**
 * @param {Starter} starter
 * @param {Script} script
 * @param {RunOptions} options
 * @param {Traced} traced
 * @returns {Promise<number>}
 */
async function runInHost(starter, script, {signal, interrupt, workers, packages = [], files = [], place, output: shown, input, terminal, ...options}, traced) {
  const output = shown ?? toConsole();
  signal?.throwIfAborted();
  if (interrupt?.aborted) return INTERRUPTED;
  /** @type {import('../hosts/host.js').Hearing} what is heard of it comes in later turns */
  const hear = {message() {}, error() {}};
  const worker = starter.host.startWorker('penny host', {
    message: message => hear.message(message),
    error: error => hear.error(error),
  });
  /** @type {HostWorker} */
  const host = {starter, worker, runs: false, over: false, core: null, interruption: null};
  /** @type {Map<number, Pool>} */
  const pools = new Map();
  const inOrder = new InOrder(newCounts());
  const stdin = input && new Answers(inputBuffer(), inPieces(input));
  const interrupts = interrupt && interruptBuffer();
  const answered = {...options, output, onConsole: shown !== undefined, inOrder, stdin, packages: packagesFrom(starter.host, packages), files, place, script, traced};
  try {
    // From the beginning: it may fail, and be gone, before all that it needs is loaded.
    const ended = new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
      if (interrupts)
        interrupt.addEventListener('abort', () => {
          if (host.over) return;
          host.interruption = interruptProgram(interrupts, {
            tell: () => tell(worker, {type: 'interrupt'}),
            wake() {
              stdin?.interrupt();
              for (const {core} of pools.values()) core.exports.client_wake(HOST);
            },
          });
          if (!host.interruption) resolve(INTERRUPTED);
          else if (stdin?.waits) host.interruption.blocks();
        });
      hear.error = ({said, notStarted}) => {
        if (host.over) return;
        // As of a pool's worker.
        if (host.runs) tellError(output, said, null);
        else reject(new Error(notStarted));
      };
      // Firefox has no error event for a module whose imports have a wrong type.
      setTimeout(() => {
        if (!host.runs) reject(new Error(`the host worker did not begin within ${START_TIMEOUT / 1000} s: does it get what it imports?`));
      }, START_TIMEOUT);
      hear.message = answerHost(host, pools, answered, resolve, reject);
    });
    const start = async () => {
      tell(worker, {type: 'prepare', role: 'host', indexURL: await starter.site.indexURL()});
      const parts = await starter.parts();
      host.core = parts.core;
      tell(worker, {
        type: 'host',
        parts,
        clock: clockHere(),
        extras: {packages: answered.packages, files, place},
        workers: workers ?? null,
        trace: traced !== undefined,
        waitAsync: hasWaitAsync,
        life: worker.life,
        counts: inOrder.counts,
        input: stdin ? {buffer: stdin.buffer, terminal: terminal ?? false} : null,
        interrupts: interrupts ?? null,
      });
      tell(worker, {type: 'run', ...script});
      return await ended;
    };
    return await Promise.race([ended, start()]);
  } finally {
    host.over = true; // it is ended, and has not died
    host.interruption?.over();
    worker.terminate();
    for (const pool of pools.values()) pool.close({now: true});
    output.end?.();
  }
}

/**
 * A host worker. runs: its script has been loaded; over: it has said its last word; core: the compiled module, once it was told to start;
 * interruption: Ctrl-C has come
 * @typedef {{starter: Starter, worker: import('../hosts/host.js').Thread, runs: boolean, over: boolean,
 *            core: WebAssembly.Module | null, interruption: import('../boot/interrupts.js').Interruption | null}} HostWorker
 *
 * What the page does for a host worker: it keeps the pools that the host opens.
 * @param {HostWorker} host
 * @param {Map<number, Pool>} pools
 * @param {{packages: string[], files: ArrayBuffer[], place?: import('../boot/extras.js').Place, written?: Wrote, output: Output, onConsole: boolean, inOrder: InOrder, worker?: (change: WorkerChange) => void, script: Script, traced: Traced,
 *          stdin?: Answers}} options
 * @param {(status: number) => void} resolve
 * @param {(error: Error) => void} reject
 * @returns {(message: ToPage) => void}
 */
function answerHost(host, pools, options, resolve, reject) {
  const {files, place, written, output, onConsole, inOrder, stdin, worker: told, script, traced} = options;
  const {starter, worker} = host;
  const print = decoded(output, null);
  const none = new Int32Array();
  /**
   * The last word, after all that was printed until now.
   * @param {() => number} status
   */
  const end = status => {
    if (host.over) return;
    host.over = true;
    inOrder.take(SCRIPT, new Int32Array(inOrder.counts), () => resolve(status()));
  };
  /** @param {Death} death */
  const die = death => end(() => statusOfDead(death, output, onConsole));
  /** @param {ToPage} data */
  const obey = data => {
    if (host.over) return;
    switch (data.type) {
      case 'held':
        host.runs = true;
        // It may go without a word: closed by its script, or ended by the browser for want of memory.
        starter.host.whenGone(worker, () => {
          const gone = {status: KILLED, reason: "the script's worker is gone: closed, or out of memory", details: ''};
          // What it has said comes before the lock is free, but may be heard after.
          setTimeout(() => die(gone), LAST_WORDS);
        });
        break;
      case 'died':
        die(data);
        break;
      case 'output':
        inOrder.take(SCRIPT, data.after ?? none, () => print(data.stream, data.bytes));
        break;
      case 'input':
        stdin?.answer(data.size).catch(reportError);
        host.interruption?.blocks(); // what is read was written after
        break;
      case 'open': {
        const {pool: number} = data;
        const packages = [...options.packages, ...packagesFrom(starter.host, data.packages)];
        const core = new Core(/** @type {WebAssembly.Module} */ (host.core), data.memory, KEEPER);
        const pool = new Pool(starter, core, data.workers, {
          extras: {packages, files, place, script},
          written,
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
          .then(() => tell(worker, {type: 'closed', pool: number}), reject);
        pools.delete(number);
        break;
      }
      case 'written':
        written?.(data.files, null);
        break;
      case 'exit':
        end(() => data.status);
        break;
      case 'failed':
        host.over = true;
        reject(new Error(data.error));
        break;
    }
  };
  return message => {
    try {
      obey(message);
    } catch (error) {
      // What it has asked for will not come, and it may sleep until it does.
      host.over = true;
      reject(/** @type {Error} */ (error));
    }
  };
}
