"""Workers that die with jobs of others, or whose jobs others have: what is lost, what is freed."""

from __future__ import annotations

from typing import Any

import pytest
from support.faults import POOL
from support.tasks import NAP

# Tasks say by a line of output that they have come to a point. Of those on Python's side:
#
# - `hold` says "holds" and runs until it is cancelled, which it says, too; `nap_on` sleeps instead,
#   so that it hears no doorbell;
# - `waits_for(name)` spawns one of them, and joins it once another worker has begun it.
PYTHON = (
    NAP
    + """
import penny

def say(what):
    print(what, flush=True)

def hold():
    try:
        say("holds")
        while True:
            pass
    except penny.Cancelled:
        say("cancelled")
        raise

def nap_on():
    say("holds")
    nap(1e6)

def stolen(job):
    while not job.begun():
        pass
    return job

def waits_for(name):
    job = stolen(penny.spawn(globals()[name]))
    say("waits")
    try:
        return job.join()
    except penny.WorkerLost as error:
        return str(error)

def owns(name, others):
    # It is to die with jobs of each kind: begun by another, and not begun.
    jobs = [penny.spawn(globals()[name])]
    stolen(jobs[0])
    jobs += [penny.spawn(bytes, 100_000) for _ in range(others)]
    say("owns")
    while True:
        pass

def fib(n):
    if n < 2:
        return n
    job = penny.spawn(fib, n - 1)
    return fib(n - 2) + job.join()

def crash(n):
    return sum(map(crash, [n]))

async def sleep_on(n):
    import asyncio
    say("sleeps")
    await asyncio.sleep(1e6)

async def double(n):
    return 2 * n

def awaits(name, n):
    futures = [penny.current_scheduler().submit(globals()[name], i) for i in range(n)]
    results = []
    for future in futures:
        try:
            results.append(future.result())
        except penny.WorkerLost:
            results.append("WorkerLost")
    return results
"""
)

# `start(workers)` opens a Scheduler for the functions above; `settled(test)` resolves to the
# statistics once they pass a test, or do not for long.
SETUP = (
    f"{POOL} const PYTHON = `{PYTHON}`;"
    + """
const start = async workers => {
  await open(workers);
  for (const name of ['waits_for', 'owns', 'fib', 'crash', 'awaits']) s.define(name, PYTHON);
};
const settled = async test => {
  for (let i = 0; i < 2000 && !test(s.stats()); i++)
    await new Promise(next => setTimeout(next, 10));
  return s.stats();
};
"""
)


def scene(source: str) -> pytest.MarkDecorator:
    """A scene with SETUP, at whose end the Scheduler is shut down.

    Chromium ends a worker that is busy only two seconds after it was told to.
    """
    return pytest.mark.scene(
        f"{SETUP} try {{ {source} }} finally {{ await s?.shutdown({{now: true}}); }}"
    )


# -- The thief -------------------------------------------------------------------------------------


@scene("""
    await start(2);
    const result = s.submit('waits_for', 'hold');
    const thief = await said('holds');
    const owner = await said('waits');
    s.pool.kill(thief);
    const message = await result;
    const stats = await settled(({workers}) => workers[thief].deaths === 1);
    return {thief, owner, message, after: await s.submit('fib', 10), stats};
""")
def test_a_thief_dies(outcome: Any) -> None:
    """The join raises WorkerLost; the task that joins goes on."""
    thief = outcome["thief"]
    assert outcome["owner"] == 1 - thief
    assert outcome["message"].startswith(f"worker {thief} died while it ran ")
    assert "hold" in outcome["message"]
    assert outcome["after"] == 55
    assert outcome["stats"]["workers"][1 - thief]["deaths"] == 0


@scene("""
    await start(2);
    const lost = await outcomeOf(s.submit('crash', 1));
    await allUp();
    s.define('crashes', PYTHON + `
def crashes(n):
    job = stolen(penny.spawn(crash, n))
    try:
        job.join()
    except penny.WorkerLost:
        return "lost", penny.spawn(abs, -n).join()`);
    return [lost, await s.submit('crashes', 7)];
""")
def test_a_thief_dies_by_itself(outcome: Any) -> None:
    assert outcome == ["WorkerLost", ["lost", 7]]


