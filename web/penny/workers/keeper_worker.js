// A small worker that keeps the pools of another worker, whose program blocks: workers that it started itself would not
// begin while it sleeps. No Python runs here.
import {EmbeddedSite} from '../boot/embedded_site.js';
import {followClock} from '../core/clock.js';
import {keptPools} from '../pool/kept_pools.js';
import {Starter} from '../pool/starter.js';
import {tellPage} from './python.js';

/**
 * @param {import('../hosts/host.js').Self} here
 * @param {import('../pool/messages.js').StartKeeper} message
 */
export async function start(here, {clock, core, python, origin: {lock, ...origin}, version, files, runs}) {
  followClock(clock);
  const host = await here.host();
  const site = new EmbeddedSite(host, core, python, {...origin, lock: async () => lock});
  const pools = keptPools(new Starter(host, site), {
    module: () => core,
    tell: message => tellPage(here, /** @type {any} */ (message)),
    failed: error => tellPage(here, {type: 'failed', error: String(error)}),
    files,
    output: (stream, text, worker, bytes) => tellPage(here, {type: 'printed', stream, text, worker, bytes}),
    python: version,
  });
  Atomics.store(runs, 0, 1);
  Atomics.notify(runs, 0);
  tellPage(here, {type: 'keeping'});
  return pools;
}
