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
  const places = embedded(files);
  const {host} = places;
  const core = host.sharesMemory() ? places.core : null;
  const starter = places.startingLike(pyodide);
  // Where a worker's program can't be suspended it blocks, and what is started here would not begin meanwhile.
  if (core && host.sleeps() && !suspends(pyodide)) {
    installBesideKeeper(host, pyodide, core, share(files.python), originOf(pyodide));
  } else installOnPage(starter, pyodide, core, {});
}
