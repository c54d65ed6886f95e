// What a worker loads before it runs anything: each start fetches and compiles it anew.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';

const WEB = new URL('../../../web/penny/', import.meta.url);

const IMPORT = /^(?:import|export|\}) [^;]*?from ['"](.+)['"];$/gm;

/**
 * The modules that these need, themselves among them, as they are imported: not the types in comments.
 * @param {string[]} entries
 */
function loaded(...entries) {
  const found = new Set(entries.map(entry => new URL(entry, WEB).href));
  for (const url of found)
    for (const [, path] of readFileSync(new URL(url), 'utf8').matchAll(IMPORT)) found.add(new URL(path, url).href);
  return [...found].map(url => url.slice(WEB.href.length));
}

test('a pool worker loads no pickle codec, no pool and no client: it hands bytes to Python', () => {
  const others = ['wire/write.js', 'wire/read.js', 'wire/exceptions.js', 'pool/pool.js', 'api/program.js'];
  const page = loaded('page.js', 'api/program.js');
  for (const file of others) assert.ok(page.includes(file), `${file} is not where it was`);
  for (const role of ['pool', 'coroutine', 'host'])
    assert.deepEqual(loaded('worker.js', `workers/${role}_worker.js`).filter(file => others.includes(file)), []);
});
