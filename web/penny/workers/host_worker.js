// A host worker: runs a program, which may block, and opens pools that the page keeps.
import {addExtras} from '../boot/extras.js';
import {hearInterrupts} from '../boot/interrupts.js';
import {addPackages} from '../boot/packages.js';
import {hostPools} from '../pool/host_pools.js';
import {HostThreads} from '../pool/host_threads.js';
import {Starter} from '../pool/starter.js';
import {packagesFrom} from '../pool/limits.js';
import {MessagePool} from '../messages/pool.js';
import {pythonOf} from '../boot/versions.js';
import {installBridge} from '../ports/bridge.js';
import {blockingRead, NO_STDIN} from '../stdio/input.js';
import {SCRIPT} from '../stdio/output.js';
import {postOutput, startPython, tellOfFiles, tellPage, tellWritten} from './python.js';

/**
 * @typedef {import('../hosts/host.js').Self} Self
 * @typedef {import('../pool/messages.js').StartHost} StartHost
 * @typedef {import('../pool/messages.js').Script} Script
 */

/**
 * Makes ready for programs.
 * @param {Self} here
 * @param {StartHost} message
 */
export async function start(here, message) {
  const {parts, extras, workers, trace, input, interrupts, waitAsync, counts} = message;
  const pyodide = await startPython(here, message, SCRIPT);
  const own = await here.host();
  const starter = Starter.byOthers(new HostThreads((message, transfer) => tellPage(here, message, transfer)), parts.indexURL);
  const interruption = interrupts && hearInterrupts(pyodide, interrupts);
  if (input) {
    const read = blockingRead(input.buffer, size => tellPage(here, {type: 'input', size}), () => interruption?.woken());
    pyodide.setStdin({read, isatty: input.terminal});
  } else {
    pyodide.setStdin(NO_STDIN);
    const stdin = pyodide.pyimport('penny.stdio.input');
    stdin.refuse(stdin.NO_STDIN);
  }
  pyodide.pyimport('penny.hosts.packages').keep_bytecode();
  addExtras(pyodide, extras);
  await addPackages(pyodide, parts, extras.packages);
  tellOfFiles(here, pyodide, extras);
  const pools = parts.core && hostPools(parts.core, message => tellPage(here, message), waitAsync);
  const print = printer(here, counts);
  installBridge(pyodide, {
    role: 'host',
    processors: here.processors(),
    defaultWorkers: workers,
    defaultTrace: trace,
    openPool: pools && pools.open,
    // The host's, not the page's: the script waits by suspending Python, so that it hears them meanwhile.
    openMessages({workers, packages, installed, check}) {
      const given = {installed, packages: packagesFrom(own, packages), files: extras.files, script: extras.script};
      const pool = new MessagePool(starter, workers, {extras: given, output: print, check, python: pythonOf(pyodide)});
      return {pool, close: () => pool.close()};
    },
  });
  return {
    pools,
    interrupt: () => interruption?.heard(),
    /** @param {Script} script */
    async run({source, filename, argv, dedent, environment}) {
      const run = pyodide.pyimport('penny.hosts.script').run;
      const status = await run(source, filename, argv, dedent, environment, interruption?.begins);
      tellWritten(pyodide);
      tellPage(here, {type: 'exit', status});
    },
  };
}

/**
 * Sends what tasks print on to the page, in turn with what the script prints.
 * @param {Self} here
 * @param {Int32Array} [counts]
 * @returns {import('../stdio/output.js').Output}
 */
const printer = (here, counts) => (stream, _, worker, bytes) => postOutput(here, counts, SCRIPT, {stream, bytes: bytes.slice(), worker: worker ?? undefined});
