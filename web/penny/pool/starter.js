// What a page shares between all schedulers and programs: the site's files, loaded once, and the memory snapshot from
// which workers start.
import {compiled} from '../boot/installed.js';
import {share} from '../boot/site.js';
import {START_TIMEOUT} from './limits.js';

/**
 * @typedef {import('../boot/site.js').Parts} Parts
 * @typedef {import('./messages.js').ToPage} ToPage
 * @typedef {import('./messages.js').ToWorker} ToWorker
 * @typedef {import('../hosts/host.js').Thread} Thread
 */

export class Starter {
  /**
   * @param {import('../hosts/host.js').Host} host
   * @param {import('../boot/site.js').Site} site
   */
  constructor(host, site) {
    this.host = host;
    this.site = site;
  }

  /** The parts from which workers start, with a snapshot made here if the site ships none. */
  parts() {
    this.#parts ??= this.#load().catch(error => {
      this.#parts = undefined; // whoever asks next tries again
      throw error;
    });
    return this.#parts;
  }
  /** @type {Promise<Parts> | undefined} */
  #parts;

  /** @returns {Promise<Parts>} */
  async #load() {
    // At once: one waits for compilers, the other for a disk.
    const [parts, kept] = await Promise.all([this.site.parts(), this.site.keptSnapshot()]);
    if (parts.snapshot) return parts;
    if (kept) return {...parts, snapshot: share(kept)};
    try {
      const snapshot = share(await this.#makeSnapshot(parts));
      this.site.keepSnapshot(snapshot);
      return {...parts, snapshot};
    } catch (error) {
      console.warn(`Penny starts without a memory snapshot: ${error}`);
      return parts;
    }
  }

  /**
   * The libraries of what is installed, compiled once for all workers of all pools that have it.
   * @param {import('../boot/installed.js').Installed} installed
   */
  libraries(installed) {
    if (this.#libraries?.id !== installed.id) this.#libraries = {id: installed.id, compiled: compiled(installed)};
    return this.#libraries.compiled;
  }
  /** Those that were asked for last. @type {{id: string, compiled: ReturnType<typeof compiled>} | undefined} */
  #libraries;

  /** Makes the memory snapshot that a site may ship (see manifest.json). */
  async memorySnapshot() {
    this.host.requireSharedMemory();
    return await this.#makeSnapshot(await this.site.parts());
  }

  /**
   * Has a worker make the memory snapshot from which all others start.
   * @param {Parts} parts
   * @returns {Promise<Uint8Array>}
   */
  async #makeSnapshot(parts) {
    /** @type {Thread | undefined} */
    let worker;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timeout;
    try {
      return await new Promise((resolve, reject) => {
        worker = this.host.startWorker('penny snapshot', {
          message(/** @type {ToPage} */ message) {
            if (message.type === 'snapshot') resolve(message.snapshot);
            else if (message.type === 'failed') reject(new Error(message.error));
          },
          error: ({notStarted}) => reject(new Error(notStarted)),
        });
        // It may end without a word.
        timeout = setTimeout(() => reject(new Error('its worker did not answer')), START_TIMEOUT);
        tell(worker, {type: 'snapshot', parts});
      });
    } finally {
      clearTimeout(timeout);
      worker?.terminate();
    }
  }
}

/** @param {Thread} worker @param {ToWorker} message @param {Transferable[]} [transfer] */
export const tell = (worker, message, transfer) => worker.post(message, transfer);
