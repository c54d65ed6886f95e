// A worker that a page has started.

/** @typedef {import('./host.js').Self} Self */

/** @implements {Self} */
export class PageWorker {
  /** @param {URL} script of all workers */
  constructor(script) {
    this.script = script;
  }

  async host() {
    const {Page} = await import('./browser.js'); // seldom asked for
    return new Page(this.script);
  }

  processors() {
    return navigator.hardwareConcurrency;
  }

  /** @param {any} message @param {any[]} [transfer] */
  post(message, transfer = []) {
    self.postMessage(message, {transfer});
  }

  /** @param {(message: any) => void} message @param {() => void} unreadable */
  hear(message, unreadable) {
    self.onmessageerror = unreadable;
    self.onmessage = ({data}) => message(data);
  }

  /** @param {string} life */
  async live(life) {
    try {
      await this.#hold(life);
      return true;
    } catch (error) {
      // Without shared memory nobody has to wait until it is gone. There are no locks on pages that are not secure.
      if (globalThis.crossOriginIsolated) throw error;
      return false;
    }
  }

  /** @param {string} life */
  async #hold(life) {
    await new Promise((held, refused) => {
      const lock = navigator.locks.request(life, () => {
        held(undefined);
        return new Promise(() => {}); // until this worker is gone
      });
      lock.catch(refused); // in a sandboxed frame nobody may have locks
    });
  }

  close() {
    self.close();
  }
}