# -- The owner -------------------------------------------------------------------------------------


@scene("""
    await start(2);
    await s.submit('fib', 15);
    await outcomeOf(s.submit('owns')); // only enters its function
    const base = s.stats().heap.used;
    const lost = outcomeOf(s.submit('owns', 'hold', 20));
    const thief = await said('holds');
    s.pool.kill(await said('owns'));
    const results = [await said('cancelled') === thief, await lost];
    await allUp();
    await s.submit('fib', 15);
    const stats = await settled(({heap}) => heap.used <= base);
    return {results, base, used: stats.heap.used, pending: stats.pending};
""")
def test_an_owner_dies(outcome: Any) -> None:
    """What others run of it is cancelled there; its memory is free, what was queued, too."""
    assert outcome["results"] == [True, "WorkerLost"]
    assert outcome["used"] <= outcome["base"]
    assert outcome["pending"] == 0


@scene("""
    await start(2);
    const lost = [outcomeOf(s.submit('waits_for', 'nap_on'))];
    const thief = await said('holds');
    const owner = await said('waits');
    s.pool.kill(owner);
    s.pool.kill(thief);
    const names = await Promise.all(lost);
    return [names, await s.submit('fib', 12), s.stats().pending];
""")
def test_owner_and_thief_die(outcome: Any) -> None:
    assert outcome == [["WorkerLost"], 144, 0]


# -- A whole tree ----------------------------------------------------------------------------------


@scene("""
    await start(3);
    const stolen = () => s.stats().workers.reduce((sum, {stolen}) => sum + stolen, 0);
    const trees = [];
    const grow = () => trees.push(outcomeOf(s.submit('fib', 19)));
    await s.submit('fib', 18);
    const base = s.stats().heap.used;
    for (let kill = 0; kill < 2; kill++) {
      const before = stolen();
      await settled(({pending}) => {
        for (; pending < 3; pending++) grow();
        return stolen() > before;
      });
      s.pool.kill(kill);
      await settled(() => deaths() > kill);
    }
    grow();
    const outcomes = await Promise.all(trees);
    await allUp();
    await s.submit('fib', 18);
    const stats = await settled(({heap}) => heap.used <= base);
    return {outcomes, last: outcomes.at(-1), base, used: stats.heap.used, pending: stats.pending};
""")
def test_workers_die_under_running_trees(outcome: Any) -> None:
    """Each tree fails with WorkerLost or is right. In the end all memory is free."""
    assert set(outcome["outcomes"]) <= {4181, "WorkerLost", "penny.errors.WorkerLost"}
    assert outcome["last"] == 4181
    assert outcome["used"] <= outcome["base"]
    assert outcome["pending"] == 0


# -- The worker for coroutines ---------------------------------------------------------------------


@scene("""
    await start(1);
    const waiting = s.submit('awaits', 'sleep_on', 5);
    for (let i = 0; i < 5; i++) await said('sleeps');
    s.pool.kill(64);
    return [await waiting, await s.submit('awaits', 'double', 5), s.stats().pending];
""")
def test_coroutines_are_lost_with_their_worker(outcome: Any) -> None:
    """All that ran there. The next ones have a new one."""
    assert outcome == [["WorkerLost"] * 5, [0, 2, 4, 6, 8], 0]


@scene("""
    await start(1);
    const waiting = outcomeOf(s.submit('awaits', 'sleep_on', 5));
    for (let i = 0; i < 5; i++) await said('sleeps');
    s.pool.kill(0);
    const lost = await waiting;
    await until(() => states[0] === 'ready');
    return [lost, await s.submit('awaits', 'double', 5), s.stats().pending];
""")
def test_coroutines_of_a_dead_task(outcome: Any) -> None:
    """They are cancelled with it; their worker goes on."""
    assert outcome == ["WorkerLost", [0, 2, 4, 6, 8], 0]


# -- Shutdown --------------------------------------------------------------------------------------


@scene("""
    await start(2);
    const tree = s.submit('fib', 16);
    const closed = s.shutdown();
    const outcome = await tree;
    await closed;
    return [outcome, states];
""")
def test_shutdown_under_a_running_tree(outcome: Any) -> None:
    """The tree ends first, hungry workers or not."""
    assert outcome == [987, ["stopped", "stopped"]]
