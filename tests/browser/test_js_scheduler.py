"""Penny.scheduler() for JavaScript: options, events, statistics, shutdown."""

from __future__ import annotations

from typing import Any

import pytest
from support.pages import JavaScriptError, Page
from support.processes import live_workers, wait_for_no_workers
from support.servers import Server
from support.tasks import HOLD, WAIT_AT

# In these tests a task that prints has begun; `begun(n)` resolves when n have.
SETUP = (
    f"const HOLD = `{HOLD}`;"
    + """
const printed = [];
let look = () => {};
const output = (stream, text, worker) => { printed.push({stream, text, worker}); look(); };
const begun = n => new Promise(resolve => {
  (look = () => { if (printed.length >= n) resolve(); })();
});
const reason = promise =>
  promise.then(() => 'resolved', ({name, message}) => `${name}: ${message}`);
"""
)


# -- Options ---------------------------------------------------------------------------------------


@pytest.mark.scene("""
    const s = await Penny.scheduler({workers: 3});
    try { return [s.workers, s.stats().workers.length]; }
    finally { await s.shutdown({now: true}); }
""")
def test_number_of_workers(outcome: Any) -> None:
    assert outcome == [3, 3]


@pytest.mark.scene("""
    const s = await Penny.scheduler();
    try { return s.workers === navigator.hardwareConcurrency; }
    finally { await s.shutdown({now: true}); }
""")
def test_default_number_of_workers(outcome: Any) -> None:
    assert outcome


@pytest.mark.parametrize(
    ("workers", "error"),
    [("0", "RangeError"), ("-1", "RangeError"), ("1.5", "TypeError"), ("'2'", "TypeError")],
)
def test_wrong_number_of_workers(shared_page: Page, workers: str, error: str) -> None:
    with pytest.raises(JavaScriptError) as caught:
        shared_page.js(f"await Penny.scheduler({{workers: {workers}}})")
    assert caught.value.name == error
    assert "workers" in caught.value.message


@pytest.mark.scene("""
    const printed = [];
    const decode = bytes => new TextDecoder().decode(bytes);
    const output = (...line) => printed.push([...line.slice(0, 3), decode(line[3])]);
    const s = await Penny.scheduler({workers: 1, output});
    s.define('f', 'def f():\\n  import sys\\n  print("out")\\n  print("err", file=sys.stderr)');
    await s.submit('f');
    await s.shutdown();
    return printed;
""")
def test_output_of_tasks_with_their_worker(outcome: Any) -> None:
    assert outcome == [["stdout", "out\n", 0, "out\n"], ["stderr", "err\n", 0, "err\n"]]


def test_output_of_tasks_goes_to_the_console(page: Page) -> None:
    page.js("""
        const s = await Penny.scheduler({workers: 1});
        await s.submit('print', 'hello from a task');
        await s.shutdown();
    """)
    assert ("log", "[worker 0] hello from a task") in page.console()


# -- Events ----------------------------------------------------------------------------------------


@pytest.mark.scene("""
    const s = await Penny.scheduler({workers: 2});
    const states = [[], []];
    await new Promise(ready => s.addEventListener('worker', ({detail: {worker, state}}) => {
      states[worker].push(state);
      if (states.every(s => s.at(-1) === 'ready')) ready();
    }));
    await s.shutdown();
    return states;
""")
def test_worker_events(outcome: Any) -> None:
    assert outcome == [["starting", "ready", "stopped"]] * 2


@pytest.mark.scene("""
    const s = await Penny.scheduler({workers: 2});
    const events = [];
    s.addEventListener('progress', ({detail}) => events.push(detail));
    await Promise.all(Array.from({length: 1000}, (_, i) => s.submit('abs', i)));
    await s.shutdown();
    return events;
""")
def test_progress_events(outcome: Any) -> None:
    """`done` counts up to all, `pending` is what remains of what was submitted."""
    events = outcome
    done = [event["done"] for event in events]
    assert done == sorted(set(done))
    assert done[-1] == 1000
    assert all(event["done"] + event["pending"] == 1000 for event in events)


