// Service worker that isolates pages whose server cannot send headers: it adds them to every response.
// Registered by penny.js where its script tag has data-isolate (penny/hosts/browser_isolating.js), which says by
// which policy; it serves the folder it lies in.
/** @type {any} */
const scope = self;

/** @type {Record<string, Record<string, string>>} */
const POLICIES = {
  document: {'Document-Isolation-Policy': 'isolate-and-credentialless'},
  credentialless: {'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'credentialless'},
  'require-corp': {'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp'},
};
const policy = new URL(scope.location.href).searchParams.get('policy') ?? 'require-corp';

scope.addEventListener('install', () => scope.skipWaiting());
scope.addEventListener('activate', (/** @type {any} */ event) => event.waitUntil(scope.clients.claim()));

/** @param {Request} request */
async function isolated(request) {
  // Without credentials nothing from elsewhere need say that it may be embedded. The browser would do the same, but
  // this is a request of the service worker's.
  const isElsewhere = request.mode === 'no-cors' && new URL(request.url).origin !== scope.location.origin;
  const omits = isElsewhere && policy !== 'require-corp';
  const response = await fetch(omits ? new Request(request, {credentials: 'omit'}) : request);
  if (response.status === 0) return response; // opaque: from another origin, nothing can be added
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(POLICIES[policy])) headers.set(name, value);
  // Of a page around it that is isolated by that, a frame has to have it, too; and its workers then.
  if (policy === 'document' && request.destination !== 'document')
    headers.set('Cross-Origin-Embedder-Policy', 'credentialless');
  headers.set('Cross-Origin-Resource-Policy', 'cross-origin');
  const {status, statusText} = response;
  return new Response(response.body, {status, statusText, headers});
}

scope.addEventListener('fetch', (/** @type {any} */ event) => {
  const {request} = event;
  if (request.cache === 'only-if-cached' && request.mode !== 'same-origin') return;
  event.respondWith(isolated(request));
});
