"""Traces, through each interface: as many events as things happened, in a form viewers take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.kernel_modules import kernel_module
from support.pages import JavaScriptError, Page, Run
from support.tasks import HOLD
from trace_format import check_trace, instants, spans, thread

HERE = Path(__file__).parent

# What of a program the trace has to agree with.
REPORT = """
import json
def report(s, **more):
    trace = s.trace()
    print(json.dumps({"trace": trace, "workers": s.stats()["workers"], **more}))
"""


def reported(run: Run) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The events, checked, and the whole report."""
    report = json.loads(run.ok())
    return check_trace(report["trace"]), report


def check_counts(events: list[dict[str, Any]], workers: list[dict[str, Any]]) -> None:
    """As many spans as tasks ran, as many steals and promotions as were counted."""
    for worker in workers:
        tid = thread(events, f"worker {worker['worker']}")
        mine = [event for event in events if event["tid"] == tid]
        assert len(spans(mine, "task")) == worker["run"]
        assert len(instants(mine, "steal")) == worker["stolen"]
        batch = [e for e in instants(mine, "promote") if e["args"]["queue"] == "batch"]
        assert len(batch) == worker["promoted"]


# -- Python --------------------------------------------------------------------------------------

FORK_JOIN = f"""
{REPORT}
import penny

def fib(n):
    if n < 2:
        return n
    job = penny.spawn(fib, n - 1)
    return fib(n - 2) + job.join()

def fail():
    raise ValueError

async def wait(seconds):
    import asyncio
    await asyncio.sleep(seconds)

async with penny.Scheduler(workers=2, trace=True) as s:
    futures = [s.submit(fib, 18) for _ in range(10)] + [s.submit(pow, 2, n) for n in range(200)]
    futures += [s.submit(wait, 0.02) for _ in range(3)]
    futures += [s.options(priority="interactive").submit(fib, 3)]
    for future in futures:
        await future
    try:
        await s.submit(fail)
    except ValueError:
        pass
    report(s, running=True)
"""


@pytest.mark.program(FORK_JOIN)
def test_fork_join(run: Run) -> None:
    events, report = reported(run)
    check_counts(events, report["workers"])
    assert report["trace"]["otherData"]["dropped"] == 0
    tasks = spans(events, "task")
    names = [event["name"] for event in tasks]
    jobs = sum(worker["stolen"] for worker in report["workers"])
    assert names.count("pow") == 200
    assert names.count("__main__.wait") == 3
    assert 11 <= names.count("__main__.fib") <= 11 + jobs
    (failed,) = (event for event in tasks if event["name"] == "__main__.fail")
    assert failed["args"]["outcome"] == "raised"
    assert [e["args"].get("interactive") for e in tasks].count(True) >= 1
    assert {e["tid"] for e in tasks if e["ph"] == "b"} == {thread(events, "async worker")}
    submitted = [e for e in events if e["ph"] == "i" and e["cat"] == "submit"]
    assert len(submitted) == 215
    assert {e["tid"] for e in submitted} == {thread(events, "host")}
    assert all(e["args"]["queued_us"] >= 0 for e in tasks)


@pytest.mark.parametrize("after", [True, False])
def test_on_a_page_also_after_shutdown(shared_page: Page, after: bool) -> None:
    run = shared_page.run(
        f"""
        {REPORT.replace(chr(10), chr(10) + " " * 8)}
        import penny
        async with penny.Scheduler(workers=2, trace=True) as s:
            print(sum([n async for n in s.imap(abs, range(100))]), end="" if {after} else "\\n")
            if not {after}: report(s)
        if {after}: print(), report(s)
        """,
        on="page",
    )
    first, second = run.ok().splitlines()
    report = json.loads(second)
    events = check_trace(report["trace"])
    assert first == "4950"
    check_counts(events, report["workers"])
    assert len(spans(events, "task")) == 100
    if after:  # one that was not up before it was over is not waited for
        ran = {w["worker"] for w in report["workers"] if w["run"]}
        stopped = {e["tid"] for e in instants(events, "stop")}
        assert stopped >= {thread(events, f"worker {number}") for number in ran}


@pytest.mark.program("""
import penny
with penny.Scheduler() as s:
    try:
        s.trace()
    except RuntimeError as error:
        print(error)
""")
def test_nothing_was_recorded(run: Run) -> None:
    assert "open the Scheduler with trace=True" in run.ok()


@pytest.mark.program(f"""
{REPORT}
import penny
def ask():
    return len(penny.current_scheduler().trace()["traceEvents"])
with penny.Scheduler(workers=1, trace=True) as s:
    asked = s.submit(ask).result()
    report(s, asked=asked)
""")
def test_a_task_may_ask(run: Run) -> None:
    events, report = reported(run)
    assert 0 < report["asked"] <= len(events) + 1


