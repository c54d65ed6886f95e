// The shared heap (penny/wasm_core/memory/heap.c): blocks never overlap, nothing is lost, also when somebody dies in
// the middle of it.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {KEEPER, MEBIBYTE, PAGE} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {generator, scene, sharedWords} from '../support/threads.mjs';
import {allocate, check} from './heap.threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */

const BODIES = new URL('heap.threads.mjs', import.meta.url);
const GRANULE = L.GRANULE_BYTES;
const SMALL = 512;
/** Small granules of an arena that hold its own map. */
const ARENA_MAP = 16;
/** With its owner's number: the word of an arena that is being retired, as in heap.c. */
const RETIRING = 2;

/** @param {number} address */
const granuleOf = address => (address - L.HEAP_ADDRESS) / GRANULE;
/** @param {number} address */
const arenaOf = address => Math.floor((address - L.HEAP_ADDRESS) / MEBIBYTE);

/** The words of the map that say who owns a block: of the heap's map, or of an arena's. */
class Words {
  /** @param {TestCore} core @param {number} address of the block @param {number} size */
  constructor(core, address, size) {
    this.core = core;
    const small = core.word(core.test.at_arena(arenaOf(address)));
    const arena = L.HEAP_ADDRESS + arenaOf(address) * MEBIBYTE;
    this.count = Math.ceil(size / (small ? SMALL : GRANULE));
    this.first = small ? arena + 4 * ((address - arena) / SMALL) : core.test.at_granule(granuleOf(address));
  }
  get all() {
    return Array.from({length: this.count}, (_, i) => this.core.word(this.first + 4 * i));
  }
  /** @param {number} i @param {number} word */
  set(i, word) {
    this.core.poke(this.first + 4 * i, word);
  }
}

/** Takes all room, in blocks of this size. @param {TestCore} core @param {number} size @returns {number[]} */
function exhaust(core, size) {
  const blocks = [];
  for (let address; (address = core.exports.heap_allocate(core.participant, size) >>> 0); )
    blocks.push(address);
  return blocks;
}

/** @param {TestCore} core @param {number[]} blocks */
function freeAll(core, blocks) {
  for (const address of blocks) core.exports.heap_free(core.participant, address);
}

test('sizes are rounded up to granules, and blocks lie apart', t => {
  const {core} = scene(t);
  const {exports} = core;
  const cases = [
    ...[0, 1, 2, 511, 512, 513, 1024, 1025, 32_767, 32_768].map(size => [size, SMALL]),
    ...[32_769, 65_535, 65_536, 65_537, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1].map(size => [size, GRANULE]),
  ];
  /** @type {{from: number, to: number}[]} */
  const blocks = [];
  for (const [size, granule] of cases) {
    const before = exports.heap_used();
    const from = exports.heap_allocate(0, size) >>> 0;
    const room = Math.max(granule, Math.ceil(size / granule) * granule);
    assert.equal(exports.heap_used() - before, room, `room of ${size} bytes`);
    assert.equal(from % granule, 0);
    assert.ok(from >= L.HEAP_ADDRESS && from + room <= L.HEAP_ADDRESS + exports.heap_size());
    for (const other of blocks) assert.ok(from >= other.to || other.from >= from + room, `${size} bytes`);
    blocks.push({from, to: from + room});
  }
  for (const {from} of blocks.reverse()) exports.heap_free(1, from); // anybody may free
  assert.equal(exports.heap_used(), 0);
});

test('it grows to its limit; full is 0; then there is room again', t => {
  for (const size of [1000, 32_768, 50_000, 5 * GRANULE, 16 * GRANULE, 17 * GRANULE]) {
    const heap = 10 * MEBIBYTE + 3 * GRANULE; // no whole number of arenas
    const {core} = scene(t, {heap});
    const {exports} = core;
    assert.equal(exports.heap_size(), 0);
    const blocks = exhaust(core, size);
    assert.equal(new Set(blocks).size, blocks.length);
    const granule = size > 32_768 ? GRANULE : SMALL;
    const room = Math.ceil(size / granule) * granule;
    assert.equal(exports.heap_used(), blocks.length * room);
    assert.ok(exports.heap_size() <= heap);
    if (granule === GRANULE) assert.ok(heap - exports.heap_used() < room, 'it found all');
    else assert.ok(blocks.length >= 10 * Math.floor((MEBIBYTE - ARENA_MAP * SMALL) / room), 'it found all');
    assert.equal(exports.heap_allocate(0, size), 0);
    freeAll(core, blocks.splice(blocks.length >> 1, 1));
    blocks.push(exports.heap_allocate(0, size) >>> 0);
    assert.notEqual(blocks.at(-1), 0);
    freeAll(core, blocks);
    assert.equal(exports.heap_used(), 0);
  }
});

