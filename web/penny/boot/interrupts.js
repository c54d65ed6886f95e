// Ctrl-C, for a program in a host worker. If it awaits something, its event loop hears a message and ends what it runs.
// If it computes or blocks, it hears none: then a word of shared memory has the interpreter raise KeyboardInterrupt at
// its next look, between two bytecodes, and whatever it sleeps on is woken until it has looked. One of both, never both:
// whoever first moves the second word from ASKED has it.
const SIGNAL = 0;
const STATE = 1;
/** Of STATE. */
const NOT_BEGUN = 0;
const RUNS = 1;
const ASKED = 2;
const HEARD = 3;
const FORCED = 4;

const SIGINT = 2;
/** How long an event loop has for hearing the message, and between two looks whether the interpreter has seen it, ms. */
const PATIENCE = 50;

export const interruptBuffer = () => new SharedArrayBuffer(8);

/**
 * The page's half: interrupts once. Null if the program has not begun.
 * @param {SharedArrayBuffer} buffer
 * @typedef {{blocks: () => void, over: () => void}} Interruption to be called when the program is known to block, so that
 *   it hears no message, and when it is over
 * @param {{tell: () => void, wake: () => void}} program tell: posts the message; wake: ends what it sleeps on
 * @returns {Interruption | null}
 */
export function interruptProgram(buffer, {tell, wake}) {
  const words = new Int32Array(buffer);
  if (Atomics.compareExchange(words, STATE, RUNS, ASKED) === NOT_BEGUN) return null;
  tell();
  let forced = false;
  const look = () => {
    if (!forced) {
      if (Atomics.compareExchange(words, STATE, ASKED, FORCED) !== ASKED) return clearInterval(timer);
      forced = true;
      Atomics.store(words, SIGNAL, SIGINT);
    } else if (!Atomics.load(words, SIGNAL)) return clearInterval(timer);
    Atomics.notify(words, SIGNAL);
    wake();
  };
  const timer = setInterval(look, PATIENCE);
  return {
    blocks: () => void (forced || look()),
    over: () => clearInterval(timer),
  };
}

/**
 * The host worker's half.
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @param {SharedArrayBuffer} buffer
 * @returns {{begins: () => void, heard: () => void}} to be called when the program begins, and when the message has come
 */
export function hearInterrupts(pyodide, buffer) {
  const words = new Int32Array(buffer);
  pyodide.setInterruptBuffer(words);
  const {interrupt, sleep_by} = pyodide.pyimport('penny.hosts.interrupts');
  sleep_by((/** @type {number} */ milliseconds) => Atomics.wait(words, SIGNAL, 0, milliseconds) === 'timed-out');
  return {
    begins: () => void Atomics.store(words, STATE, RUNS),
    heard() {
      if (Atomics.compareExchange(words, STATE, ASKED, HEARD) === ASKED) interrupt();
    },
  };
}
