"""Recursive programs with a spawn at every call, on two workers: results are the serial ones."""

from __future__ import annotations

import pytest

PROGRAMS = '''
import hashlib
import penny
from forkjoin import stolen
from pool import shared

def shared_out(task, *args):
    """A task's result, computed while another worker steals from the first call on."""
    return stolen(penny.spawn(task, *args)).join()

def repeat(times, task, *args):
    """The different results of a task that is run again and again, each time in another way."""
    return {shared.submit(shared_out, task, *args).result() for _ in range(times)}

def deaths():
    return sum(worker["deaths"] for worker in shared.stats()["workers"])
'''


def program(source: str) -> pytest.MarkDecorator:
    indented = PROGRAMS.replace("\n", "\n    ")
    return pytest.mark.part(indented + source)


@program("""
    def fib(n):
        if n < 2:
            return n
        a = penny.spawn(fib, n - 1)
        b = fib(n - 2)
        return a.join() + b

    print(repeat(5, fib, 18))
""")
def test_fibonacci(printed: str) -> None:
    assert printed == "{2584}\n"


@program("""
    import random

    def queens(order, n, row=0, columns=0, left=0, right=0):
        if row == n:
            return 1
        jobs = []
        free = ((1 << n) - 1) & ~(columns | left | right)
        while free:
            bit = free & -free
            free ^= bit
            jobs.append(penny.spawn(
                queens, order, n, row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1))
        if order == "newest first":
            jobs.reverse()
        elif order == "at random":
            random.shuffle(jobs)
        return sum([job.join() for job in jobs])

    print([repeat(3, queens, order, 7) for order in ("newest first", "oldest first", "at random")])
    print({f.result() for f in [shared.submit(queens, "at random", 6) for _ in range(20)]})
""")
def test_queens_joined_in_any_order(printed: str) -> None:
    """One at a time, and twenty at a time."""
    assert printed == "[{40}, {40}, {40}]\n{4}\n"


@program("""
    INDICES = [i.to_bytes(4, "big") for i in range(8)]

    def child(node, index):
        return hashlib.sha1(node + index).digest()

    def below(node):
        if int.from_bytes(node[16:], "big") & 0x7FFFFFFF >= 0.124875 * 2**31:
            return 1
        jobs = [penny.spawn(below, child(node, i)) for i in INDICES]
        count = 1
        while jobs:
            count += jobs.pop().join()
        return count

    def uts(children):
        root = child(bytes(16), (42).to_bytes(4, "big"))
        jobs = [penny.spawn(below, child(root, i.to_bytes(4, "big"))) for i in range(children)]
        count = 1
        while jobs:
            count += jobs.pop().join()
        return count

    print(repeat(3, uts, 20))
""")
def test_an_unbalanced_tree(printed: str) -> None:
    """The Unbalanced Tree Search T3, cut to its first twenty branches."""
    assert printed == "{6213}\n"


@program("""
    def female(n):
        if n == 0:
            return 1
        job = penny.spawn(female, n - 1)
        return n - penny.spawn(male, job.join()).join()

    def male(n):
        if n == 0:
            return 0
        job = penny.spawn(male, n - 1)
        return n - penny.spawn(female, job.join()).join()

    print(repeat(3, female, 14), repeat(3, male, 14))
""")
def test_mutual_recursion(printed: str) -> None:
    """Hofstadter's sequences."""
    assert printed == "{9} {9}\n"


@program("""
    class Tree:
        def __init__(self, depth):
            self.children = [Tree(depth - 1) for _ in range(3)] if depth else []

        def size(self):
            jobs = [penny.spawn(child.size) for child in self.children]
            return 1 + sum(job.join() for job in reversed(jobs))

    print(repeat(3, Tree(5).size))
""")
def test_a_tree_that_travels(printed: str) -> None:
    """Methods of branches: who steals one gets the whole branch."""
    assert printed == "{364}\n"


@program("""
    import random

    def quicksort(xs):
        if len(xs) <= 32:
            return sorted(xs)
        pivot = xs[len(xs) // 2]
        job = penny.spawn(quicksort, [x for x in xs if x < pivot])
        right = quicksort([x for x in xs if x > pivot])
        return job.join() + [x for x in xs if x == pivot] + right

    xs = [random.randrange(10**6) for _ in range(20_000)]
    print(shared.submit(shared_out, quicksort, xs).result() == sorted(xs))
""")
def test_a_sort(printed: str) -> None:
    """Arguments and results of some size."""
    assert printed == "True\n"


# -- Depth -----------------------------------------------------------------------------------------

DEPTH = 1572
"""Of the Unbalanced Tree Search T3: levels of spawn in join."""


@program(f"""
    def descend(depth):
        if depth == 0:
            return 1
        leaf = penny.spawn(len, "leaf")
        rest = penny.spawn(descend, depth - 1)
        return rest.join() + leaf.join()

    print(repeat(2, descend, {DEPTH}), deaths())
""")
def test_deep_recursion_under_stealing(printed: str) -> None:
    """All of it on one stack, if need be, while the oldest jobs are stolen."""
    assert printed == f"{{{1 + 4 * DEPTH}}} 0\n"


