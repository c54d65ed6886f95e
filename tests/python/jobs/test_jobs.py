"""Jobs that nobody takes away: spawn and join on one worker, or on none."""

from __future__ import annotations

import contextlib
import copy
import functools
import gc
import pickle
import sys
import threading
import time
import weakref

import pytest
from fake_port import isolated

import penny
from penny.jobs import execution, outcomes, running
from penny.jobs import job as jobs
from penny.options import Options


def fail(error):
    raise error


# -- Results -------------------------------------------------------------------------------------


def test_spawn_and_join(run):
    assert run(lambda: penny.spawn(pow, 2, 10).join()) == 1024


def test_nested(run):
    def fib(n):
        if n < 2:
            return n
        job = penny.spawn(fib, n - 1)
        return fib(n - 2) + job.join()

    assert run(fib, 15) == 610


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1)])
def test_any_order_of_joins(run, order):
    def task():
        js = [penny.spawn(str, i) for i in range(4)]
        joined = {i: js[i].join() for i in order}
        return [joined[i] for i in range(4)]

    assert run(task) == ["0", "1", "2", "3"]


def test_joined_by_a_function_that_was_called(run):
    def join(job):
        return job.join()

    def task():
        job, other = penny.spawn(str, 1), penny.spawn(str, 2)
        return join(job), join(other)

    assert run(task) == ("1", "2")


def test_keywords_need_a_partial(run):
    assert run(lambda: penny.spawn(functools.partial(int, base=2), "101").join()) == 5
    with pytest.raises(TypeError):
        run(lambda: penny.spawn(int, "101", base=2))


def test_arguments_are_the_very_objects_when_nobody_steals(run):
    def task():
        values = []
        return penny.spawn(lambda given: given is values, values).join()

    assert run(task)


def test_joined_again_it_gives_the_same(run):
    calls = []

    def task():
        early = penny.spawn(calls.append, "early")
        job = penny.spawn(lambda: calls.append("job") or object())
        first = job.join()
        early.join(), early.join()
        return job.join() is first

    assert run(task)
    assert sorted(calls) == ["early", "job"]


def test_nothing_runs_before_its_join_in_a_task():
    ran = []

    def task():
        job = penny.spawn(ran.append, 1)
        assert not job.begun() and not job.done()
        assert ran == []
        job.join()
        assert job.begun() and job.done()

    running.run(task)
    assert ran == [1]


def test_outside_of_tasks_it_runs_at_once():
    ran = []
    job = penny.spawn(ran.append, 1)
    assert ran == [1] and job.done()
    assert penny.spawn(lambda: penny.spawn(lambda: 5).join()).join() == 5
    assert not jobs.outside.unjoined and len(jobs.outside.jobs) == execution.SENTINELS


def test_wait(run):
    def task():
        job, failing = penny.spawn(str, 1), penny.spawn(fail, ValueError(2))
        assert job.wait(0) and failing.wait()
        with pytest.raises(ValueError, match="2"):
            failing.join()
        return job.join()

    assert run(task) == "1"


def test_a_withdrawn_job_never_runs():
    ran = []

    def task():
        job, other = penny.spawn(ran.append, 1), penny.spawn(ran.append, 2)
        assert job.cancel() and not job.cancel()
        other.join()
        assert not other.cancel()
        assert job.begun() and job.done()
        with pytest.raises(penny.Cancelled):
            job.join()

    running.run(task)
    assert ran == [2]


# -- Errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError(1), KeyboardInterrupt(), SystemExit(3)])
def test_join_raises_what_the_job_raised(error):
    def task():
        for _ in range(2):
            job, other = penny.spawn(fail, error), penny.spawn(str, 1)
            for _ in range(2):
                with pytest.raises(type(error)) as info:
                    job.join()
                assert info.value is error
            other.join()
        return "went on"

    assert running.run(task) == "went on"


def test_a_keyboard_interrupt_outside_of_tasks_is_the_programs():
    with isolated(), pytest.raises(KeyboardInterrupt):
        penny.spawn(fail, KeyboardInterrupt())


def test_jobs_nobody_joined_are_run_at_the_end():
    ran = []

    def task():
        penny.spawn(ran.append, 1)
        penny.spawn(lambda: penny.spawn(ran.append, 2))
        ran.append("end")

    running.run(task)
    assert ran == ["end", 2, 1]


def test_their_failure_is_the_tasks():
    with pytest.raises(ValueError, match="1"):
        running.run(lambda: penny.spawn(fail, ValueError(1)) and None)


