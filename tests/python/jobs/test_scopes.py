"""Scopes, on one worker or none; with thieves they are in test_promotion.py."""

from __future__ import annotations

import asyncio
import pickle

import pytest

import penny
from penny.jobs import execution, running, scopes
from penny.jobs import job as jobs


def fail(error):
    raise error


def test_all_jobs_have_ended_when_it_ends(run):
    ran = []

    def task():
        with penny.scope() as scope:
            for i in range(3):
                scope.spawn(ran.append, i)
        assert sorted(ran) == [0, 1, 2]
        assert len(jobs.private) == execution.SENTINELS

    run(task)


def test_results(run):
    def task():
        with penny.scope() as scope:
            early = scope.spawn(str, 1)
            assert early.join() == "1"
            late = scope.spawn(str, 2)
        return early.join(), late.join()

    assert run(task) == ("1", "2")


def test_jobs_of_a_scope_spawn_others_in_it(run):
    ran = []

    def grow(scope, n):
        ran.append(n)
        for _ in range(2 if n else 0):
            scope.spawn(grow, scope, n - 1)

    def task():
        with penny.scope() as scope:
            scope.spawn(grow, scope, 4)
        return len(ran)

    assert run(task) == 31


def test_nested_scopes(run):
    order = []

    def task():
        with penny.scope() as outer:
            outer.spawn(order.append, "outer")
            with penny.scope() as inner:
                inner.spawn(order.append, "inner")
            order.append("end of inner")
        order.append("end of outer")

    run(task)
    assert order.index("inner") < order.index("end of inner")
    assert order.index("outer") < order.index("end of outer")


def test_one_failure_is_itself(run):
    def task():
        with penny.scope() as scope:
            scope.spawn(fail, ValueError(1))
            scope.spawn(str, 2)

    with pytest.raises(ValueError, match="1"):
        run(task)


def test_several_failures_are_a_group(run):
    def task():
        with penny.scope() as scope:
            for i in range(3):
                scope.spawn(fail, ValueError(i))

    with pytest.raises(ExceptionGroup) as info:
        run(task)
    assert [str(each) for each in info.value.exceptions] == ["0", "1", "2"]


def test_the_block_raises(run):
    ran = []

    def task():
        with penny.scope() as scope:
            scope.spawn(ran.append, 1)
            raise KeyError("block")

    with pytest.raises(KeyError, match="block"):
        run(task)
    assert ran == [1]


def test_the_block_and_a_job_raise(run):
    def task():
        with penny.scope() as scope:
            scope.spawn(fail, ValueError(1))
            raise KeyError("block")

    with pytest.raises(ExceptionGroup) as info:
        run(task)
    assert [type(each) for each in info.value.exceptions] == [KeyError, ValueError]

    def leaves():
        with penny.scope() as scope:
            scope.spawn(fail, ValueError(1))
            raise SystemExit(3)

    with pytest.raises(BaseExceptionGroup) as info:
        run(leaves)
    assert [type(each) for each in info.value.exceptions] == [SystemExit, ValueError]


def test_a_failure_that_was_joined_is_not_reported_again(run):
    def task():
        with penny.scope() as scope:
            handled = scope.spawn(fail, ValueError(1))
            with pytest.raises(ValueError):
                handled.join()
        with pytest.raises(ValueError) as info, penny.scope() as scope:
            scope.spawn(fail, ValueError(2)).join()
        return str(info.value)

    assert run(task) == "2"


def test_cancel_before_they_began():
    ran = []

    def task():
        with penny.scope() as scope:
            first = scope.spawn(ran.append, 1)
            scope.cancel()
            never = scope.spawn(ran.append, 2)
            ran.append("block goes on")
        for job in first, never:
            with pytest.raises(penny.Cancelled):
                job.join()
        return "after"

    assert running.run(task) == "after"
    assert ran == ["block goes on"]


def test_joining_a_cancelled_job_in_the_block_leaves_the_scope(run):
    def task():
        with penny.scope() as scope:
            scope.cancel()
            scope.spawn(str, 1).join()
        return "after"

    assert run(task) == "after"


def test_a_cancelled_of_somebody_else_goes_on(run):
    def task():
        with penny.scope() as scope:
            scope.spawn(fail, penny.Cancelled())

    with pytest.raises(penny.Cancelled):
        run(task)

    def block():
        with penny.scope() as scope:
            scope.spawn(fail, ValueError(1))
            scope.spawn(str, 1).join()
            raise penny.Cancelled()

    with pytest.raises(penny.Cancelled):
        run(block)


def test_jobs_ask_whether_they_are_cancelled(run):
    seen = []

    def child(scope):
        seen.append(penny.cancelled())
        scope.cancel()
        seen.append(penny.cancelled())

    def task():
        with penny.scope() as outer, penny.scope() as scope:
            scope.spawn(child, scope).join()
            seen.append(outer.cancelled)
        seen.append(penny.cancelled())

    run(task)
    assert seen[-2:] == [False, False]
    assert seen[1] is True


def test_a_cancelled_outer_scope_is_told():
    def task():
        with penny.scope() as outer:
            outer.cancel()
            with penny.scope() as inner:
                return inner.cancelled, penny.cancelled()

    assert running.run(task) == (True, True)


def test_a_scope_is_for_one_block():
    scope = penny.scope()
    with pytest.raises(RuntimeError, match="within its `with` block"):
        scope.spawn(str)
    with scope:
        pass
    with pytest.raises(RuntimeError, match="within its `with` block"):
        scope.spawn(str)
    with pytest.raises(RuntimeError, match="make another one"), scope:
        pass


def test_scopes_do_not_pickle():
    with pytest.raises(TypeError, match="a scope can't be sent to another worker"):
        pickle.dumps(penny.scope())


def test_scopes_in_coroutines_side_by_side():
    async def one(name, cancel):
        with penny.scope() as scope:
            scope.spawn(str, name)
            await asyncio.sleep(0)
            if cancel:
                scope.cancel()
            await asyncio.sleep(0)
            return penny.cancelled()

    async def both():
        return await asyncio.gather(one("a", True), one("b", False))

    assert asyncio.run(both()) == [True, False]


def test_what_has_returned_is_let_go(run):
    def task():
        with penny.scope() as scope:
            for _ in range(5 * scopes.LIST_MIN):
                scope.spawn(int).join()
            return len(scope._jobs)

    assert run(task) <= 2 * scopes.LIST_MIN


def test_thousands_of_jobs(run):
    total = []

    def task():
        with penny.scope() as scope:
            for i in range(10_000):
                scope.spawn(total.append, i)

    run(task)
    assert len(total) == 10_000
