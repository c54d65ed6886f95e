// What a page can do with Penny, whatever its files come from. A page fetches what it uses: one that only submits has no
// Python of its own.
import {addPython} from '../boot/pyodide.js';
import {sayWhy} from '../pool/not_shared.js';
import {checkWorkers} from '../pool/limits.js';
import {openPagePool, poolOptions} from '../pool/page_pools.js';
import {PoolEngine} from './engine.js';
import {Scheduler} from './scheduler.js';

/**
 * @typedef {import('../pool/page_pools.js').SchedulerOptions} SchedulerOptions
 * @typedef {import('../pool/starter.js').Starter} Starter
 * @typedef {import('./program.js').RunOptions} RunOptions
 */

/**
 * A Scheduler for JavaScript. Resolves before its workers are up: tasks may be submitted at once.
 * @param {Starter} starter
 * @param {SchedulerOptions & {engine?: 'pool' | 'messages'}} [options] engine: "messages": tasks go by messages, and no
 *     memory is shared. Default: the pool, where there is shared memory
 */
export async function scheduler(starter, {engine, ...options} = {}) {
  const {host, site} = starter;
  if (engine !== undefined && engine !== 'pool' && engine !== 'messages')
    throw new TypeError(`there is no engine ${JSON.stringify(engine)}: "pool", "messages"`);
  if (engine === 'messages' || (engine === undefined && !host.sharesMemory())) {
    if (!engine) sayWhy();
    const {openMessages} = await import('./message_engine.js');
    return new Scheduler(openMessages(starter, options));
  }
  host.requireSharedMemory();
  const {client, pool} = openPagePool(starter, await site.core(), poolOptions(host, options));
  return new Scheduler(new PoolEngine(client, pool));
}

/**
 * Makes `import penny` work in a Pyodide of the page's own.
 * @param {Starter} starter
 * @param {import('../boot/pyodide.js').Pyodide} pyodide
 * @param {SchedulerOptions} [options] for the schedulers that Python opens: default number of workers and of trace,
 *     files; output, default: where the Pyodide prints (its sys.stdout as it is then)
 */
export async function install(starter, pyodide, options = {}) {
  checkWorkers(options.workers);
  const [{installOnPage}, module, python, apart] = await Promise.all([
    import('../ports/on_page.js'),
    starter.site.coreToShare(),
    starter.site.python(),
    starter.site.apart(),
  ]);
  addPython(pyodide, python, apart);
  installOnPage(starter, pyodide, module, options);
}

/**
 * Runs a Python program.
 * @param {Starter} starter
 * @param {string} source
 * @param {RunOptions} [options]
 * @returns {Promise<number>} its exit status; a traceback has gone to stderr, or a line about what its Python died of
 */
export async function run(starter, source, options) {
  // One promise: programs on the page take turns in the order of these calls, and imports need not end in theirs.
  program ??= import('./program.js').catch(error => {
    program = undefined; // whoever asks next tries again
    throw error;
  });
  return await (await program).run(starter, source, options);
}
/** @type {Promise<typeof import('./program.js')> | undefined} */
let program;
