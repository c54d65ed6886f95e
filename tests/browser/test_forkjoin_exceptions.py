"""What a job raises in another worker: how it comes back, and what becomes of others."""

from __future__ import annotations

import pytest


@pytest.mark.part("""
    import penny
    from forkjoin import outcome, stolen
    from pool import shared

    class Trouble(Exception):
        def __init__(self, code, *, hint):
            super().__init__(code)
            self.code, self.hint = code, hint

        def __reduce__(self):
            return make, (self.code, self.hint)

    def make(code, hint):
        return Trouble(code, hint=hint)

    def fail(n):
        raise Trouble(n, hint="turn it off and on")

    def task():
        job = stolen(penny.spawn(fail, 7))
        error = outcome(job)
        return (
            error.code, error.hint, 1 - penny.current_worker() == error.__cause__.worker,
            "in fail" in str(error.__cause__), outcome(job) is error,
        )

    print(*shared.submit(task).result())
""")
def test_an_exception_comes_back_as_itself(printed: str) -> None:
    """With the thief's traceback as its cause; whoever joins again gets it again."""
    assert printed == "7 turn it off and on True True True\n"


@pytest.mark.part("""
    import penny
    from forkjoin import outcome, stolen
    from pool import shared

    def leaf():
        return 1 / 0

    def middle():
        return stolen(penny.spawn(leaf)).join()

    def task():
        return stolen(penny.spawn(middle)).join()

    error = outcome(shared.submit(task))
    print(repr(error))
    text = str(error.__cause__)
    print(*(name in text for name in ("in task", "in middle", "in leaf")))
""")
def test_tracebacks_of_several_workers(printed: str) -> None:
    """What was stolen from a thief shows the whole way."""
    assert printed == "ZeroDivisionError('division by zero')\nTrue True True\n"


@pytest.mark.part("""
    import penny
    from forkjoin import outcome, stolen
    from pool import shared

    def fail(n):
        raise ValueError(n)

    def one_joined():
        first, second = penny.spawn(fail, 1), penny.spawn(fail, 2)
        stolen(first)
        second.join()

    def none_joined(n):
        jobs = [penny.spawn(fail, i) for i in range(n)]
        stolen(jobs[0])

    def returns_nonetheless():
        job = stolen(penny.spawn(fail, 1))
        try:
            job.join()
        except ValueError:
            return "seen to"

    def notes(error):
        return [note for note in error.__notes__ if "ValueError" in note]

    error = outcome(shared.submit(one_joined))
    print(repr(error), notes(error))
    print(repr(outcome(shared.submit(none_joined, 1))))
    group = outcome(shared.submit(none_joined, 3))
    print(type(group).__name__, sorted(error.args[0] for error in group.exceptions))
    print(outcome(shared.submit(returns_nonetheless)))
""")
def test_failures_are_not_lost(printed: str) -> None:
    """The first one joined wins, others become notes; what nobody joined fails the task."""
    assert printed.splitlines() == [
        "ValueError(2) ['(a job of the same task failed, too: ValueError: 1)']",
        "ValueError(0)",
        "ExceptionGroup [0, 1, 2]",
        "seen to",
    ]


@pytest.mark.part("""
    import sys
    import penny
    from forkjoin import outcome, stolen
    from pool import shared

    def interrupt():
        raise KeyboardInterrupt("by the user")

    def leave():
        sys.exit(3)

    def steal(function):
        return repr(outcome(stolen(penny.spawn(function))))

    for function in interrupt, leave:
        print(shared.submit(steal, function).result(), repr(outcome(shared.submit(function))))
    print(sum(worker["deaths"] for worker in shared.stats()["workers"]))
""")
def test_interrupt_and_exit_are_outcomes(printed: str) -> None:
    """Of the task or the job; the worker goes on."""
    assert printed.splitlines() == [
        "KeyboardInterrupt('by the user') KeyboardInterrupt('by the user')",
        "SystemExit(3) SystemExit(3)",
        "0",
    ]


@pytest.mark.part("""
    import penny
    from forkjoin import outcome, stolen
    from pool import shared

    class Unloadable:
        def __reduce__(self):
            return fail, ()

    def fail():
        raise LookupError("not here")

    def lock():
        import threading
        return threading.Lock()

    def give():
        return Unloadable()

    def task(function, *args):
        error = outcome(stolen(penny.spawn(function, *args)))
        return type(error).__name__, str(error), getattr(error, "__notes__", [])

    print(shared.submit(task, lock).result()[:2])
    name, text, notes = shared.submit(task, give).result()
    print(name, text, "unpickling the result of __main__.give" in notes[0])
""")
def test_results_that_can_not_travel(printed: str) -> None:
    """They fail the job that was stolen."""
    lock, unloadable = printed.splitlines()
    assert "PickleError" in lock
    assert "lock" in lock
    assert unloadable == "LookupError not here True"


@pytest.mark.part("""
    import penny
    from forkjoin import outcome, stolen
    from pool import shared

    def fail_below(depth):
        if not depth:
            raise ValueError("bottom")
        return penny.spawn(fail_below, depth - 1).join()

    def task():
        return stolen(penny.spawn(fail_below, 1572)).join()

    print(repr(outcome(shared.submit(task))))
    print(sum(worker["deaths"] for worker in shared.stats()["workers"]))
""")
def test_an_exception_from_far_below(printed: str) -> None:
    """Its long traceback harms nobody."""
    assert printed == "ValueError('bottom')\n0\n"
