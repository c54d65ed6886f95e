// Ctrl-C, for a program in a host worker: interrupts.md has the protocol, which is about one word of shared memory.
const NOT_BEGUN = 0;
const RUNS = 1;
/** The message has been sent: whoever awaits something hears it. */
const ASKED = 2;
/** It was not heard: the interpreter is to look, and whatever it sleeps on is woken until it has. */
const FORCED = 3;
/** The program has got it, one way or the other. */
const TAKEN = 4;

const SIGINT = 2;
/** How long an event loop has for hearing the message, and between two looks whether the interpreter has seen it, ms. */
const PATIENCE = 50;

export const interruptBuffer = () => new SharedArrayBuffer(4);

/**
 * The page's half: interrupts once. Null if the program has not begun.
 * @param {SharedArrayBuffer} buffer
 * @typedef {{blocks: () => void, over: () => void}} Interruption to be called when the program is known to block, so that
 *   it hears no message, and when it is over
 * @param {{tell: () => void, wake: () => void}} program tell: posts the message; wake: ends what it sleeps on
 * @returns {Interruption | null}
 */
export function interruptProgram(buffer, {tell, wake}) {
  const word = new Int32Array(buffer);
  if (Atomics.compareExchange(word, 0, RUNS, ASKED) === NOT_BEGUN) return null;
  tell();
  const look = () => {
    Atomics.compareExchange(word, 0, ASKED, FORCED);
    if (Atomics.load(word, 0) !== FORCED) return clearInterval(timer);
    Atomics.notify(word, 0);
    wake();
  };
  const timer = setInterval(look, PATIENCE);
  return {blocks: look, over: () => clearInterval(timer)};
}

/**
 * The host worker's half.
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @param {SharedArrayBuffer} buffer
 * @returns {{begins: () => void, heard: () => void, woken: () => void}} to be called when the program begins, when the
 *   message has come, and when what Python waits for outside of Python has ended for an interrupt
 */
export function hearInterrupts(pyodide, buffer) {
  const word = new Int32Array(buffer);
  const {interrupt, holds_off, look_by, sleep_by} = pyodide.pyimport('penny.hosts.interrupts');
  const take = (/** @type {number} */ from) => Atomics.compareExchange(word, 0, from, TAKEN) === from;
  /** Whether it is asking Python, which looks, too; and whether it must not ask. */
  let asks = false;
  let woken = false;
  const look = () => {
    if (asks || Atomics.load(word, 0) !== FORCED) return 0;
    asks = true;
    try {
      return (woken || !holds_off()) && take(FORCED) ? SIGINT : 0;
    } finally {
      asks = false;
    }
  };
  // Pyodide reads element 0 and then stores 0 there. What came in between would be lost: here reading takes it away.
  pyodide.setInterruptBuffer({
    get 0() {
      return look();
    },
    set 0(_) {},
  });
  look_by(() => take(FORCED));
  sleep_by((/** @type {number} */ milliseconds) => {
    const state = Atomics.load(word, 0);
    if (state !== FORCED) Atomics.wait(word, 0, state, milliseconds);
  });
  return {
    begins: () => void Atomics.store(word, 0, RUNS),
    heard() {
      if (take(ASKED) || take(FORCED)) interrupt();
    },
    woken: () => void (woken = true),
  };
}
