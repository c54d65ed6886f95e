"""Workers that die: killed, or by a fatal error. They cost the tasks they ran, and nothing else."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.processes import wait_until
from support.servers import Server
from support.tasks import HOLD

# `open(workers)` opens a Scheduler `s` for a scene. `hold` is a task that runs until its worker
# dies; `begun(n)` resolves to the workers of the first n that run; `worker(state)` resolves at the
# next such event. `states[n]` are worker n's.
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

# Chromium ends a worker that is busy only two seconds after it was told to. So that this need not
# be waited for again and again, the scenes of this file are played at the same time, each with a
# Scheduler of its own; the tests look at what came of theirs.
SCENES: dict[str, str] = {}
PLAY = """
const [setup, scenes, seconds] = args;
const AsyncFunction = (async () => {}).constructor;
const play = source => new AsyncFunction(
  `${setup} try { ${source} } finally { await s?.shutdown({now: true}); }`)();
const late = () => new Promise((_, reject) =>
  setTimeout(() => reject(new Error('the scene does not end')), seconds * 1000));
const outcome = source => Promise.race([play(source), late()])
  .then(value => ({value}), error => ({error: String(error?.stack ?? error)}));
return Object.fromEntries(await Promise.all(
  Object.entries(scenes).map(async ([name, source]) => [name, await outcome(source)])));
"""

Test = TypeVar("Test", bound=Callable[..., None])


def scene(source: str) -> Callable[[Test], Test]:
    """The JavaScript whose value is the test's `outcome`."""

    def register(test: Test) -> Test:
        SCENES[test.__name__] = source
        return test

    return register


@pytest.fixture(scope="module")
def outcomes(chrome: Chrome, server: Server) -> Iterator[dict[str, Any]]:
    page = Page(chrome, server).open()
    page.timeout = 60  # for all of them together
    yield page.js(PLAY, SETUP, SCENES, page.timeout - 10)
    page.close()


@pytest.fixture
def outcome(request: pytest.FixtureRequest, outcomes: dict[str, Any]) -> Any:
    found = outcomes[request.function.__name__]
    assert "error" not in found, found["error"]
    return found["value"]


# -- Killed while it runs a task -------------------------------------------------------------------


@scene("""
    await open(2);
    const lost = s.submit('hold').catch(({name, message, worker}) => ({name, message, worker}));
    const [victim] = await begun(1);
    s.pool.kill(victim);
    return [await lost, victim];
""")
def test_running_task_is_lost(outcome: Any) -> None:
    error, victim = outcome
    assert error["name"] == "WorkerLost"
    assert error["worker"] == victim
    assert f"worker {victim} died" in error["message"]


@scene("""
    await open(2);
    const lost = s.submit('hold');
    const [victim] = await begun(1);
    const others = Array.from({length: 500}, (_, i) => s.submit('abs', -i));
    s.pool.kill(victim);
    return [await reason(lost), await Promise.all(others)];
""")
def test_other_tasks_run_on(outcome: Any) -> None:
    assert outcome == ["WorkerLost", list(range(500))]


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
    await open(2);
    while (states.filter(s => s.includes('ready')).length < 2) await worker('ready');
    s.submit('hold').catch(() => {});
    const [victim] = await begun(1);
    s.pool.kill(victim);
    await worker('ready');
    return [[...states[victim]], [...states[1 - victim]]];
""")
def test_events(outcome: Any) -> None:
    assert outcome == [["starting", "ready", "lost", "starting", "ready"], ["starting", "ready"]]


@scene("""
    await open(2);
    const lost = s.submit('hold');
    const [victim] = await begun(1);
    s.pool.kill(victim);
    await reason(lost);
    return [victim, s.stats()];
""")
def test_stats_count_deaths(outcome: Any) -> None:
    victim, stats = outcome
    deaths = {worker["worker"]: worker["deaths"] for worker in stats["workers"]}
    assert deaths == {victim: 1, 1 - victim: 0}
    assert stats["pending"] == 0


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
    s.pool.kill(0);
    return [await s.submit('len', 'abc'), [...states[0]]];
""")
def test_at_once(outcome: Any) -> None:
    """Before or after it has begun to start."""
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


def test_before_its_script_is_there(page: Page, server: Server) -> None:
    with server.holding("/penny/worker.js") as release:
        server.requests.clear()
        page.js(SETUP + "await open(1); Object.assign(globalThis, {s, states})")
        wait_until(page, lambda: "/penny/worker.js" in server.requests, "no worker starts")
        page.js("globalThis.promise = s.submit('abs', -3); s.pool.kill(0)")
        release()
        assert page.js("return [await promise, states[0]]") == [
            3,
            ["starting", "lost", "starting", "ready"],
        ]


def test_while_it_boots(page: Page, server: Server) -> None:
    """It holds its lock and loads a package."""
    path = "/held-1.0-py3-none-any.whl"
    server.write(path.removeprefix("/"), wheel("held"))
    with server.holding(path) as release:
        server.requests.clear()
        page.js(
            SETUP
            + """
            await open(1, {packages: ['./held-1.0-py3-none-any.whl']});
            Object.assign(globalThis, {s, states});
            """
        )
        wait_until(
            page, lambda: "/held-1.0-py3-none-any.whl" in server.requests, "nothing is loaded"
        )
        page.js("globalThis.promise = s.submit('held.answer'); s.pool.kill(0)")
        release()
        assert page.js("return [await promise, states[0]]") == [
            42,
            ["starting", "lost", "starting", "ready"],
        ]


def wheel(name: str) -> bytes:
    """A package with one function, `answer`."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "def answer():\n    return 42\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zip_file:
        for path, text in files.items():
            zip_file.writestr(path, text)
    return archive.getvalue()


def test_three_times_before_it_is_up(page: Page, server: Server) -> None:
    """As three failed starts: the pool gives up, and says so."""
    with server.holding("/penny/worker.js"):
        assert page.js(
            SETUP
            + """
            await open(1);
            const name = reason(s.submit('len', 'abc'));
            while (states[0]?.at(-1) !== 'starting') await worker('starting');
            for (let i = 0; i < 3; i++) s.pool.kill(0);
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
    assert "Maximum call stack size exceeded" in error


@scene("""
    await open(1);
    s.define('deep', 'def deep(n): return deep(n + 1)');
    const type = await s.submit('deep', 0).catch(error => error.type);
    return [type, s.stats().workers[0].deaths];
""")
def test_deep_recursion_in_python_is_no_fatal_error(outcome: Any) -> None:
    assert outcome == ["RecursionError", 0]


@pytest.mark.parametrize("on", ["host", "page"])
def test_fatal_error_in_python(shared_page: Page, on: Literal["host", "page"]) -> None:
    run = shared_page.run(
        f"""
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
        """,
        on=on,
    )
    assert run.status == 0
    # Before it, Pyodide prints its own last words.
    *_, lost, total = run.stdout.splitlines()
    assert lost.startswith("worker ")
    assert "deep" in lost
    assert total == "4950"


def test_fatal_error_while_the_host_blocks(shared_page: Page) -> None:
    run = shared_page.run(f"""
        import penny

        {DEEP_IN_C}

        with penny.Scheduler(2) as s:
            print(type(s.submit(deep, 5000).exception()).__name__, s.submit(len, "abc").result())
    """)
    assert run.stdout.endswith("WorkerLost 3\n")
