"""Futures inside tasks: one real worker, simulated thieves."""

from __future__ import annotations

import concurrent.futures
import threading

import pytest
from fake_port import FakePort, State

import penny
from penny.bridge.numbers import CancelReason
from penny.jobs import job as jobs
from penny.jobs import running
from penny.options import DEFAULT
from penny.wire.exceptions import dumps_exception


@pytest.fixture
def port() -> FakePort:
    return FakePort()


def double(n):
    return 2 * n


def fail(message):
    raise LookupError(message)


async def wait_for_it():
    pass


def submit(*call) -> penny.Future:
    return penny.current_scheduler().submit(*call)


# -- Jobs that stay --------------------------------------------------------------------------------


def test_a_future_is_a_job_that_its_waiter_runs(port):
    order = []

    def task():
        futures = [submit(order.append, n) for n in range(3)]
        assert not any(future.done() or future.running() for future in futures)
        futures[1].result()
        assert order == [1]
        assert [future.done() for future in futures] == [False, True, False]
        return "returned"

    assert port.run(task) == "returned"
    assert order == [1, 2, 0]  # what nobody waited for, the newest first
    assert port.promoted == []


def test_keyword_arguments(port):
    assert port.run(lambda: penny.current_scheduler().submit(int, "77", base=8).result()) == 63


def test_wait_runs_the_jobs(port):
    def task():
        futures = [submit(double, n) for n in range(5)]
        done, pending = concurrent.futures.wait(futures)
        assert done == set(futures) and not pending
        return [future.result(timeout=0) for future in concurrent.futures.as_completed(futures)]

    assert sorted(port.run(task)) == [0, 2, 4, 6, 8]


def test_a_time_limit_of_nothing_runs_nothing(port):
    def task():
        future = submit(double, 1)
        with pytest.raises(TimeoutError):
            future.result(timeout=0)
        return future.result(timeout=0.001)

    assert port.run(task) == 2


def test_what_nobody_waited_for_is_done_before_the_task_ends(port):
    def task():
        for n in range(3):
            submit(double, n).add_done_callback(lambda future: results.append(future.result()))
            # A job of a job: its future belongs to the task, too.
            submit(lambda n=n: submit(double, 10 * n).add_done_callback(more.append))

    results: list = []
    more: list = []
    port.run(task)
    assert results == [4, 2, 0]
    assert [future.result() for future in more] == [40, 20, 0]


def test_a_failure_nobody_asked_for_is_not_the_task_s(port):
    def task():
        futures.append(submit(fail, "unnoticed"))
        return "returned"

    futures: list = []
    assert port.run(task) == "returned"
    assert type(futures[0].exception()) is LookupError


def test_the_task_s_failure_is_its_own(port):
    def task():
        submit(ran.append, 1)
        raise KeyError("task")

    ran: list = []
    with pytest.raises(KeyError, match="task"):
        port.run(task)
    assert ran == [1]


def test_each_task_finishes_its_own(port):
    def inner():
        submit(order.append, "inner")
        end_stolen(port)

    def outer():
        future = stolen(port, double, 1)
        submit(order.append, "outer")
        helped.append(port.submit(inner, parent=next(reversed(port.tasks))))
        future.result()
        assert order == ["outer", "inner"]  # its own jobs first, then those of the stolen one
        del port.tasks[helped[0]]

    order: list = []
    helped: list = []
    port.run(outer)


def test_cancelling_a_private_job(port):
    def task():
        future = submit(ran.append, 1)
        assert future.cancel() and future.cancelled()
        with pytest.raises(concurrent.futures.CancelledError):
            future.result()

    ran: list = []
    port.run(task)
    assert ran == []


def test_a_running_job_below_cannot_be_cancelled(port):
    def inner():
        return futures[0].running(), futures[0].cancel(), futures[0].cancel(running=True)

    def task():
        futures.append(submit(inner))
        return futures[0].result()

    futures: list = []
    assert port.run(task) == (True, False, False)


# -- Jobs that are stolen --------------------------------------------------------------------------


def stolen(port, *call) -> penny.Future:
    """The future of a call that a thief has claimed."""
    future = submit(*call)
    port.ring(thieves=1)
    return future


def end_stolen(port) -> None:
    """The thief is done."""
    port.end_stolen(next(t for t in port.tasks.values() if t.state is State.RUNNING_THERE))


