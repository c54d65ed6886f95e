"""`penny.current_scheduler()` in tasks: an Executor whose waiting is work."""

from __future__ import annotations

import pytest

TASKS = """
    from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, as_completed, wait
    import penny
    from forkjoin import forever, outcome, spin
    from gates import Gate, pass_through
    from pool import shared

    current = penny.current_scheduler

    def square(x):
        return x * x

    def fail(n):
        raise ValueError(n)
"""


def part(source: str) -> pytest.MarkDecorator:
    return pytest.mark.part(TASKS + source)


@part("""
    def task():
        s = current()
        futures = [s.submit(square, n) for n in range(50)]
        return (
            [f.result() for f in futures] == [n * n for n in range(50)],
            list(s.map(square, range(5))), list(s.map(square, range(5), chunksize=2)),
            s.submit(pow, 2, exp=10).result(), s.workers, len(s.stats()["workers"]),
        )

    print(shared.submit(task).result())
""")
def test_submit_and_map(printed: str) -> None:
    assert printed == "(True, [0, 1, 4, 9, 16], [0, 1, 4, 9, 16], 1024, 2, 2)\n"


@part("""
    def fib(n):
        if n < 2:
            return n
        future = current().submit(fib, n - 1)
        return fib(n - 2) + future.result()

    def tree(depth):
        if not depth:
            return 1
        return 1 + sum(current().map(tree, [depth - 1] * 3))

    print({shared.submit(fib, 12).result() for _ in range(3)}, shared.submit(tree, 5).result())
    with penny.Scheduler(workers=1) as s:
        print(s.submit(fib, 10).result(), list(s.map(tree, [3] * 10)))
""")
def test_nested_submissions(printed: str) -> None:
    """Also with one worker, which is never stuck: it runs what it waits for."""
    assert printed == f"{{144}} 364\n55 {[40] * 10}\n"


@part("""
    def task():
        s = current()
        futures = [s.submit(square, n) for n in range(20)]
        completed = sorted(f.result() for f in as_completed(futures))
        done, pending = wait([s.submit(square, n) for n in range(20)])
        slow = s.submit(spin, 0.05)
        while not slow.running():
            pass
        first = wait([slow, s.submit(square, 3)], return_when=FIRST_COMPLETED)
        failing = wait([s.submit(fail, 1)], return_when=FIRST_EXCEPTION)
        return completed == [n * n for n in range(20)], len(done), len(pending), \\
            len(first.done) >= 1, repr(failing.done.pop().exception()), slow.result() in (0, 1)

    print(shared.submit(task).result())
""")
def test_as_completed_and_wait(printed: str) -> None:
    assert printed == "(True, 20, 0, True, 'ValueError(1)', True)\n"


@part("""
    def task(gate):
        s = current()
        future = s.submit(pass_through, gate, "late")
        while not future.running():
            pass
        late = outcome(lambda: future.result(timeout=0.01))
        gate.open()
        return repr(late), future.result(timeout=20), future.done()

    print(shared.submit(task, Gate()).result())
""")
def test_waiting_with_a_time_limit(printed: str) -> None:
    assert printed == "('TimeoutError()', 'late', True)\n"


@part("""
    def task(gates):
        for gate in gates:
            current().submit(pass_through, gate)
        current().submit(fail, "unseen")
        return "returned"

    gates = [Gate(), Gate()]
    for gate in gates:
        gate.open()
    print(shared.submit(task, gates).result())
    print(outcome(shared.submit(lambda: current().submit(fail, 1).result())))
""")
def test_futures_that_nobody_waits_for(printed: str) -> None:
    """They are done before their task ends; a failure nobody asked for is nobody's."""
    assert printed == "returned\n1\n"


@part("""
    def task(gate):
        s = current()
        running = s.submit(forever, gate)
        while not running.running():
            pass
        queued = [s.submit(square, n) for n in range(10)]
        gate.wait()
        asked = running.cancel(), running.cancel(running=True)
        withdrawn = [future.cancel() for future in queued if not future.done()]
        return asked, repr(outcome(running)), running.cancelled(), all(withdrawn)

    def limited():
        return current().options(timeout=0.05).submit(forever, Gate()).result()

    print(shared.submit(task, Gate()).result())
    print(repr(outcome(shared.submit(limited))))
""")
def test_cancelling_and_time_limits(printed: str) -> None:
    assert printed.splitlines() == [
        "((False, True), 'CancelledError()', True, True)",
        "TimeoutError('forkjoin.forever took longer than its timeout of 0.05 s')",
    ]


@part("""
    def task():
        s = current()
        return (
            s.parallel_map(square, range(5)).result(),
            s.options(priority="interactive").submit(square, 4).result(),
            type(outcome(s.shutdown)).__name__,
        )

    def unpicklable():
        return current().submit(next, (n for n in range(3))).result()

    print(shared.submit(task).result())
    print(shared.submit(unpicklable).result(), penny.current_worker())
""")
def test_what_else_it_does(printed: str) -> None:
    """It ends with its pool, not by a task. What can't be pickled runs here."""
    assert printed.splitlines() == [
        "([0, 1, 4, 9, 16], 16, 'RuntimeError')",
        "0 None",
    ]


@pytest.mark.idle
@part("""
    print(repr(outcome(current)))
""")
def test_outside_of_tasks(printed: str) -> None:
    assert "RuntimeError" in printed
