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
 * @typedef {import('../boot/installed.js').Installed} Installed
 * @typedef {import('../boot/installed.js').Library} Library
 */

/** So many sets of installed packages are kept for pools to come. */
const KEPT = 4;

export class Starter {
  /**
   * @param {import('../hosts/host.js').Host} host
   * @param {import('../boot/site.js').Site} site
   */
  constructor(host, site) {
    this.host = host;
    this.site = site;
  }

  /**
   * In a worker, for which others start threads and give these the parts.
   * @param {Pick<import('../hosts/host.js').Host, 'startWorker' | 'whenGone'>} threads
   * @param {string} indexURL
   */
  static byOthers(threads, indexURL) {
    const starter = new Starter(/** @type {any} */ (threads), /** @type {any} */ ({indexURL: async () => indexURL}));
    starter.#parts = Promise.resolve(/** @type {any} */ (null));
    return starter;
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
   * What workers have beside the standard library: fetched, unpacked and compiled once for all of them, and for those of
   * later pools that have the same.
   * @param {Pick<import('../boot/extras.js').Wanted, 'installed' | 'packages'>} wanted
   * @returns {Promise<{installed?: Installed, libraries?: Library[]}>}
   */
  async installed({installed, packages}) {
    if (!installed && !packages.length) return {};
    const key = JSON.stringify([installed?.id, ...packages]);
    let made = this.#installed.get(key);
    if (!made) {
      made = this.#install(installed, packages);
      this.#installed.set(key, made);
      made.catch(() => this.#installed.delete(key)); // whoever asks next tries again
      // A notebook that installs one package after the other has a new one each time.
      for (const old of [...this.#installed.keys()].slice(0, -KEPT)) this.#installed.delete(old);
    }
    return await made;
  }
  /** @type {Map<string, Promise<{installed?: Installed, libraries?: Library[]}>>} */
  #installed = new Map();

  /** @param {Installed | undefined} installed @param {string[]} packages */
  async #install(installed, packages) {
    const libraries = installed && (await compiled(installed));
    if (!packages.length) return {installed, libraries};
    const parts = await this.parts();
    const message = {type: /** @type {const} */ ('install'), parts, installed, libraries: libraries ?? [], packages};
    const all = await this.#ask('penny packages', message, 'installed', ({installed}) => installed);
    return all ? {installed: all, libraries: await compiled(all)} : {};
  }

  /** Makes the memory snapshot that a site may ship (see manifest.json). */
  async memorySnapshot() {
    this.host.requireSharedMemory();
    return await this.#makeSnapshot(await this.site.parts());
  }

  /**
   * Has a worker make the memory snapshot from which all others start.
   * @param {Parts} parts
   */
  #makeSnapshot(parts) {
    return this.#ask('penny snapshot', {type: 'snapshot', parts}, 'snapshot', ({snapshot}) => snapshot);
  }

  /**
   * Has a worker do one thing, and ends it.
   * @template {ToPage['type']} T
   * @template R
   * @param {string} name of the worker
   * @param {ToWorker} message that says what
   * @param {T} type of its answer
   * @param {(answer: Extract<ToPage, {type: T}>) => R} result what is wanted of the answer
   * @returns {Promise<R>}
   */
  async #ask(name, message, type, result) {
    /** @type {Thread | undefined} */
    let worker;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timeout;
    try {
      return await new Promise((resolve, reject) => {
        worker = this.host.startWorker(name, {
          message(/** @type {ToPage} */ message) {
            if (message.type === type) resolve(result(/** @type {any} */ (message)));
            else if (message.type === 'failed') reject(new Error(message.error));
          },
          error: ({notStarted}) => reject(new Error(notStarted)),
        });
        // It may end without a word.
        timeout = setTimeout(() => reject(new Error('its worker did not answer')), START_TIMEOUT);
        tell(worker, message);
      });
    } finally {
      clearTimeout(timeout);
      worker?.terminate();
    }
  }
}

/** @param {Thread} worker @param {ToWorker} message @param {Transferable[]} [transfer] */
export const tell = (worker, message, transfer) => worker.post(message, transfer);
