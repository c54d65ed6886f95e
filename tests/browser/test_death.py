"""Workers that die: killed, or by a fatal error. They cost the tasks they ran, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from support.pages import Page, Run
from support.processes import wait_until
from support.servers import Server
from support.tasks import HOLD
from support.wheels import make_wheel

# `open(workers)` opens a Scheduler `s`. `hold` is a task that runs until its worker dies.
# `begun(n)` resolves to the workers of the first n that run; `worker(state)` resolves at the next
# such event. `states[n]` are worker n's.
SETUP = (
    f"const HOLD = `{HOLD}`;"
    + """
const states = [], errors = [], running = [];
let look = () => {}, s;
const open = async (workers, options = {}) => {
  s = await Penny.scheduler({...options, workers, output: (stream, text, worker) => {
    if (text === 'begun\\n') running.push(worker);
    look();
  }});
  s.addEventListener('worker', ({detail: {worker, state, error}}) => {
    (states[worker] ??= []).push(state);
    if (state === 'lost') errors.push(error);
  });
  s.define('hold', HOLD);
};
const begun = n => new Promise(resolve => {
  look = () => { if (running.length >= n) resolve(running.slice(0, n)); };
  look();
});
const worker = wanted => new Promise(resolve =>
  s.addEventListener('worker', ({detail: {worker, state}}) => {
    if (state === wanted) resolve(worker);
  }));
const reason = promise => promise.then(() => 'resolved', error => error.name);
"""
)


def scene(source: str) -> pytest.MarkDecorator:
    """A scene with SETUP, at whose end the Scheduler is shut down.

    Chromium ends a worker that is busy only two seconds after it was told to.
    """
    return pytest.mark.scene(
        f"{SETUP} try {{ {source} }} finally {{ await s?.shutdown({{now: true}}); }}"
    )


# -- Killed while it runs a task -------------------------------------------------------------------


ONE_OF_TWO = scene("""
    await open(2);
    while (states.filter(s => s.includes('ready')).length < 2) await worker('ready');
    const lost = s.submit('hold').catch(({name, message, worker}) => ({name, message, worker}));
    const [victim] = await begun(1);
    const others = Array.from({length: 500}, (_, i) => s.submit('abs', -i));
    s.pool.kill(victim);
    const [error, results] = await Promise.all([lost, Promise.all(others), worker('ready')]);
    return {victim, error, results, states: structuredClone(states), stats: s.stats()};
""")


@ONE_OF_TWO
def test_running_task_is_lost(outcome: Any) -> None:
    error, victim = outcome["error"], outcome["victim"]
    assert error["name"] == "WorkerLost"
    assert error["worker"] == victim
    assert f"worker {victim} died" in error["message"]


@ONE_OF_TWO
def test_other_tasks_run_on(outcome: Any) -> None:
    assert outcome["results"] == list(range(500))


@ONE_OF_TWO
def test_events(outcome: Any) -> None:
    victim, states = outcome["victim"], outcome["states"]
    assert states[victim] == ["starting", "ready", "lost", "starting", "ready"]
    assert states[1 - victim] == ["starting", "ready"]


@ONE_OF_TWO
def test_stats_count_deaths(outcome: Any) -> None:
    victim, stats = outcome["victim"], outcome["stats"]
    deaths = {worker["worker"]: worker["deaths"] for worker in stats["workers"]}
    assert deaths == {victim: 1, 1 - victim: 0}
    assert stats["pending"] == 0


@scene("""
    await open(1);
    await s.submit('len', 'up');
    const promises = [s.submit('hold')];
    for (let i = 0; i < 20; i++) promises.push(s.submit('abs', -i));
    await begun(1);
    s.pool.kill(0);
    return [await reason(promises[0]), await Promise.all(promises.slice(1))];
