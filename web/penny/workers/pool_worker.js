// A pool worker: runs tasks, one on top of another, and blocks while there are none.
import {moduleOf} from '../boot/private.js';
import {hearDoorbell} from '../boot/pyodide.js';
import {Core} from '../core/core.js';
import {WorkerPort} from '../ports/worker_port.js';
import {poolOf, startPoolPython, tellImports, tellPage, tellWritten} from './python.js';

/**
 * @typedef {import('../hosts/host.js').Self} Self
 * @typedef {import('../pool/messages.js').StartPool} StartPool
 */

/**
 * Runs tasks until the scheduler stops. It reads no messages meanwhile.
 * @param {Self} here
 * @param {StartPool} message
 * @param {Promise<import('../boot/extras.js').Extras>} extras
 */
export async function start(here, message, extras) {
  const {parts, memory, worker, check, gate} = message;
  const pyodide = await startPoolPython(here, message, extras);
  const core = new Core(parts.core, memory, worker);
  hearDoorbell(pyodide, core);
  const main = pyodide.pyimport('penny.engines.pool.worker').main;
  // Large, and of no use where nothing is recorded.
  const traceAsJson = core.traced ? (await import('../trace/json.js')).traceAsJson : () => '';
  const pool = {...poolOf(here, message), trace: () => traceAsJson(core)};
  tellPage(here, {type: 'ready'});
  if (gate) Atomics.wait(gate, 0, 0);
  // Blocks in the core while there is nothing to do; returns when the scheduler stops.
  main(
    worker,
    (/** @type {any} */ inbox, /** @type {any} */ outbox, /** @type {any} */ parcel) =>
      new WorkerPort(moduleOf(pyodide), core, worker, {inbox, outbox, parcel}, pool),
    check,
  );
  tellWritten(pyodide);
  tellImports(here, pyodide);
  tellPage(here, {type: 'ended'});
}
