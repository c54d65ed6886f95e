// The script tag: <script src="penny.js" data-workers="4"></script>
//
// Defines `Penny` and runs the page's <script type="text/python" data-penny> elements. A classic script,
// so that it knows its own tag; the runtime is in the modules of penny/, loaded on first use. It may be of another
// origin, and be imported by a module.
//
// Of the tag: data-workers, default number of workers; data-isolate, isolate the page by a service
// worker; its value is where penny-isolate.js is, if not beside penny.js. Of a Python element: src; data-output, id of the element that shows what it prints; data-on,
// "host" (its own worker, where Python may block; the default) or "page" (the page's own Pyodide, which
// can use the DOM); data-workers; data-packages, what it and its tasks import: names, requirements, wheels' URLs, with
// blanks between. Of the tag: for all of them.
'use strict';
(() => {
  const tag = /** @type {HTMLScriptElement | null} */ (document.currentScript);
  // A module has no tag of its own, and a script no import.meta; but both are in their stack.
  const source = tag?.src || /(?:https?|file|blob):[^\s()]*?(?=:\d+:\d+\)?$)/m.exec(String(new Error().stack))?.[0] || '';
  const {isolate: isolating, workers: workersOfTag, packages: packagesOfTag} = tag?.dataset ?? {};

  /** @typedef {typeof import('./penny/page.js')} Page */
  /** @type {Promise<Page> | undefined} */
  let loading;
  /** @returns {Promise<Page>} */
  const page = async () => {
    await Penny.ready;
    return await (loading ??= import(new URL('penny/page.js', source).href));
  };

  /** @param {string | undefined} text */
  const workersFrom = text => (text === undefined ? {} : {workers: Number(text)});
  /** @param {string | undefined} text */
  const packagesFrom = text => (text === undefined ? {} : {packages: text.split(/,?\s+/).filter(Boolean)});
  const defaults = {...workersFrom(workersOfTag), ...packagesFrom(packagesOfTag)};

  /** @type {Promise<void> | undefined} */
  let readiness;

  /** Why this page could not be isolated, although it was to be. @type {unknown} */
  let notIsolated;

  const Penny = {
    /**
     * Resolves when Penny can start here. Rejected with an IsolationError that says what to do, where it cannot. Where the
     * tag has data-isolate the page may load anew before; if that does not isolate it, the console says why, and tasks go
     * by messages.
     * @returns {Promise<void>}
     */
    get ready() {
      if (!readiness) {
        readiness = makeReady();
        readiness.catch(() => {}); // whoever asks for something else hears of it then
      }
      return readiness;
    },
    /** @type {Page['scheduler']} */
    scheduler: async options => {
      const {scheduler} = await page();
      if (notIsolated && options?.engine === 'pool') throw notIsolated;
      return await scheduler({...defaults, ...options});
    },
    /** @type {Page['install']} */
    install: async (pyodide, options) =>
      (await page()).install(pyodide, {...defaults, ...options}),
    /** @type {Page['run']} */
    run: async (source, options) => (await page()).run(source, {...defaults, ...options}),
    /**
     * Keyword arguments, as last argument of submit().
     * @param {Record<string, unknown>} values
     */
    keywords: values => ({[Symbol.for('penny.keywords')]: values}),
  };
  Object.assign(globalThis, {Penny});

  /** @param {HTMLScriptElement} element */
  async function runElement(element) {
    const {output: id, on, workers, packages} = element.dataset;
    const target = id === undefined ? null : document.getElementById(id);
    if (id !== undefined && !target)
      throw new Error(`data-output="${id}": this page has no element with that id`);
    const show = (/** @type {string} */ text) => target?.append(text);
    try {
      await Penny.run(await sourceOf(element), {
        on: on === 'page' ? 'page' : 'host',
        filename: element.src || `<script${element.id && '#' + element.id}>`,
        dedent: !element.src,
        ...workersFrom(workers),
        ...packagesFrom(packages),
        ...(target && {output: (_, text) => show(text)}),
      });
    } catch (error) {
      show(String(error));
      throw error;
    }
  }

  /** @param {HTMLScriptElement} element */
  async function sourceOf(element) {
    if (!element.src) return element.textContent ?? '';
    const response = await fetch(element.src);
    if (!response.ok) throw new Error(`could not load ${element.src}: HTTP status ${response.status}`);
    return await response.text();
  }

  async function runElements() {
    /** @type {NodeListOf<HTMLScriptElement>} */
    const elements = document.querySelectorAll('script[type="text/python"][data-penny]');
    // All at once: each has a worker of its own, but for those on the page, which take turns.
    for (const element of elements) runElement(element).catch(reportError);
    if (isolating !== undefined && !elements.length) Penny.ready.catch(reportError);
  }

  /** Isolates the page, if it is to be; else sees whether it is. */
  async function makeReady() {
    if (crossOriginIsolated && isolating === undefined) return;
    if (source.startsWith('file:')) {
      // Not a module's matter: from files browsers load none.
      const error = new Error(
        'this page was opened as a file, where browsers load no modules and share no memory, so Penny cannot start: let ' +
          'a web server serve it, for development `penny serve DIR`',
      );
      throw Object.assign(error, {name: 'IsolationError'});
    }
    const module = (/** @type {string} */ name) => import(new URL(`penny/hosts/${name}.js`, source).href);
    if (isolating === undefined) return; // without shared memory: tasks go by messages
    try {
      await (await module('browser_isolating')).isolate(
        isolating ? new URL(isolating, document.baseURI) : new URL('penny-isolate.js', source),
      );
    } catch (error) {
      if (/** @type {Error} */ (error).name !== 'IsolationError') throw error;
      notIsolated = error;
      console.warn(`Penny: ${/** @type {Error} */ (error).message}`);
    }
  }

  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', runElements);
  else runElements();
})();
