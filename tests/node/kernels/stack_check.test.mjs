// The check of the stack that modules of kernels get: what it changes, and that it changes nothing else.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {withStackCheck} from '../../../web/penny/kernels/stack_check.js';
import {kernelModule} from '../support/build.mjs';
import {generator} from '../support/threads.mjs';

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const ROOM = 1000;
const text = (/** @type {string} */ s) => [s.length, ...Buffer.from(s)];
const section = (/** @type {number} */ id, /** @type {number[]} */ bytes) => [id, bytes.length, ...bytes];
const body = (/** @type {number[]} */ ...code) => [code.length, ...code];
const leb = (/** @type {number} */ value) => [(value & 0x7f) | 0x80, value >> 7];
const pointer = [...text('env'), ...text('__stack_pointer'), 3, 0x7f, 1];

/**
 * A module that imports a constant, the stack pointer and another constant, and has two globals of its own, the
 * second of which is exported, as are its two functions.
 */
const module = new Uint8Array([
  ...HEADER,
  ...section(1, [2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 0, 1, 0x7f]),
  ...section(2, [3, ...text('env'), ...text('a'), 3, 0x7f, 0, ...pointer, ...text('env'), ...text('b'), 3, 0x7f, 0]),
  ...section(3, [2, 0, 1]),
  ...section(4, [1, 0x70, 0, 4]),
  // mutable, of what is imported second; mutable
  ...section(6, [2, 0x7f, 1, 0x23, 2, 0x0b, 0x7f, 1, 0x41, 30, 0x0b]),
  ...section(7, [3, ...text('own'), 3, 4, ...text('move'), 0, 0, ...text('sum'), 0, 1]),
  ...section(9, [1, 0, 0x41, 1, 0x0b, 1, 1]),
  ...section(10, [
    2,
    // move(by): takes `by` off the stack pointer, adds it to a global of its own, gives the pointer
    ...body(0, 0x23, 1, 0x20, 0, 0x6b, 0x24, 1, 0x23, 4, 0x20, 0, 0x6a, 0x24, 4, 0x23, 1, 0x0b),
    // sum(): of all globals but the pointer; with locals, a block, a table of branches
    ...body(
      ...[2, 2, 0x7f, 1, 0x7e, 0x02, 0x40, 0x41, 0x0b, 0x0e, 1, 0, 0, 0x0b],
      ...[0x23, 0, 0x23, 2, 0x6a, 0x23, 3, 0x6a, 0x23, 4, 0x6a, 0x0b],
    ),
  ]),
  ...section(0, [...text('.debug_line'), 1, 2, 3]),
  ...section(0, [...text('penny'), 1, 2, 3]),
]);

/** @param {Uint8Array<ArrayBuffer> | null} bytes @param {number} sp */
function instantiate(bytes, sp) {
  assert.ok(bytes);
  const compiled = new WebAssembly.Module(bytes);
  const stackPointer = new WebAssembly.Global({value: 'i32', mutable: true}, sp);
  const imports = {env: {a: 1, b: 20, __stack_pointer: stackPointer}, penny: {stack_limit: 5000}};
  return {compiled, stackPointer, .../** @type {any} */ (new WebAssembly.Instance(compiled, imports).exports)};
}

test('the stack pointer stays within its bounds, both included', () => {
  for (const [by, ends] of [[0, true], [600, true], [601, false], [5600, false], [5601, false], [-400, true], [-401, false]]) {
    const {move, stackPointer} = instantiate(withStackCheck(module, ROOM), 5600);
    if (ends) assert.equal(move(by), 5600 - Number(by));
    else assert.throws(() => move(by), WebAssembly.RuntimeError);
    assert.equal(stackPointer.value, 5600 - Number(by));
  }
});

test('globals, exports, tables and all other instructions mean what they meant', () => {
  const plain = instantiate(module, 5600);
  const checked = instantiate(withStackCheck(module, ROOM), 5600);
  assert.equal(plain.sum(), 71);
  for (const {move, sum, own} of [plain, checked]) {
    assert.equal(own.value, 30);
    move(5);
    assert.equal(own.value, 35);
    assert.equal(sum(), 76);
  }
});

test('the number of a block’s type is not taken for a reference', () => {
  const types = Array.from({length: 128}, () => [0x60, 0, 0]).flat();
  const block = [0x02, 0xe3, 0, 0x0b, 0x02, 0xe4, 0, 0x0b, 0x02, 0x40, 0x0b]; // of types 99 and 100, and of none
  const bytes = new Uint8Array([
    ...HEADER,
    ...[1, ...leb(types.length + 2), ...leb(128), ...types],
    ...section(2, [1, ...pointer]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('f'), 0, 0]),
    ...section(10, [1, ...body(0, ...block, 0x23, 0, 0x41, 16, 0x6b, 0x24, 0, 0x0b)]),
  ]);
  const {f, stackPointer} = instantiate(withStackCheck(bytes, ROOM), 5010);
  assert.throws(f, WebAssembly.RuntimeError);
  stackPointer.value = 5016;
  f();
});

test('custom sections stay, but for those that would name wrong places', () => {
  const {compiled} = instantiate(withStackCheck(module, ROOM), 5600);
  assert.equal(WebAssembly.Module.customSections(compiled, 'penny').length, 1);
  assert.equal(WebAssembly.Module.customSections(compiled, '.debug_line').length, 0);
});

test('a module without a stack pointer stays as it is', () => {
  const bytes = new Uint8Array([...HEADER, ...section(1, [1, 0x60, 0, 0])]);
  assert.equal(withStackCheck(bytes, ROOM), bytes);
});

test('whatever the bytes are, it ends, and throws nothing', () => {
  const whole = kernelModule('kernels');
  assert.ok(WebAssembly.validate(/** @type {any} */ (withStackCheck(whole, ROOM))));
  for (let end = 0; end < whole.length; end += 7) assert.doesNotThrow(() => withStackCheck(whole.slice(0, end), ROOM));
  const random = generator(Number(process.env.PENNY_SEED ?? 1));
  for (let round = 0; round < 2000; round++) {
    const bytes = whole.slice();
    for (let i = 0; i < 3; i++) bytes[8 + (random() % (bytes.length - 8))] = random();
    assert.doesNotThrow(() => withStackCheck(bytes, ROOM));
  }
});
