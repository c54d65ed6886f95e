// How a client's Python hears of completions, whatever they come by: client_port.js and message_ports.js have it in common.
import {callSuspendable} from '../boot/private.js';

export class Completions {
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {import('./boxes.js').PyodideModule} module */
  constructor(module) {
    this.module = module;
  }

  /**
   * What delivers, for whoever says that there is something to collect().
   * @param {() => number} deliver completes futures; gives the number of coroutines that can go on since
   * @param {() => void} step lets one go on. Each on its own stack, which it may suspend. The first one at once, since who
   *     awaits one task after the other waits for nothing else; between others the page has its turn
   */
  delivering(deliver, step) {
    return () => {
      let steps = 0;
      try {
        steps = deliver();
      } finally {
        this.tell();
      }
      for (let i = 0; i < steps; i++) callSuspendable(this.module, step, i === 0);
    };
  }

  /** A future was completed, whoever did it: who waits looks again for what it waits for. */
  tell() {
    for (const tell of this.#waiting.splice(0)) tell();
  }

  /**
   * Resolves at the next tell(), or when the time is over.
   * @param {number} milliseconds negative: no bound
   * @returns {Promise<void>}
   */
  nextTold(milliseconds) {
    return new Promise(resolve => {
      this.#waiting.push(resolve);
      if (milliseconds >= 0) setTimeout(resolve, milliseconds);
    });
  }
}
