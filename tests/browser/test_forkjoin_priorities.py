"""Interactive tasks go before batch tasks, also before those that run."""

from __future__ import annotations

import pytest

HELD = """
    import time
    import penny
    from forkjoin import SECONDS, outcome
    from gates import Gate
    from pool import shared

    urgent = shared.options(priority="interactive")

    def run_until(gate):
        # A task of Python that goes on until somebody asks it to end.
        gate.open()
        deadline = time.monotonic() + SECONDS
        while not penny.cancelled() and time.monotonic() < deadline:
            pass

    def occupy(n=2):
        # All workers run long batch tasks from here on.
        gates = [Gate() for _ in range(n)]
        futures = [shared.submit(run_until, gate) for gate in gates]
        for gate in gates:
            gate.wait()
        return futures

    def free(futures):
        for future in futures:
            future.cancel(running=True)
        return {repr(outcome(future)) for future in futures}
"""


@pytest.mark.part(
    HELD
    + """
    busy = occupy()
    print([urgent.submit(pow, 2, n).result() for n in range(20)] == [2**n for n in range(20)])
    print([future.running() for future in busy])
    free(busy)
"""
)
def test_an_urgent_task_runs_on_top_of_a_long_one(printed: str) -> None:
    """The long ones run before, and after."""
    assert printed == "True\n[True, True]\n"


@pytest.mark.part(
    HELD
    + """
    busy = occupy()
    queued = [shared.submit(abs, -n) for n in range(20_000)]
    print(urgent.submit(pow, 2, 10).result(), any(future.done() for future in queued[-100:]))
    free(busy)
    during = [urgent.submit(pow, 2, 10).result() for _ in range(10)]
    print(during == [1024] * 10, [future.result() for future in queued] == list(range(20_000)))
"""
)
def test_before_a_long_queue(printed: str) -> None:
    """20,000 batch tasks wait before it, and when it is done they still do."""
    assert printed == "1024 False\nTrue True\n"


@pytest.mark.part(
    HELD
    + """
    def depth():
        # How many tasks lie on this worker's stack.
        import sys
        frame, tasks = sys._getframe(), 0
        while frame is not None:
            tasks += frame.f_code.co_name in ("run_until", "long_urgent", "depth")
            frame = frame.f_back
        return tasks

    def long_urgent(mine, other):
        mine.open()
        other.wait()
        for _ in range(100_000):
            pass
        return depth()

    busy = occupy()
    mine, go = [Gate(), Gate()], Gate()
    first = [urgent.submit(long_urgent, gate, go) for gate in mine]
    for gate in mine:
        gate.wait()
    second = [urgent.submit(depth) for _ in range(50)]
    go.open()
    print([future.result() for future in first], {future.result() for future in second})
    free(busy)
"""
)
def test_one_level_only(printed: str) -> None:
    """An urgent task waits for another one; it does not run on top of it."""
    assert printed == "[3, 3] {2}\n"


@pytest.mark.part(
    HELD
    + """
    busy = occupy()
    gate = Gate()
    def endless(gate):
        gate.open()
        while True:
            pass

    future = urgent.submit(endless, gate)
    gate.wait()
    print(future.cancel(running=True), repr(outcome(future)))
    print([future.running() for future in busy])
    print(repr(outcome(urgent.options(timeout=0.05).submit(endless, Gate()))))
    print([future.running() for future in busy], free(busy) <= {"None", "CancelledError()"})
    print(sum(worker["deaths"] for worker in shared.stats()["workers"]))
"""
)
def test_cancelling_the_one_on_top(printed: str) -> None:
    """The task below does not notice."""
    assert printed.splitlines() == [
        "True CancelledError()",
        "[True, True]",
        "TimeoutError('__main__.endless took longer than its timeout of 0.05 s')",
        "[True, True] True",
        "0",
    ]


@pytest.mark.part(
    HELD
    + """
    def fail():
        raise LookupError("urgent")

    def spawns(n):
        jobs = [penny.spawn(pow, 2, k) for k in range(n)]
        return sum(job.join() for job in jobs)

    busy = occupy()
    print(repr(outcome(urgent.submit(fail))), urgent.submit(spawns, 10).result())
    print(list(urgent.map(abs, range(-5, 0))))
    free(busy)
"""
)
def test_what_urgent_tasks_do(printed: str) -> None:
    """They fail, spawn, are many."""
    assert printed == "LookupError('urgent') 1023\n[5, 4, 3, 2, 1]\n"
