// What workers have in common: a Python, which begins when the worker holds on to its life, and says how it dies; and
// whom they tell what.
import {addExtras} from '../boot/extras.js';
import {identityOf} from '../boot/private.js';
import {bootPyodide, onDeath, packedOf} from '../boot/pyodide.js';
import {pythonOf, requireSamePython} from '../boot/versions.js';
import {aheadHere, followClock} from '../core/clock.js';
import {NO_STDIN} from '../stdio/input.js';
import {writeTo} from '../stdio/output.js';
import {buffersOf, watchFiles} from '../boot/written.js';

/**
 * @typedef {import('../hosts/host.js').Self} Self
 * @typedef {import('../pool/messages.js').ToPage} ToPage
 * @typedef {import('../pool/messages.js').StartPool} StartPool
 * @typedef {import('../boot/pyodide.js').Pyodide} Pyodide
 */

/** @param {Self} here @param {ToPage} message @param {any[]} [transfer] */
export const tellPage = (here, message, transfer) => here.post(message, transfer);

/**
 * @param {Self} here
 * @param {Pick<StartPool, 'clock' | 'life' | 'counts' | 'packed'> & {parts: import('../boot/site.js').Parts}} message
 * @param {number} who prints: a worker's number, or SCRIPT
 * @returns {Promise<Pyodide>}
 */
export async function startPython(here, {parts, packed, clock, life, counts = undefined}, who) {
  const ahead = followClock(clock);
  if (await here.live(life)) tellPage(here, {type: 'held'});
  return await begin(here, {parts, packed, counts}, who, ahead);
}

/**
 * @param {Self} here
 * @param {{parts: import('../boot/site.js').Parts, packed?: import('../boot/pyodide.js').Packed, counts?: Int32Array}} message
 * @param {number} who
 * @param {number} ahead
 */
async function begin(here, {parts, packed, counts}, who, ahead) {
  const pyodide = await bootPyodide(parts, {ahead, packed});
  report(here, pyodide, who, counts);
  // Emscripten's terminals end at once: whoever asks for a password there had better ask stdin.
  for (const path of ['/dev/tty', '/dev/tty1']) pyodide.FS.unlink(path);
  return pyodide;
}

/**
 * That of a pool's worker, which has no stdin.
 * @param {Self} here
 * @param {StartPool | import('../pool/messages.js').StartMessages} message
 * @param {Promise<import('../boot/extras.js').Extras>} promised
 */
export async function startPoolPython(here, message, promised) {
  let pyodide = await startPython(here, message, message.worker);
  if (message.python) requireSamePython(message.python, pythonOf(pyodide));
  const extras = await promised;
  addExtras(pyodide, extras);
  const why = message.packed && unfit(pyodide);
  if (why) {
    // As if there were no such snapshot. The page gives it to nobody any more who has the same.
    tellPage(here, {type: 'plain', reason: why});
    if (packedOf(pyodide)) {
      pyodide = await begin(here, {.../** @type {any} */ (message), packed: undefined}, message.worker, aheadHere());
      addExtras(pyodide, extras);
    }
  }
  pyodide.setStdin(NO_STDIN);
  pyodide.pyimport('penny.stdio.input').refuse();
  tellOfFiles(here, pyodide, extras);
  return pyodide;
}

/**
 * Tells the page what was imported of packages: for the snapshot from which others start.
 * @param {Self} here
 * @param {Pyodide} pyodide
 */
export function tellImports(here, pyodide) {
  const imports = JSON.parse(pyodide.pyimport('penny.hosts.imports').so_far());
  if (imports.modules.length) tellPage(here, {type: 'imports', imports});
}

/**
 * Why a Python that was to start from a snapshot with packages did not, or may not go on so.
 * @param {Pyodide} pyodide
 */
function unfit(pyodide) {
  if (!packedOf(pyodide)) return 'it could not be started from';
  const others = JSON.parse(pyodide.pyimport('penny.hosts.imports').shadowed());
  return others.length ? `what would be imported as ${others.join(', ')} is another module in this pool` : '';
}

/** What tells the page of the files that were written, by the Python that has written them. @type {WeakMap<object, () => void>} */
const tellers = new WeakMap();

/**
 * Watches what is written to files from now on, if anybody wants to know.
 * @param {Self} here
 * @param {Pyodide} pyodide
 * @param {import('../boot/extras.js').Extras} extras
 */
export function tellOfFiles(here, pyodide, {place}) {
  if (!place) return;
  const written = watchFiles(pyodide, place);
  tellers.set(identityOf(pyodide), () => {
    const files = written();
    if (files.length) tellPage(here, {type: 'written', files}, buffersOf(files));
  });
}

/**
 * Tells the page of the files that were written until now.
 * @param {Pyodide} pyodide
 */
export const tellWritten = pyodide => tellers.get(identityOf(pyodide))?.();

/**
 * A worker that sends what it prints by the channel by which it sends outcomes: those come after it then.
 * @param {Self} here
 * @param {MessagePort} channel
 * @param {() => void} [dies] sends there what is to be sent last
 * @returns {Self}
 */
export const toldBy = (here, channel, dies) => ({
  processors: () => here.processors(),
  hear: (message, unreadable) => here.hear(message, unreadable),
  live: life => here.live(life),
  close: () => here.close(),
  host: () => here.host(),
  post(message, transfer) {
    if (message.type === 'output') return channel.postMessage(message, transfer ?? []);
    if (message.type === 'died') dies?.();
    here.post(message, transfer);
  },
});

/**
 * What a worker has to say to the page.
 * @param {Self} here
 * @param {StartPool} message
 * @returns {import('../jobs/stack.js').PoolOfWorker}
 */
export const poolOf = (here, {workers, announce}) => ({
  workers,
  announce: announce ? () => tellPage(here, {type: 'completed'}) : undefined,
  watch: () => tellPage(here, {type: 'watch'}),
  coroutine: () => tellPage(here, {type: 'coroutine'}),
});

/**
 * Sends what Python prints to the page, as Python flushes it. And its death.
 * @param {Self} here
 * @param {Pyodide} pyodide
 * @param {number} who
 * @param {Int32Array} [counts]
 */
function report(here, pyodide, who, counts) {
  let dying = false;
  onDeath(pyodide, {
    begins: () => (dying = true), // its stack goes to stdout otherwise
    ends(death) {
      tellWritten(pyodide);
      tellPage(here, {type: 'died', ...death});
      here.close(); // nothing that is still waiting here may go on in a dead Python
    },
  });
  writeTo(pyodide, (stream, bytes) => postOutput(here, counts, who, {stream: dying ? 'stderr' : stream, bytes}));
}

/**
 * @param {Self} here
 * @param {Int32Array | undefined} counts
 * @param {number} who prints
 * @param {Omit<import('../pool/messages.js').Output, 'type' | 'after'>} printed
 */
export function postOutput(here, counts, who, printed) {
  const after = counts && new Int32Array(counts);
  tellPage(here, {type: 'output', ...printed, after}, [printed.bytes.buffer]);
  if (counts) Atomics.add(counts, who, 1);
}
