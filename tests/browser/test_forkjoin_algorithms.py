"""Parallel loops on two workers, from tasks, host and page."""

from __future__ import annotations

import pytest
from support.pages import Run

LOOPS = """
    import operator
    import penny

    def square(x):
        return x * x

    def slow_square(x):
        for _ in range(200):
            pass
        return penny.current_worker(), x * x

    def pair(x):
        return [x]
"""


@pytest.mark.part(
    LOOPS
    + """
    from pool import shared

    def task(n):
        while True:  # until both workers have taken part
            results = penny.parallel_map(slow_square, range(n))
            workers, squares = zip(*results)
            if squares != tuple(x * x for x in range(n)):
                return "wrong"
            if len(set(workers)) == 2:
                return "right"

    print(shared.submit(task, 5_000).result())
"""
)
def test_map_on_both_workers(printed: str) -> None:
    """Results are in order, whoever computed them."""
    assert printed == "right\n"


@pytest.mark.part(
    LOOPS
    + """
    from pool import shared

    def task():
        n = 2_000
        lists = penny.parallel_reduce(pair, range(n), operator.add, [])
        return (
            penny.parallel_map(square, []), penny.parallel_for(square, 0),
            lists == list(range(n)),
            penny.parallel_reduce(square, range(n), operator.add, 1),
            penny.parallel_sort([x * 7919 % 5003 for x in range(5003)]) == list(range(5003)),
            penny.parallel_sort(range(n), key=operator.neg) == list(range(n))[::-1],
        )

    print(shared.submit(task).result())
"""
)
def test_loops_of_tasks(printed: str) -> None:
    """Reduce keeps the order of its operands; so does sort, of equal items."""
    total = 1 + sum(x * x for x in range(2_000))
    assert printed == f"([], None, True, {total}, True, True)\n"


@pytest.mark.part(
    LOOPS
    + """
    from forkjoin import outcome
    from pool import shared

    def fail(x):
        for _ in range(200):
            pass
        if x % 1000 == 999:
            raise ValueError(x)
        return x

    def task():
        return {repr(outcome(lambda: penny.parallel_map(fail, range(3_000)))) for _ in range(10)}

    print(shared.submit(task).result())
"""
)
def test_the_first_failure_counts(printed: str) -> None:
    """In the order of items, not of time."""
    assert printed == "{'ValueError(999)'}\n"


@pytest.mark.part(
    LOOPS
    + """
    from pool import shared

    def rows(n):
        return penny.parallel_map(row, range(n))

    def row(y):
        return sum(penny.parallel_map(square, range(y)))

    print(shared.submit(rows, 100).result() == [sum(x * x for x in range(y)) for y in range(100)])
"""
)
def test_loops_in_loops(printed: str) -> None:
    assert printed == "True\n"


FROM_OUTSIDE = (
    LOOPS
    + """
    async with penny.Scheduler(workers=2) as s:
        print(await s.parallel_for(square, 1000))
        print(await s.parallel_map(square, range(1000)) == [x * x for x in range(1000)])
        print(await s.parallel_map(str.upper, iter("abc"), grain=1))
        print(await s.parallel_reduce(square, range(1000), operator.add, 0))
        print(await s.parallel_sort("penny", reverse=True))
        try:
            await s.parallel_map(lambda x: 1 // x, [2, 1, 0])
        except ZeroDivisionError as error:
            print(error)
"""
)


@pytest.mark.program(FROM_OUTSIDE, on="page")
def test_loops_from_the_page(run: Run) -> None:
    assert run.ok().splitlines() == [
        "None",
        "True",
        "['A', 'B', 'C']",
        "332833500",
        "['y', 'p', 'n', 'n', 'e']",
        "division by zero",
    ]


@pytest.mark.part(
    LOOPS
    + """
    from pool import shared

    print(shared.parallel_for(square, 1000).result())
    print(shared.parallel_map(square, range(100_000)).result()[-1])
    print(shared.parallel_reduce(square, range(1000), operator.add, 0).result())
    print(shared.parallel_sort({3: 0, 1: 0, 2: 0}.keys()).result())
"""
)
def test_loops_from_the_host(printed: str) -> None:
    assert printed == "None\n9999800001\n332833500\n[1, 2, 3]\n"
