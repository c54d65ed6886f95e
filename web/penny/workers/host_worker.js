// A host worker: runs a program, which may block, and opens pools that the page keeps.
import {addExtras} from '../boot/extras.js';
import {hearInterrupts} from '../boot/interrupts.js';
import {hostPools} from '../pool/host_pools.js';
import {installBridge} from '../ports/bridge.js';
import {blockingRead, NO_STDIN} from '../stdio/input.js';
import {SCRIPT} from '../stdio/output.js';
import {startPython, tellOfFiles, tellPage, tellWritten} from './python.js';

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
  const {parts, extras, workers, trace, input, interrupts, waitAsync} = message;
  const pyodide = await startPython(here, message, SCRIPT);
  if (input) {
    const read = blockingRead(input.buffer, size => tellPage(here, {type: 'input', size}));
    pyodide.setStdin({read, isatty: input.terminal});
  } else {
    pyodide.setStdin(NO_STDIN);
    const stdin = pyodide.pyimport('penny.stdio.input');
    stdin.refuse(stdin.NO_STDIN);
  }
  await addExtras(pyodide, extras);
  tellOfFiles(here, pyodide, extras);
  const interruption = interrupts && hearInterrupts(pyodide, interrupts);
  const pools = hostPools(parts.core, message => tellPage(here, message), waitAsync);
  installBridge(pyodide, {
    role: 'host',
    processors: here.processors(),
    defaultWorkers: workers,
    defaultTrace: trace,
    openPool: pools.open,
  });
  return {
    pools,
    interrupt: () => interruption?.heard(),
    /** @param {Script} script */
    async run({source, filename, argv, dedent, environment}) {
      const run = pyodide.pyimport('penny.hosts.script').run;
      interruption?.begins();
      const status = await run(source, filename, argv, dedent, environment);
      tellWritten(pyodide);
      tellPage(here, {type: 'exit', status});
    },
  };
}
