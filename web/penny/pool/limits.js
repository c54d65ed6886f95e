// How large a pool and its heap are: defaults and bounds, for every way to open one.
import {HEAP_MAX, HEAP_MIN} from '../core/core.js';
import {WORKERS_MAX} from '../core/layout.js';

export {WORKERS_MAX};

/**
 * What a pool is opened with. memory: heap limit, bytes; check: every job through pickle; trace: record what workers do;
 * installed: what workers shall have of the client's; environment: its variables
 * @typedef {{workers: number, memory: number, packages: string[], check: boolean, trace: boolean,
 *            installed?: import('../boot/installed.js').Installed, environment?: Record<string, string>}} PoolOptions
 * @typedef {{client: import('../tasks/client.js').Client, workers: number, close(): Promise<void>}} OpenedPool
 * @callback OpenPool returns at once; workers come up by and by
 * @param {PoolOptions} options
 * @returns {OpenedPool}
 */

/** Limit of the heap where none is asked for, bytes: of address space, since the memory grows as it is used. */
const DEFAULT_MEMORY = 512 * 2 ** 20;

/** A worker that is not ready by then will not be, ms. */
export const START_TIMEOUT = 120_000;

/**
 * Number of workers: as asked for, else one for each processor.
 * @param {number | null | undefined} workers
 * @param {number} processors
 */
export function workersOrDefault(workers, processors) {
  checkWorkers(workers);
  return workers ?? Math.min(processors, WORKERS_MAX);
}

/** @param {unknown} value */
export function checkWorkers(value) {
  if (value === undefined || value === null) return;
  if (!Number.isInteger(value)) throw new TypeError('workers must be an integer');
  const workers = /** @type {number} */ (value);
  if (workers < 1) throw new RangeError('workers must be greater than 0');
  if (workers > WORKERS_MAX) throw new RangeError(`workers must be at most ${WORKERS_MAX}`);
}

/**
 * Limit of the shared heap, bytes.
 * @param {number | null | undefined} memory
 */
export const memoryOrDefault = memory =>
  Math.min(HEAP_MAX, Math.max(HEAP_MIN, memory ?? DEFAULT_MEMORY));

/**
 * Names of packages go to Pyodide as they are; URLs are relative to the page, not to the worker's script. So are those of
 * direct references, `name @ URL`.
 * @param {import('../hosts/host.js').Host} host
 * @param {string[]} packages
 */
export const packagesFrom = (host, packages) =>
  packages.map(name => {
    const [, named = '', url = name, marker = ''] = /^([^@/:]*@\s*)(\S+)(.*)$/.exec(name) ?? [];
    return url.includes('/') && URL.canParse(url, host.base) ? named + new URL(url, host.base).href + marker : name;
  });
