// Penny as Node's users have it: the npm package, built by `make test-core`.
import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

export const PACKAGE = new URL('../../../build/npm/node.js', import.meta.url);
if (!existsSync(PACKAGE)) throw new Error(`${fileURLToPath(PACKAGE)} is missing: make test-core builds it`);

/** @type {typeof import('../../../web/npm/node.js')} */
export const penny = await import(PACKAGE.href);

/** Which program runs these tests: tests of Deno and Bun run the same files. */
export const RUNTIME = process.execPath;

/**
 * Runs a program as one of its own, with the package's names imported.
 * @param {string} source
 * @param {{input?: string, signal?: AbortSignal, args?: string[], env?: Record<string, string>,
 *          printed?: (text: string, child: import('node:child_process').ChildProcess) => void}} [options]
 *     printed: told what it prints, as it comes
 * @returns {Promise<{status: number | null, signal: string | null, stdout: string, stderr: string}>}
 */
export function program(source, {input = '', args = [], env = {}, printed} = {}) {
  const text = `import {install, keywords, run, scheduler} from ${JSON.stringify(PACKAGE.href)};\n${source}`;
  const child = spawn(RUNTIME, ['--input-type=module', '-e', text, ...args], {env: {...process.env, ...env}});
  return finished(child, input, printed);
}

/**
 * @param {import('node:child_process').ChildProcessWithoutNullStreams} child
 * @param {string | null} [input] null: its stdin stays open
 * @param {(text: string, child: import('node:child_process').ChildProcess) => void} [printed]
 * @returns {Promise<{status: number | null, signal: string | null, stdout: string, stderr: string}>}
 */
export function finished(child, input = '', printed = () => {}) {
  const said = {stdout: '', stderr: ''};
  for (const stream of /** @type {const} */ (['stdout', 'stderr']))
    child[stream].setEncoding('utf8').on('data', text => {
      said[stream] += text;
      printed(text, child);
    });
  child.stdin.on('error', () => {}); // it need not read
  if (input !== null) child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({status, signal, ...said}));
  });
}

/** Python that waits as a thread does, busy with nothing. */
export const NAP = `
def nap(seconds):
    from js import Atomics, Int32Array, SharedArrayBuffer
    Atomics.wait(Int32Array.new(SharedArrayBuffer.new(4)), 0, 0, seconds * 1000)
`;

/** The command `penny` of the package. */
export const COMMAND = fileURLToPath(new URL('penny.js', PACKAGE));