@pytest.mark.program(f"""
{REPORT}
import penny
with penny.Scheduler(workers=2, trace=True) as s:
    # More than the rings hold: the page has to copy them meanwhile.
    futures = [s.submit(abs, n) for n in range(40_000)]
    total = sum(future.result() for future in futures)
    trace = s.trace()
    tasks = [e for e in trace["traceEvents"] if e["ph"] == "X" and e["cat"] == "task"]
    print(json.dumps([total, len(tasks), trace["otherData"]["dropped"]]))
""")
def test_a_long_run_loses_nothing(run: Run) -> None:
    total, tasks, dropped = json.loads(run.ok())
    assert total == 40_000 * 39_999 // 2
    assert (tasks, dropped) == (40_000, 0)


def test_kernels(shared_page: Page) -> None:
    run = shared_page.run(
        f"""
{REPORT}
import penny

k = penny.Kernels(open("kernels.wasm", "rb").read())
with penny.Scheduler(workers=2, trace=True) as s:
    for _ in range(100):
        s.submit(k.fib, 27).result()
        if any(worker["stolen"] for worker in s.stats()["workers"]):
            break
    report(s)
        """,
        files={"kernels.wasm": kernel_module(HERE / "kernels.c")},
    )
    events, report = reported(run)
    check_counts(events, report["workers"])
    jobs = [event for event in spans(events, "task") if event["args"].get("kernel")]
    others = {e["name"] for e in spans(events, "task") if not e["args"].get("kernel")}
    assert others == {"fib"}
    assert jobs, "no job was stolen"
    assert {event["args"]["stolen"] for event in jobs} >= {True}
    assert all(event["name"].startswith("kernel function ") for event in jobs)


# -- JavaScript ----------------------------------------------------------------------------------


@pytest.mark.scene("""
    const s = await Penny.scheduler({workers: 2, trace: true});
    s.define('double', 'lambda x: 2 * x');
    await Promise.all(Array.from({length: 300}, (_, x) => s.submit('double', x)));
    await s.submit('operator.add', 40, 2);
    const trace = s.trace();
    await s.shutdown();
    return {trace, workers: s.stats().workers, after: s.trace().traceEvents.length};
""")
def test_from_javascript(outcome: Any) -> None:
    events = check_trace(outcome["trace"])
    check_counts(events, outcome["workers"])
    names = [event["name"] for event in spans(events, "task")]
    assert names.count("double") == 300
    assert len(names) == 301
    assert outcome["after"] >= len(events)


def test_nothing_was_recorded_for_javascript(shared_page: Page) -> None:
    with pytest.raises(JavaScriptError, match=r"Penny\.scheduler\(\{trace: true\}\)"):
        shared_page.js("""
            const s = await Penny.scheduler({workers: 1});
            try { s.trace(); } finally { await s.shutdown({now: true}); }
        """)


def test_a_death(page: Page) -> None:
    outcome = page.js(
        """
        const [hold] = args;
        let begun;
        const has = new Promise(resolve => (begun = resolve));
        const s = await Penny.scheduler({workers: 1, trace: true, output: () => begun()});
        s.define('hold', hold);
        const lost = s.submit('hold').catch(error => error.name);
        await has;
        s.pool.kill(0);
        const name = await lost;
        await s.submit('abs', -1);
        await s.shutdown();
        return {name, trace: s.trace()};
        """,
        HOLD,
    )
    assert outcome["name"] == "WorkerLost"
    events = check_trace(outcome["trace"])
    lost, after = spans(events, "task")
    assert (lost["name"], lost["args"]["lost"]) == ("hold", True)
    (death,) = instants(events, "death")
    assert death["tid"] == thread(events, "worker 0")
    assert lost["ts"] + lost["dur"] <= death["ts"] + 0.1 <= after["ts"] + 0.2
    assert len(instants(events, "start")) == 2


# -- Programs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fails", [False, True])
def test_penny_run_with_a_trace(shared_page: Page, on: str, fails: bool) -> None:
    outcome = shared_page.js(
        """
        const [source, on] = args;
        let trace;
        const status = await Penny.run(source, {
          on, workers: 2, trace: whole => (trace = whole), output: () => {},
        });
        return {status, trace};
        """,
        "import penny\n"
        "for n in (1, 2):\n"
        "    async with penny.Scheduler() as s:\n"
        "        [x async for x in s.imap(abs, range(50))]\n" + ("1 / 0\n" if fails else ""),
        on,
    )
    assert outcome["status"] == int(fails)
    events = check_trace(outcome["trace"])
    assert len(spans(events, "task")) == 100
    processes = [e["args"]["name"] for e in events if e["name"] == "process_name"]
    assert processes == ["Penny scheduler 1", "Penny scheduler 2"]
