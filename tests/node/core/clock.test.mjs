// One clock for a page and its workers (web/penny/core/clock.js).
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {aheadOf, clock, clockHere, followClock, setClock} from '../../../web/penny/core/clock.js';

const START = 1.8e12;

test('what browsers say of two origins is believed to the microsecond', () => {
  const page = {origin: START, zero: START - 0.6};
  assert.equal(aheadOf(page, {origin: START + 1234.125, zero: START + 1235.9}), 1234.125);
});

test('not where the system clock was set in between, in either direction', () => {
  const page = {origin: START, zero: START - 0.6};
  for (const step of [-3_600_000, -6, 6, 86_400_000]) {
    // The page's origin is what the clock said then; what it says now is for both the same.
    const now = {...page, zero: page.zero + step};
    const ahead = aheadOf(now, {origin: START + 1234 + step, zero: START + 1234 + step});
    assert.ok(Math.abs(ahead - 1234) < 2, `${ahead}`);
  }
});

test('nor where only one of them was told of it', () => {
  // As Firefox has it: origins are of the time when the browser was started.
  const page = {origin: START, zero: START + 5000};
  assert.equal(aheadOf(page, {origin: START + 1234, zero: START + 6234.5}), 1234);
});

test('this context, measured, is what the browser says of it', () => {
  const {origin, zero} = clockHere();
  assert.equal(origin, performance.timeOrigin);
  assert.ok(Math.abs(origin - zero) < 50, `${origin - zero}`);
});

test('a worker that follows the page has its clock', () => {
  const here = clockHere();
  assert.ok(Math.abs(clock() - (performance.timeOrigin + performance.now())) < 50);
  const ahead = followClock({origin: here.origin - 1e6, zero: here.zero - 1e6});
  assert.equal(ahead, 1e6);
  assert.ok(Math.abs(clock() - (performance.timeOrigin + performance.now())) < 50);
  // A page on which the clock has been set since it was opened.
  const page = {origin: here.origin - 1e6 + 5000, zero: here.zero - 1e6};
  followClock(page);
  assert.ok(Math.abs(clock() - (performance.timeOrigin + performance.now() + 5000)) < 50);
  // What this worker tells workers of its own.
  const told = clockHere();
  assert.equal(told.origin, page.origin);
  assert.ok(Math.abs(told.zero - page.zero) < 50);
  followClock(here);
});

/** What an Emscripten module is instantiated with, whose own clock says 5 s. */
function emscripten() {
  const memory = new WebAssembly.Memory({initial: 1});
  const wasmImports = {
    clock_time_get: Object.assign(
      (/** @type {number} */ id, /** @type {bigint} */ _, /** @type {number} */ to) => {
        if (id > 3) return 28;
        new DataView(memory.buffer).setBigUint64(to, 5_000_000_000n, true);
        return 0;
      },
      {sig: 'iijp'},
    ),
    emscripten_get_now: Object.assign(() => 5000, {sig: 'd'}),
  };
  setClock({env: wasmImports, wasi_snapshot_preview1: wasmImports}, 1e6, () => memory);
  /** @param {number} id */
  const read = id => {
    assert.equal(wasmImports.clock_time_get(id, 1000n, 8), 0);
    return Number(new DataView(memory.buffer).getBigUint64(8, true)) / 1e9;
  };
  return {memory, wasmImports, read};
}

test('C reads the clock of another, and no other of its clocks changes', () => {
  const {memory, wasmImports, read} = emscripten();
  const there = () => (performance.now() + 1e6) / 1e3;
  const before = there();
  const [monotonic, now] = [read(1), wasmImports.emscripten_get_now() / 1e3];
  assert.ok(before - 1e-6 <= monotonic && monotonic <= now + 1e-6 && now <= there());
  assert.deepEqual([0, 2, 3].map(read), [5, 5, 5]);
  assert.equal(wasmImports.clock_time_get(4, 1000n, 8), 28);
  memory.grow(1); // the views on what it was are void
  assert.ok(read(1) >= monotonic);
  assert.deepEqual([wasmImports.clock_time_get.sig, wasmImports.emscripten_get_now.sig], ['iijp', 'd']);
});