def test_several_failures_are_a_group():
    def task():
        penny.spawn(fail, ValueError(1))
        penny.spawn(fail, TypeError(2))

    with pytest.raises(ExceptionGroup) as info:
        running.run(task)
    assert {type(each) for each in info.value.exceptions} == {ValueError, TypeError}

    def with_exit():
        penny.spawn(fail, SystemExit(1))
        penny.spawn(fail, TypeError(2))

    with pytest.raises(BaseExceptionGroup):
        running.run(with_exit)


def test_the_first_joined_wins_and_the_others_are_attached():
    def task():
        first, _ = penny.spawn(fail, ValueError(1)), penny.spawn(fail, TypeError("other"))
        first.join()

    with pytest.raises(ValueError, match="1") as info:
        running.run(task)
    assert "TypeError: other" in info.value.__notes__[0]
    (other,) = info.value.__penny_also__
    assert isinstance(other, TypeError)
    assert isinstance(pickle.loads(pickle.dumps(info.value)).__penny_also__[0], TypeError)


def test_a_failure_that_was_joined_and_handled_is_forgotten():
    def task():
        js = [penny.spawn(fail, ValueError(i)) for i in range(3)]
        for job in js:
            with pytest.raises(ValueError):
                job.join()
        return "well"

    assert running.run(task) == "well"


def test_a_job_that_joins_itself():
    def task():
        def child():
            holder[0].join()

        holder = [penny.spawn(child)]
        holder[0].join()

    with pytest.raises(RuntimeError, match="running below"):
        running.run(task)


def test_jobs_do_not_pickle():
    for job in penny.spawn(str), penny.spawn(penny.spawn, str):
        for way in pickle.dumps, copy.copy:
            with pytest.raises(TypeError, match="a Job can't be sent to another worker"):
                way(job)


def test_tracebacks_keep_nothing_alive():
    class Watched:
        pass

    def fail_with(value):
        raise ValueError(value)

    def task():
        watched = Watched()
        with contextlib.suppress(ValueError):
            penny.spawn(fail_with, watched).join()
        return weakref.ref(watched)

    gc.collect()
    gc.disable()
    try:
        assert running.run(task)() is None
    finally:
        gc.enable()


# -- Sizes ---------------------------------------------------------------------------------------


def seconds(function, *args):
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        running.run(function, args)
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.parametrize("step", [1, -1, 7])
def test_joins_of_many_siblings_take_linear_time(step):
    def task(n):
        js = [penny.spawn(int) for _ in range(n)]
        for i in range(n):
            js[i * step % n].join()
        assert len(jobs.private) <= execution.SENTINELS + 64

    assert seconds(task, 40_000) < 50 * seconds(task, 4_000)


def test_stale_entries_do_not_pile_up():
    def task():
        first = penny.spawn(int)
        for _ in range(10_000):
            js = [penny.spawn(int) for _ in range(4)]
            for i in 1, 0, 2, 3:
                js[i].join()
            assert len(jobs.private) < 200
        first.join()

    running.run(task)


def test_withdrawn_jobs_do_not_pile_up():
    def task():
        for _ in range(10_000):
            penny.spawn(int).cancel()
        assert len(jobs.private) < 200

    running.run(task)


@pytest.fixture
def deep_stack():
    """As in a worker, in a thread whose C stack is large enough for this interpreter's frames."""
    from penny.engines.pool.worker import RECURSION_LIMIT

    def call(function, *args):
        outcome = []
        size = threading.stack_size(256 << 20)
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(RECURSION_LIMIT)
        try:
            thread = threading.Thread(target=lambda: outcome.append(function(*args)))
            thread.start()
            thread.join()
        finally:
            sys.setrecursionlimit(limit)
            threading.stack_size(size)
        return outcome[0]

    return call


@pytest.mark.parametrize("siblings", [0, 1])
def test_deep_recursion(deep_stack, siblings):
    """As deep as UTS T3 gets; and with a sibling that is joined later, by the slow path."""

    def down(n):
        if n == 0:
            return 0
        job = penny.spawn(down, n - 1)
        others = [penny.spawn(int) for _ in range(siblings)]
        result = job.join()
        for other in others:
            other.join()
        return result + 1

    assert deep_stack(running.run, down, (1572,)) == 1572


def test_too_deep_recursion(deep_stack):
    def down(n):
        job, other = penny.spawn(down, n + 1), penny.spawn(int)
        try:
            return job.join() + 1
        finally:
            other.join()

    def task():
        with pytest.raises(RecursionError):
            down(0)
        with pytest.raises(RecursionError):
            down(0)
        assert not jobs.masked
        return penny.spawn(str, "goes on").join()

    assert deep_stack(running.run, task) == "goes on"


