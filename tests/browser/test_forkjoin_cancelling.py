"""Tasks that are ended while they run: by `cancel(running=True)`, or because their time is over."""

from __future__ import annotations

import pytest


@pytest.mark.part("""
    from forkjoin import forever, outcome
    from gates import Gate
    from pool import shared

    gate = Gate()
    future = shared.submit(forever, gate)
    gate.wait()
    print(future.cancel(), future.running(), future.cancel(running=True))
    print(repr(outcome(future)), future.cancelled(), future.cancel(running=True))
""")
def test_a_running_task(printed: str) -> None:
    """A plain cancel() leaves it alone."""
    assert printed == "False True True\nCancelledError() True True\n"


@pytest.mark.part("""
    from forkjoin import outcome
    from gates import Gate
    from pool import shared

    gates = [Gate(), Gate()]
    busy = [shared.submit(gate.wait) for gate in gates]
    for gate in gates:
        await gate.reached()
    futures = [shared.submit(abs, -n) for n in range(200)]
    print(all(future.cancel(running=True) for future in futures))
    print({repr(outcome(future)) for future in futures})
    for gate in gates:
        gate.open()
    done = shared.submit(abs, -1)
    print(done.result(), done.cancel(running=True), done.cancelled())
""")
def test_pending_and_ended_tasks(printed: str) -> None:
    assert printed == "True\n{'CancelledError()'}\n1 False False\n"


@pytest.mark.part("""
    import penny
    from forkjoin import forever, outcome
    from gates import Gate
    from pool import shared

    def catches(gate):
        try:
            forever(gate)
        except Exception:
            return "no Exception"
        except penny.Cancelled as error:
            return "caught", error.timed_out, penny.cancelled()

    def cleans_up(gate, cleaned):
        try:
            forever(gate)
        finally:
            cleaned.open()

    gate, cleaned = Gate(), Gate()
    for task in (catches, gate), (cleans_up, Gate(), cleaned):
        future = shared.submit(*task)
        task[1].wait()
        future.cancel(running=True)
        print(repr(outcome(future)), future.cancelled())
    cleaned.wait()
""")
def test_a_task_may_catch_it(printed: str) -> None:
    """What catches Cancelled and returns has returned; `finally` blocks run."""
    assert printed == "('caught', False, True) False\nCancelledError() True\n"


@pytest.mark.part("""
    import penny
    from forkjoin import forever, outcome, stolen
    from gates import Gate
    from pool import shared

    def here(gate, depth):
        if depth:
            return penny.spawn(here, gate, depth - 1).join()
        forever(gate)

    def there(gate):
        return stolen(penny.spawn(forever, gate)).join()

    for task in (here, 50), (there,):
        gate = Gate()
        future = shared.submit(task[0], gate, *task[1:])
        gate.wait()
        print(future.cancel(running=True), repr(outcome(future)))
    print(sum(worker["deaths"] for worker in shared.stats()["workers"]))
""")
def test_a_task_that_waits_in_a_join(printed: str) -> None:
    """For a job on its own stack, or in another worker, which is cancelled with it."""
    assert printed == "True CancelledError()\n" * 2 + "0\n"


@pytest.mark.part("""
    import penny
    from forkjoin import forever
    from gates import Gate
    from pool import shared

    def on_top(gates):
        began, asked = gates
        began.open()
        asked.wait()
        for _ in range(100_000):  # bytecodes at which Cancelled must not come
            pass
        return "ended"

    def task(gate):
        job = penny.current_scheduler().options(priority="interactive").submit(forever, gate)
        try:
            while not job.running():
                pass
            return job.result()
        except penny.Cancelled:
            return "caught"

    gates = began, asked = Gate(), Gate()
    gate = Gate()
    future = shared.submit(task, gate)
    gate.wait()
    # On top of the one that waits in the join: not on top of its job, which is interactive itself.
    other = shared.options(priority="interactive").submit(on_top, gates)
    began.wait()
    print(future.cancel(running=True))
    asked.open()
    print(other.result(), future.result())
""")
def test_a_task_below_others(printed: str) -> None:
    """What runs on top of it goes on; Cancelled comes when it is the task's turn again."""
    assert printed == "True\nended caught\n"