@pytest.mark.scene("""
    const s = await Penny.scheduler({workers: 1});
    const events = [];
    s.addEventListener('output', ({detail}) => events.push(detail));
    await s.submit('print', 'hello');
    await s.shutdown();
    return events;
""")
def test_output_events(outcome: Any) -> None:
    assert outcome == [{"stream": "stdout", "text": "hello\n", "worker": 0}]


# -- Statistics ------------------------------------------------------------------------------------


@pytest.mark.scene("""
    const s = await Penny.scheduler({workers: 2});
    await Promise.all(Array.from({length: 500}, (_, i) => s.submit('abs', i)));
    const stats = s.stats();
    await s.shutdown();
    return stats;
""")
def test_stats_count_every_task_once(outcome: Any) -> None:
    stats = outcome
    assert [worker["worker"] for worker in stats["workers"]] == [0, 1]
    assert sum(worker["run"] for worker in stats["workers"]) == 500
    assert all(0 <= worker["stolen"] <= worker["run"] for worker in stats["workers"])
    assert all(worker["deaths"] == 0 for worker in stats["workers"])
    assert stats["pending"] == 0


def test_stats_of_busy_and_idle_time(shared_page: Page) -> None:
    """Busy is what a task takes; the measurement here has the way there and back in it, too."""
    busy, idle, taken, passed = shared_page.js("""
        const s = await Penny.scheduler({workers: 1});
        await s.submit('len', 'up');
        const began = performance.now();
        const before = s.stats().workers[0];
        await s.submit('time.sleep', 0.3);
        const taken = performance.now() - began;
        await new Promise(resolve => setTimeout(resolve, 300));
        const after = s.stats().workers[0];
        const passed = performance.now() - began;
        await s.shutdown();
        return [after.busy - before.busy, after.idle - before.idle, taken / 1000, passed / 1000];
    """)
    assert 0.29 < busy < taken + 0.01
    assert 0.28 < idle < passed - busy + 0.01


@pytest.mark.scene(
    """
    const s = await Penny.scheduler({workers: 1, memory: 64 * 2 ** 20});
    await s.submit('len', 'up');
    const before = s.stats().heap;
    const gate = `/gates/${crypto.randomUUID()}`;
    s.define('wait_at', args[0]);
    const waiting = [s.submit('wait_at', gate), s.submit('len', new Uint8Array(10_000_000))];
    const during = s.stats().heap;
    await fetch(gate, {method: 'POST'});
    await Promise.all(waiting);
    await s.shutdown();
    return [before, during];
""",
    WAIT_AT,
)
def test_stats_of_the_heap(outcome: Any) -> None:
    before, during = outcome
    assert 60 * 2**20 < during["limit"] == before["limit"] <= 64 * 2**20
    assert during["used"] - before["used"] >= 10_000_000
    assert during["used"] <= during["size"] <= during["limit"]


# -- Shutdown --------------------------------------------------------------------------------------


@pytest.mark.scene("""
    const s = await Penny.scheduler({workers: 2});
    let done = 0;
    for (let i = 0; i < 100; i++) s.submit('time.sleep', 0.002).then(() => done++);
    await s.shutdown();
    return done;
""")
def test_shutdown_waits_for_what_is_pending(outcome: Any) -> None:
    assert outcome == 100


@pytest.mark.scene("""
    const printed = [];
    const s = await Penny.scheduler({workers: 2, output: (_, text) => printed.push(text)});
    s.define('f', 'def f(i):\\n  for j in range(20): print(i, j)');
    for (let i = 0; i < 100; i++) s.submit('f', i);
    await s.shutdown();
    return printed.join('').split('\\n');
""")
def test_shutdown_keeps_what_tasks_have_printed(outcome: Any) -> None:
    """Output comes by message, more slowly than completions."""
    lines = outcome
    assert sorted(lines[:-1]) == sorted(f"{i} {j}" for i in range(100) for j in range(20))


