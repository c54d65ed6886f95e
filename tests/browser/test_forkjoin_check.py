"""`Scheduler(check=True)`: every job goes through pickle; that finds code that shares objects."""

from __future__ import annotations

import pytest
from support.pages import Run


@pytest.mark.program("""
    import threading
    import penny
    from forkjoin import outcome

    def append(items, item):
        items.append(item)
        return items

    def joins():
        items = []
        returned = penny.spawn(append, items, 1).join()
        return items, returned

    def changes_after_spawn():
        items = []
        job = penny.spawn(append, items, 1)
        items.append("after")
        return job.join()

    def scoped():
        items = []
        with penny.scope() as scope:
            for n in range(3):
                scope.spawn(append, items, n)
        return items

    def submits():
        items = []
        penny.current_scheduler().submit(append, items, 1).result()
        return items

    def loops():
        rows = [[n] for n in range(100)]
        penny.parallel_for(touch, rows)
        return sum(len(row) for row in rows)

    def touch(row):
        row.append(None)

    def unpicklable_argument():
        return penny.spawn(type, threading.Lock()).join()

    def unpicklable_result():
        return type(penny.spawn(threading.Lock).join()).__name__

    def fib(n):
        if n < 2:
            return n
        a = penny.spawn(fib, n - 1)
        return fib(n - 2) + a.join()

    for check in True, False:
        with penny.Scheduler(workers=1, check=check) as s:
            for task in joins, changes_after_spawn, scoped, submits:
                print(s.submit(task).result())
            print("loop", s.submit(loops).result())
            for task in unpicklable_argument, unpicklable_result:
                print(type(outcome(s.submit(task))).__name__)
            print(s.submit(fib, 12).result(), s.submit(lambda: penny.spawn(fib, 9).join()).result())
""")
def test_one_worker_that_keeps_its_jobs(run: Run) -> None:
    """With it, as if each job were stolen at its spawn; without it, arguments are shared."""
    lines = run.ok().splitlines()
    checked, shared = lines[:8], lines[8:]
    assert checked[:4] == ["([], [1])", "[1]", "[]", "[]"]
    assert checked[5:] == ["PickleError", "PickleError", "144 34"]
    assert shared == [
        "([1], [1])",
        "['after', 1]",
        "[2, 1, 0]",
        "[1]",
        "loop 200",
        "type",
        "str",
        "144 34",
    ]
    # Of a loop only a part is sent, so that the difference shows.
    assert checked[4].startswith("loop 1")


@pytest.mark.program("""
    import penny
    from forkjoin import stolen

    def append(items, item):
        items.append(item)
        return items

    def task():
        items = []
        job = penny.spawn(append, items, 1)
        items.append("after")
        return stolen(job).join()

    def tree(depth):
        jobs = [penny.spawn(tree, depth - 1) for _ in range(3)] if depth else []
        return 1 + sum(job.join() for job in jobs)

    with penny.Scheduler(workers=2, check=True) as s:
        print(s.submit(task).result(), {s.submit(tree, 5).result() for _ in range(3)})
""")
def test_jobs_that_are_stolen(run: Run) -> None:
    """The copy is that of the spawn."""
    assert run.ok() == "[1] {364}\n"