def test_deep_in_the_stack_a_job_keeps_no_error(deep_stack):
    """Its error's traceback would refer to it, and keep all frames below."""

    class Watched:
        pass

    class Mute(Exception):
        def __str__(self):
            raise KeyError

    def fail_with(error):
        raise error

    def at(depth, call, *args):
        return call(*args) if depth == 0 else at(depth - 1, call, *args)

    def watching():
        watched = Watched()
        job = penny.spawn({}.__getitem__, "no such key")
        with contextlib.suppress(KeyError):
            job.join()
        return weakref.ref(watched)

    def twice(error, in_order=True):
        job = penny.spawn(fail_with, error)
        other = penny.spawn(int)
        if in_order:
            other.join()
        caught = []
        for _ in range(2):
            try:
                job.join()
            except BaseException as raised:
                caught.append(raised)
        return caught

    def task():
        for in_order in True, False:
            some = ValueError("some")
            assert at(1, twice, some, in_order) == [some, some]
            first, second = at(outcomes.DEEP, twice, some, in_order)
            assert first is some
            with pytest.raises(RecursionError, match=r"not kept, .*: ValueError: some"):
                raise second
            first, second = at(outcomes.DEEP, twice, penny.Cancelled(True), in_order)
            assert first.same(second) and second.timed_out
            first, second = at(outcomes.DEEP, twice, Mute(), in_order)
            assert type(first) is Mute and type(second) is RecursionError
        gc.collect()
        gc.disable()
        try:
            return at(outcomes.DEEP, watching)() is None
        finally:
            gc.enable()

    assert deep_stack(running.run, task)


def fails():
    raise ValueError


def fails_in_a_scope(count):
    with penny.scope() as scope:
        for _ in range(count):
            scope.spawn(fails)


def left_to_the_end():
    penny.spawn(fails)


def withdrawn():
    with penny.scope() as scope:
        job = scope.spawn(fails)
        job.cancel()
        job.join()


def interrupted():
    with penny.scope() as scope:
        job = scope.spawn(fails)
        jobs.innermost.cancel_due = True
        jobs.catch_up()
        job.join()


def waits():
    penny.spawn(fails).wait()


@pytest.mark.parametrize(
    "fail",
    [
        fails,
        lambda: running.run(waits),
        lambda: fails_in_a_scope(1),
        lambda: fails_in_a_scope(2),
        lambda: running.run(left_to_the_end),
        withdrawn,
        interrupted,
    ],
)
def test_no_failure_leaves_a_cycle_deep_in_the_stack(monkeypatch, fail):
    monkeypatch.setattr(outcomes, "DEEP", 0)

    def task():
        job = penny.spawn(fail)
        with contextlib.suppress(BaseException):
            job.join()

    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(penny.Cancelled):
            running.run(task)
        assert gc.collect() == 0
    finally:
        gc.enable()


class Demanding:
    """A public side that has `answer` called at each spawn."""

    def __init__(self, answer):
        self.answer = answer

    def __enter__(self):
        self._before = jobs.public
        jobs.public = self
        jobs.attention = True
        return self

    def __exit__(self, *_):
        jobs.public = self._before
        jobs.attention = False


def failing(error):
    def fail(*_):
        raise error

    return fail


def test_a_spawn_with_too_little_stack_for_promotion():
    def task():
        with Demanding(failing(RecursionError())):
            return penny.spawn(str, "joined").join()

    assert running.run(task) == "joined"


@pytest.mark.parametrize("spawn", [penny.spawn, lambda f: jobs.publish(f, ())])
def test_a_job_whose_spawn_raised_never_runs(spawn):
    ran = []

    def task():
        jobs.attention = True
        jobs.innermost.cancel_due = True
        with pytest.raises(penny.Cancelled):
            spawn(lambda: ran.append(1))
        jobs.attention = False

    running.run(task)
    assert not ran


def overflow():
    raise RecursionError


def test_a_job_that_a_join_without_stack_left_is_not_told():
    """At the very limit a join can fail before its first line."""

    def task():
        penny.spawn(overflow)
        with pytest.raises(RecursionError):
            penny.spawn(overflow).join()
        return "caught"

    assert running.run(task) == "caught"


def test_an_overflow_that_nobody_was_told_of_is():
    def overflow_below():
        penny.spawn(overflow).join()

    with pytest.raises(RecursionError):
        running.run(lambda: penny.spawn(overflow_below) and None)


