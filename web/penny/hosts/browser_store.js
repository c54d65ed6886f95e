// What a browser keeps for an origin, from one visit to the next: in its Cache API.

const STORE = 'penny';
/** Of the answer in which bytes are kept: a store that was damaged, or written by half, is as good as empty. */
const DIGEST = 'penny-digest';

/** Requests of a cache have URLs that begin so; nobody fetches them. @param {string} name */
const key = name => `https://penny.invalid/${encodeURIComponent(name)}`;

/** @param {Uint8Array} bytes */
export async function digest(bytes) {
  // It takes no shared memory, but a copy.
  const own = bytes.buffer instanceof ArrayBuffer ? /** @type {Uint8Array<ArrayBuffer>} */ (bytes) : bytes.slice();
  const sum = await crypto.subtle.digest('SHA-256', own);
  return Array.from(new Uint8Array(sum), byte => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * @param {string} name
 * @returns {Promise<Uint8Array | null>}
 */
export async function kept(name) {
  try {
    const found = await (await caches.open(STORE)).match(key(name));
    if (!found) return null;
    const bytes = new Uint8Array(await found.arrayBuffer());
    return found.headers.get(DIGEST) === (await digest(bytes)) ? bytes : null;
  } catch {
    return null; // browsers have reasons to refuse a store: a setting, a sandbox
  }
}

/**
 * @param {string} name
 * @param {Uint8Array} bytes
 */
export async function keep(name, bytes) {
  try {
    const store = await caches.open(STORE);
    const others = (await store.keys()).filter(({url}) => url !== key(name));
    await Promise.all(others.map(other => store.delete(other)));
    const headers = {[DIGEST]: await digest(bytes)};
    await store.put(key(name), new Response(bytes.slice(), {headers}));
  } catch {
    // No room, or no store: the next start makes its own.
  }
}
