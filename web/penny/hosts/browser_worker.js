// A worker that a page has started.

/** @typedef {import('./host.js').Self} Self */

/** @implements {Self} */
export class PageWorker {
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
    await new Promise((held, refused) => {
      const lock = navigator.locks.request(life, () => {
        held(undefined);
        return new Promise(() => {}); // until this worker is gone
      });
      lock.catch(refused); // in a sandboxed frame nobody may have locks
    });
  }

  async host() {
    const {Page} = await import('./browser.js'); // a pool's worker needs none of it
    return new Page(new URL(location.href));
  }

  close() {
    self.close();
  }
}