test('one block can have what heap_limit() says, also beside a function and after a use', t => {
  const {core} = scene(t, {heap: 6 * MEBIBYTE});
  const {exports} = core;
  exports.function_new(KEEPER, 100);
  const base = exports.heap_used();
  for (let round = 0; round < 3; round++) {
    const block = exports.heap_allocate(0, exports.heap_limit()) >>> 0;
    assert.notEqual(block, 0, `round ${round}`);
    exports.heap_free(0, block);
    freeAll(core, exhaust(core, [700, 40_000, 3000][round]));
    assert.equal(exports.heap_used(), base);
  }
  assert.equal(exports.heap_allocate(0, 6 * MEBIBYTE + 1), 0);
  assert.equal(exports.heap_allocate(0, 2 ** 32 - 1), 0);
});

test('empty arenas make room for a large block, others stay', t => {
  const {core} = scene(t, {heap: 8 * MEBIBYTE});
  const {exports} = core;
  const blocks = exhaust(core, 600);
  const [kept] = blocks.splice(5, 1);
  assert.equal(exports.heap_allocate(0, GRANULE), 0);
  freeAll(core, blocks);
  assert.equal(exports.heap_used(), 1024);
  const large = exports.heap_allocate(0, 7 * MEBIBYTE) >>> 0;
  assert.notEqual(large, 0);
  assert.equal(exports.heap_allocate(0, 8 * MEBIBYTE), 0);
  exports.heap_free(0, large);
  exports.heap_free(0, kept);
  const all = exports.heap_allocate(0, 8 * MEBIBYTE) >>> 0;
  assert.notEqual(all, 0);
  assert.equal(exports.heap_allocate(0, 1), 0);
  exports.heap_free(0, all);
  assert.notEqual(exports.heap_allocate(0, 1), 0);
});

for (const [title, heap] of [['with room', 64 * MEBIBYTE], ['short of room', 5 * MEBIBYTE]]) {
  test(`four threads, ${title}: no block is touched by another, and all comes back`, async t => {
    const {core, crew} = scene(t, {heap: Number(heap)});
    const mailboxes = sharedWords(20);
    for (const participant of [0, 1, 2, 3])
      crew.start(BODIES, 'churner', participant, {operations: 8000, blocks: 40, mailboxes});
    await crew.results();
    for (const address of mailboxes)
      if (address) {
        check(core, address >>> 0);
        core.exports.heap_free(KEEPER, address);
      }
    assert.equal(core.exports.heap_used(), 0);
    const all = core.exports.heap_allocate(KEEPER, Number(heap)) >>> 0;
    assert.notEqual(all, 0, 'all of it in one piece');
  });
}

// ---- the sweep ----------------------------------------------------------------------------------

const DEAD = 2;
const SIZES = [100, 3000, 30_000, 70_000, 300_000];

test('the sweep frees the blocks of the dead, and nobody else’s', t => {
  const {core} = scene(t);
  const {exports} = core;
  const random = generator(9);
  const [dead, alive, client] = [core.as(DEAD), core.as(DEAD + 1), core];
  /** @type {{address: number, pattern: number}[]} */
  const others = [];
  let used = 0;
  for (let i = 0; i < 300; i++) {
    const owner = [dead, alive, client][random() % 3];
    const before = exports.heap_used();
    const address = allocate(owner, SIZES[random() % SIZES.length] & ~7, i);
    if (!address) continue;
    if (owner !== dead) {
      others.push({address, pattern: i});
      used += exports.heap_used() - before;
    }
  }
  assert.ok(exports.heap_used() > used);
  core.test.heap_sweep(DEAD, KEEPER);
  assert.equal(exports.heap_used(), used);
  for (const {address, pattern} of others) {
    check(core, address, pattern);
    exports.heap_free(KEEPER, address);
  }
  assert.equal(exports.heap_used(), 0);
});

