// Shared memory exists only on cross-origin isolated pages.

/** The page is not cross-origin isolated, so it has no shared memory. */
export class IsolationError extends Error {
  /** @param {string} [advice] why, and what to do */
  constructor(advice = whyNot()) {
    super(`this page is not cross-origin isolated, so it has no shared memory and Penny cannot start. ${advice}`);
    this.name = 'IsolationError';
  }
}

export const FRAME =
  'It is in a frame. Ways to fix it: 1. let the web server send the header "Document-Isolation-Policy: ' +
  'isolate-and-credentialless" with the page in the frame and its workers, which in Chromium is enough, whatever page ' +
  'is around it; 2. for other browsers, the page around it has to be cross-origin isolated, and its <iframe> needs ' +
  'allow="cross-origin-isolated".';

/** Why the page is not isolated, as far as it can tell, and the ways to change that. */
function whyNot() {
  if (location.protocol === 'file:')
    return 'It was opened as a file: let a web server serve it, for development `penny serve DIR`.';
  if (isSecureContext && globalThis.document && top !== self) return FRAME; // a worker has no top
  return (
    (isSecureContext
      ? 'Its response lacks the headers "Cross-Origin-Opener-Policy: same-origin" and ' +
        '"Cross-Origin-Embedder-Policy: require-corp" (or credentialless; Chromium takes "Document-Isolation-Policy: ' +
        'isolate-and-credentialless" instead). '
      : 'It was not loaded from a secure origin: use https or localhost; and ') +
    'Three ways to fix it: 1. let your web server send both headers with the page and its ' +
    'workers; 2. where you cannot set headers, add data-isolate to the script tag of penny.js, ' +
    'which sends them from a service worker; 3. for development, run `penny serve`.'
  );
}

/** @type {string | null} */
let answeredFor = null;

/**
 * This page is isolated by a service worker.
 * @param {string} scope of it: what it answers for
 */
export function isolatedBy(scope) {
  answeredFor = scope;
}

/**
 * Whether a script would come without the headers that a worker of this page needs: the service worker that adds them does
 * not answer for it. A page's service worker answers whatever the page loads, but for pages and workers by where those lie.
 * @param {URL} script
 */
export const lacksHeaders = script => answeredFor !== null && !script.href.startsWith(answeredFor);

export function requireIsolation() {
  if (!globalThis.crossOriginIsolated) throw new IsolationError();
}
