// What a worker loads before it runs anything: each start fetches and compiles it anew.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';

const WEB = new URL('../../web/penny/', import.meta.url);

/** The modules that one needs, itself among them, as they are imported: not the types in comments. @param {string} entry */
function loaded(entry) {
  const found = new Set([new URL(entry, WEB).href]);
  for (const url of found)
    for (const [, path] of readFileSync(new URL(url), 'utf8').matchAll(/^(?:import|export|\}) [^;]*?from '(.+)';$/gm))
      found.add(new URL(path, url).href);
  return [...found].map(url => url.slice(WEB.href.length));
}

test('a worker loads no pickle codec: it hands bytes to Python', () => {
  const codec = ['wire.js', 'wire/read.js', 'wire/exceptions.js'];
  const page = loaded('page.js');
  for (const file of codec) assert.ok(page.includes(file), `${file} is not where it was`);
  assert.deepEqual(loaded('worker.js').filter(file => codec.includes(file)), []);
});