for (const size of SIZES) {
  test(`what a slot refers to stays, a block of ${size}`, t => {
    const {core} = scene(t);
    const {exports} = core;
    const block = allocate(core.as(DEAD), size & ~7, 7);
    const used = exports.heap_used();
    const slot = exports.task_new(PAGE);
    const word = L.TASK_ADDRESS + slot * L.TASK_BYTES + 4 * L.TASK_BLOCK_WORD;
    core.poke(word, block);
    const words = new Words(core, block, size).all;
    for (let death = 0; death < 2; death++) {
      core.test.heap_sweep(DEAD, KEEPER);
      assert.equal(exports.heap_used(), used);
      assert.deepEqual(new Words(core, block, size).all, words);
    }
    core.poke(word, 0);
    core.test.heap_sweep(DEAD, KEEPER);
    assert.equal(exports.heap_used(), 0);
  });

  test(`died while claiming or freeing a block of ${size}`, t => {
    const {core} = scene(t);
    const {exports} = core;
    const [dead, alive] = [core.as(DEAD), core.as(DEAD + 1)];
    const before = allocate(alive, size & ~7, 1);
    const room = exports.heap_used();
    const {count} = new Words(core, before, size);
    for (let left = 1; left <= count; left++) {
      const block = allocate(dead, size & ~7, 2);
      const after = allocate(alive, size & ~7, 3);
      const words = new Words(core, block, size);
      for (let i = left; i < count; i++) words.set(i, 0); // claimed first to last, cleared last to first
      core.test.heap_sweep(DEAD, KEEPER);
      assert.deepEqual(new Set(words.all), new Set([0]), `with ${left} of ${count} granules`);
      assert.equal(exports.heap_used(), 2 * room);
      check(core, before, 1);
      check(core, after, 3);
      exports.heap_free(KEEPER, after);
      assert.equal(exports.heap_used(), room);
    }
  });

  test(`died while freeing another’s block of ${size}`, t => {
    const {core} = scene(t);
    const {exports} = core;
    const [dead, alive] = [core.as(DEAD), core.as(DEAD + 1)];
    const block = allocate(alive, size & ~7, 1);
    const kept = allocate(alive, size & ~7, 2);
    const words = new Words(core, block, size);
    words.set(0, core.test.HEAD() | (dead.participant + 1)); // the others still name the owner
    if (words.count > 1) words.set(words.count - 1, 0);
    core.test.heap_sweep(DEAD, KEEPER);
    assert.deepEqual(new Set(words.all), new Set([0]));
    check(core, kept, 2);
    exports.heap_free(KEEPER, kept);
    assert.equal(exports.heap_used(), 0);
  });
}

test('a dead one’s search keeps no arena from being retired', t => {
  const {core} = scene(t, {heap: 4 * MEBIBYTE});
  const {exports} = core;
  const block = exports.heap_allocate(0, 100);
  exports.heap_free(0, block);
  core.poke(core.test.at_hazard(DEAD), arenaOf(block) + 1);
  assert.equal(exports.heap_allocate(0, 4 * MEBIBYTE), 0, 'it might still claim a granule there');
  core.test.heap_sweep(DEAD, KEEPER);
  assert.notEqual(exports.heap_allocate(0, 4 * MEBIBYTE), 0);
});

// The stages of retire_arena(), and of new_arena(), which claims the granules first.
for (const [stage, title] of ['claimed', 'taken over', 'retiring', 'no arena any more'].entries()) {
  test(`died while retiring an arena: ${title}`, t => {
    const {core} = scene(t, {heap: 4 * MEBIBYTE});
    const {exports} = core;
    const [dead, creator] = [core.as(DEAD), core.as(DEAD + 1)];
    const block = allocate(creator, 104, 1);
    exports.heap_free(0, block);
    const arena = arenaOf(block);
    const map = L.HEAP_ADDRESS + arena * MEBIBYTE;
    const owner = dead.participant + 1;
    for (let i = ARENA_MAP; i < MEBIBYTE / SMALL; i++)
      core.poke(map + 4 * i, i === ARENA_MAP ? core.test.HEAD() | owner : owner);
    if (stage >= 1) core.poke(core.test.at_granule(arena * 16), core.test.HEAD() | owner);
    if (stage === 2) core.poke(core.test.at_arena(arena), RETIRING + DEAD);
    if (stage === 3) core.poke(core.test.at_arena(arena), 0);
    core.test.heap_sweep(DEAD, KEEPER);
    assert.equal(exports.heap_used(), 0);
    const small = allocate(creator, 104, 2);
    assert.notEqual(small, 0);
    check(core, small, 2);
    exports.heap_free(0, small);
    core.test.heap_sweep(DEAD + 1, KEEPER);
    assert.equal(exports.heap_used(), 0);
    assert.notEqual(exports.heap_allocate(0, 4 * MEBIBYTE), 0, 'all of it in one piece');
  });
}

test('threads terminated anywhere: the sweep gives back what they had', async t => {
  const {core, crew} = scene(t, {heap: 8 * MEBIBYTE});
  const random = generator(11);
  const survivors = [10, 11].map(participant =>
    crew.start(BODIES, 'churner', participant, {operations: 12_000, blocks: 30}),
  );
  const start = (/** @type {number} */ participant) =>
    crew.start(BODIES, 'churner', participant, {operations: Infinity, blocks: 30});
  const doomed = [0, 1].map(start);
  await crew.go();
  for (let death = 0; death < 16; death++) {
    const participant = death % 2;
    await crew.patiently(doomed[participant].ready, 'a thread ready');
    await new Promise(resolve => setTimeout(resolve, random() % 20));
    await doomed[participant].terminate();
    core.test.heap_sweep(participant, KEEPER);
    if (death < 14) doomed[participant] = start(participant);
  }
  for (const survivor of survivors) await crew.result(survivor);
  assert.equal(core.exports.heap_used(), 0);
  assert.notEqual(core.exports.heap_allocate(0, 8 * MEBIBYTE), 0, 'all of it in one piece');
});