def test_a_stolen_job_s_outcome_comes_back(port):
    def task():
        future = stolen(port, double, [1])
        assert future.running() and not future.done()
        return future.result()

    assert port.run(task) == [1, 1]
    assert port.promoted == [([1],)]


def test_a_stolen_job_s_failure_comes_back(port):
    def task():
        future = stolen(port, fail, "there")
        assert type(future.exception()) is LookupError
        return str(future.exception().__cause__)

    assert "in worker 1" in port.run(task)


def test_asking_notices_that_a_stolen_job_has_ended(port):
    def task():
        future = stolen(port, double, 4)
        assert not future.done()
        end_stolen(port)
        assert not future.running() and future.done()
        return future.result(timeout=0)

    assert port.run(task) == 8


def test_wait_for_the_first_does_not_insist_on_a_stolen_one(port):
    def task():
        long, short = stolen(port, double, 1), submit(double, 2)
        done, pending = concurrent.futures.wait(
            [long, short], return_when=concurrent.futures.FIRST_COMPLETED
        )
        assert done == {short} and pending == {long}

    port.run(task)


def test_wait_without_time_notices_all_that_have_ended(port):
    def task():
        first, second = stolen(port, double, 1), stolen(port, double, 2)
        end_stolen(port)
        end_stolen(port)
        pending = submit(double, 3)
        assert concurrent.futures.wait([pending, second, first], timeout=0) == (
            {first, second},
            {pending},
        )

    port.run(task)


def test_cancelling_a_stolen_job(port):
    def task():
        future = stolen(port, double, 1)
        assert not future.cancel()
        assert future.cancel(running=True)
        port.before_end = ends_cancelled
        with pytest.raises(concurrent.futures.CancelledError):
            future.result()
        assert future.cancelled()

    asked = []

    def ends_cancelled(task):
        asked.append(task.asked)
        task.state = State.RAISED
        task.outcome = dumps_exception(penny.Cancelled())

    port.run(task)
    assert asked == [CancelReason.ASKED]


def test_cancelling_a_public_job_that_nobody_has_begun(port):
    def task():
        future = penny.current_scheduler().options(timeout=5).submit(ran.append, 1)
        assert len(port.promoted) == 1
        assert future.cancel() and future.cancelled()

    ran: list = []
    port.run(task)
    assert port.taken_back == 1


def test_a_cancelled_task_cancels_what_it_submitted(port):
    def task():
        futures.extend([stolen(port, double, 1), submit(ran.append, 2)])
        port.before_end = lambda task: asked.append(task.asked)
        port.cancel(port.stack[-1])
        while True:
            pass

    futures: list = []
    ran: list = []
    asked: list = []
    with pytest.raises(penny.Cancelled):
        port.run(task)
    assert [future.cancelled() for future in futures] == [True, True]
    assert ran == [] and asked == [CancelReason.ASKED]


def test_a_task_cancelled_while_it_runs_what_it_waits_for(port):
    """Cancelled comes in the call, which is on the task's own stack, and goes on in the task."""
    ended = []

    def victim():
        jobs.innermost.cancelled = CancelReason.ASKED
        jobs.innermost.cancel_due = True
        jobs.catch_up()

    def task():
        future = submit(victim)
        try:
            future.result()
        finally:
            ended.append(future.cancelled())
        ended.append("went on")

    with pytest.raises(penny.Cancelled):
        port.run(task)
    assert ended == [True]


def test_a_call_that_raises_cancelled_is_its_future_s_matter(port):
    def cancelled():
        raise penny.Cancelled

    def task():
        future = submit(cancelled)
        concurrent.futures.wait([future])
        return future.cancelled()

    assert port.run(task)


# -- Options ---------------------------------------------------------------------------------------


def test_options_make_a_job_public_at_once(port):
    def task():
        s = penny.current_scheduler()
        limited = s.options(timeout=2.5).submit(double, 1)
        urgent = s.options(priority="interactive").submit(double, 2)
        seen.extend((task.limit, task.interactive) for task in port.tasks.values() if task.owned)
        port.steal()
        port.steal()
        return limited.result(), urgent.result()

    seen: list = []
    assert port.run(task) == (2, 4)
    assert seen == [(2500, False), (0, True)]


