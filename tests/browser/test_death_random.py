"""Workers killed at random times."""

from __future__ import annotations

import random

from support.pages import Page
from support.tasks import NAP

TASKS = 1000
KILLS = 10
WORKERS = 5

# Submits `tasks` at once, and goes on submitting until all deaths have been noticed. Each time that
# gaps[k] more tasks have ended, kills one of the workers that are up, as picks[k] says.
KILL_AT_RANDOM = (
    f"const NAP = `{NAP}`;"
    + """
const [tasks, workers, gaps, picks] = args;
const s = await Penny.scheduler({workers});
s.define('work', NAP + `def work(i, payload):
    nap(0.015)
    return i, payload[::-1]`);
s.define('where', NAP + `def where():
    import penny
    nap(0.005)
    return penny.current_worker()`);

const up = new Set();
let deaths = 0;
let look = () => {};
const allUp = () => new Promise(resolve => {
  look = () => { if (up.size === workers) resolve(); };
  look();
});
s.addEventListener('worker', ({detail: {worker, state}}) => {
  if (state === 'ready') up.add(worker);
  else up.delete(worker);
  if (state === 'lost') deaths++;
  look();
});

const ended = {right: 0, wrong: 0, WorkerLost: 0};
let submitted = 0;
const payload = i => Uint8Array.from({length: (i * 37) % 3000}, (_, k) => k + i);
const submit = async () => {
  const i = submitted++;
  const sent = payload(i);
  try {
    const [j, back] = await s.submit('work', i, sent);
    const same = back.length === sent.length && back.every((b, k) => b === sent.at(-1 - k));
    ended[i === j && same ? 'right' : 'wrong']++;
  } catch ({name}) {
    ended[name] = (ended[name] ?? 0) + 1;
  }
};
const submitMany = count => Promise.all(Array.from({length: count}, submit));

await allUp();
await Promise.all([submit(), s.submit('where')]);
const base = s.stats().heap.used;

let kills = 0;
let last = 0;
s.addEventListener('progress', ({detail: {done}}) => {
  if (kills === gaps.length || done - last < gaps[kills] || !up.size) return;
  const victim = [...up].sort()[picks[kills] % up.size];
  up.delete(victim);
  s.pool.kill(victim);
  last = done;
  kills++;
});
await submitMany(tasks);
while (deaths < gaps.length) await submitMany(50);
await allUp();

const stats = s.stats();
const numbers = new Set();
while (numbers.size < workers)
  for (const number of await Promise.all(Array.from({length: 10}, () => s.submit('where'))))
    numbers.add(number);
await s.shutdown();
return {
  submitted, ended, base, used: stats.heap.used, pending: stats.pending,
  deaths: stats.workers.reduce((sum, worker) => sum + worker.deaths, 0),
};
"""
)


def test_only_what_ran_on_killed_workers_is_lost(page: Page) -> None:
    """Every promise settles, all other results are right, the memory is free, the pool is whole."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    gaps = [generator.randrange(20, 100) for _ in range(KILLS)]
    picks = [generator.randrange(WORKERS) for _ in range(KILLS)]
    page.timeout = 60
    result = page.js(KILL_AT_RANDOM, TASKS, WORKERS, gaps, picks)
    print(result)
    assert result["deaths"] == KILLS
    lost = result["ended"]["WorkerLost"]
    assert lost <= KILLS
    assert result["ended"] == {
        "right": result["submitted"] - lost,
        "wrong": 0,
        "WorkerLost": lost,
    }
    assert result["submitted"] > TASKS
    assert result["pending"] == 0
    assert result["used"] == result["base"]
