// Workers that a host worker has, and the page starts for it: kept_threads.js is its half. A worker could start workers of
// its own; but in Firefox `new Worker` may never return there, while somebody debugs or drives the browser: it waits, by
// the new worker's condition variable, until the main thread has told the debugger, and is woken by a signal to one
// waiter, which may be the new worker, if that has nothing to do yet. The page's own do not wait.

/**
 * @typedef {import('../hosts/host.js').Hearing} Hearing
 * @typedef {import('../hosts/host.js').Thread} Thread
 * @typedef {import('./messages.js').FromThread} FromThread
 * @typedef {import('./messages.js').ToThread} ToThread
 */

/**
 * @implements {Pick<import('../hosts/host.js').Host, 'startWorker' | 'whenGone'>}
 */
export class HostThreads {
  /** What is to be done when they are gone. @type {WeakMap<Thread, () => void>} */
  #gone = new WeakMap();
  /** @type {WeakMap<Thread, MessagePort>} */
  #channels = new WeakMap();

  /** @param {(message: import('./messages.js').StartThread, transfer: Transferable[]) => void} post to the page */
  constructor(post) {
    this.post = post;
  }

  /**
   * @param {string} name
   * @param {Hearing} hear
   * @returns {Thread}
   */
  startWorker(name, hear) {
    const {port1, port2} = new MessageChannel();
    /** @type {(message: ToThread, transfer?: any[]) => void} */
    const tell = (message, transfer = []) => port1.postMessage(message, transfer);
    /** @type {Thread} */
    const thread = {
      life: '', // the page gives it one
      post: (message, transfer = []) => tell({type: 'post', message, transfer}, transfer),
      terminate: () => tell({type: 'terminate'}),
      hold() {},
    };
    port1.onmessage = ({data}) => {
      const message = /** @type {FromThread} */ (data);
      if (message.type === 'said') hear.message(message.message);
      else if (message.type === 'error') hear.error(message.error);
      else {
        port1.close();
        this.#gone.get(thread)?.();
      }
    };
    this.#channels.set(thread, port1);
    this.post({type: 'thread', name, channel: port2}, [port2]);
    return thread;
  }

  /**
   * @param {Thread} thread
   * @param {() => void} then
   */
  whenGone(thread, then) {
    this.#gone.set(thread, then);
    /** @type {ToThread} */
    const message = {type: 'watch'};
    this.#channels.get(thread)?.postMessage(message);
  }
}
