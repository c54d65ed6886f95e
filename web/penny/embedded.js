// Penny's entry where no page of its own is: a Pyodide that is already there, a bundler's app. Its files are handed in.
import {Page} from './hosts/browser.js';
import {Places} from './pool/places.js';
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
 */
export function embed(pyodide, files) {
  const places = embedded(files);
  installOnPage(places.startingLike(pyodide), pyodide, places.host.sharesMemory() ? places.core : null, {});
}