""")
def test_tasks_in_the_deque_of_the_only_worker(outcome: Any) -> None:
    """It took a batch of them; it dies of the first, the others are for its successor."""
    assert outcome == ["WorkerLost", list(range(20))]


@scene("""
    await open(3);
    const lost = [1, 2, 3].map(() => s.submit('hold'));
    const later = s.submit('len', 'abc');
    await begun(3);
    for (const victim of [0, 1, 2]) s.pool.kill(victim);
    const names = await Promise.all(lost.map(reason));
    const result = await later;
    running.length = 0;
    for (let i = 0; i < 3; i++) s.submit('hold').catch(() => {});
    return [names, result, (await begun(3)).sort()];
""")
def test_all_workers_at_once(outcome: Any) -> None:
    """Afterwards, three tasks run at the same time again."""
    assert outcome == [["WorkerLost"] * 3, 3, [0, 1, 2]]


@scene("""
    await open(1);
    const names = [];
    for (let i = 1; i <= 3; i++) {
      const lost = s.submit('hold');
      await begun(i);
      s.pool.kill(0);
      names.push(await reason(lost));
    }
    return [names, await s.submit('len', 'abc'), s.stats().workers[0].deaths];
""")
def test_same_worker_again_and_again(outcome: Any) -> None:
    """These are no failed starts: the pool goes on."""
    assert outcome == [["WorkerLost"] * 3, 3, 3]


@scene("""
    await open(1);
    s.define('size', 'lambda *arguments: len(arguments)');
    await s.submit('size', new Uint8Array(1));
    await s.submit('hold', () => {}).catch(() => {}); // only enters its function
    const before = s.stats().heap.used;
    const lost = s.submit('hold', new Uint8Array(1_000_000));
    const waiting = [1, 2, 3].map(i => s.submit('size', new Uint8Array(i * 100_000)));
    await begun(1);
    s.pool.kill(0);
    await reason(lost);
    await Promise.all(waiting);
    return [before, s.stats().heap.used];
""")
def test_memory_of_lost_tasks_is_free(outcome: Any) -> None:
    """Arguments that lie in the heap, of a task that ran and of tasks that waited."""
    before, after = outcome
    assert after == before


@scene("""
    await open(2);
    const lost = s.submit('hold');
    const [victim] = await begun(1);
    const closed = s.shutdown();
    s.pool.kill(victim);
    await closed;
    return await reason(lost);
""")
def test_shutdown_that_waits(outcome: Any) -> None:
    assert outcome == "WorkerLost"


# -- Killed at other times -------------------------------------------------------------------------


@scene("""
    await open(2);
    while (states.filter(s => s.includes('ready')).length < 2) await worker('ready');
    s.pool.kill(1);
    const lost = await worker('lost');
    for (let i = 0; i < 2; i++) s.submit('hold').catch(() => {});
    return [lost, (await begun(2)).sort()];
""")
def test_idle_worker(outcome: Any) -> None:
    """Nothing is lost, and a successor comes: two tasks run at the same time."""
    assert outcome == [1, [0, 1]]


@scene(
    "await open(1); await s.submit('len', ''); await s.shutdown(); s.pool.kill(0); return states[0]"
)
def test_after_shutdown(outcome: Any) -> None:
    assert outcome == ["starting", "ready", "stopped"]


@scene("""
    await open(1);
    const ready = worker('ready');
    s.pool.kill(0);
    return [await s.submit('len', 'abc'), (await ready, [...states[0]])];
""")
def test_at_once(outcome: Any) -> None:
    """Before or after it has begun to start.

    A worker says that it is ready by a message, and gives results by shared memory: the first
    result may be here first.
    """
    result, states = outcome
    assert result == 3
    assert states in (["starting", "ready"], ["starting", "lost", "starting", "ready"])


@scene("""
    await open(1);
    let fatal = 2;
    s.addEventListener('worker', ({detail: {state}}) => {
      if (state === 'starting' && fatal-- > 0) queueMicrotask(() => s.pool.kill(0));
    });
    await worker('ready');
    fatal = 2;
    s.pool.kill(0);
    await worker('ready');
    return [await s.submit('len', 'abc'), states[0].filter(state => state === 'lost').length];
