// Penny's entry where no page of its own is: a Pyodide that is already there, a bundler's app. Its files are handed in.
import {EmbeddedSite} from './boot/embedded_site.js';
import {onDeath, originOf} from './boot/pyodide.js';
import {requireKnownPyodide} from './boot/versions.js';
import {Page} from './hosts/browser.js';
import {Starter} from './pool/starter.js';
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
  const host = new Page(new URL(script));
  const module = new WebAssembly.Module(/** @type {any} */ (core));
  /** @param {import('./boot/pyodide.js').Origin} origin */
  const starterOf = origin => new Starter(host, new EmbeddedSite(host, module, python, origin));
  /** @type {Map<string, Starter>} */
  const byPlace = new Map();
  /** @type {WeakMap<Pyodide, Starter>} */
  const byPyodide = new WeakMap();
  return {
    module,
    /** @param {string} indexURL where Pyodide lies */
    startingAt(indexURL) {
      const starter = byPlace.get(indexURL) ?? starterOf({indexURL});
      byPlace.set(indexURL, starter);
      return starter;
    },
    /**
     * @param {Pyodide} pyodide
     * @throws {import('./boot/versions.js').PyodideVersionError}
     */
    startingLike(pyodide) {
      requireKnownPyodide(pyodide);
      const starter = byPyodide.get(pyodide) ?? starterOf(originOf(pyodide));
      byPyodide.set(pyodide, starter);
      return starter;
    },
  };
}

/**
 * Makes `import penny` work in a Pyodide into which Penny was installed as a package. At once: nothing is awaited.
 * @param {Pyodide} pyodide
 * @param {Files} files
 * @param {(stream: string, text: string) => void} print what tasks print
 * @throws {import('./boot/versions.js').PyodideVersionError}
 */
export function embed(pyodide, files, print) {
  const {module, startingLike} = embedded(files);
  const starter = startingLike(pyodide);
  let dead = false;
  onDeath(pyodide, {ends: () => (dead = true)});
  installOnPage(starter, pyodide, module, {
    output(stream, text) {
      if (text && !dead) print(stream, text);
    },
  });
}
