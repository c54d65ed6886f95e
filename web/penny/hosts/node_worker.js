// A worker that Node has started: one of worker_threads.
import os from 'node:os';
import {parentPort} from 'node:worker_threads';
import {inWords} from './in_words.js';

/**
 * @typedef {import('./host.js').Self} Self
 * @typedef {import('node:worker_threads').MessagePort} MessagePort
 */

/** @implements {Self} */
export class NodeWorker {
  #parent = /** @type {MessagePort} */ (parentPort);

  /** @param {URL} script of all workers */
  constructor(script) {
    this.script = script;
    // As in a browser's worker, what a task's timer leaves uncaught ends nothing.
    process.on('uncaughtException', error => this.post({type: 'uncaught', error: inWords(error)}));
    process.on('unhandledRejection', error => console.error('Uncaught (in promise)', error));
  }

  async host() {
    const {Node} = await import('./node.js'); // seldom asked for
    return new Node(this.script);
  }

  processors() {
    return os.availableParallelism();
  }

  /** @param {any} message @param {any[]} [transfer] */
  post(message, transfer = []) {
    this.#parent.postMessage(message, transfer);
  }

  /** @param {(message: any) => void} message @param {() => void} unreadable */
  hear(message, unreadable) {
    this.#parent.on('messageerror', unreadable);
    this.#parent.on('message', message);
  }

  /** Its thread's end is an event: there is nothing to hold on to. */
  async live() {
    return true;
  }

  close() {
    process.exit();
  }
}