@program(f"""
    def descend(depth):
        if depth == 0:
            return 1
        return penny.spawn(descend, depth - 1).join() + 1

    def hand_over(depth):
        # Each hundredth level is stolen by the worker that waits for the one before.
        if depth == 0:
            return 1
        job = penny.spawn(hand_over, depth - 1)
        if depth % 100 == 0:
            stolen(job)
        return job.join() + 1

    print(repeat(2, descend, {DEPTH}), repeat(1, hand_over, {DEPTH}), deaths())
""")
def test_a_deep_chain_of_jobs(printed: str) -> None:
    assert printed == f"{{{DEPTH + 1}}} {{{DEPTH + 1}}} 0\n"


@program("""
    def endless(depth):
        leaf = penny.spawn(len, "leaf")
        rest = penny.spawn(endless, depth + 1)
        return rest.join() + leaf.join()

    def caught():
        try:
            return endless(0)
        except RecursionError:
            return "caught"

    for task in endless, endless:
        try:
            shared.submit(task, 0).result()
        except RecursionError:
            print("RecursionError")
    # What is left of one is freed during another: many, to meet each way in which it comes about.
    print(repeat(25, caught), deaths())
""")
def test_recursion_without_end(printed: str) -> None:
    """The task fails, or catches the error; its worker goes on."""
    assert printed == "RecursionError\n" * 2 + "{'caught'} 0\n"


# -- Errors in the depth ---------------------------------------------------------------------------
#
# An object that keeps the frame in which an error was raised, or caught, keeps all below it, too: a
# chain that ends its worker when it is freed. Each of these did.

ERRORS = """
    import gc

    def fails(depth):
        raise ValueError(depth)

    def then_collect(task, depth):
        try:
            result = task(depth)
        except Exception as error:
            result = repr(error)
        gc.collect()
        return result
"""


@program(f"""
    {ERRORS}
    def failures(depth):
        if depth == 0:
            return 0
        job = penny.spawn(fails, depth)
        try:
            job.join()
        except ValueError:
            pass
        return 1 + penny.spawn(failures, depth - 1).join()

    def failures_later(depth):
        if depth == 0:
            return 0
        job = penny.spawn(fails, depth)
        rest = penny.spawn(failures_later, depth - 1)
        try:
            job.join()
        except ValueError:
            pass
        return 1 + rest.join()

    def failures_in_scopes(depth):
        if depth == 0:
            return 0
        try:
            with penny.scope() as scope:
                scope.spawn(fails, depth)
                scope.spawn(fails, -depth)
        except ExceptionGroup:
            pass
        return 1 + penny.spawn(failures_in_scopes, depth - 1).join()

    def withdrawn(depth):
        if depth == 0:
            return 0
        job = penny.spawn(fails, depth)
        job.cancel()
        try:
            job.join()
        except (penny.Cancelled, ValueError):  # it may have been stolen
            pass
        return 1 + penny.spawn(withdrawn, depth - 1).join()

    for task in failures, failures_later, failures_in_scopes, withdrawn:
        print(shared.submit(then_collect, task, 2 * {DEPTH}).result(), deaths())
""")
def test_jobs_that_fail_at_each_level(printed: str) -> None:
    assert printed == f"{2 * DEPTH} 0\n" * 4


@program(f"""
    {ERRORS}
    def once(depth):
        if depth == 0:
            try:
                fails(0)
            except ValueError as error:
                raise KeyError from error
        return once(depth - 1)

    def at_each_level(depth):
        if depth == 0:
            fails(0)
        try:
            penny.spawn(at_each_level, depth - 1).join()
        except Exception as error:
            raise KeyError(depth) from error

    print(shared.submit(then_collect, once, 4 * {DEPTH}).result(), deaths())
    def in_a_group(depth):
        if depth == 0:
            with penny.scope() as scope:
                scope.spawn(fails, 1)
                scope.spawn(fails, 2)
        return in_a_group(depth - 1)

    print(shared.submit(then_collect, at_each_level, 2 * {DEPTH}).result(), deaths())
    print(shared.submit(then_collect, in_a_group, 4 * {DEPTH}).result()[:14], deaths())
""")
def test_errors_that_replace_others(printed: str) -> None:
    assert printed == f"KeyError() 0\nKeyError({2 * DEPTH}) 0\nExceptionGroup 0\n"


@program(f"""
    {ERRORS}
    import sys

    TOOL = 3

    def replace(code, offset, error):
        # Once, on its way out of the innermost join: as a signal there does at the very limit.
        if code is penny.Job.join.__code__:
            sys.monitoring.set_events(TOOL, 0)
            raise KeyError

    def descend(depth):
        if depth == 0:
            sys.monitoring.set_events(TOOL, sys.monitoring.events.PY_UNWIND)
            fails(0)
        return penny.spawn(descend, depth - 1).join()

    def replacing(depth):
        sys.monitoring.use_tool_id(TOOL, "test")
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.PY_UNWIND, replace)
        try:
            return descend(depth)
        finally:
            sys.monitoring.free_tool_id(TOOL)

    with penny.Scheduler(workers=1) as alone:
        print(alone.submit(then_collect, replacing, 2 * {DEPTH}).result())
        print(alone.stats()["workers"][0]["deaths"])
""")
def test_an_error_replaced_on_its_way_out_of_a_join(printed: str) -> None:
    assert printed == "KeyError()\n0\n"
