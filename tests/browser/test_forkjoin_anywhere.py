"""Code with `spawn` in it outside of tasks: on the page and in the host worker, with no pool."""

from __future__ import annotations

import pytest
from support.pages import Run

PROGRAM = """
    import operator
    import penny
    from forkjoin import outcome

    def fib(n):
        if n < 2:
            return n
        a = penny.spawn(fib, n - 1)
        b = fib(n - 2)
        return a.join() + b

    def fail(n):
        raise ValueError(n)

    def square(x):
        return x * x

    print(fib(12), penny.spawn(fib, 10).join())
    with penny.scope() as scope:
        jobs = [scope.spawn(square, n) for n in range(4)]
    print([job.join() for job in jobs])
    try:
        with penny.scope() as scope:
            scope.spawn(fail, 1)
            scope.spawn(fail, 2)
    except* ValueError as group:
        print([error.args[0] for error in group.exceptions])
    print(repr(outcome(penny.spawn(fail, 3))))
    print(penny.parallel_for(square, 3), penny.parallel_map(square, range(4)))
    print(penny.parallel_reduce(square, range(4), operator.add, 0), penny.parallel_sort([3, 1, 2]))
    print(penny.current_worker(), penny.cancelled())

    def depth(n):
        return penny.spawn(depth, n - 1).join() + 1 if n else 0

    print(depth(100))
"""

PRINTED = """\
144 55
[0, 1, 4, 9]
[1, 2]
ValueError(3)
None [0, 1, 4, 9]
14 [1, 2, 3]
None False
100
"""


@pytest.mark.program(PROGRAM)
def test_in_the_host_worker(run: Run) -> None:
    assert run.ok() == PRINTED


@pytest.mark.program(PROGRAM, on="page")
def test_on_the_page(run: Run) -> None:
    assert run.ok() == PRINTED
