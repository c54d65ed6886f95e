// The playground: edit a program, run it in a host worker, see what it prints and what the workers do.
import {makeEditor} from './editor.js';
import {EXAMPLES} from './examples.js';
import {Lanes} from './lanes.js';
import {linkTo, linked} from './share.js';
import {Transcript} from './transcript.js';

/**
 * How a run has ended. computed: from the begin of the first task to the end of the last, total: of the program, with
 * the start of Python; ms.
 * @typedef {{how: 'done' | 'failed' | 'stopped', text: string, computed: number, total: number}} Outcome
 */

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
const element = id => /** @type {T} */ (document.getElementById(id));
/** @type {HTMLSelectElement} */
const example = element('example');
/** @type {HTMLInputElement} */
const workers = element('workers');
/** @type {HTMLButtonElement} */
const run = element('run');
/** @type {HTMLButtonElement} */
const compare = element('compare');
/** @type {HTMLButtonElement} */
const stop = element('stop');
/** @type {HTMLProgressElement} */
const progress = element('progress');
/** @type {HTMLFormElement} */
const stdin = element('stdin');
/** @type {HTMLInputElement} */
const line = element('line');
/** @type {HTMLDialogElement} */
const replace = element('replace');
const status = element('status');
const elapsed = element('elapsed');
const comparison = element('comparison');
const output = element('output');

const HINT = 'What the program prints appears here. Press Run, or Ctrl+Enter in the editor.';

const transcript = new Transcript(output, () => {
  const {lines} = transcript;
  element('count').textContent = lines ? `${lines.toLocaleString('en')} ${lines === 1 ? 'line' : 'lines'}` : '';
});
const lanes = new Lanes(element('lanes'), element('chart'));
const editor = makeEditor(element('editor'), {
  label: 'Python program',
  run: () => start(false),
  changed: () => element('refused').replaceChildren(),
  released: () => tell('Tab leaves the editor now'),
});

/** For who reads by ear. @param {string} text */
function tell(text) {
  element('told').textContent = text;
}

/** @param {'idle' | 'running' | 'done' | 'failed' | 'stopped'} state @param {string} text */
function become(state, text) {
  if (status.textContent !== text) status.textContent = text;
  status.dataset.state = state;
}

/** @param {number} ms */
const seconds = ms => `${(ms / 1000).toFixed(ms < 9_950 ? 2 : 1)} s`;

// ---- running --------------------------------------------------------------------------------------

/** @type {AbortController | undefined} */
let running;
/** Whether Penny can start here: the page may have to load once more. */
let isReady = false;

/** Files of the examples, a zip archive, in the program's folder. */
const files = fetch(new URL('kernels.zip', import.meta.url)).then(
  async answer => (answer.ok ? [await answer.arrayBuffer()] : []),
  () => [],
);

/** Says what is wrong with the number of workers. @returns {boolean} whether nothing is */
function tellRefusal() {
  const valid = workers.checkValidity();
  workers.ariaInvalid = String(!valid);
  element('refused').textContent = valid ? '' : `Workers: a whole number from ${workers.min} to ${workers.max}.`;
  return valid;
}

/** How many workers are asked for; null: they are refused. @returns {number | null} */
function workersAsked() {
  if (tellRefusal()) return workers.valueAsNumber;
  workers.focus();
  return null;
}

/** @param {boolean} compared whether it runs on one worker first */
async function start(compared) {
  if (running || !isReady) return;
  const asked = workersAsked();
  if (asked === null) return;
  if (compared && asked === 1) {
    element('refused').textContent = 'Workers: to compare with 1 it takes more than 1.';
    workers.focus();
    return;
  }
  running = new AbortController();
  const {signal} = running;
  const hadFocus = [run, compare].some(button => button === document.activeElement);
  run.disabled = compare.disabled = true;
  stop.disabled = false;
  if (hadFocus) stop.focus();
  transcript.clear();
  comparison.hidden = true;
  output.dataset.hint = '';
  const program = editor.text;
  /** Lines that were typed in the first run are those of the second. @type {(string | null)[]} */
  const typed = [];
  try {
    if (!compared) {
      await runProgram(program, asked, signal, typed);
    } else {
      transcript.add('note', '— on 1 worker —\n');
      const alone = await runProgram(program, 1, signal, typed, ' on 1 worker');
      if (alone.how !== 'done') return;
      transcript.add('note', `\n— on ${asked} workers —\n`);
      const together = await runProgram(program, asked, signal, typed, ` on ${asked} workers`);
      if (together.how === 'done') showComparison(alone, together, asked);
    }
  } finally {
    await transcript.shown();
    running = undefined;
    const stopHadFocus = document.activeElement === stop || document.activeElement === line;
    run.disabled = compare.disabled = false;
    stop.disabled = true;
    stdin.hidden = true;
    if (stopHadFocus) (compared ? compare : run).focus();
    output.dataset.hint = 'The program has printed nothing.';
  }
}

