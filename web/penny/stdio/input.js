// Where a script's stdin comes from: a function of the page's, which may take its time. A host worker asks by message
// and sleeps until the page has put the bytes into a shared buffer; one reader, one request at a time.

/**
 * Gives a script what it reads from stdin: text or bytes, a line with its end for instance; null or nothing at the end.
 * @callback Input
 * @param {number} size so many bytes would be taken at once; what is more waits for the next read
 * @returns {string | Uint8Array | null | undefined | Promise<string | Uint8Array | null | undefined>}
 */

/**
 * What is read, in pieces of at most the size asked for; empty at the end.
 * @param {Input} input
 * @returns {(size: number) => Promise<Uint8Array>}
 */
export function inPieces(input) {
  let rest = new Uint8Array();
  return async size => {
    if (!rest.length) {
      const more = (await input(size)) ?? '';
      rest = typeof more === 'string' ? new TextEncoder().encode(more) : new Uint8Array(more);
    }
    const piece = rest.subarray(0, size);
    rest = rest.subarray(size);
    return piece;
  };
}

/** What a script on the page reads, which is suspended meanwhile. Who is interrupted leaves what was asked for to the next reader. */
export class Awaited {
  /** What was asked for. @type {Promise<Uint8Array> | null} */
  #reading = null;
  #interrupt = () => {};

  /** @param {(size: number) => Promise<Uint8Array>} read */
  constructor(read) {
    this.source = read;
  }

  /** @param {number} size @returns {Promise<Uint8Array>} nothing if it was interrupted */
  async read(size) {
    const interrupted = new Promise(resolve => (this.#interrupt = () => resolve(null)));
    try {
      const bytes = await Promise.race([(this.#reading ??= this.source(size)), interrupted]);
      if (!bytes) return new Uint8Array();
      this.#reading = bytes.length > size ? Promise.resolve(bytes.subarray(size)) : null;
      return bytes.subarray(0, size);
    } catch (error) {
      this.#reading = null;
      throw error;
    }
  }

  interrupt() {
    this.#interrupt();
  }
}

// The shared buffer: a state, a size, bytes.
const ASKED = 0;
const ANSWERED = 1;
const FAILED = 2;
const INTERRUPTED = 3;
const HEADER_BYTES = 8;
/** More than any line that somebody types; a read of more than this gets so many, as from any stream. */
const BYTES = 1 << 16;

export const inputBuffer = () => new SharedArrayBuffer(HEADER_BYTES + BYTES);

/** Linux's EINTR, EIO and ENXIO in the numbers of WASI, which Emscripten has. */
const EINTR = 27;
const EIO = 29;
const ENXIO = 60;

/** What Pyodide's setStdin takes where there is no stdin: whoever reads gets an error, which `penny.stdio.input` explains. */
export const NO_STDIN = {
  /** @returns {number} */
  read() {
    throw {name: 'ErrnoError', errno: ENXIO}; // as Emscripten's, of a terminal that has no device
  },
};

/**
 * A host worker's half: what Pyodide's setStdin takes as `read`.
 * @param {SharedArrayBuffer} buffer
 * @param {(size: number) => void} ask tells the page
 * @param {() => void} interrupted told before a read ends for an interrupt
 * @returns {(target: Uint8Array) => number} bytes read; throws if the page's function has
 */
export function blockingRead(buffer, ask, interrupted) {
  const words = new Int32Array(buffer, 0, 2);
  return target => {
    Atomics.store(words, 0, ASKED);
    ask(Math.min(target.length, BYTES));
    while (Atomics.load(words, 0) === ASKED) Atomics.wait(words, 0, ASKED);
    if (words[0] === FAILED) throw {name: 'ErrnoError', errno: EIO}; // as Emscripten's
    if (words[0] === INTERRUPTED) {
      interrupted();
      throw {name: 'ErrnoError', errno: EINTR};
    }
    target.set(new Uint8Array(buffer, HEADER_BYTES, words[1]));
    return words[1];
  };
}

/** The page's half: answers one request after the other. */
export class Answers {
  /** The request that waits for an answer; 0: none does. */
  #request = 0;
  #last = 0;
  /** What was asked for, also by a reader who was interrupted: then it is the next one's. @type {Promise<Uint8Array> | null} */
  #reading = null;

  /**
   * @param {SharedArrayBuffer} buffer
   * @param {(size: number) => Promise<Uint8Array>} read
   */
  constructor(buffer, read) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer, 0, 2);
    this.read = read;
  }

  /**
   * @param {number} size
   * @throws {unknown} what reading has; the reader has got its answer then, too
   */
  async answer(size) {
    const request = (this.#request = ++this.#last);
    try {
      const bytes = await (this.#reading ??= this.read(size));
      if (request !== this.#request) return;
      const piece = bytes.subarray(0, size);
      new Uint8Array(this.buffer, HEADER_BYTES).set(piece);
      this.words[1] = piece.length;
      this.#reading = bytes.length > size ? Promise.resolve(bytes.subarray(size)) : null;
      this.#end(ANSWERED);
    } catch (error) {
      this.#reading = null;
      if (request === this.#request) this.#end(FAILED);
      throw error;
    }
  }

  /** Whether somebody waits for an answer. */
  get waits() {
    return this.#request > 0;
  }

  /** Whoever waits reads no further: his interpreter has been interrupted. */
  interrupt() {
    if (this.#request) this.#end(INTERRUPTED);
  }

  /** @param {number} state */
  #end(state) {
    this.#request = 0;
    Atomics.store(this.words, 0, state);
    Atomics.notify(this.words, 0);
  }
}
