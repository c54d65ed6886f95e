// What a page shares between all schedulers and programs: the site's files, loaded once, and the memory snapshot from
// which workers start.
import {compiled} from '../boot/installed.js';
import {inOrder} from '../boot/with_packages.js';
import {unheld} from '../hosts/holding.js';
import {share} from '../boot/site.js';
import {START_TIMEOUT} from './limits.js';

/**
 * @typedef {import('../boot/site.js').Parts} Parts
 * @typedef {import('./messages.js').ToPage} ToPage
 * @typedef {import('./messages.js').ToWorker} ToWorker
 * @typedef {import('../hosts/host.js').Thread} Thread
 * @typedef {import('../boot/installed.js').Installed} Installed
 * @typedef {import('../boot/installed.js').Library} Library
 * @typedef {import('../boot/pyodide.js').Packed} Packed
 * @typedef {Pick<import('../boot/extras.js').Wanted, 'installed' | 'packages' | 'environment'>} Wanted
 * @typedef {{installed?: Installed, libraries?: Library[]}} Ready
 * @typedef {import('../boot/with_packages.js').Imports} Imports
 */

/** So many sets of installed packages are kept for pools to come. */
const KEPT = 4;
/** So many snapshots are made with the same packages, as tasks import more of them. */
const ATTEMPTS = 3;
/** Within that time the workers of a pool end, ms. */
const TOGETHER = 50;

/** @param {Wanted} wanted */
const keyOf = ({installed, packages}) => JSON.stringify([installed?.id, ...packages]);

/**
 * @param {Imports & {attempts: number}} known
 * @param {Imports} imports
 */
const union = ({modules, libraries, attempts}, imports) => ({
  modules: [...new Set([...modules, ...imports.modules])],
  libraries: [...new Set([...libraries, ...imports.libraries])],
  attempts,
});

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
   * @param {Wanted} wanted
   * @returns {Promise<Ready>}
   */
  async installed({installed, packages}) {
    if (!installed && !packages.length) return {};
    const key = keyOf({installed, packages});
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
  /** @type {Map<string, Promise<Ready>>} */
  #installed = new Map();

  /**
   * The memory snapshot in which they are imported, if there is one. It holds what its imports found: so where a variable
   * is another than they have read, there is none.
   * @param {Wanted} wanted
   * @returns {Packed | undefined}
   */
  packed(wanted) {
    const packed = this.#packed.get(keyOf(wanted));
    if (!packed) return undefined;
    const {environment} = wanted;
    const other = environment && Object.entries(packed.variables).find(([name, value]) => (environment[name] ?? null) !== value);
    if (!other) return packed;
    console.debug(`Penny: no snapshot with packages is used, since the variable ${other[0]} is not as it was when it was made`);
    return undefined;
  }
  /** @type {Map<string, Packed>} */
  #packed = new Map();

  /**
   * Makes that snapshot for pools to come, as one ends that has the same: with what its tasks have imported, which nobody
   * else knows. Anew, if that was more than before.
   * @param {Wanted} wanted
   * @param {Imports} imports of one of its workers
   */
  pack(wanted, imports) {
    if (!this.host?.takesSnapshots?.()) return;
    const key = keyOf(wanted);
    const known = this.#imports.get(key) ?? {modules: [], libraries: [], attempts: 0};
    const more = union(known, imports);
    if (known.attempts === ATTEMPTS || more.modules.length === known.modules.length) return;
    this.#imports.delete(key);
    this.#imports.set(key, more);
    for (const old of [...this.#imports.keys()].slice(0, -KEPT)) this.#imports.delete(old);
    // All of its workers end at a time.
    const made = new Promise(resolve => unheld(setTimeout(resolve, TOGETHER))).then(() => {
      if (this.#imports.get(key) === more) return this.#pack(key, wanted, more);
    });
    this.#packing = Promise.all([this.#packing, made]);
  }
  /** What was imported. attempts: to make a snapshot with that @type {Map<string, Imports & {attempts: number}>} */
  #imports = new Map();
  /** @type {Promise<unknown>} */
  #packing = Promise.resolve();

  /** Resolved when no snapshot is being made. */
  settled = () => this.#packing;

  /** @param {string} key @param {Wanted} wanted @param {Imports & {attempts: number}} imports */
  async #pack(key, wanted, imports) {
    imports.attempts++;
    const {modules} = imports;
    const what = [...new Set(modules.map(name => name.split('.')[0]))].join(', ');
    try {
      const [parts, {installed, libraries = []}] = await Promise.all([this.parts(), this.installed(wanted)]);
      if (!installed) return;
      const message = {type: /** @type {const} */ ('pack'), parts, installed, modules, libraries: inOrder(imports.libraries, libraries)};
      const packed = await this.#ask('penny packages', message, 'packed', ({packed}) => packed);
      this.#packed.set(key, {...packed, bytes: share(packed.bytes)});
      for (const old of [...this.#packed.keys()].slice(0, -KEPT)) this.#packed.delete(old);
      console.debug(`Penny: from now on workers start with ${what} imported`);
    } catch (error) {
      console.debug(`Penny: ${what} can't be in a snapshot: ${String(/** @type {Error} */ (error).message).split('\n')[0]}`);
    }
  }

  /**
   * A worker could not start from it, or was not to.
   * @param {Packed} packed
   * @param {string} reason
   */
  drop(packed, reason) {
    for (const [key, each] of this.#packed) {
      if (each.link !== packed.link) continue;
      this.#packed.delete(key);
      this.#imports.set(key, {modules: each.modules, libraries: [], attempts: ATTEMPTS});
      console.debug(`Penny: a snapshot with packages is used no more: ${reason}`);
    }
  }

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
