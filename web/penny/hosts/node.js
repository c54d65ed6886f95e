// Node, and what runs programs for Node: Deno and Bun. Threads are worker_threads', files the machine's.
import {createHash} from 'node:crypto';
import {mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import {Worker} from 'node:worker_threads';
import {inWords} from './in_words.js';

/**
 * @typedef {import('./host.js').Host} Host
 * @typedef {import('./host.js').Hearing} Hearing
 * @typedef {import('./host.js').Thread} Thread
 *
 * A thread, and when nothing of it runs any more.
 * @typedef {Thread & {gone: Promise<unknown>}} NodeThread
 */

/** Things that the cache keeps, the newest: snapshots of several engines, and of several versions of Penny. */
const KEPT = 4;
/** Hexadecimal digits of the digest before kept bytes: a file that was damaged, or written by half, is as good as none. */
const DIGEST_BYTES = 64;

/** @param {Uint8Array} bytes */
const sha256 = bytes => createHash('sha256').update(bytes).digest('hex');

/** Whose caches, as each system has it. */
function cacheFolder() {
  const {env, platform} = process;
  const home = os.homedir();
  if (platform === 'win32') return path.join(env.LOCALAPPDATA ?? path.join(home, 'AppData', 'Local'), 'penny', 'Cache');
  if (platform === 'darwin') return path.join(home, 'Library', 'Caches', 'penny');
  return path.join(env.XDG_CACHE_HOME || path.join(home, '.cache'), 'penny');
}

/** The engine: Pyodide decides by what that can do how it calls C functions, and a snapshot holds the decision. */
function engine() {
  const {versions, execArgv, arch} = process;
  const flags = execArgv.filter(flag => /wasm|jitless/.test(flag));
  return [versions.bun ?? versions.deno ?? '', versions.v8 ?? versions.webkit ?? '', versions.node, arch, ...flags].join(' ');
}

/**
 * Node's own arguments, without those that say what the program is (-e): no thread could start with them.
 * @param {string[]} all
 */
function argumentsOfThreads(all) {
  const ofProgram = /^(-e|-p|-pe|--eval|--print|--input-type)$/;
  return all.filter((argument, i) => !/^--(input-type|eval|print)=/.test(argument) && !ofProgram.test(argument) && !ofProgram.test(all[i - 1]));
}

let lives = 0;

/** @implements {Host} */
export class Node {
  /** @param {URL} script of its workers: a module */
  constructor(script) {
    this.script = script;
  }

  get base() {
    return pathToFileURL(process.cwd() + path.sep).href;
  }

  /** There always is some. */
  sharesMemory() {
    return true;
  }

  requireSharedMemory() {}

  /** On the main thread, too. */
  sleeps() {
    return true;
  }

  processors() {
    return os.availableParallelism();
  }

  /** @param {string} url */
  async load(url) {
    try {
      if (url.startsWith('file:')) return new Response(await readFile(new URL(url)));
      const response = await fetch(url);
      if (response.ok) return response;
      throw new Error(`HTTP status ${response.status}`);
    } catch (error) {
      throw new Error(`Penny could not load ${url}: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** @param {Uint8Array} bytes */
  async digest(bytes) {
    return sha256(bytes);
  }

  /** What is kept is this engine's own. */
  takesSnapshots() {
    return true;
  }

  /** @param {string} name */
  #file(name) {
    const key = sha256(Buffer.from(`${engine()} ${name}`)).slice(0, 16);
    return path.join(cacheFolder(), `node-snapshot-${key}.bin`);
  }

  /**
   * @param {string} name
   * @returns {Promise<Uint8Array | null>}
   */
  async kept(name) {
    const file = this.#file(name);
    try {
      const found = await readFile(file);
      const bytes = found.subarray(DIGEST_BYTES);
      if (found.toString('latin1', 0, DIGEST_BYTES) !== sha256(bytes)) return null;
      const now = new Date();
      await utimes(file, now, now).catch(() => {}); // the newest are kept, and using one makes it new
      return bytes;
    } catch {
      return null; // there is none
    }
  }

  /**
   * @param {string} name
   * @param {Uint8Array} bytes
   */
  async keep(name, bytes) {
    const file = this.#file(name);
    const made = `${file}.${process.pid}-${Math.random().toString(36).slice(2)}`;
    try {
      await mkdir(path.dirname(file), {recursive: true});
      await writeFile(made, [Buffer.from(sha256(bytes), 'latin1'), bytes]);
      await rename(made, file);
      await forgetOld(path.dirname(file));
    } catch {
      await rm(made, {force: true}).catch(() => {}); // no room, or no such folder: the next start makes its own
    }
  }

  /**
   * @param {string} name
   * @param {Hearing} hear
   * @returns {NodeThread}
   */
  startWorker(name, hear) {
    let worker;
    try {
      worker = new Worker(this.script, {name, execArgv: argumentsOfThreads(process.execArgv)});
    } catch (error) {
      throw new Error(this.#notStarted(error));
    }
    worker.on('message', message => {
      if (message.type === 'uncaught') hear.error({said: message.error, notStarted: this.#notStarted(message.error)});
      else hear.message(message);
    });
    // Its script could not be loaded; or it has no memory left.
    worker.on('error', error => hear.error({said: inWords(error), notStarted: this.#notStarted(error)}));
    worker.unref(); // whoever waits for what it does holds the program: tasks/listening.js, Thread.hold
    return {
      life: `penny-${process.pid}-${lives++}`,
      gone: new Promise(resolve => worker.once('exit', resolve)),
      post: (message, transfer = []) => worker.postMessage(message, transfer),
      terminate: () => void worker.terminate(),
      hold: () => worker.ref(),
    };
  }

  /** @param {unknown} error */
  #notStarted(error) {
    const said = error instanceof Error ? error.message : String(error);
    return `${this.script} could not be loaded as a worker: ${said}`;
  }

  /**
   * By the event 'exit', which comes whatever has ended a thread, and after all that it has posted.
   * @param {Thread} thread
   * @param {() => void} then
   */
  whenGone(thread, then) {
    /** @type {NodeThread} */ (thread).gone.then(then);
  }
}

/** @param {string} folder */
async function forgetOld(folder) {
  const names = (await readdir(folder)).filter(name => name.startsWith('node-snapshot-'));
  const files = await Promise.all(
    names.map(async name => ({name, time: (await stat(path.join(folder, name))).mtimeMs})),
  );
  files.sort((a, b) => b.time - a.time);
  await Promise.all(files.slice(KEPT).map(({name}) => rm(path.join(folder, name), {force: true})));
}
