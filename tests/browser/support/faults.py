"""JavaScript for tests of faults: a pool that is watched, and what must hold after each fault.

- `open(workers, options)` opens a Scheduler `s` with all workers up. Tasks are those of
  in_pyodide/stages.py, by name: "stages.runs".
- `said(what)` resolves to the worker that says so, or has said so, for the first time after the
  last such call; `until(test)` when a test of `states`, of `lines` or of the statistics is passed.
- `load(count)` submits tasks with payloads; `lostOf(load)` resolves to how many of them were lost,
  and throws if another came out wrong.
- `whole(base)` throws unless the pool is at full strength (each worker is up, and answers), nothing
  is pending, and the heap has come back to `base` bytes.
"""

from __future__ import annotations

from support.in_pyodide import FILES
from support.pages import archive

POOL = (
    f"const FILES = '{archive(FILES)}';"
    + """
let s, look = () => {};
const lines = [], states = [];
const open = async (workers, options = {}) => {
  s = await Penny.scheduler({
    ...options,
    workers,
    files: [Uint8Array.from(atob(FILES), c => c.charCodeAt(0)).buffer],
    output: (stream, text, worker) => {
      for (const line of text.split('\\n')) if (line) lines.push([line, worker]);
      look();
    },
  });
  s.addEventListener('worker', ({detail: {worker, state}}) => { states[worker] = state; look(); });
  await allUp();
};
const until = async test => {
  // Statistics change without an event.
  const timer = setInterval(() => look(), 10);
  await new Promise(resolve => {
    look = () => { if (test()) resolve(); };
    look();
  });
  clearInterval(timer);
  look = () => {};
};
const said = async what => {
  let at;
  await until(() => (at = lines.findIndex(([text]) => text === what)) >= 0);
  return lines.splice(at, 1)[0][1];
};
const allUp = () => {
  const {size} = s.pool;
  return until(() => states.slice(0, size).filter(state => state === 'ready').length === size);
};
const deaths = () => s.stats().workers.reduce((sum, worker) => sum + worker.deaths, 0);
const outcomeOf = promise => promise.catch(({name, type}) => type ?? name);

const sizeOf = i => (i * 37) % 2000;
const load = count => Array.from({length: count}, (_, i) =>
  outcomeOf(s.submit('stages.square', i, new Uint8Array(sizeOf(i)).fill(i % 251))));
const lostOf = async load => {
  let lost = 0;
  for (const [i, outcome] of (await Promise.all(load)).entries())
    if (outcome === 'WorkerLost') lost++;
    else if (`${outcome}` !== `${[i * i, sizeOf(i)]}`)
      throw new Error(`task ${i} has come out as ${outcome}`);
  return lost;
};

const allAnswer = async () => {
  await allUp();
  const {size} = s.pool;
  const seen = new Set();
  const end = performance.now() + 30_000;
  while (seen.size < size && performance.now() < end) {
    const all = Array.from({length: 4 * size}, () => s.submit('stages.where'));
    for (const worker of await Promise.all(all)) seen.add(worker);
  }
  if (seen.size < size) throw new Error(`only ${[...seen]} answer`);
};
const whole = async base => {
  await allAnswer();
  let left;
  const end = performance.now() + 10_000;
  await until(() => (left = s.stats().heap.used - base) <= 0 || performance.now() > end);
  if (left > 0) throw new Error(`${left} bytes are left in the heap`);
  const {pending} = s.stats();
  if (pending) throw new Error(`${pending} tasks are pending`);
};
"""
)
