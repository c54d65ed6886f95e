// What Python prints, on the page: as text, on a console of lines; and what it reads.
import assert from 'node:assert/strict';
import {mock, test} from 'node:test';

import {inPieces} from '../../../web/penny/stdio/input.js';
import {InOrder, SCRIPT, decoded, newCounts, toConsole} from '../../../web/penny/stdio/output.js';

/** @param {string} text */
const encode = text => new TextEncoder().encode(text);

/** What is shown on the console while `act` runs. @param {() => void} act */
function shown(act) {
  /** @type {string[]} */
  const lines = [];
  const note = (/** @type {string} */ level) => (/** @type {unknown[]} */ ...values) =>
    lines.push([level, ...values].join(' '));
  const mocks = [mock.method(console, 'log', note('log')), mock.method(console, 'error', note('error'))];
  try {
    act();
  } finally {
    for (const each of mocks) each.mock.restore();
  }
  return lines;
}

test('a character may come in two pieces, of each stream', () => {
  /** @type {unknown[][]} */
  const got = [];
  const write = decoded((...piece) => got.push(piece), 3);
  const [first, second, third] = encode('€');
  write('stdout', new Uint8Array([first, second]));
  write('stderr', encode('é\n'));
  write('stdout', new Uint8Array([third]));
  assert.deepEqual(
    got.map(([stream, text, worker]) => [stream, text, worker]),
    [['stdout', '', 3], ['stderr', 'é\n', 3], ['stdout', '€', 3]],
  );
  assert.deepEqual(got[0][3], new Uint8Array([first, second]));
});

test('a console shows part of a line with its rest', () => {
  const output = toConsole();
  const bytes = new Uint8Array();
  const lines = shown(() => {
    output('stdout', 'one\ntwo\nthr', 0, bytes);
    output('stdout', 'his', 1, bytes);
    output('stdout', 'ee', 0, bytes);
    output('stdout', '\n', 0, bytes);
  });
  // The other worker's part was there before the line was whole.
  assert.deepEqual(lines, ['log [worker 0] one\ntwo', 'log [worker 1] his', 'log [worker 0] three']);
});

test('nothing overtakes part of a line on a console, and its end shows it', () => {
  const output = toConsole();
  const bytes = new Uint8Array();
  const lines = shown(() => {
    output('stderr', '..', 0, bytes);
    output('stderr', '.', 0, bytes);
    output('stdout', '', 0, bytes);
    output('stdout', 'after\n', null, bytes);
    output('stdout', 'end', null, bytes);
    output.end?.();
    output.end?.();
  });
  assert.deepEqual(lines, ['error [worker 0] ...', 'log after', 'log end']);
});

test('what is read comes in pieces of the size asked for, and nothing is lost', async () => {
  const given = ['two\nlines\n', encode('bytes'), null, 'more', undefined];
  /** @type {number[]} */
  const asked = [];
  const read = inPieces(size => {
    asked.push(size);
    return Promise.resolve(given.shift());
  });
  const got = [];
  for (const size of [4, 4, 100, 100, 100, 2, 100, 100]) got.push(new TextDecoder().decode(await read(size)));
  assert.deepEqual(got, ['two\n', 'line', 's\n', 'bytes', '', 'mo', 're', '']);
  assert.deepEqual(asked, [4, 100, 100, 2, 100]);
});

test('a piece is shown after all that had been posted when it was', () => {
  const counts = newCounts();
  const inOrder = new InOrder(counts);
  /** @type {string[]} */
  const shown = [];
  /** As a worker posts. @param {number} who @param {string} text @returns {() => void} it arrives */
  const post = (who, text) => {
    const after = new Int32Array(counts);
    Atomics.add(counts, who, 1);
    return () => inOrder.take(who, after, () => shown.push(text));
  };
  const pieces = [
    post(SCRIPT, 'before'),
    post(0, 'in a task'),
    post(1, 'in another'),
    post(0, 'its end'),
    post(SCRIPT, 'after'),
  ];
  for (const i of [1, 3, 0, 4]) pieces[i](); // those of one worker in order
  assert.deepEqual(shown, ['before', 'in a task']);
  pieces[2]();
  assert.deepEqual(shown.splice(0), ['before', 'in a task', 'in another', 'its end', 'after']);
  post(0, 'lost with its worker');
  post(SCRIPT, 'afterwards')();
  assert.deepEqual(shown, []);
  inOrder.gone(0);
  assert.deepEqual(shown.splice(0), ['afterwards']);
  post(0, 'of its successor')();
  post(SCRIPT, 'and on')();
  assert.deepEqual(shown, ['of its successor', 'and on']);
});
