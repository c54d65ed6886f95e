#!/usr/bin/env node
// `penny run`, of the npm package.
import {parseArgs} from 'node:util';
import {python} from 'penny-node';
import {end, endWithReaders} from '../run/files.js';

const USAGE = `penny run [--workers N] [--folder DIR]... [--write DIR]... [--pyodide DIR] SCRIPT [ARG]...

Runs a Python file, or stdin (-), on all cores. It has the files of the current directory and of its own, to read.

  --workers N    workers of a Scheduler() that names no number (default: one for each core)
  --folder DIR   another folder that it has, to read
  --write DIR    a folder in which it may change files; . for the current directory
  --pyodide DIR  where Pyodide lies (default: the npm package in node_modules)
`;

/** @param {string} message @returns {never} */
function refuse(message) {
  process.stderr.write(`penny: ${message}\n\n${USAGE}`);
  process.exit(2);
}

const OPTIONS = /** @type {const} */ ({
  workers: {type: 'string'},
  folder: {type: 'string', multiple: true},
  write: {type: 'string', multiple: true},
  pyodide: {type: 'string'},
  help: {type: 'boolean', short: 'h'},
});

/** What stands before the script is the command's, what comes after it the script's. @param {string[]} words */
function read(words) {
  const {tokens} = parseArgs({args: words, options: OPTIONS, strict: false, tokens: true});
  const first = tokens.find(({kind}) => kind === 'positional');
  const at = first ? first.index : words.length;
  try {
    return {...parseArgs({args: words.slice(0, at), options: OPTIONS}).values, script: words[at], args: words.slice(at + 1)};
  } catch (error) {
    return refuse(/** @type {Error} */ (error).message);
  }
}

const [command, ...words] = process.argv.slice(2);
if (command === undefined || command === '--help' || command === '-h') {
  process.stdout.write(USAGE);
  process.exit(command === undefined ? 2 : 0);
}
if (command !== 'run') refuse(`there is no command ${command}`);
const {workers, folder, write, pyodide, help, script, args} = read(words);
if (help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (script === undefined) refuse('which script?');
if (workers !== undefined && !/^[1-9]\d*$/.test(workers)) refuse(`--workers takes a number greater than 0, not ${workers}`);

endWithReaders();
let status;
try {
  status = await python(script, {args, workers: workers === undefined ? undefined : Number(workers), folders: folder, write, indexURL: pyodide});
} catch (error) {
  const {syscall, message} = /** @type {NodeJS.ErrnoException} */ (error);
  process.stderr.write(`penny: ${syscall ? `can't open file '${script}': ${message}` : message}\n`);
  status = syscall ? 2 : 1;
}
await end(status);