@pytest.mark.scene("""
    const printed = [];
    const s = await Penny.scheduler({workers: 1, output: (_, text) => printed.push(text)});
    await s.submit('print', 'no newline', Penny.keywords({end: ''}));
    await s.shutdown();
    return printed.join('').trimEnd();
""")
def test_shutdown_flushes_an_unfinished_line(outcome: Any) -> None:
    assert outcome == "no newline"


def test_shutdown_ends_the_workers(page: Page) -> None:
    page.js("""
        globalThis.s = await Penny.scheduler({workers: 2});
        await Promise.all(Array.from({length: 50}, () => s.submit('time.sleep', 0.01)));
    """)
    assert live_workers(page) == ["penny worker 0", "penny worker 1"]
    page.js("await s.shutdown()")
    wait_for_no_workers(page)


@pytest.mark.scene(
    SETUP
    + """
    const s = await Penny.scheduler({workers: 1, output});
    s.define('hold', HOLD);
    const running = reason(s.submit('hold'));
    const queued = reason(s.submit('len', 'abc'));
    await begun(1);
    await s.shutdown({now: true});
    return [await running, await queued];
"""
)
def test_shutdown_now_rejects_what_is_pending(outcome: Any) -> None:
    running, queued = outcome
    assert "shut down" in running
    assert "shut down" in queued


@pytest.mark.scene(
    SETUP
    + """
    const s = await Penny.scheduler({workers: 1, output});
    s.define('hold', HOLD);
    const running = reason(s.submit('hold'));
    await begun(1);
    const patient = s.shutdown();
    await s.shutdown({now: true});
    await patient;
    return await running;
"""
)
def test_shutdown_now_while_shutdown_waits(outcome: Any) -> None:
    assert "shut down" in outcome


def test_shutdown_before_any_worker_is_up(page: Page, server: Server) -> None:
    with server.holding("/penny/worker.js"):
        page.js("const s = await Penny.scheduler({workers: 2}); await s.shutdown()")
    wait_for_no_workers(page)


@pytest.mark.scene("""
    const s = await Penny.scheduler({workers: 1});
    await Promise.all([s.shutdown(), s.shutdown()]);
    await s.shutdown();
""")
def test_shutdown_twice(outcome: Any) -> None:
    assert outcome is None


@pytest.mark.scene(
    SETUP
    + """
    const s = await Penny.scheduler({workers: 1});
    const closing = s.shutdown();
    const during = await reason(s.submit('len', 'abc'));
    await closing;
    const after = await reason(s.submit('len', 'abc'));
    try { s.define('f', 'lambda: 1'); } catch (error) { return [during, after, error.message]; }
"""
)
def test_after_shutdown(outcome: Any) -> None:
    """Submissions are rejected, from the moment of the call on; definitions throw."""
    reasons = outcome
    assert all("shut down" in reason for reason in reasons)


@pytest.mark.scene("""
    const s = await Penny.scheduler({workers: 1});
    await s.submit('len', 'abc');
    await s.shutdown();
    return s.stats().workers[0].run;
""")
def test_stats_after_shutdown(outcome: Any) -> None:
    assert outcome == 1


@pytest.mark.scene("""
    const [a, b] = await Promise.all([1, 2].map(workers => Penny.scheduler({workers})));
    a.define('f', 'lambda x: ["a", x]');
    b.define('f', 'lambda x: ["b", x]');
    const results = s => Promise.all(Array.from({length: 300}, (_, i) => s.submit('f', i)));
    const [as, bs] = await Promise.all([results(a), results(b)]);
    await a.shutdown();
    const later = await b.submit('f', 0);
    const run = s => s.stats().workers.reduce((sum, worker) => sum + worker.run, 0);
    const counts = [run(a), run(b)];
    await b.shutdown();
    return [as.every(([s, i], n) => s === 'a' && i === n),
            bs.every(([s, i], n) => s === 'b' && i === n), later, counts];
""")
def test_two_schedulers_at_once(outcome: Any) -> None:
    """Each has its own workers, functions and statistics."""
    assert outcome == [True, True, ["b", 0], [300, 301]]
