// Running a Python program: in a host worker of its own, where it may block, or on the page's Pyodide.
import {bootPyodide, onDeath} from '../boot/pyodide.js';
import {interruptBuffer, interruptProgram} from '../boot/interrupts.js';
import {addPackages} from '../boot/packages.js';
import {unpack} from '../boot/place.js';
import {watchFiles} from '../boot/written.js';
import {clockHere} from '../core/clock.js';
import {START_TIMEOUT, checkWorkers, packagesFrom} from '../pool/limits.js';
import {keptPools} from '../pool/kept_pools.js';
import {keptThreads} from '../pool/kept_threads.js';
import {hasWaitAsync} from '../pool/page_pools.js';
import {tell} from '../pool/starter.js';
import {installOnPage} from '../ports/on_page.js';
import {Answers, Awaited, inPieces, inputBuffer} from '../stdio/input.js';
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
 *            workers?: number, packages?: string[], files?: ArrayBuffer[], place?: import('../boot/place.js').Place,
 *            written?: Wrote, output?: Output,
 *            input?: import('../stdio/input.js').Input, terminal?: boolean, environment?: Record<string, string>, machine?: import('../boot/machine.js').Machine,
 *            worker?: (change: WorkerChange) => void,
 *            trace?: (trace: import('../trace/chrome.js').ChromeTrace) => void, live?: import('../trace/live.js').Listener, together?: boolean,
 *            interrupt?: AbortSignal, signal?: AbortSignal}} RunOptions
 *   dedent: the source may be indented as a whole; workers: the default of Scheduler();
 *   packages: names, requirements or URLs of wheels, for the program, and by it for its workers; files: zip
 *   archives, unpacked into the working directory, also in the workers; place: where they belong, if elsewhere, and
 *   then written is told what was written to files, by the program (worker null) and its workers, as each ends; output: what is printed, default: the console;
 *   input: stdin, default: none in a host worker, prompt() on the page; terminal: whether that is one; environment: set
 *   in os.environ; machine: folders of the machine, in Node, in a host worker only; worker: told what becomes of
 *   the pool's workers; trace: its schedulers record what workers do, and this gets it, once, when the program
 *   has ended, however that was; live: the same, told in short while they do it, in a host worker only; together: of its
 *   pools no worker begins a task before all are ready, in a host worker only; interrupt: what
 *   Ctrl-C is in a terminal, KeyboardInterrupt in the program; signal: ends the program, in a host worker only
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
  const stdin = input && new Awaited(inPieces(input));
  pyodide.pyimport('penny.stdio.input').read_by(stdin && ((/** @type {number} */ size) => stdin.read(size)), () => stdin?.interrupt());
  unpack(pyodide, files, place);
  await addPackages(pyodide, await starter.parts(), packagesFrom(starter.host, packages));
  const changed = place && watchFiles(pyodide, place);
  const trace = traced !== undefined;
  installOnPage(starter, pyodide, await starter.site.coreToShare(), {workers, files, place, written, trace, output}, script, traced);
  const {source, filename, argv, dedent, environment} = script;
  const {run} = pyodide.pyimport('penny.hosts.script');
  let over = false;
  // In a turn of its own: whoever aborts may have been called by the program, to show what it prints.
  const interrupted = () => void setTimeout(() => over || pyodide.pyimport('penny.hosts.interrupts').interrupt());
  const begins = () => (interrupt?.aborted ? interrupted() : interrupt?.addEventListener('abort', interrupted));
  try {
    if (interrupt?.aborted) return INTERRUPTED;
    const status = run(source, filename, argv, dedent, environment, begins);
    return await Promise.race([status, death.then(death => statusOfDead(death, output, shown !== undefined))]);
  } finally {
    over = true;
    interrupt?.removeEventListener('abort', interrupted); // the next program has its own
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
/** How long what such a worker may have said is waited for, ms: messages that were sent come in some milliseconds. */
const LAST_WORDS = 1_000;

/**
 * @param {Starter} starter
 * @param {Script} script
 * @param {RunOptions} options
 * @param {Traced} traced
 * @returns {Promise<number>}
 */
async function runInHost(starter, script, {signal, interrupt, workers, packages = [], files = [], place, machine, output: shown, input, terminal, ...options}, traced) {
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
  const host = {starter, worker, runs: false, over: false, parts: null, interruption: null};
  const threads = keptThreads(starter.host, () => host.parts);
  worker.hold();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let late;
  /** @type {Pools | undefined} */
  let pools;
  const shared = starter.host.sharesMemory();
  const inOrder = shared ? new InOrder(newCounts()) : null;
  // A worker that waits for the page's answer sleeps on memory that both share.
  const stdin = shared && input ? new Answers(inputBuffer(), inPieces(input)) : undefined;
  const interrupts = shared && interrupt ? interruptBuffer() : null;
  try {
    // From the beginning: it may fail, and be gone, before all that it needs is loaded.
    const ended = new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
      interrupt?.addEventListener('abort', () => {
        if (host.over) return;
        host.interruption =
          interrupts &&
          interruptProgram(interrupts, {
            tell: () => tell(worker, {type: 'interrupt'}),
            wake() {
              stdin?.interrupt();
              pools?.wake();
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
      late = setTimeout(() => {
        if (!host.runs) reject(new Error(`the host worker did not begin within ${START_TIMEOUT / 1000} s: does it get what it imports?`));
      }, START_TIMEOUT);
      const answered = {...options, output, onConsole: shown !== undefined, inOrder, stdin, files, place, machine, script, traced};
      pools = poolsOf(host, answered, reject);
      hear.message = answerHost(host, pools, threads, answered, resolve, reject);
    });
    const start = async () => {
      tell(worker, {type: 'prepare', role: 'host', indexURL: await starter.site.indexURL()});
      const parts = await starter.parts();
      host.parts = parts;
      tell(worker, {
        type: 'host',
        parts,
        clock: clockHere(),
        extras: {packages: packagesFrom(starter.host, packages), files, place, machine},
        workers: workers ?? null,
        trace: traced !== undefined || options.live !== undefined,
        waitAsync: hasWaitAsync,
        life: worker.life,
        counts: inOrder?.counts,
        input: stdin ? {buffer: stdin.buffer, terminal: terminal ?? false} : null,
        interrupts,
      });
      tell(worker, {type: 'run', ...script});
      return await ended;
    };
    return await Promise.race([ended, start()]);
  } finally {
    host.over = true; // it is ended, and has not died
    clearTimeout(late);
    host.interruption?.over();
    worker.terminate();
    pools?.end();
    threads.end();
    output.end?.();
  }
}

/** @typedef {ReturnType<typeof keptPools>} Pools */

/**
 * A host worker. runs: its script has been loaded; over: it has said its last word; parts: what workers start from, once it was told to start;
 * interruption: Ctrl-C has come
 * @typedef {{starter: Starter, worker: import('../hosts/host.js').Thread, runs: boolean, over: boolean,
 *            parts: import('../boot/site.js').Parts | null, interruption: import('../boot/interrupts.js').Interruption | null}} HostWorker
 *
 * @typedef {{files: ArrayBuffer[], place?: import('../boot/place.js').Place, machine?: import('../boot/machine.js').Machine,
 *            written?: Wrote, output: Output, onConsole: boolean, inOrder: InOrder | null,
 *            worker?: (change: WorkerChange) => void, script: Script, traced: Traced,
 *            live?: import('../trace/live.js').Listener, together?: boolean, stdin?: Answers}} HostOptions
 *
 * The pools that the host opens, which the page keeps.
 * @param {HostWorker} host
 * @param {HostOptions} options
 * @param {(error: Error) => void} failed
 */
const poolsOf = (host, {files, place, machine, written, output, inOrder, worker: told, script, traced, live, together}, failed) =>
  keptPools(host.starter, {
    module: () => /** @type {WebAssembly.Module} */ (host.parts?.core),
    tell: message => tell(host.worker, message),
    failed,
    opened: pool => told && pool.addEventListener('worker', event => told(/** @type {any} */ (event).detail)),
    ...{files, place, machine, script, written, output, inOrder: inOrder ?? undefined, traced, live, together},
  });

/**
 * What the page does for a host worker.
 * @param {HostWorker} host
 * @param {Pools} pools
 * @param {ReturnType<typeof keptThreads>} threads
 * @param {HostOptions} options
 * @param {(status: number) => void} resolve
 * @param {(error: Error) => void} reject
 * @returns {(message: ToPage) => void}
 */
function answerHost(host, pools, threads, options, resolve, reject) {
  const {written, output, onConsole, inOrder, stdin} = options;
  const {starter, worker} = host;
  /** By the worker of the task that prints; none: the script. @type {Map<number | undefined, ReturnType<typeof decoded>>} */
  const printers = new Map();
  const printerOf = (/** @type {number | undefined} */ worker) => {
    const print = printers.get(worker) ?? decoded(output, worker ?? null);
    printers.set(worker, print);
    return print;
  };
  const none = new Int32Array();
  /**
   * The last word, after all that was printed until now.
   * @param {() => number} status
   */
  const end = status => {
    if (host.over) return;
    host.over = true;
    if (inOrder) inOrder.take(SCRIPT, new Int32Array(inOrder.counts), () => resolve(status()));
    else resolve(status());
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
        if (inOrder) inOrder.take(SCRIPT, data.after ?? none, () => printerOf(data.worker)(data.stream, data.bytes));
        else printerOf(data.worker)(data.stream, data.bytes);
        break;
      case 'input':
        stdin?.answer(data.size).catch(error => (globalThis.reportError ?? console.error)(error));
        host.interruption?.blocks(); // what is read was written after
        break;
      case 'open':
      case 'watch':
      case 'coroutine':
      case 'close':
        pools.answer(data);
        break;
      case 'thread':
        threads.start(data);
        break;
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
