// Penny's entry where no page of its own is: a Pyodide that is already there, a bundler's app. Its files are handed in.
import {suspends} from './boot/private.js';
import {originOf} from './boot/pyodide.js';
import {share} from './boot/site.js';
import {Page} from './hosts/browser.js';
import {Places} from './pool/places.js';
import {installBesideKeeper} from './ports/beside_keeper.js';
import {installOnPage} from './ports/on_page.js';

/**
 * @typedef {import('./boot/embedded_site.js').Files} Files
 * @typedef {import('./boot/pyodide.js').Pyodide} Pyodide
 */

/**
 * What starts workers from Penny's files.
 * @param {Files} files
 */
export function embedded({worker, core, python}) {
  const script = URL.createObjectURL(new Blob([worker], {type: 'text/javascript'}));
  return new Places(new Page(new URL(script)), new WebAssembly.Module(/** @type {any} */ (core)), python);
}

/**
 * Makes `import penny` work in a Pyodide into which Penny was installed as a package. At once: nothing is awaited.
 * @param {Pyodide} pyodide
 * @param {Files} files
 * @throws {import('./boot/versions.js').PyodideVersionError}
 */
export function embed(pyodide, files) {
  installFrom(embedded(files), pyodide, {});
}

/**
 * Makes `import penny` work in a Pyodide, in which Penny's Python files lie already.
 * @param {Places} places
 * @param {Pyodide} pyodide
 * @param {import('./pool/page_pools.js').SchedulerOptions} options as of installOnPage
 * @returns {Promise<void> | undefined} of where it blocks: when it may
 * @throws {import('./boot/versions.js').PyodideVersionError}
 */
export function installFrom(places, pyodide, options) {
  const {host} = places;
  const core = host.sharesMemory() ? places.core : null;
  const starter = places.startingLike(pyodide);
  // Where a worker's program can't be suspended it blocks, and what is started here would not begin meanwhile.
  if (core && host.sleeps() && !suspends(pyodide)) {
    return installBesideKeeper(host, pyodide, core, share(places.python), originOf(pyodide), options);
  }
  // Python imports more of Penny before it opens its first pool, which hears of what fails.
  starter.parts().catch(() => {});
  installOnPage(starter, pyodide, core, options);
}