@pytest.mark.part("""
    import penny
    from forkjoin import forever, outcome, stolen
    from gates import Gate
    from pool import shared

    def there_and_back(gate, depth):
        if not depth:
            forever(gate)
        return stolen(penny.spawn(there_and_back, gate, depth - 1)).join()

    for depth in 2, 3, 8:
        gate = Gate()
        future = shared.submit(there_and_back, gate, depth)
        gate.wait()
        print(future.cancel(running=True), repr(outcome(future)))
    print(sum(worker["deaths"] for worker in shared.stats()["workers"]))
""")
def test_a_task_below_what_it_waits_for(printed: str) -> None:
    """Each job is stolen by the worker whose task waits for it, by way of the other worker."""
    assert printed == "True CancelledError()\n" * 3 + "0\n"


@pytest.mark.part("""
    import penny
    from forkjoin import outcome, forever
    from gates import Gate
    from pool import shared

    def catches(gate):
        try:
            forever(gate)
        except penny.Cancelled as error:
            return "caught", error.timed_out

    quick = shared.options(timeout=0.05)
    print(repr(outcome(quick.submit(forever, Gate()))))
    print(quick.submit(catches, Gate()).result())
    print(shared.options(timeout=60).submit(abs, -1).result())
    print(repr(outcome(quick.submit(abs, -1))))
""")
def test_time_limits(printed: str) -> None:
    assert printed.splitlines() == [
        "TimeoutError('forkjoin.forever took longer than its timeout of 0.05 s')",
        "('caught', True)",
        "1",
        "1",
    ]


@pytest.mark.part("""
    from forkjoin import outcome
    from gates import Gate
    from pool import shared

    gates = [Gate(), Gate()]
    busy = [shared.submit(gate.wait) for gate in gates]
    for gate in gates:
        await gate.reached()
    limited = shared.options(timeout=0.2).submit(abs, -1)
    print(repr(outcome(lambda: limited.result(timeout=0.5))))
    for gate in gates:
        gate.open()
    print(limited.result())
""")
def test_time_counts_from_the_beginning_of_the_task(printed: str) -> None:
    """Not from its submission. The timeout of result() is another one."""
    assert printed == "TimeoutError()\n1\n"


@pytest.mark.part("""
    import penny
    from forkjoin import outcome
    from gates import Gate

    def stubborn(gate):
        while True:
            try:
                gate.open()
                while True:
                    pass
            except penny.Cancelled:
                pass

    with penny.Scheduler(workers=2) as s:
        # The first to use one imports much, which may take longer than the time limit.
        gates = [Gate(), Gate()]
        first = [s.submit(gate.wait) for gate in gates]
        for gate in gates:
            await gate.reached()
            gate.open()
        for future in first:
            future.result()
        gates = [Gate(), Gate()]
        cancelled = s.submit(stubborn, gates[0])
        limited = s.options(timeout=1).submit(stubborn, gates[1])
        for gate in gates:
            gate.wait()
        waiting = [s.submit(abs, -n) for n in range(100)]
        print(cancelled.cancel(running=True))
        print([future.result() for future in waiting] == list(range(100)))
        print(repr(outcome(cancelled)), cancelled.cancelled())
        error = outcome(limited)
        print(repr(error), "was replaced" in error.__notes__[0])
        print(sum(worker["deaths"] for worker in s.stats()["workers"]))
""")
def test_a_stubborn_task_costs_its_worker(printed: str) -> None:
    """Which is replaced; all other tasks run."""
    assert printed.splitlines() == [
        "True",
        "True",
        "CancelledError() True",
        "TimeoutError('__main__.stubborn took longer than its timeout of 1 s') True",
        "2",
    ]