/** What a missing module says, of the host worker or of a task. */
const MISSING = /ModuleNotFoundError: No module named '([\w.]+)'/;

/**
 * @param {string} program
 * @param {number} count workers
 * @param {AbortSignal} signal
 * @param {(string | null)[]} typed
 * @param {string} [where] for the status, of a program that is compared
 * @returns {Promise<Outcome>}
 */
async function runProgram(program, count, signal, typed, where = '') {
  const compared = where !== '';
  const began = performance.now();
  let errors = '';
  let read = 0;
  lanes.begin(count);
  become('running', `Starting Python${where}`);
  element('doing').hidden = true;
  let hasStarted = false;
  const started = () => {
    if (hasStarted) return;
    hasStarted = true;
    become('running', `Running${where}`);
  };
  const ticking = setInterval(() => {
    elapsed.textContent = seconds(performance.now() - began);
    showProgress(false);
  }, 100);
  /** @param {'done' | 'failed' | 'stopped'} how @param {string} text @returns {Outcome} */
  const outcome = (how, text) => ({how, text, computed: lanes.computed, total: performance.now() - began});
  /** @type {Outcome} */
  let ended;
  try {
    const {Penny} = /** @type {any} */ (globalThis);
    /** @type {import('../penny/api/program.js').RunOptions} */
    const options = {
      filename: 'program.py',
      workers: count,
      files: await files,
      environment: {PENNY_PICTURES: '1'},
      signal,
      live: lanes.listener,
      together: compared,
      worker: change => {
        started();
        lanes.worker(change);
      },
      input: () => (read < typed.length ? replayed(typed[read++]) : (read++, ask(typed, signal))),
      output: (stream, text, worker) => {
        started();
        if (stream === 'stderr') errors = (errors + text).slice(-4000);
        transcript.add(stream, text, worker);
      },
    };
    signal.throwIfAborted();
    const code = await Penny.run(program, options);
    ended = code ? outcome('failed', `Failed, exit status ${code}`) : outcome('done', 'Finished');
  } catch (error) {
    if (signal.aborted) ended = outcome('stopped', 'Stopped');
    else {
      transcript.add('stderr', `${error}\n`);
      ended = outcome('failed', 'Could not run');
    }
  }
  clearInterval(ticking);
  lanes.end();
  showProgress(true);
  elapsed.textContent = lanes.computed
    ? `${seconds(ended.computed)} in tasks, ${seconds(ended.total)} with the start of Python`
    : seconds(ended.total);
  if (ended.how === 'failed') hint(errors);
  become(ended.how, `${ended.text}${where}`);
  return ended;
}

/** @param {boolean} over */
function showProgress(over) {
  const {queued, ended, tasks, steals} = lanes;
  element('doing').hidden = !queued;
  if (!queued) return;
  progress.max = Math.max(queued, ended);
  progress.value = ended;
  const [some, all] = [ended, Math.max(queued, tasks)].map(count => count.toLocaleString('en'));
  // At the end there may be fewer than were queued: some were cancelled, or taken back.
  element('done').textContent = `${over ? tasks.toLocaleString('en') : `${some} of ${all}`} ${all === '1' ? 'task' : 'tasks'}, ${steals.toLocaleString('en')} stolen`;
  progress.hidden = over;
}

/** @param {string} errors */
function hint(errors) {
  const missing = MISSING.exec(errors)?.[1].split('.')[0];
  if (!missing) return;
  transcript.add(
    'note',
    `\n${missing} is not here. If it is a package of Pyodide's and this site has those (penny build --packages ${missing}, or ` +
      `--pyodide-url), a program gets it by\n    import pyodide_js; await pyodide_js.loadPackage("${missing}")\nand its tasks by\n` +
      `    penny.Scheduler(packages=["${missing}"])\n`,
  );
}

/** @param {Outcome} alone @param {Outcome} together @param {number} count */
function showComparison(alone, together, count) {
  const measure = alone.computed && together.computed ? 'computed' : 'total';
  const [slow, fast] = [alone[measure], together[measure]];
  const longest = Math.max(slow, fast);
  comparison.replaceChildren();
  const factor = document.createElement('strong');
  factor.id = 'factor';
  const times = (slow / fast).toFixed(2);
  factor.textContent = `×${times} on ${count} workers`;
  factor.title =
    measure === 'computed'
      ? 'The same program twice, just now: from the begin of its first task to the end of its last'
      : 'The same program twice, just now: all of it with the start of Python, since it has no tasks';
  comparison.append(factor);
  for (const [name, time] of /** @type {[string, number][]} */ ([['1 worker', slow], [`${count} workers`, fast]])) {
    const label = document.createElement('span');
    label.textContent = name;
    const bar = document.createElement('meter');
    bar.max = longest;
    bar.value = time;
    bar.ariaLabel = `${name}: ${seconds(time)}`;
    const text = document.createElement('span');
    text.textContent = seconds(time);
    comparison.append(label, bar, text);
  }
  comparison.hidden = false;
  tell(`${count} workers are ${times} times as fast as 1`);
}

