// Ctrl-C's way through the word that page and worker share: web/penny/boot/interrupts.md.
import assert from 'node:assert/strict';
import {mock, test} from 'node:test';

import {hearInterrupts, interruptBuffer, interruptProgram} from '../../../web/penny/boot/interrupts.js';

const SIGINT = 2;
const PATIENCE = 50;

/** A program in its worker, and the page. @param {{holds_off?: () => boolean}} [python] */
function program({holds_off = () => false} = {}) {
  mock.timers.enable({apis: ['setInterval']});
  const buffer = interruptBuffer();
  const seen = {told: 0, woken: 0, interrupted: 0};
  /** @type {any} */
  const python = {
    holds_off,
    interrupt: () => void ++seen.interrupted,
    look_by: (/** @type {() => boolean} */ take) => (python.look = take),
    sleep_by: (/** @type {(milliseconds: number) => void} */ wait) => (python.sleep = wait),
  };
  /** @type {any} What Pyodide does at a look: it reads, and then stores. */
  let signals;
  const worker = hearInterrupts(
    {setInterruptBuffer: (/** @type {any} */ given) => (signals = given), pyimport: () => python},
    buffer,
  );
  return {
    ...{seen, python, worker},
    looks(between = () => {}) {
      const signal = signals[0];
      between();
      signals[0] = 0;
      return signal;
    },
    interrupt: () => interruptProgram(buffer, {tell: () => void ++seen.told, wake: () => void ++seen.woken}),
    later: () => mock.timers.tick(PATIENCE),
  };
}

test.afterEach(() => mock.timers.reset());

test('before the program has begun there is nothing to interrupt', () => {
  const {interrupt, seen} = program();
  assert.equal(interrupt(), null);
  assert.equal(seen.told, 0);
});

test('who awaits hears the message, and the interpreter sees nothing', () => {
  const {worker, interrupt, looks, later, seen} = program();
  worker.begins();
  interrupt();
  assert.equal(looks(), 0);
  worker.heard();
  later();
  assert.deepEqual([seen.told, seen.interrupted, seen.woken, looks()], [1, 1, 0, 0]);
});

test('who computes sees it once, and the message comes too late', () => {
  const {worker, interrupt, looks, later, seen} = program();
  worker.begins();
  interrupt();
  later();
  assert.deepEqual([looks(), looks()], [SIGINT, 0]);
  worker.heard();
  later();
  assert.deepEqual([seen.interrupted, seen.woken, looks()], [0, 1, 0]);
});

test('it is not lost if it comes between reading and storing', () => {
  const {worker, interrupt, looks} = program();
  worker.begins();
  assert.equal(looks(() => interrupt()?.blocks()), 0);
  assert.equal(looks(), SIGINT);
});

test('who is suspended before the interpreter has looked hears the message even so', () => {
  const {worker, interrupt, looks, later, seen} = program();
  worker.begins();
  interrupt();
  later();
  worker.heard();
  assert.deepEqual([seen.interrupted, looks()], [1, 0]);
});

test('it waits while it is held off, and whoever sleeps is woken until it is taken', () => {
  let holds = true;
  const {worker, interrupt, looks, later, seen} = program({holds_off: () => holds});
  worker.begins();
  interrupt();
  later();
  later();
  assert.deepEqual([looks(), seen.woken], [0, 2]);
  holds = false;
  assert.equal(looks(), SIGINT);
  later();
  assert.equal(seen.woken, 2);
});

test('asking whether it is held off is not itself asked', () => {
  /** @type {number[]} */
  const within = [];
  const {worker, interrupt, looks} = program({
    holds_off() {
      within.push(looks());
      return false;
    },
  });
  worker.begins();
  interrupt()?.blocks();
  assert.equal(looks(), SIGINT);
  assert.deepEqual(within, [0]);
});

test('a read that has ended for it does not begin anew', () => {
  const {worker, interrupt, looks} = program({holds_off: () => true});
  worker.begins();
  interrupt()?.blocks();
  assert.equal(looks(), 0);
  worker.woken();
  assert.equal(looks(), SIGINT);
});

test('who is about to sleep takes it, and does not sleep', () => {
  const {worker, interrupt, looks, python} = program({holds_off: () => true});
  worker.begins();
  assert.equal(python.look(), false);
  interrupt()?.blocks();
  python.sleep(1e6);
  assert.deepEqual([python.look(), python.look(), looks()], [true, false, 0]);
});
