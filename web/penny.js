// The script tag: <script src="penny.js" data-workers="4"></script>
//
// Defines `Penny` and runs the page's <script type="text/python" data-penny> elements. A classic script,
// so that it knows its own tag; the runtime is in the modules of penny/, loaded on first use.
//
// Of the tag: data-workers, default number of workers; data-isolate, isolate the page by a service
// worker. Of a Python element: src; data-output, id of the element that shows what it prints; data-on,
// "host" (its own worker, where Python may block; the default) or "page" (the page's own Pyodide, which
// can use the DOM); data-workers.
'use strict';
(() => {
  const tag = /** @type {HTMLScriptElement} */ (document.currentScript);
  const runtime = new URL('penny/page.js', tag.src).href;

  /** @typedef {typeof import('./penny/page.js')} Page */
  /** @type {Promise<Page> | undefined} */
  let loading;
  const page = () => (loading ??= import(runtime));

  /** @param {string | undefined} text */
  const workersFrom = text => (text === undefined ? {} : {workers: Number(text)});
  const defaults = workersFrom(tag.dataset.workers);

  const Penny = {
    /** @type {Page['scheduler']} */
    scheduler: async options => (await page()).scheduler({...defaults, ...options}),
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
    const {output: id, on, workers} = element.dataset;
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
    if ('isolate' in tag.dataset && (await isolate())) return; // the page loads anew
    /** @type {NodeListOf<HTMLScriptElement>} */
    const elements = document.querySelectorAll('script[type="text/python"][data-penny]');
    // All at once: each has a worker of its own, but for those on the page, which take turns.
    for (const element of elements) runElement(element).catch(reportError);
  }

  /** Isolates the page by a service worker. Returns whether the page is about to load anew. */
  async function isolate() {
    if (crossOriginIsolated || !isSecureContext || !navigator.serviceWorker) return false;
    const worker = new URL('penny-isolate.js', tag.src);
    await navigator.serviceWorker.register(worker);
    await navigator.serviceWorker.ready;
    // Once: if the page is not isolated after that either, something else is in the way.
    const tried = 'penny-isolate';
    if (sessionStorage.getItem(tried)) return false;
    sessionStorage.setItem(tried, '1');
    location.reload();
    return true;
  }

  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', runElements);
  else runElements();
})();