// ---- stdin ----------------------------------------------------------------------------------------

/** @type {((text: string | null) => void) | undefined} */
let answer;

/** @param {string | null} text */
function replayed(text) {
  transcript.add('stdin', text ?? '');
  return text;
}

/**
 * Asks for a line.
 * @param {(string | null)[]} typed to which it is added
 * @param {AbortSignal} signal
 * @returns {Promise<string | null>}
 */
async function ask(typed, signal) {
  stdin.hidden = false;
  line.value = '';
  line.focus();
  tell('The program waits for input');
  /** @type {string | null} */
  const text = await new Promise(resolve => {
    answer = resolve;
    signal.addEventListener('abort', () => resolve(null));
  });
  answer = undefined;
  const hadFocus = stdin.contains(document.activeElement);
  stdin.hidden = true;
  if (hadFocus && running) stop.focus();
  typed.push(text);
  return replayed(text);
}

stdin.addEventListener('submit', event => {
  event.preventDefault();
  answer?.(`${line.value}\n`);
});
element('eof').addEventListener('click', () => answer?.(null));

// ---- examples and links ---------------------------------------------------------------------------

/** What the editor had when it was last filled. */
let filled = '';
/** Of that. */
let chosen = '';

/** @param {string} program @param {string} name of the example, if it is one */
function fill(program, name) {
  editor.text = filled = program;
  example.value = chosen = name;
}

/** Whether the program may be replaced. */
async function mayReplace() {
  if (editor.text === filled) return true;
  replace.returnValue = 'keep';
  replace.showModal();
  await new Promise(resolve => replace.addEventListener('close', resolve, {once: true}));
  return replace.returnValue === 'replace';
}

async function fillFromLink() {
  let link;
  try {
    link = await linked(location.hash);
  } catch (error) {
    element('refused').textContent = `${/** @type {Error} */ (error).message}.`;
  }
  if (!link || !(await mayReplace())) return Boolean(link);
  fill(link.program, '');
  if (link.workers) {
    workers.value = String(link.workers);
    workersAsked();
  }
  return true;
}

example.append(new Option('of my own', ''), ...Object.keys(EXAMPLES).map(name => new Option(name)));
example.options[0].hidden = true;
example.addEventListener('change', async () => {
  const name = example.value;
  if (await mayReplace()) fill(EXAMPLES[name], name);
  else example.value = chosen;
});

element('share').addEventListener('click', async () => {
  const link = await linkTo(editor.text, workersAsked() ?? 1);
  history.replaceState(null, '', link);
  const button = element('share');
  try {
    await navigator.clipboard.writeText(link);
    button.textContent = 'Copied';
    tell('A link to this program is on the clipboard');
  } catch {
    button.textContent = 'In the address';
    tell('The link to this program is in the address bar');
  }
  setTimeout(() => (button.textContent = 'Share'), 2_000);
});
addEventListener('hashchange', fillFromLink);

// ---- the rest -------------------------------------------------------------------------------------

element('controls').addEventListener('submit', event => {
  event.preventDefault();
  start(false);
});
compare.addEventListener('click', () => start(true));
stop.addEventListener('click', () => running?.abort(new Error('stopped')));
workers.addEventListener('input', () => tellRefusal());

element('clear').addEventListener('click', () => {
  transcript.clear();
  output.dataset.hint = running ? '' : HINT;
});
addEventListener('keydown', event => {
  // In the editor it is the editor's.
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.defaultPrevented) start(false);
});

workers.value = String(Math.min(64, navigator.hardwareConcurrency || 2));
output.dataset.hint = HINT;
const [first] = Object.keys(EXAMPLES);
if (!(await fillFromLink())) fill(EXAMPLES[first], first);
lanes.begin(workers.valueAsNumber);
lanes.end();
try {
  await /** @type {any} */ (globalThis).Penny.ready;
  isReady = true;
  run.disabled = compare.disabled = false;
  become('idle', 'Ready');
} catch (error) {
  transcript.add('stderr', `${error}\n`);
  become('failed', 'Penny can’t start on this page');
}
document.body.dataset.ready = 'true';
