"""The loop of a pool worker on a simulated core."""

from __future__ import annotations

import os
import sys
import threading

import pytest
from fake_port import FakePort, State

import penny
from penny import where
from penny.engines.pool import worker
from penny.functions.cache import FunctionCache
from penny.jobs import job as jobs
from penny.stdio import output


@pytest.fixture
def port():
    return FakePort()


def fail(error):
    raise error


def test_tasks_run_until_none_is_left(port):
    handles = [port.submit(pow, 2, i) for i in range(5)] + [port.submit(int, "11", base=2)]
    port.serve()
    values = [port.value(port.tasks[handle]) for handle in handles]
    assert values == [1, 2, 4, 8, 16, 3]


@pytest.mark.parametrize("error", [ValueError(1), KeyboardInterrupt(), SystemExit(3)])
def test_whatever_a_task_raises_is_its_outcome(port, error):
    failing, other = port.submit(fail, error), port.submit(str, 1)
    port.serve()
    with pytest.raises(type(error)) as info:
        port.value(port.tasks[failing])
    assert "in worker 0" in str(info.value.__cause__)
    assert "pool/worker.py" not in info.value.__cause__.text
    assert port.value(port.tasks[other]) == "1"


def test_large_arguments_and_results(port):
    data = bytes(worker.INBOX_BYTES + 1)
    assert port.run(bytes, data) == data
    port.heap_limit = 1 << 16
    with pytest.raises(MemoryError, match=r"the result of bytes: .* bytes, more than"):
        port.run(bytes, data)


def test_results_that_cannot_be_pickled(port):
    with pytest.raises(penny.PickleError, match="result"):
        port.run(lambda: [threading.Lock()])


def broken():
    raise ValueError("while unpickling")


class Broken:
    def __reduce__(self):
        return broken, ()


def test_arguments_that_cannot_be_unpickled(port):
    with pytest.raises(ValueError) as info:
        port.run(str, Broken())
    assert "(while unpickling a task in a worker)" in info.value.__notes__


def test_functions_are_kept(port, monkeypatch):
    loaded = []
    load = FunctionCache.load
    monkeypatch.setattr(FunctionCache, "SIZE", 2)
    monkeypatch.setattr(
        FunctionCache,
        "load",
        lambda self, serial, form: loaded.append(serial) or load(self, serial, form),
    )

    def again(function, *args):
        handle = port.submit(function, *args)
        task = port.tasks[handle]
        port._forms = None
        task.entry = entries.setdefault(function, task.entry)

    entries = {}
    for function in (str, str, int, str, float, str):
        again(function)
    port.serve()
    assert [port.table[entries[f]][0] for f in (str, int, float, str)] == loaded


def test_a_task_lets_go_of_its_jobs(port):
    def task():
        assert jobs.innermost.handle == -1
        penny.spawn(str, 1)
        assert penny.current_worker() == 0
        return len(jobs.stack)

    handles = [port.submit(task) for _ in range(3)]
    port.serve()
    assert [port.value(port.tasks[handle]) for handle in handles] == [2, 2, 2]


def test_a_cancel_that_comes_too_late_does_not_hit_the_next_task(port):
    def first():
        # The ring comes while the outcome is written: it is only noted.
        port.finish = finish

    def finish(raised, size):
        del port.finish
        port.cancel(port.stack[-1])
        port.finish(raised, size)

    handles = [port.submit(first), port.submit(str, 1)]
    port.serve()
    assert [port.value(port.tasks[handle]) for handle in handles] == [None, "1"]


def test_code_that_is_called_while_unpickling_may_spawn(port):
    assert port.run(list, Spawning()) == ["spawned"]


class Spawning:
    def __reduce__(self):
        return spawning, ()


def spawning():
    job, other = penny.spawn(str, "spawned"), penny.spawn(str)
    result = [job.join()]
    other.join()
    return result


def test_main(port, monkeypatch):
    """Number, recursion limit, check mode; and what was printed is flushed at the end."""
    seen = []
    limit = sys.getrecursionlimit()
    written = []
    monkeypatch.setattr(os, "write", lambda descriptor, data: written.append(data) or len(data))

    def task():
        seen.append((where.worker, sys.getrecursionlimit(), jobs.checking))
        shared = []
        output.stdout.write(b"half")
        penny.spawn(shared.append, 1).join()
        seen.append(shared)

    port.submit(task)
    from fake_port import isolated

    with isolated():
        try:
            worker.main(3, port.open, check=True)
        finally:
            sys.setrecursionlimit(limit)
    assert seen == [(3, worker.RECURSION_LIMIT, True), []]
    assert written == [b"half"]


def test_futures_inside_tasks(port):
    def task():
        scheduler = penny.current_scheduler()
        future = scheduler.submit(pow, 2, 5)
        port.ring()
        return future.result()

    assert port.run(task) == 32
    assert len(port.promoted) <= 1


def test_a_helped_task_that_fails(port):
    def task():
        job = penny.spawn(str, 1)
        port.ring()
        port.submit(fail, ValueError(1))
        return job.join()

    handle = port.submit(task)
    port.serve()
    assert port.value(port.tasks[handle]) == "1"
    assert sorted(task.state.name for task in port.tasks.values()) == ["RAISED", "RETURNED"]
    assert State.RAISED in [task.state for task in port.tasks.values()]
