// Service worker that isolates pages whose server cannot send headers: it adds them to every response.
// Registered by penny.js where its script tag has data-isolate; it serves the folder it lies in.
/** @type {any} */
const scope = self;

scope.addEventListener('install', () => scope.skipWaiting());
scope.addEventListener('activate', (/** @type {any} */ event) => event.waitUntil(scope.clients.claim()));

/** @param {Request} request */
async function isolated(request) {
  const response = await fetch(request);
  if (response.status === 0) return response; // opaque: from another origin, nothing can be added
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Resource-Policy', 'cross-origin');
  const {status, statusText} = response;
  return new Response(response.body, {status, statusText, headers});
}

scope.addEventListener('fetch', (/** @type {any} */ event) => {
  const {request} = event;
  if (request.cache === 'only-if-cached' && request.mode !== 'same-origin') return;
  event.respondWith(isolated(request));
});