""")
def test_failed_starts_that_are_not_in_a_row(outcome: Any) -> None:
    """Two before the worker was up, two after it died: the pool goes on."""
    assert outcome == [3, 5]


AFTER = """
const result = await promise;
const states = structuredClone(globalThis.states[0]);
await s.shutdown();
return [result, states];
"""


def test_before_its_script_is_there(shared_page: Page, server: Server) -> None:
    with server.holding("/penny/worker.js") as release:
        server.requests.clear()
        shared_page.js(SETUP + "await open(1); Object.assign(globalThis, {s, states})")
        wait_until(shared_page, lambda: "/penny/worker.js" in server.requests, "no worker starts")
        shared_page.js("globalThis.promise = s.submit('abs', -3); s.pool.kill(0)")
        release()
        assert shared_page.js(AFTER) == [
            3,
            ["starting", "lost", "starting", "ready"],
        ]


def test_while_it_boots(shared_page: Page, server: Server) -> None:
    """It holds its lock and loads a package."""
    name, wheel = make_wheel("held", "def answer():\n    return 42\n")
    server.write(name, wheel)
    with server.holding(f"/{name}") as release:
        server.requests.clear()
        shared_page.js(
            SETUP + "await open(1, {packages: args}); Object.assign(globalThis, {s, states})",
            f"/{name}",
        )
        wait_until(shared_page, lambda: f"/{name}" in server.requests, "nothing is loaded")
        shared_page.js("globalThis.promise = s.submit('held.answer'); s.pool.kill(0)")
        release()
        assert shared_page.js(AFTER) == [
            42,
            ["starting", "lost", "starting", "ready"],
        ]


def test_three_times_before_it_is_up(shared_page: Page, server: Server) -> None:
    """As three failed starts: the pool gives up, and says so."""
    with server.holding("/penny/worker.js"):
        assert shared_page.js(
            SETUP
            + """
            await open(1);
            const name = reason(s.submit('len', 'abc'));
            while (states[0]?.at(-1) !== 'starting') await worker('starting');
            for (let i = 0; i < 3; i++) s.pool.kill(0);
            await s.shutdown();
            return [await name, states[0].filter(state => state === 'starting').length];
            """
        ) == ["BrokenPool", 3]


# -- Fatal errors ----------------------------------------------------------------------------------

DEEP_IN_C = "def deep(n): return sum(map(deep, [n - 1])) if n else 0"


@scene(f"""
    await open(2);
    s.define('deep', '{DEEP_IN_C}');
    const name = await reason(s.submit('deep', 5000));
    return [name, await s.submit('len', 'abc'), errors];
""")
def test_fatal_error(outcome: Any) -> None:
    """Recursion through C frames exhausts the engine's stack, and Pyodide with it."""
    name, later, errors = outcome
    assert name == "WorkerLost"
    assert later == 3
    (error,) = errors
    assert "Maximum call stack size exceeded" in error or "too much recursion" in error


@scene("""
    await open(1);
    s.define('deep', 'def deep(n): return deep(n + 1)');
    const type = await s.submit('deep', 0).catch(error => error.type);
    return [type, s.stats().workers[0].deaths];
""")
def test_deep_recursion_in_python_is_no_fatal_error(outcome: Any) -> None:
    assert outcome == ["RecursionError", 0]


@pytest.mark.usefixtures("on")
@pytest.mark.program(f"""
    import penny

    {DEEP_IN_C}

    async with penny.Scheduler(2) as s:
        lost = s.submit(deep, 5000)
        others = [s.submit(abs, -i) for i in range(100)]
        try:
            await lost
        except penny.WorkerLost as error:
            print(error)
        print(sum([await other for other in others]))
""")
def test_fatal_error_in_python(run: Run) -> None:
    assert run.status == 0
    # Before it, Pyodide prints its own last words.
    *_, lost, total = run.stdout.splitlines()
    assert lost.startswith("worker ")
    assert "deep" in lost
    assert total == "4950"