def test_a_job_that_took_too_long(port):
    def task():
        future = penny.current_scheduler().options(timeout=2.5).submit(double, 1)
        port.steal()
        port.before_end = times_out
        with pytest.raises(TimeoutError, match=r"double took longer than its timeout of 2\.5 s"):
            future.result()

    def times_out(task):
        task.state = State.RAISED
        task.outcome = dumps_exception(penny.Cancelled(timed_out=True))

    port.run(task)


def test_what_is_public_at_once_must_travel(port):
    def task():
        with pytest.raises(penny.PickleError, match="double"):
            penny.current_scheduler().options(timeout=1).submit(double, threading.Lock())

    port.run(task)


def test_coroutines_are_public_at_once(port):
    def task():
        flags.append(submit(wait_for_it))
        flags[0] = next(task.flags for task in port.tasks.values() if task.owned)
        port.steal().state = State.LOST  # by the worker for coroutines

    flags: list = []
    port.run(task)
    assert flags == [2]


# -- The scheduler ---------------------------------------------------------------------------------


def test_the_scheduler_is_the_same_throughout(port):
    def task():
        s = penny.current_scheduler()
        assert submit(penny.current_scheduler).result() is s
        s.register(double, id=3)
        return s.workers, s.stats(), s.new_task(3, [21]).result()

    assert port.run(task) == (2, {}, 42)


def test_a_function_registered_again_is_promoted_as_it_is_now(port):
    factor = 2

    def scale(x):
        return factor * x

    def task():
        nonlocal factor
        s = penny.current_scheduler()
        first = stolen(port, scale, 10).result()
        factor = 3
        second = stolen(port, scale, 10).result()
        s.register(scale)
        return first, second, stolen(port, scale, 10).result()

    assert port.run(task) == (20, 20, 30)


async def test_it_is_not_the_task_s_to_end(port):
    def task():
        s = penny.current_scheduler()
        for end in (s.shutdown, s.__enter__):
            with pytest.raises(RuntimeError, match=r"penny\.scope"):
                end()

    port.run(task)


def test_there_is_none_outside_of_tasks():
    with pytest.raises(RuntimeError, match=r"penny\.Scheduler\(\)"):
        penny.current_scheduler()
    assert DEFAULT.interactive is None


def test_a_job_with_a_time_limit_is_never_run_in_place(port):
    def task():
        future = penny.current_scheduler().options(timeout=2.5).submit(double, 1)
        assert future.result() == 2
        assert port.taken_back == 0

    port.run(task)


# -- Callbacks -------------------------------------------------------------------------------------


def test_callbacks_submit_and_wait_for_one_another(port):
    def task():
        values = {}

        def start(n):
            future = submit(double, n)
            future.add_done_callback(lambda f: values.setdefault(n, f.result()))
            if n < 20:
                future.add_done_callback(lambda _: start(n + 1))

        start(0)
        pair = [submit(double, n) for n in (100, 101)]
        pair[1].add_done_callback(lambda _: values.setdefault("first", pair[0].result()))
        assert pair[1].result() == 202
        running.at_end(lambda: seen.append(values))
        return values["first"]

    seen = []
    assert port.run(task) == 200
    values = seen[0]
    del values["first"]
    assert values == {n: 2 * n for n in range(21)}


def test_a_cancelled_task_s_callbacks_submit_in_vain(port, caplog):
    ended = []

    def again(future):
        ended.append(future.cancelled())
        submit(double, 1).add_done_callback(again)

    def task():
        for n in range(3):
            submit(double, n).add_done_callback(again)
        port.cancel(port.stack[-1])
        while True:
            pass

    with pytest.raises(penny.Cancelled):
        port.run(task)
    assert ended == [True, True, True]
    assert [str(record.exc_info[1]) for record in caplog.records] == [
        "cannot schedule new futures: the task was cancelled, or has failed"
    ] * 3


def test_what_a_callback_raises_hinders_no_other_future(port):
    told = []

    def leave(_):
        raise SystemExit(3)

    def task():
        futures = [submit(double, n) for n in range(3)]
        for future in futures:
            future.add_done_callback(told.append)
            future.add_done_callback(leave)
            future.add_done_callback(told.append)
        try:
            futures[0].result()
        except SystemExit:
            assert futures[0].result() == 0
        told.append(futures)

    with pytest.raises(BaseException):  # noqa: B017
        port.run(task)
    futures = next(each for each in told if isinstance(each, list))
    assert all(future.done() for future in futures)
    for future in futures:
        assert told.count(future) == 2
