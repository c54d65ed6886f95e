// What a page can do with Penny: open schedulers, run Python in host workers or on its own Pyodide,
// install the `penny` module into a Pyodide it already has.
import {addPython, bootPyodide} from './boot.js';
import {installBridge} from './bridge.js';
import {Client} from './client.js';
import {Core, HEAP_MAX, HEAP_MIN, KEEPER, PAGE, createMemory} from './core.js';
import {requireIsolation} from './isolation.js';
import {Pool, tell} from './pool.js';
import {Scheduler} from './scheduler.js';
import {Site, share} from './site.js';

/**
 * @typedef {import('./site.js').Parts} Parts
 * @typedef {import('./pool.js').Output} Output
 * @typedef {import('./pool.js').WorkerChange} WorkerChange
 * @typedef {import('./messages.js').ToPage} ToPage
 * @typedef {import('./boot.js').Pyodide} Pyodide
 * @typedef {{workers?: number, memory?: number, packages?: string[], files?: ArrayBuffer[],
 *            output?: Output}} SchedulerOptions
 * @typedef {{on?: 'host' | 'page', filename?: string, argv?: string[], dedent?: boolean,
 *            workers?: number, files?: ArrayBuffer[], output?: Output,
 *            worker?: (change: WorkerChange) => void, signal?: AbortSignal}} RunOptions
 *   worker: told what becomes of the pool's workers; signal: ends the program, in a host worker only
 * @typedef {{source: string, filename: string, argv: string[], dedent: boolean}} Script
 */

const DEFAULT_MEMORY = 512 * 2 ** 20;
const site = new Site(new URL('.', import.meta.url).href);
const hasWaitAsync = 'waitAsync' in Atomics;

/** @type {Output} */
const toConsole = (stream, text, worker) => {
  const line = text.replace(/\n$/, '');
  const where = worker === null ? [] : [`[worker ${worker}]`];
  if (stream === 'stdout') console.log(...where, line);
  else console.error(...where, line);
};

/** Loads the shared parts, and makes the memory snapshot if the site has none. */
const starter = {
  indexURL: async () => site.url((await site.manifest()).pyodide),
  /** @type {Promise<Parts> | undefined} */
  promise: undefined,
  /** @returns {Promise<Parts>} */
  parts() {
    this.promise ??= this.load().catch(error => {
      this.promise = undefined;
      throw error;
    });
    return this.promise;
  },
  async load() {
    const parts = await site.parts();
    if (parts.snapshot) return parts;
    try {
      return {...parts, snapshot: share(await makeSnapshot(parts))};
    } catch (error) {
      console.warn(`Penny starts without a memory snapshot: ${error}`);
      return parts;
    }
  },
};

/**
 * Has a worker make the memory snapshot from which all others start.
 * @param {Parts} parts
 * @returns {Promise<Uint8Array>}
 */
async function makeSnapshot(parts) {
  const worker = newWorker('penny snapshot');
  try {
    return await new Promise((resolve, reject) => {
      worker.onerror = event => reject(new Error(event.message));
      worker.onmessage = (/** @type {MessageEvent<ToPage>} */ {data}) => {
        if (data.type === 'snapshot') resolve(data.snapshot);
        else if (data.type === 'failed') reject(new Error(data.error));
      };
      tell(worker, {type: 'snapshot', parts});
    });
  } finally {
    worker.terminate();
  }
}

/** Makes the memory snapshot that a site may ship (see manifest.json). */
export async function memorySnapshot() {
  requireIsolation();
  return await makeSnapshot(await site.parts());
}

/** @param {string} name */
const newWorker = name => new Worker(new URL('./worker.js', import.meta.url), {type: 'module', name});

/** @param {unknown} value */
function checkWorkers(value) {
  if (value === undefined || value === null) return;
  if (!Number.isInteger(value)) throw new TypeError('workers must be an integer');
  if (/** @type {number} */ (value) < 1) throw new RangeError('workers must be greater than 0');
  if (/** @type {number} */ (value) > 64) throw new RangeError('workers must be at most 64');
}

/**
 * Opens a pool whose client is this page.
 * @param {WebAssembly.Module} module the core
 * @param {{workers: number, memory: number, packages: string[], files: ArrayBuffer[], output: Output}} options
 */
function openPagePool(module, {workers, memory: limit, packages, files, output}) {
  const memory = createMemory(limit);
  const core = new Core(module, memory, KEEPER);
  core.initialise(workers, limit);
  const client = new Client(core, PAGE, {waitAsync: hasWaitAsync});
  const pool = new Pool(core, workers, starter, {
    extras: {packages, files},
    output,
    announce: !hasWaitAsync,
    completed: () => client.announce(),
  });
  return {client, pool};
}

/** @param {SchedulerOptions} options */
function poolOptions({workers, memory, packages = [], files = [], output = toConsole}) {
  checkWorkers(workers);
  return {
    workers: workers ?? navigator.hardwareConcurrency,
    memory: Math.min(HEAP_MAX, Math.max(HEAP_MIN, memory ?? DEFAULT_MEMORY)),
    packages: packages.map(name => (name.includes('/') ? new URL(name, document.baseURI).href : name)),
    files,
    output,
  };
}

/**
 * A Scheduler for JavaScript. Resolves before its workers are up: tasks may be submitted at once.
 * @param {SchedulerOptions} [options]
 */
