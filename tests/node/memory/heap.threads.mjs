// Threads of heap.test.mjs. A block begins with its size in bytes and its pattern, which fills it.
import assert from 'node:assert/strict';

import {generator} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */
/** @typedef {import('../support/threads.mjs').Body} Body */

/** Blocks have at least this many bytes, here, and a multiple of it: two words. */
const HEADER = 8;

/**
 * A block filled with its pattern, or 0 if there is no room.
 * @param {TestCore} core
 * @param {number} size
 * @param {number} pattern
 */
export function allocate(core, size, pattern) {
  const address = core.exports.heap_allocate(core.participant, size) >>> 0;
  if (!address) return 0;
  assert.equal(address % 512, 0);
  core.reach(address + size);
  core.words.fill(pattern, address >> 2, (address + size) >> 2);
  core.words[address >> 2] = size;
  return address;
}

/**
 * Checks that nobody else has written into a block.
 * @param {TestCore} core
 * @param {number} address
 * @param {number} [pattern] what the block should hold; by default, what its second word says
 */
export function check(core, address, pattern = core.word(address + 4) | 0) {
  const size = core.word(address);
  core.reach(address + size);
  const words = core.words.subarray(address >> 2, (address + size) >> 2);
  for (let i = 1; i < words.length; i++)
    if (words[i] !== pattern)
      throw new Error(`word ${i} of ${words.length} at ${address} has been overwritten`);
}

/** @param {() => number} random @returns {number} bytes: small, around 32 KiB, large, around 1 MiB */
function randomSize(random) {
  const [from, to] = [[HEADER, 600], [HEADER, 5000], [30_000, 35_000], [60_000, 300_000], [1e6, 1.1e6]][
    [0, 0, 0, 0, 1, 1, 1, 2, 3, 4][random() % 10]
  ];
  return Math.floor((from + (random() % (to - from))) / HEADER) * HEADER;
}

/**
 * Allocates and frees at random, at most `blocks` at a time. Some blocks change hands: whoever finds one in
 * a `mailbox` checks and frees it. Frees all in the end. Returns how often there was no room.
 * @type {Body}
 */
export function churner(core, {operations, blocks, mailboxes}, {note}) {
  const {exports, participant} = core;
  const random = generator(participant);
  /** @type {{address: number, pattern?: number}[]} */
  const mine = [];
  let refused = 0;
  /** @param {{address: number, pattern?: number}} block */
  const free = ({address, pattern}) => {
    check(core, address, pattern);
    exports.heap_free(participant, address);
  };
  for (let i = 0; i < operations; i++) {
    if (i % 100 === 0) note(`operation ${i} of ${operations}, has ${mine.length} blocks, refused ${refused}`);
    if (mine.length < random() % blocks) {
      const pattern = (participant << 24) | i;
      const address = allocate(core, randomSize(random), pattern);
      if (address) mine.push({address, pattern});
      else refused++;
    } else if (mine.length) {
      const [block] = mine.splice(random() % mine.length, 1);
      if (mailboxes && random() % 4 === 0) {
        const other = Atomics.exchange(mailboxes, random() % mailboxes.length, block.address) >>> 0;
        if (other) free({address: other});
      } else {
        free(block);
      }
    }
  }
  mine.forEach(free);
  return refused;
}