def test_a_join_with_too_little_stack_for_the_outcome(monkeypatch):
    def task():
        older, _ = penny.spawn(failing(KeyError())), penny.spawn(int)
        with monkeypatch.context() as patch:
            patch.setattr(jobs, "without_frame", failing(RecursionError()))
            with pytest.raises(RecursionError):
                older.join()
        with pytest.raises(RecursionError, match="not kept"):
            older.join()
        assert older.done()

    running.run(task)


def test_no_half_begun_execution_at_the_limit(deep_stack):
    """`penny.jobs.running.run` at each of the last depths, until it fits."""

    def at(depth):
        if depth > 0:
            return at(depth - 1)
        return running.run(int)

    def task():
        before = jobs.innermost
        failed = 0
        for depth in range(sys.getrecursionlimit() - 40, sys.getrecursionlimit()):
            try:
                at(depth)
            except RecursionError:
                failed += 1
            assert jobs.innermost is before is jobs.stack[-1]
            assert not jobs.masked
        return failed

    assert 0 < deep_stack(running.run, task) < 40


def test_a_scope_at_the_limit_leaves_no_job(deep_stack):
    ran = []

    def at(depth):
        if depth > 0:
            return at(depth - 1)
        with penny.scope() as scope:
            scope.spawn(ran.append, 1)
            scope.spawn(int)
        ran.clear()

    def task():
        failed = 0
        for depth in range(sys.getrecursionlimit() - 60, sys.getrecursionlimit()):
            try:
                at(depth)
            except RecursionError:
                failed += 1
                ran.clear()
            assert not jobs.masked
        return failed

    assert 0 < deep_stack(running.run, task) < 60
    assert not ran


def test_scopes_know_what_was_cancelled_deep_in_the_stack(deep_stack):
    def at(depth, call):
        return call() if depth == 0 else at(depth - 1, call)

    def own_cancel():
        with penny.scope() as scope:
            job = scope.spawn(int)
            scope.cancel()
            job.join()
        return "after the scope"

    def interrupted():
        with penny.scope() as scope:
            scope.cancel()
            jobs.innermost.cancel_due = True
            jobs.catch_up()

    def task():
        for depth in 1, outcomes.DEEP:
            assert at(depth, own_cancel) == "after the scope"
            with pytest.raises(penny.Cancelled):
                at(depth, interrupted)
        return True

    assert deep_stack(running.run, task)


# -- Checking ------------------------------------------------------------------------------------


def test_check_sends_arguments_and_results_through_pickle():
    shared = []

    def task():
        job = penny.spawn(shared_append, shared)
        result = job.join()
        return result, result is shared

    assert running.run(task, check=True) == ([1], False)
    assert shared == [] and not jobs.checking
    assert running.run(task) == ([1], True)


def shared_append(values):
    values.append(1)
    return values


def test_check_finds_what_cannot_be_pickled():
    def task():
        before = len(jobs.private)
        with pytest.raises(penny.PickleError, match=r"args\[0\]"):
            penny.spawn(str, threading.Lock())
        job = penny.spawn(threading.Lock)
        with pytest.raises(penny.PickleError, match="result"):
            job.join()
        return before

    running.run(task, check=True)


def test_check_outside_of_tasks():
    with isolated():
        jobs.set_check(True)
        values = []
        assert penny.spawn(shared_append, values).join() == [1]
        assert values == []


# -- Executions ----------------------------------------------------------------------------------


def test_run_gives_the_result_or_raises():
    assert running.run(int, ("101",), {"base": 2}) == 5
    with pytest.raises(ZeroDivisionError):
        running.run(lambda: 1 // 0)


def test_callbacks_at_the_end():
    order = []

    def task():
        job = penny.spawn(order.append, "job")
        running.at_end(lambda: order.append("callback") or job.join())
        order.append("function")

    running.run(task)
    assert order == ["function", "callback", "job"]
    with pytest.raises(RuntimeError):
        running.at_end(print)


def test_published_jobs_are_jobs_where_there_is_no_pool(run):
    assert run(lambda: jobs.publish(str, (1,), Options(timeout=3, interactive=True)).join()) == "1"


def test_cancelled_outside():
    assert not penny.cancelled()
    assert not running.run(penny.cancelled)


def test_repr():
    seen = []

    def child():
        seen.append(repr(job))

    def task():
        global job
        job = penny.spawn(child)
        seen.append(repr(job))
        job.join()
        seen.append(repr(job))
        failing, _ = penny.spawn(fail, ValueError()), penny.spawn(int)
        with pytest.raises(ValueError):
            failing.join()
        seen.append(repr(failing))

    running.run(task)
    assert seen[0].startswith("<Job test_jobs.test_repr")
    assert seen[1:] == ["<Job, running>", "<Job, returned>", "<Job, raised ValueError>"]