export async function scheduler(options = {}) {
  requireIsolation();
  const {client, pool} = openPagePool(await site.core(), poolOptions(options));
  return new Scheduler(client, pool);
}

/**
 * Makes `import penny` work in a Pyodide of the page's own.
 * @param {Pyodide} pyodide
 * @param {SchedulerOptions} [options] for the schedulers that Python opens: default number of workers,
 *     files, output
 */
export async function install(pyodide, options = {}) {
  requireIsolation();
  checkWorkers(options.workers);
  const [module, manifest] = await Promise.all([site.core(), site.manifest()]);
  const response = await fetch(site.url(manifest.python));
  addPython(pyodide, new Uint8Array(await response.arrayBuffer()));
  installOnPage(pyodide, module, options);
}

/**
 * @param {Pyodide} pyodide
 * @param {WebAssembly.Module} module
 * @param {SchedulerOptions} options
 */
function installOnPage(pyodide, module, options) {
  installBridge(pyodide, {
    role: 'page',
    defaultWorkers: options.workers ?? null,
    openPool({workers, memory, packages}) {
      const {client, pool} = openPagePool(module, poolOptions({...options, workers, memory, packages}));
      return {
        client,
        workers,
        async close() {
          pool.close();
        },
        pool,
      };
    },
  });
}

/**
 * Runs a Python program: in a host worker, where it may block, or on the page's own Pyodide.
 * @param {string} source
 * @param {RunOptions} [options] workers: the default of Scheduler()
 * @returns {Promise<number>} its exit status; a traceback has gone to stderr
 */
export async function run(source, options = {}) {
  requireIsolation();
  checkWorkers(options.workers);
  const {filename = '<script>', argv = [filename], dedent = false} = options;
  const runner = options.on === 'page' ? await pageRunner(options) : await hostRunner(options);
  return await runner({source, filename, argv, dedent});
}

/** @type {Promise<Pyodide> | undefined} */
let pagePyodide;

/**
 * @param {RunOptions} options
 * @returns {Promise<(script: Script) => Promise<number>>}
 */
async function pageRunner({workers, files = [], output = toConsole}) {
  pagePyodide ??= starter
    .parts()
    .then(parts => bootPyodide(parts))
    .catch(error => {
      pagePyodide = undefined; // the next one tries again
      throw error;
    });
  const pyodide = await pagePyodide;
  for (const stream of /** @type {const} */ (['stdout', 'stderr'])) {
    const decoder = new TextDecoder();
    const set = stream === 'stdout' ? pyodide.setStdout : pyodide.setStderr;
    set({
      write: (/** @type {Uint8Array} */ bytes) => {
        output(stream, decoder.decode(bytes.slice(), {stream: true}), null);
        return bytes.length;
      },
    });
  }
  for (const zip of files) pyodide.unpackArchive(zip.slice(0), 'zip', {extractDir: '/home/pyodide'});
  installOnPage(pyodide, await site.core(), {workers, files, output});
  const main = pyodide.pyimport('penny.script').run;
  return ({source, filename, argv, dedent}) => main(source, filename, argv, dedent);
}

/**
 * @param {RunOptions} options
 * @returns {Promise<(script: Script) => Promise<number>>}
 */
async function hostRunner({workers, files = [], output = toConsole, worker: told, signal}) {
  signal?.throwIfAborted();
  const worker = newWorker('penny host');
  const [module, parts] = await (async () => {
    tell(worker, {type: 'prepare', indexURL: await starter.indexURL()});
    return await Promise.all([site.core(), starter.parts()]);
  })().catch(error => {
    worker.terminate();
    throw error;
  });
  /** @type {Map<number, Pool>} */
  const pools = new Map();
  /** @type {(status: number) => void} */
  let exited = () => {};
  /** @type {(error: Error) => void} */
  let failed = () => {};
  const ended = new Promise((resolve, reject) => {
    exited = resolve;
    failed = reject;
  });
  ended.catch(() => {});
  signal?.addEventListener('abort', () => failed(signal.reason));
  worker.onerror = event => failed(new Error(event.message || 'the host worker could not be loaded'));
  worker.onmessage = (/** @type {MessageEvent<ToPage>} */ {data}) => {
    switch (data.type) {
      case 'output':
        output(data.stream, data.text, null);
        break;
      case 'open': {
        const core = new Core(module, data.memory, KEEPER);
        const {pool: number} = data;
        const options = poolOptions({workers: data.workers, packages: data.packages, files, output});
        const pool = new Pool(core, data.workers, starter, {
          extras: {packages: options.packages, files},
          output,
          announce: !hasWaitAsync,
          completed: () => tell(worker, {type: 'completed', pool: number}),
        });
        if (told) pool.addEventListener('worker', event => told(/** @type {any} */ (event).detail));
        pools.set(number, pool);
        break;
      }
      case 'close':
        pools.get(data.pool)?.close();
        pools.delete(data.pool);
        tell(worker, {type: 'closed', pool: data.pool});
        break;
      case 'exit':
        exited(data.status);
        break;
      case 'failed':
        failed(new Error(data.error));
        break;
    }
  };
  tell(worker, {
    type: 'host',
    parts,
    extras: {packages: [], files},
    workers: workers ?? null,
    waitAsync: hasWaitAsync,
  });
  return async script => {
    tell(worker, {type: 'run', ...script});
    try {
      return await ended;
    } finally {
      worker.terminate();
      for (const pool of pools.values()) pool.close();
    }
  };
}

