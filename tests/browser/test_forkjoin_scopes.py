"""Scopes whose jobs run in several workers."""

from __future__ import annotations

import pytest


@pytest.mark.part("""
    import penny
    from forkjoin import stolen
    from pool import shared

    def tree(depth):
        if depth == 0:
            return 1
        with penny.scope() as scope:
            jobs = [scope.spawn(tree, depth - 1) for _ in range(3)]
        return 1 + sum(job.join() for job in jobs)

    def task(depth):
        return stolen(penny.spawn(tree, depth)).join()

    print({shared.submit(task, 6).result() for _ in range(5)})
""")
def test_scopes_in_scopes(printed: str) -> None:
    """Jobs may be joined after their scope."""
    assert printed == "{1093}\n"


@pytest.mark.part("""
    import penny
    from forkjoin import stolen
    from gates import Gate, pass_through
    from pool import shared

    def task(gate, open_gate):
        with penny.scope() as scope:
            theirs = stolen(scope.spawn(pass_through, gate, "theirs"))
            mine = scope.spawn(open_gate)
        return theirs.done(), mine.done(), theirs.join()

    gate = Gate()
    print(shared.submit(task, gate, gate.open).result())
""")
def test_the_end_waits_for_stolen_jobs(printed: str) -> None:
    """And runs those that were not stolen: here a stolen one needs what they do."""
    assert printed == "(True, True, 'theirs')\n"


@pytest.mark.part("""
    import penny
    from forkjoin import outcome, stolen
    from pool import shared

    def fail(n):
        raise ValueError(n, penny.current_worker())

    def several(body_fails):
        with penny.scope() as scope:
            stolen(scope.spawn(fail, 1))
            scope.spawn(fail, 2)
            if body_fails:
                raise KeyError("body", penny.current_worker())

    def one():
        with penny.scope() as scope:
            stolen(scope.spawn(fail, 1))
            scope.spawn(len, "")

    def nested():
        with penny.scope() as outer:
            stolen(outer.spawn(several, False))
            outer.spawn(fail, 3)

    def leaves(error):
        if isinstance(error, BaseExceptionGroup):
            return [leaf for each in error.exceptions for leaf in leaves(each)]
        return [f"{type(error).__name__} {error.args[0]}"]

    for call in (several, False), (several, True), (one,), (nested,):
        error = outcome(shared.submit(*call))
        print(type(error).__name__, leaves(error))
    workers = [each.args[1] for each in outcome(shared.submit(several, True)).exceptions]
    print(sorted(workers[:2]))
""")
def test_failures_of_several_workers_are_a_group(printed: str) -> None:
    assert printed.splitlines() == [
        "ExceptionGroup ['ValueError 1', 'ValueError 2']",
        "ExceptionGroup ['KeyError body', 'ValueError 1', 'ValueError 2']",
        "ValueError ['ValueError 1']",
        "ExceptionGroup ['ValueError 1', 'ValueError 2', 'ValueError 3']",
        "[0, 1]",
    ]


@pytest.mark.part("""
    import penny
    from forkjoin import outcome, stolen
    from pool import shared

    def exit_with(code):
        raise SystemExit(code)

    def fail():
        raise ValueError("other")

    def task():
        with penny.scope() as scope:
            stolen(scope.spawn(exit_with, 3))
            scope.spawn(fail)

    error = outcome(shared.submit(task))
    print(type(error).__name__, list(map(repr, error.exceptions)))
""")
def test_a_group_with_an_exit_is_no_exception_group(printed: str) -> None:
    assert printed == "BaseExceptionGroup ['SystemExit(3)', \"ValueError('other')\"]\n"


@pytest.mark.part("""
    import penny
    from forkjoin import forever, outcome, stolen
    from gates import Gate
    from pool import shared

    def task(gate):
        with penny.scope() as scope:
            running = stolen(scope.spawn(forever, gate))
            queued = [scope.spawn(abs, -n) for n in range(100)]
            gate.wait()
            scope.cancel()
            late = scope.spawn(abs, -1)
            went_on = True
        return went_on, [repr(outcome(job)) for job in (running, queued[0], queued[99], late)]

    print(shared.submit(task, Gate()).result())
    print(shared.submit(abs, -1).result())
""")
def test_cancelling_a_scope(printed: str) -> None:
    """Stolen jobs are ended where they run, others never begin; the block itself goes on."""
    assert printed == f"(True, {['Cancelled(False)'] * 4})\n1\n"


@pytest.mark.part("""
    import penny
    from forkjoin import forever, stolen
    from gates import Gate

    def below(gate):
        # Its own jobs are cancelled with it, wherever they are.
        with penny.scope() as scope:
            scope.spawn(forever, gate)
            while True:
                pass

    def task(gate):
        with penny.scope() as scope:
            stolen(scope.spawn(below, gate))
            gate.wait()
            scope.cancel()
        return "ended"

    with penny.Scheduler(workers=3) as s:
        print(s.submit(task, Gate()).result())
""")
def test_cancelling_reaches_jobs_of_jobs(printed: str) -> None:
    assert printed == "ended\n"


@pytest.mark.part("""
    import time
    import penny
    from forkjoin import SECONDS, stolen
    from gates import Gate
    from pool import shared

    def until_asked(gate):
        deadline = time.monotonic() + SECONDS
        gate.open()
        while not penny.cancelled():
            if time.monotonic() > deadline:
                return "never asked"
        return "asked", True

    def asks(gate):
        # The loop is a function of its own: see Cancelled about loops in a `try`.
        try:
            return until_asked(gate)
        except penny.Cancelled:
            return "asked", penny.cancelled()

    def task(gate):
        asked = []
        with penny.scope() as scope:
            stolen(job := scope.spawn(asks, gate))
            gate.wait()
            before = penny.cancelled()
            scope.cancel()
            asked += before, penny.cancelled()
        return asked, penny.cancelled(), job.join()

    print(shared.submit(task, Gate()).result(), penny.cancelled())
""")
def test_code_may_ask_whether_it_is_cancelled(printed: str) -> None:
    """A job of a cancelled scope, and its block; not who is outside."""
    assert printed == "([False, True], False, ('asked', True)) False\n"
