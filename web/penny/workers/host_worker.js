// A host worker: runs a program, which may block, and opens pools that the page keeps.
import {addExtras} from '../boot/extras.js';
import {hostPools} from '../pool/host_pools.js';
import {installBridge} from '../ports/bridge.js';
import {blockingRead, NO_STDIN} from '../stdio/input.js';
import {SCRIPT} from '../stdio/output.js';
import {startPython, tellPage} from './python.js';

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
  const {parts, extras, workers, trace, input, waitAsync} = message;
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
    /** @param {Script} script */
    async run({source, filename, argv, dedent, environment}) {
      const run = pyodide.pyimport('penny.hosts.script').run;
      tellPage(here, {type: 'exit', status: await run(source, filename, argv, dedent, environment)});
    },
  };
}
