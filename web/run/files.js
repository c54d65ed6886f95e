// Running a Python file as the command `python` would: with the machine's files, variables, stdin and terminal.
import {readFile} from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';

/**
 * @typedef {import('../penny/api/runtime.js').RunOptions} RunOptions
 * @typedef {import('../penny/boot/machine.js').Machine} Machine
 *
 * What of the machine Python gets, at the same paths. folders: besides the current directory and the script's own; write:
 * folders in which it may change files, none by default
 * @typedef {{folders?: string[], write?: string[]}} Folders
 */

/** The exit status of what Ctrl-C ends, as a shell has it: 128 + SIGINT. */
const INTERRUPTED = 130;

/**
 * Folders as Python gets them, outer ones first. The whole of a disk can't be had: Python's own files lie there.
 * @param {string[]} read
 * @param {string[]} write
 */
export function foldersOf(read, write) {
  /** @type {Map<string, boolean>} */
  const found = new Map();
  for (const [folders, writes] of /** @type {[string[], boolean][]} */ ([[read, false], [write, true]]))
    for (const folder of folders) {
      const absolute = path.resolve(folder);
      if (absolute !== path.parse(absolute).root) found.set(absolute, writes);
    }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, write]) => ({path, write}));
}

/**
 * A script's text, in the encoding that it names (PEP 263).
 * @param {Uint8Array} bytes
 */
export function decodedScript(bytes) {
  const [first, second = ''] = Buffer.from(bytes.subarray(0, 1000)).toString('latin1').split('\n', 2);
  const named = (/** @type {string} */ line) => /^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)/.exec(line)?.[1];
  const isBare = /^[ \t\f]*(#.*)?\r?$/.test(first);
  const encoding = (named(first) ?? (isBare ? named(second) : undefined) ?? 'utf-8').toLowerCase().replaceAll('_', '-');
  // Not the web's latin1, which is another.
  if (/^(latin-?1|iso-?8859-1|iso-latin-1)(-|$)/.test(encoding)) return Buffer.from(bytes).toString('latin1');
  return new TextDecoder(encoding, {fatal: true}).decode(bytes);
}

/** What a script reads from this process's stdin, when it does. */
export function standardInput() {
  const {stdin} = process;
  return {
    /** @returns {Promise<Uint8Array | null>} */
    read: () =>
      new Promise((resolve, reject) => {
        const settle = () => {
          const piece = stdin.read();
          if (piece === null && !stdin.readableEnded && !stdin.destroyed) return; // more will come
          for (const event of ['readable', 'end', 'close']) stdin.off(event, settle);
          stdin.off('error', reject);
          resolve(typeof piece === 'string' ? Buffer.from(piece) : piece);
        };
        for (const event of ['readable', 'end', 'close']) stdin.on(event, settle);
        stdin.on('error', reject);
        settle();
      }),
    /** The program goes on for it no more. */
    leave() {
      stdin.pause();
      /** @type {any} */ (stdin).unref?.();
    },
  };
}

/**
 * @param {(source: string, options: RunOptions) => Promise<number>} run
 * @param {string} file `-`: what stdin has
 * @param {{args?: string[]} & Folders & RunOptions} options
 * @returns {Promise<number>} the exit status
 */
export async function runFile(run, file, {args = [], folders = [], write = [], ...options}) {
  const {stdout, stderr} = process;
  const isStdin = file === '-';
  const stdin = standardInput();
  const source = decodedScript(isStdin ? await everything(stdin.read) : await readFile(file));
  const folder = isStdin ? process.cwd() : path.dirname(path.resolve(file));
  /** @type {Machine} */
  const machine = {
    folders: foldersOf([process.cwd(), folder, ...folders], write),
    directory: process.cwd(),
    path: folder,
  };
  // Ctrl-C is the script's; a second one ends it, and with it whatever its workers do.
  const interrupt = new AbortController();
  const stop = new AbortController();
  const end = () => (interrupt.signal.aborted ? stop : interrupt).abort();
  process.on('SIGINT', end);
  try {
    return await run(source, {
      filename: isStdin ? '<stdin>' : file,
      argv: [file, ...args],
      environment: /** @type {Record<string, string>} */ ({...process.env}),
      machine,
      input: isStdin ? () => null : async () => afterSignals(await stdin.read()),
      terminal: Boolean(process.stdin.isTTY),
      output: (stream, _text, _worker, bytes) => void (stream === 'stdout' ? stdout : stderr).write(bytes),
      interrupt: interrupt.signal,
      signal: stop.signal,
      ...options,
    });
  } catch (error) {
    if (stop.signal.aborted) return INTERRUPTED;
    throw error;
  } finally {
    process.off('SIGINT', end);
    stdin.leave();
  }
}

/**
 * What was read, when every signal that came before has been heard. Node's event loop hears them last of what it has seen, and sees
 * them one turn later at most.
 * @param {Uint8Array | null} read
 */
async function afterSignals(read) {
  for (let turns = 0; turns < 2; ++turns) await new Promise(setImmediate);
  return read;
}

/** @param {() => Promise<Uint8Array | null>} read */
async function everything(read) {
  const pieces = [];
  for (let piece; (piece = await read()); ) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Of a process that runs nothing else: it ends when whoever reads its output has gone, and at once at a second Ctrl-C. */
export function endWithReaders() {
  for (const stream of [process.stdout, process.stderr])
    // As the shell has it, 128 + SIGPIPE; or EX_IOERR.
    stream.on('error', error => process.exit(/** @type {NodeJS.ErrnoException} */ (error).code === 'EPIPE' ? 141 : 74));
  process.once('SIGINT', () => process.on('SIGINT', () => process.exit(INTERRUPTED)));
}

/**
 * Ends such a process: when what was printed is written, at once, whatever still waits.
 * @param {number} status
 */
export async function end(status) {
  await Promise.all([process.stdout, process.stderr].map(stream => new Promise(done => stream.write('', done))));
  process.exit(status);
}
