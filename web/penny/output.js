// What Python prints, on its way from a worker to whoever shows it: bytes, in the pieces in which they were flushed.

/**
 * @typedef {'stdout' | 'stderr'} Stream
 * @typedef {((stream: Stream, text: string, worker: number | null, bytes: Uint8Array) => void) & {end?: () => void}} Output
 *   gets pieces as they were flushed: some lines, or part of one. text: empty in the middle of a character; worker: its
 *   number, null: the script itself; bytes: the same, which need not be text; end: what was printed is complete, for now
 */

/**
 * Has a Pyodide write to `write`.
 * @param {import('./boot.js').Pyodide} pyodide
 * @param {(stream: Stream, bytes: Uint8Array<ArrayBuffer>) => void} write
 */
export function writeTo(pyodide, write) {
  for (const stream of /** @type {const} */ (['stdout', 'stderr'])) {
    const set = stream === 'stdout' ? pyodide.setStdout : pyodide.setStderr;
    set({
      write: (/** @type {Uint8Array} */ bytes) => {
        write(stream, bytes.slice());
        return bytes.length;
      },
    });
  }
  pyodide.pyimport('penny.output').install();
}

/**
 * Passes bytes of one Python on to `output`, as text too: a character may come in two pieces.
 * @param {Output} output
 * @param {number | null} worker
 * @returns {(stream: Stream, bytes: Uint8Array) => void}
 */
export function decoded(output, worker) {
  const decoders = {stdout: new TextDecoder(), stderr: new TextDecoder()};
  return (stream, bytes) =>
    output(stream, decoders[stream].decode(bytes, {stream: true}), worker, bytes);
}

/**
 * An output to the console, which has lines only: part of a line is shown with its rest, at the latest before
 * the next whole line of anybody, or when all is over (`end`).
 * @returns {Output}
 */
export function toConsole() {
  /** By who wrote them, in order. @type {Map<string, {stream: Stream, text: string, worker: number | null}>} */
  const parts = new Map();
  /** @param {Stream} stream @param {string} text @param {number | null} worker */
  const show = (stream, text, worker) => {
    const where = worker === null ? [] : [`[worker ${worker}]`];
    if (stream === 'stdout') console.log(...where, text);
    else console.error(...where, text);
  };
  const end = () => {
    for (const {stream, text, worker} of parts.values()) show(stream, text, worker);
    parts.clear();
  };
  /** @type {Output} */
  const output = (stream, text, worker) => {
    const whole = text.lastIndexOf('\n') + 1;
    const key = `${stream} ${worker}`;
    if (whole) {
      const begun = parts.get(key)?.text ?? '';
      parts.delete(key);
      end();
      show(stream, begun + text.slice(0, whole - 1), worker);
    }
    const rest = text.slice(whole);
    if (rest) parts.set(key, {stream, text: (parts.get(key)?.text ?? '') + rest, worker});
  };
  return Object.assign(output, {end});
}
