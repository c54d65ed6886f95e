// Isolating a page by a service worker that adds the headers which its server does not send: penny-isolate.js. It does
// so from the next load on, so the page loads anew, by itself; and never waits for what may not come.
//
// Which policy serves best is the browser's matter: they are tried from the least intrusive on. How many have been tried
// is in sessionStorage, for each service worker of an origin by itself, and forgotten once the page is isolated.
import {trustAdvice, trustedScript} from './browser_trusted.js';
import {FRAME, IsolationError, isolatedBy} from './isolation.js';

/**
 * How long a service worker may take to become active, and a page to load anew, ms. Either takes well below a second;
 * the rest is for a slow line.
 */
const PATIENCE = 10_000;

/**
 * The policies of penny-isolate.js that a browser may know, the least intrusive first. By name, since no script can
 * ask for them; one that is not known does nothing, and the next is tried.
 * @param {string} userAgent
 */
export function policiesOf(userAgent) {
  const [, version = 0] = /Chrom(?:e|ium)\/(\d+)/.exec(userAgent) ?? [];
  if (Number(version) >= 137) return ['document', 'credentialless', 'require-corp'];
  return version || /Firefox\//.test(userAgent) ? ['credentialless', 'require-corp'] : ['require-corp'];
}

/**
 * Resolves when the page is isolated; it may load anew instead.
 * @param {URL} script penny-isolate.js
 * @throws {IsolationError} with what to do, where this page cannot be isolated so
 */
export async function isolate(script) {
  const scope = new URL('.', script).href;
  const tried = `penny-isolate ${scope}`;
  if (crossOriginIsolated) {
    if (script.origin !== location.origin) return;
    forget(tried);
    const registration = await registered();
    if (registration) isolatedBy(registration.scope);
    return;
  }
  requirePossible(script);
  try {
    const policies = policiesOf(navigator.userAgent);
    const next = policies[Number(sessionStorage.getItem(tried))];
    if (!next) throw new IsolationError(adviceAfterAll());
    await activate(script, scope, next);
    sessionStorage.setItem(tried, String(policies.indexOf(next) + 1));
  } catch (error) {
    if (error instanceof IsolationError) throw error;
    const hint = trustAdvice(error) || 'is it there, does the Content-Security-Policy of the page allow it by worker-src?';
    throw new IsolationError(`Its service worker, ${script}, could not be registered: ${error} (${hint})`);
  }
  location.reload();
  await new Promise(later => setTimeout(later, PATIENCE));
  throw new IsolationError('Its service worker is there: reload the page.');
}

/** The service worker of this page, if it has one and may know. */
async function registered() {
  try {
    return await navigator.serviceWorker?.getRegistration();
  } catch {
    return undefined; // a sandboxed frame
  }
}

/** @param {string} tried */
function forget(tried) {
  try {
    sessionStorage.removeItem(tried);
  } catch {
    // There is no such storage here, and no service worker either.
  }
}

/** @param {URL} script */
function requirePossible(script) {
  const {protocol, origin} = location;
  if (protocol === 'file:' || !isSecureContext) throw new IsolationError();
  if (script.origin !== origin)
    throw new IsolationError(
      `Its service worker has to be of the page's own origin, ${origin}: copy ${script} to the page's folder and say ` +
        'where it is, as in data-isolate="/penny-isolate.js".',
    );
  let container;
  try {
    container = navigator.serviceWorker;
  } catch {
    // a sandboxed frame
  }
  if (!container)
    throw new IsolationError(
      'This browser lets it have no service worker, as in private windows and sandboxed frames: data-isolate is of no ' +
        'use here, and the web server has to send the headers "Cross-Origin-Opener-Policy: same-origin" and ' +
        '"Cross-Origin-Embedder-Policy: require-corp".',
    );
}

/**
 * Has the service worker answer for the page from the next load on.
 * @param {URL} script
 * @param {string} scope what it may answer for, unless its server allows more
 * @param {string} policy
 */
async function activate(script, scope, policy) {
  const url = new URL(script);
  url.searchParams.set('policy', policy);
  const covers = location.href.startsWith(scope);
  let registration;
  try {
    const wider = covers ? {} : {scope: new URL('.', location.href).href};
    registration = await navigator.serviceWorker.register(trustedScript(url.href), wider);
  } catch (error) {
    if (covers || !(error instanceof DOMException && error.name === 'SecurityError')) throw error;
    throw new IsolationError(
      `Its service worker, ${script}, answers for pages below ${scope} only: copy penny-isolate.js to the page's folder or ` +
        'above it, and say where it is, as in data-isolate="/penny-isolate.js".',
    );
  }
  const {active, waiting, installing} = registration;
  const worker = [active, waiting, installing].find(worker => worker?.scriptURL === url.href);
  await new Promise((done, failed) => {
    const look = () => {
      if (worker?.state === 'activated') done(undefined);
      else if (worker?.state === 'redundant') failed(new Error('it could not be installed'));
    };
    worker?.addEventListener('statechange', look);
    look();
    setTimeout(() => failed(new Error(`it was not active within ${PATIENCE / 1000} s`)), PATIENCE);
  });
}

/** The page has been loaded by all policies, or past them. */
function adviceAfterAll() {
  if (!navigator.serviceWorker.controller)
    return (
      'Its service worker (data-isolate) is there, but the page was loaded past it: by a hard reload, or since the ' +
      'developer tools are told to bypass it. Reload the page.'
    );
  if (top !== self) return FRAME;
  return (
    'Its service worker (data-isolate) sends the headers "Cross-Origin-Opener-Policy: same-origin" and ' +
    '"Cross-Origin-Embedder-Policy: require-corp", and that did not help: something else is in the way, another service ' +
    'worker for instance. Let your web server send them; for development, run `penny serve`.'
  );
}
