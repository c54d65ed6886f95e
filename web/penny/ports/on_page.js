// Penny in a Pyodide of the page's own, whose schedulers' client is the page.
import {onDeath} from '../boot/pyodide.js';
import {pythonOf} from '../boot/versions.js';
import {openPagePool, poolOptions} from '../pool/page_pools.js';
import {MessagePool} from '../messages/pool.js';
import {installBridge} from './bridge.js';

/**
 * @typedef {import('../boot/pyodide.js').Pyodide} Pyodide
 * @typedef {import('../pool/page_pools.js').Program} Program
 * @typedef {import('../pool/page_pools.js').SchedulerOptions} SchedulerOptions
 * @typedef {import('../pool/pool.js').Pool} Pool
 */

/** `show` of penny.stdio.output in each. @type {WeakMap<Pyodide, (stream: string, text: string) => void>} */
const shows = new WeakMap();

/**
 * An output to where a Pyodide prints: what its sys.stdout and sys.stderr are then, in a notebook the cell that runs. A
 * pool, which its workers keep, does not keep the Pyodide by it.
 * @param {WeakRef<Pyodide>} reference
 * @param {{dead: boolean}} state
 * @returns {import('../stdio/output.js').Output}
 */
const whereItPrints = (reference, state) => (stream, text) => {
  const pyodide = reference.deref();
  if (!text || !pyodide || state.dead) return;
  const show = shows.get(pyodide) ?? pyodide.pyimport('penny.stdio.output').show;
  shows.set(pyodide, show);
  show(stream, text);
};

/**
 * Makes `import penny` work in the page's Pyodide, in which its files lie already.
 * @param {import('../pool/starter.js').Starter} starter
 * @param {Pyodide} pyodide
 * @param {WebAssembly.Module | null} module the core; null: there is no shared memory
 * @param {SchedulerOptions} options output: default: where the Pyodide prints
 * @param {Program} [script]
 * @param {(recording: import('../trace/rings.js').Recording) => void} [traced] as in openPagePool
 */
export function installOnPage(starter, pyodide, module, options, script, traced) {
  /** @type {Set<Pool | MessagePool>} */
  const pools = new Set();
  const state = {dead: false};
  const output = options.output ?? whereItPrints(new WeakRef(pyodide), state);
  onDeath(pyodide, {
    ends() {
      state.dead = true;
      // Nobody can wait for them any more.
      for (const pool of pools) pool.close({now: true});
    },
  });
  installBridge(pyodide, {
    role: 'page',
    processors: starter.host.processors(),
    defaultWorkers: options.workers ?? null,
    defaultTrace: options.trace ?? false,
    openPool: module && (opened => {
      const {installed} = opened;
      const own = {...poolOptions(starter.host, {...options, ...opened, output}), installed, python: pythonOf(pyodide)};
      const {workers} = own;
      const {client, pool} = openPagePool(starter, module, own, script, traced);
      pools.add(pool);
      return {
        client,
        workers,
        async close() {
          pools.delete(pool);
          await pool.close();
        },
      };
    }),
    openMessages(opened) {
      const {workers, packages, files, check} = poolOptions(starter.host, {...options, ...opened});
      const extras = {installed: opened.installed, packages, files, script};
      const pool = new MessagePool(starter, workers, {extras, output, check, python: pythonOf(pyodide)});
      pools.add(pool);
      return {
        pool,
        async close() {
          pools.delete(pool);
          await pool.close();
        },
      };
    },
  });
}
