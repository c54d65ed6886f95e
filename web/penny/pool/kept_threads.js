// Workers that the page starts for a host worker: host_threads.js is its half.

/**
 * @typedef {import('./messages.js').FromThread} FromThread
 * @typedef {import('./messages.js').ToThread} ToThread
 */

/**
 * @param {import('../hosts/host.js').Host} host
 * @param {() => import('../boot/site.js').Parts | null} parts what they start from, which the host worker need not copy
 */
export function keptThreads(host, parts) {
  /** @type {Set<() => void>} */
  const ends = new Set();
  return {
    /** @param {import('./messages.js').StartThread} message */
    start({name, channel}) {
      /** @param {FromThread} message */
      const tell = message => channel.postMessage(message);
      /** @type {import('../hosts/host.js').Thread} */
      let thread;
      try {
        thread = host.startWorker(name, {
          message: message => tell({type: 'said', message}),
          error: error => tell({type: 'error', error}),
        });
      } catch (error) {
        const said = String(/** @type {Error} */ (error).message ?? error);
        tell({type: 'error', error: {said, notStarted: said}});
        return;
      }
      const end = () => {
        thread.terminate();
        channel.close();
      };
      ends.add(end);
      let watched = false;
      channel.onmessage = ({data}) => {
        const message = /** @type {ToThread} */ (data);
        if (message.type === 'watch') {
          watched = true;
          host.whenGone(thread, () => {
            if (!ends.delete(end)) return;
            tell({type: 'gone'});
            end();
          });
        } else if (message.type === 'terminate') {
          if (watched) thread.terminate();
          else if (ends.delete(end)) end();
        } else {
          const {message: order, transfer} = message;
          if ('life' in order) order.life = thread.life;
          if ('parts' in order) order.parts = parts();
          thread.post(order, transfer);
        }
      };
    },
    /** Ends them all, whatever they do. */
    end() {
      for (const end of ends) end();
      ends.clear();
    },
  };
}
