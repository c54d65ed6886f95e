// Shared memory exists only on cross-origin isolated pages.

/** The page is not cross-origin isolated, so it has no shared memory. */
export class IsolationError extends Error {
  constructor() {
    const insecure = !globalThis.isSecureContext;
    super(
      'this page is not cross-origin isolated, so it has no shared memory and Penny cannot start. ' +
        (insecure
          ? 'It was not loaded from a secure origin: use https or localhost; and '
          : 'Its response lacks the headers "Cross-Origin-Opener-Policy: same-origin" and ' +
            '"Cross-Origin-Embedder-Policy: require-corp" (or credentialless). ') +
        'Three ways to fix it: 1. let your web server send both headers with the page and its ' +
        'workers; 2. where you cannot set headers, add data-isolate to the script tag of penny.js, ' +
        'which sends them from a service worker; 3. for development, run `penny serve`.',
    );
    this.name = 'IsolationError';
  }
}

export function requireIsolation() {
  if (!globalThis.crossOriginIsolated) throw new IsolationError();
}
