// What a browser keeps from one visit to the next, on a Cache API of a few lines.
import assert from 'node:assert/strict';
import {beforeEach, test} from 'node:test';
import {digest, keep, kept} from '../../../web/penny/hosts/browser_store.js';

/** Answers by URL. @type {Map<string, Response>} */
let store = new Map();

beforeEach(() => {
  store = new Map();
  const cache = {
    keys: async () => [...store.keys()].map(url => ({url})),
    match: async (/** @type {string} */ url) => store.get(url)?.clone(),
    put: async (/** @type {string} */ url, /** @type {Response} */ response) => void store.set(url, response),
    delete: async (/** @type {{url: string}} */ {url}) => store.delete(url),
  };
  Object.assign(globalThis, {caches: {open: async () => cache}});
});

const bytes = Uint8Array.from({length: 1000}, (_, i) => i % 251);

test('what was kept is there, under its name only', async () => {
  await keep('a 1', bytes);
  assert.deepEqual(await kept('a 1'), bytes);
  assert.equal(await kept('a 2'), null);
});

test('bytes in shared memory are kept as well', async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  await keep('a', shared);
  assert.deepEqual(await kept('a'), bytes);
});

test('one thing is kept, instead of an older one', async () => {
  await keep('old', bytes);
  await keep('new', bytes);
  assert.equal(await kept('old'), null);
  assert.deepEqual(await kept('new'), bytes);
  assert.equal(store.size, 1);
});

for (const [how, damage] of /** @type {[string, (all: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>][]} */ ([
  ['one bit is another', all => all.map((byte, i) => (i === 500 ? byte ^ 1 : byte))],
  ['its end is missing', all => all.slice(0, 999)],
  ['nothing is left', () => new Uint8Array()],
]))
  test(`what was damaged counts as none: ${how}`, async () => {
    await keep('a', bytes);
    const [[url, response]] = store;
    const all = new Uint8Array(await response.clone().arrayBuffer());
    store.set(url, new Response(damage(all), {headers: response.headers}));
    assert.equal(await kept('a'), null);
  });

test('no room, or no store at all: nothing is kept, and nothing thrown', async () => {
  const refuse = async () => {
    throw new DOMException('no', 'QuotaExceededError');
  };
  Object.assign(globalThis, {caches: {open: async () => ({keys: async () => [], put: refuse, match: refuse})}});
  await keep('a', bytes);
  assert.equal(await kept('a'), null);
  Object.assign(globalThis, {caches: {open: refuse}});
  await keep('a', bytes);
  assert.equal(await kept('a'), null);
});

test('a digest names bytes by their content', async () => {
  assert.equal(await digest(new TextEncoder().encode('abc')), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
