// The program that `penny run --on node` starts: runs a script with the files that the command names.
import {closeSync, ftruncateSync, openSync, readFileSync, writeSync} from 'node:fs';
import process from 'node:process';
import {pathToFileURL} from 'node:url';
import {run} from '../penny/api/runtime.js';
import {onNode} from '../penny/node.js';
import {jsonPieces} from '../penny/trace/chrome.js';
import {endWithReaders, end, runFile} from './files.js';

/**
 * Paths of files: core.wasm, python.zip, the folder of Pyodide, its WebAssembly if that is elsewhere, the script (- is
 * stdin), where to write a trace; packages: names, and URLs of wheels.
 * @typedef {{core: string, python: string, pyodide: string, wasm: string, script: string, args: string[],
 *            workers: number | null, environment: Record<string, string>, trace: string | null, packages: string[]}} Start
 */

/** @type {Start} */
const {core, python, pyodide, wasm, script, args, workers, environment, trace, packages} = JSON.parse(process.argv[2]);

const worker = new URL('../penny/node_worker.js', import.meta.url);
const places = onNode(worker, readFileSync(core), readFileSync(python));
const starter = places.startingAt(pathToFileURL(`${pyodide}/`).href, pathToFileURL(wasm).href);

endWithReaders();
let status;
try {
  const file = trace === null ? undefined : openSync(trace, 'a'); // at once: nobody runs a script for an hour in vain
  status = await runFile((source, options) => run(starter, source, options), script, {
    args,
    environment: /** @type {Record<string, string>} */ ({...process.env, ...environment}),
    workers: workers ?? undefined,
    packages,
    ...(file !== undefined && {trace: whole => writeTrace(file, whole)}),
  });
} catch (error) {
  process.stderr.write(`penny: ${/** @type {Error} */ (error).message}\n`);
  status = /** @type {any} */ (error).syscall ? 2 : 1;
}
await end(status);

/** @param {number} file @param {import('../penny/trace/chrome.js').ChromeTrace} whole */
function writeTrace(file, whole) {
  ftruncateSync(file);
  for (const piece of jsonPieces(whole)) writeSync(file, piece);
  closeSync(file);
  const {dropped} = whole.otherData;
  process.stderr.write(`penny: the trace is in ${trace}: open it in https://ui.perfetto.dev or chrome://tracing\n`);
  if (dropped) process.stderr.write(`penny: ${dropped} events are missing, since there were more than could be kept\n`);
}
