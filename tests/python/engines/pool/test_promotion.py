"""What becomes of private jobs when somebody asks for work: one real worker, simulated thieves."""

from __future__ import annotations

import contextlib
import decimal
import itertools
import logging
import pickle
import signal
import sys
import threading

import pytest
from fake_port import FakePort, State

import penny
from penny.bridge.numbers import CancelReason, Flag, Reason
from penny.engines.pool import doorbell, promotion
from penny.jobs import job as jobs
from penny.mirror import headers, mirror, settings
from penny.options import Options
from penny.wire.exceptions import dumps_exception

port = FakePort()
ran: list[object] = []


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "port", FakePort())
    monkeypatch.setitem(globals(), "ran", [])


def note(value):
    ran.append((penny.current_worker(), value))
    return value


def double(data):
    return data + data


def change(values):
    values.append(1)
    return values


def fail(value):
    note(value)
    raise ValueError(value)


def run_on_top(take):
    """Run a task as a join does that helps."""
    jobs.masked = True
    jobs.public.promoter.identify()
    jobs.public.doorbell._run_task(take())
    jobs.masked = False


# -- Promotion -----------------------------------------------------------------------------------


def test_nobody_hungry_nothing_is_promoted():
    def task():
        first, second = penny.spawn(note, 1), penny.spawn(note, 2)
        port.ring(thieves=0)
        return second.join(), first.join()

    assert port.run(task) == (2, 1)
    assert port.promoted == [] and ran == [(0, 2), (0, 1)]


def test_the_oldest_job_is_promoted():
    def task():
        js = [penny.spawn(note, i) for i in range(3)]
        port.ring()
        return [job.join() for job in reversed(js)]

    assert port.run(task) == [2, 1, 0]
    assert port.promoted == [(0,)]
    assert ran == [(0, 2), (0, 1), (1, 0)]


def test_as_many_jobs_are_promoted_as_workers_are_hungry(monkeypatch):
    # So slow that none looks as if it was back so soon.
    monkeypatch.setattr(doorbell.time, "perf_counter", itertools.count().__next__)

    def task():
        js = [penny.spawn(note, i) for i in range(5)]
        port.ring(thieves=3)
        assert not jobs.attention
        return [job.join() for job in js]

    assert port.run(task) == [0, 1, 2, 3, 4]
    assert port.promoted == [(0,), (1,), (2,)]


def test_a_thief_that_is_soon_back_gets_more_at_once(monkeypatch):
    seconds = [0.0]
    monkeypatch.setattr(doorbell.time, "perf_counter", lambda: seconds[0])

    def task():
        js = [penny.spawn(note, i) for i in range(200)]
        helpings = []
        for pause in [1, *[0.0002] * 6, 0.003, 0.01, 0.01, 0.01, 0.01]:
            seconds[0] += pause
            before = len(port.promoted)
            port.ring(thieves=1)
            helpings.append(len(port.promoted) - before)
        return helpings, [job.join() for job in js] == list(range(200))

    assert port.run(task) == ([1, 2, 4, 8, 16, 16, 16, 16, 8, 4, 2, 1], True)


def test_a_request_without_jobs_is_remembered_until_the_next_spawn():
    def task():
        port.ring()
        assert jobs.attention
        job = penny.spawn(note, 1)
        assert not jobs.attention
        return job.join()

    assert port.run(task) == 1
    assert ran == [(1, 1)]


def test_demand_that_has_gone_lowers_the_flag():
    def task():
        port.ring()
        port.thieves = 0
        return penny.spawn(note, 1).join(), jobs.attention

    assert port.run(task) == (1, 0)
    assert port.promoted == []


def test_demand_is_known_at_the_start_of_a_task():
    port.thieves = 1
    assert port.run(lambda: penny.spawn(note, 1).join()) == 1
    assert ran == [(1, 1)]


def test_demand_that_came_up_during_a_join():
    def task():
        port.ring()
        job = penny.spawn(note, 1)

        def hungry(stolen):
            port.thieves = 1

        port.before_end = hungry
        job.join()
        other = penny.spawn(note, 2)
        return other.join()

    assert port.run(task) == 2
    assert ran == [(1, 1), (1, 2)]


def test_jobs_of_the_outermost_execution_go_first():
    def urgent():
        job = penny.spawn(note, "inner")
        port.ring()
        return job.join()

    def task():
        job = penny.spawn(note, "outer")
        port.submit(urgent)
        run_on_top(port.start)
        return job.join()

    handle = port.submit(task)
    port.serve()
    assert port.value(port.tasks[handle]) == "outer"
    assert port.promoted == [("outer",)]


def test_a_function_from_the_table_is_not_pickled_again():
    def task(n):
        if n == 0:
            return 0
        port.ring()
        return penny.spawn(task, n - 1).join() + 1

    assert port.run(task, 3) == 3
    assert len(port.table) == 1


def test_a_function_that_has_left_the_table_is_added_again():
    def task(n):
        if n == 0:
            return "end"
        port.table[1] = 77, port.table.pop(1)[1]  # another one has its row
        port.ring()
        return penny.spawn(task, n - 1).join()

    assert port.run(task, 1) == "end"
    assert len(port.table) == 2


def test_large_arguments_and_results():
    def task():
        port.ring()
        return penny.spawn(double, bytes(100_000)).join()

    assert port.run(task) == bytes(200_000)
    assert len(port.promoted) == 1


def test_methods_and_partials_are_promoted():
    def task():
        js = [penny.spawn("abc".upper), penny.spawn(" x ".strip), penny.spawn(dict, [(1, 2)])]
        port.ring(thieves=3)
        return [job.join() for job in js]

    assert port.run(task) == ["ABC", "x", {1: 2}]
    assert len(port.promoted) == 3


def test_arguments_are_copied_at_the_steal():
    def task():
        values = []
        job = penny.spawn(change, values)
        values.append(0)
        port.ring()
        values.append(2)
        return job.join(), values

    assert port.run(task) == ([0, 1], [0, 2])


# -- What can't be promoted ----------------------------------------------------------------------


def test_a_pinned_job_stays_and_the_next_is_tried(caplog):
    caplog.set_level(logging.DEBUG, "penny")

    def task():
        js = [penny.spawn(note, threading.Lock()) for _ in range(2)] + [penny.spawn(note, 3)]
        port.ring()
        assert len(jobs.innermost.pinned) == 2
        return [job.join() for job in js][2]

    assert port.run(task) == 3
    assert [worker for worker, _ in ran] == [0, 0, 1]
    assert len(caplog.records) == 1
    assert "worker 0 keeps jobs of" in caplog.text and "note" in caplog.text
    assert "args[0]" in caplog.text and "lock" in caplog.text


def test_pinned_jobs_nobody_joins_are_run():
    def task():
        penny.spawn(note, threading.Lock())
        port.ring()

    port.run(task)
    assert len(ran) == 1


def test_jobs_that_cannot_be_pickled_are_not_tried_at_every_spawn(monkeypatch):
    tried = []
    pin = promotion.Promoter._pin
    monkeypatch.setattr(
        promotion.Promoter, "_pin", lambda self, *args: (tried.append(args), pin(self, *args))
    )

    def task():
        port.ring()
        for _ in range(10_000):
            penny.spawn(note, lock).join()

    lock = threading.Lock()
    port.run(task)
    assert len(tried) < 20
    assert len(ran) == 10_000


class Exploding:
    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        raise self.error


@pytest.mark.parametrize("error", [ValueError(1), KeyboardInterrupt(), SystemExit(3)])
def test_whatever_pickling_raises_stays_out_of_the_task(error):
    def task():
        job = penny.spawn(note, Exploding(error))
        port.ring()
        return type(job.join())

    assert port.run(task) is Exploding
    assert port.promoted == []


def test_no_room_keeps_the_job_private():
    port.rooms = 0

    def task():
        js = [penny.spawn(note, i) for i in range(3)]
        port.ring()
        assert jobs.attention
        return [job.join() for job in js]

    assert port.run(task) == [0, 1, 2]
    assert [worker for worker, _ in ran] == [0, 0, 0]


class Joining:
    """Pickles as what a job gives."""

    def __init__(self, job):
        self.job = job

    def __reduce__(self):
        return int, (self.job.join(),)


def test_pickling_that_joins_the_job_itself():
    def task():
        arguments = []
        job = penny.spawn(len, arguments)
        arguments.append(Joining(job))
        port.ring()

    port.run(task)
    assert port.promoted == []


def test_pickling_that_joins_another_job():
    def task():
        job = penny.spawn(note, 5)
        js = [penny.spawn(note, Joining(penny.spawn(note, 6))), job]
        port.ring(thieves=3)
        return [each.join() for each in js]

    # It is refused, so that job is pinned, until the other one has come.
    assert port.run(task) == [6, 5]
    assert len(port.promoted) == 2


def test_a_full_stack_leaves_the_request_to_the_next_spawn():
    def deep(n):
        try:
            return deep(n + 1)
        except RecursionError:
            if n > sys.getrecursionlimit() - 150:
                raise
            if not port.promoted and not port.reason_bits and n % 50 == 0:
                port.ring()
            raise

    def task():
        job = penny.spawn(note, 1)
        with pytest.raises(RecursionError):
            deep(0)
        penny.spawn(note, 2).join()
        return job.join()

    assert port.run(task) == 1
    assert len(port.promoted) == 1


def test_the_handler_fails_at_no_depth_where_it_can_be_called():
    frames = []

    def at(depth):
        nonlocal frames
        if depth:
            return at(depth - 1)
        try:
            jobs.on_doorbell(signal.SIGUSR1, None)
        except RecursionError as error:  # no calls here
            frames += [error.__traceback__.tb_next]

    def task():
        job = penny.spawn(note, 1)
        for depth in range(sys.getrecursionlimit() - 300, sys.getrecursionlimit()):
            port.prepare_ring()
            with contextlib.suppress(RecursionError):
                at(depth)
        return job.join()

    assert port.run(task) == 1
    assert frames == [None]


# -- Joining -------------------------------------------------------------------------------------


def test_a_promoted_job_nobody_took_is_taken_back():
    def task():
        values = []
        job = penny.spawn(values.append, 1)
        port.ring()
        port.thieves = 0
        return job.join(), values

    def keep(handle=None):
        return None

    port.steal = keep
    assert port.run(task) == (None, [1])  # by reference
    assert port.taken_back == 1 and not port.queue


def test_waiting_runs_the_own_jobs_and_what_is_below_the_awaited_one():
    def task():
        first = penny.spawn(note, "first")
        port.ring()
        handle = next(reversed(port.tasks))
        second, third = penny.spawn(note, "second"), penny.spawn(note, "third")
        port.submit(note, "a stranger")
        child = port.submit(note, "of first", parent=handle)
        port.submit(note, "of that", parent=child)
        return first.join(), second.join(), third.join()

    port.submit(task)
    handle = next(iter(port.tasks))
    port.serve()
    assert port.value(port.tasks[handle]) == ("first", "second", "third")
    assert [value for _, value in ran] == [
        "third",
        "second",
        "of first",
        "of that",
        "first",
        "a stranger",
    ]


def test_a_task_that_waits_runs_no_job_of_another_below_it():
    def urgent():
        job = penny.spawn(note, "of urgent")
        port.ring(thieves=1)
        handle = next(reversed(port.tasks))
        port.submit(note, "of batch, public", parent=port.stack[0])
        port.before_end = someone_is_hungry
        job.join()
        note("urgent ends")
        assert port.promoted == [("of urgent",), ("of batch",)]
        assert handle not in port.tasks

    def someone_is_hungry(task):
        assert port.hears == Reason.STEAL  # and nobody is urgent on top of an urgent one
        port.before_end = lambda task: None
        port.prepare_ring(thieves=1)

    def task():
        job = penny.spawn(note, "of batch")
        port.submit(urgent, interactive=True)
        port.ring(Reason.URGENT, thieves=0)
        return job.join()

    handle = port.submit(task)
    port.serve()
    assert port.value(port.tasks[handle]) == "of batch"
    assert [value for _, value in ran] == [
        "of urgent",
        "urgent ends",
        "of batch",
        "of batch, public",
    ]


def test_a_join_runs_nothing_that_was_spawned_before_its_job():
    def task():
        pinned = penny.spawn(note, [threading.Lock()])
        before = jobs.publish(note, ("published before",), Options(interactive=False))
        job = penny.spawn(note, "job")
        port.ring(thieves=1)
        port.submit(note, "below the older one", parent=before._outcome.handle)
        after = penny.spawn(note, "after")
        job.join()
        order.append([value for _, value in ran])
        after.join()
        before.join()
        pinned.join()

    order: list = []
    port.submit(task)
    port.serve()
    assert order == [["after", "job"]]


def test_a_join_of_a_published_job_runs_nothing_that_may_be_older():
    def task():
        older = penny.spawn(note, "older")
        job = jobs.publish(note, (1,), Options(timeout=60))
        port.steal()
        port.before_end = lambda task: None if ran else someone_is_hungry()
        job.join()
        order.append([value for _, value in ran])
        older.join()

    def someone_is_hungry():
        note("rings")
        assert port.hears == Reason.STEAL | Reason.URGENT
        port.steal = lambda handle=None: None  # the promoted one stays queued
        port.prepare_ring(thieves=1)

    order: list = []
    port.submit(task)
    port.serve()
    assert order == [["rings", 1]]
    assert port.promoted == [(1,), ("older",)]


def test_an_interactive_task_runs_on_top_of_a_batch_one_that_waits():
    def task():
        job = penny.spawn(note, "job")
        port.ring(thieves=1)
        port.submit(note, "urgent", interactive=True)
        port.before_end = ring
        job.join()

    def ring(task):
        assert port.hears == Reason.URGENT
        port.before_end = lambda task: None
        port.prepare_ring(Reason.URGENT)

    port.submit(task)
    port.serve()
    assert [value for _, value in ran] == ["urgent", "job"]


def join_from_below():
    with pytest.raises(RuntimeError, match="below the caller"):
        below[0].join()


below: list[penny.Job[None]] = []


def test_a_task_that_lies_below_is_not_waited_for():
    def task():
        below[:] = [penny.spawn(join_from_below)]
        port.ring()
        # Nobody has begun it, and this worker runs it, while another job of the task is waited for.
        handle = next(reversed(port.tasks))
        port.tasks[handle].state = State.QUEUED
        run_on_top(lambda: port._begin(handle))
        below[0].join()

    port.run(task)
    assert port.taken_back == 0


def test_a_lost_job():
    def task():
        job = penny.spawn(note, 1)
        port.ring()

        def die(stolen):
            stolen.state = State.LOST

        port.before_end = die
        job.join()

    with pytest.raises(penny.WorkerLost, match=r"worker 1 died while it ran .*note"):
        port.run(task)


def test_a_stolen_job_that_raises():
    def task():
        job = penny.spawn(fail, 1)
        port.ring()
        job.join()

    with pytest.raises(ValueError, match="1") as info:
        port.run(task)
    assert "in worker 0" in str(info.value.__cause__)


def test_wait_with_a_time_limit():
    def task():
        job = penny.spawn(note, 1)
        port.ring()
        waited = [job.begun(), job.done(), job.wait(0.001), job.wait(), job.done()]
        return waited, job.join()

    assert port.run(task) == ([True, False, False, True, True], 1)


def test_too_deep_to_help_it_promotes_what_is_private():
    def down(n, function):
        return function() if n == 0 else down(n - 1, function)

    def task():
        stolen = penny.spawn(note, "stolen")
        port.ring()
        kept = penny.spawn(note, "kept")
        pinned = penny.spawn(note, threading.Lock())
        port.submit(note, "other")
        down(sys.getrecursionlimit() // 4 + 10, stolen.join)
        assert ran[0][0] == 0  # the pinned one
        assert ("kept",) in port.promoted
        kept.join()
        pinned.join()

    handle = port.submit(task)
    port.serve()
    assert port.value(port.tasks[handle]) is None
    assert {worker for worker, value in ran if value == "stolen"} == {1}


def test_jobs_published_at_once():
    def task():
        job = jobs.publish(note, (1,), Options(timeout=2.5, interactive=True))
        promoted = port.tasks[next(reversed(port.tasks))]
        return promoted.limit, promoted.interactive, job.join()

    assert port.run(task) == (2500, True, 1)
    port.rooms = 0
    assert port.run(lambda: jobs.publish(note, (2,)).join()) == 2
    assert len(port.promoted) == 1


def test_a_job_that_cannot_be_published():
    def task():
        jobs.publish(note, ([threading.Lock()],))

    with pytest.raises(penny.PickleError, match=r"note: args\[0\]\[0\]"):
        port.run(task)


async def waiting():
    pass


def test_coroutines_are_never_taken_back():
    def task():
        job = jobs.publish(waiting, ())
        promoted = port.tasks[next(reversed(port.tasks))]
        assert promoted.flags == Flag.COROUTINE
        assert not job.wait(0)
        port.queue.clear()
        promoted.state = State.RETURNED
        promoted.outcome = b"N."
        return job.join()

    port.helps = False
    assert port.run(task) is None
    assert port.taken_back == 0
    port.rooms = 0
    with pytest.raises(MemoryError, match="waiting"):
        port.run(lambda: jobs.publish(waiting, ()))


# -- Ends ----------------------------------------------------------------------------------------


def test_a_task_waits_for_stolen_jobs_nobody_joined():
    def task():
        penny.spawn(note, 1)
        port.ring()

    port.run(task)
    assert ran == [(1, 1)]


def test_a_task_fails_with_its_unjoined_jobs():
    def task():
        for i in range(3):
            penny.spawn(fail, i)
        port.ring()

    with pytest.raises(ExceptionGroup) as info:
        port.run(task)
    assert sorted(str(each) for each in info.value.exceptions) == ["0", "1", "2"]


def test_shutdown_with_requests():
    def task():
        port.ring()
        port.ring()

        port.start = stop

    def stop():
        port.ring(Reason.STEAL | Reason.URGENT | Reason.CANCEL)
        return -1

    port.run(task)


# -- Urgent tasks --------------------------------------------------------------------------------


def test_an_urgent_task_runs_on_top_of_a_long_one():
    def urgent():
        note("urgent")
        nested = penny.spawn(note, "of urgent")
        port.submit(note, "second urgent", interactive=True)
        port.ring(Reason.URGENT)
        note("urgent goes on")
        return nested.join()

    def task():
        job = penny.spawn(note, "of batch")
        port.submit(urgent, interactive=True)
        port.ring(Reason.URGENT)
        note("batch goes on")
        return job.join()

    handle = port.submit(task)
    port.serve()
    assert port.value(port.tasks[handle]) == "of batch"
    assert [value for _, value in ran] == [
        "urgent",
        "urgent goes on",
        "of urgent",
        "second urgent",
        "batch goes on",
        "of batch",
    ]


def test_settings_are_those_of_the_batch_task_again_when_an_urgent_one_has_ended():
    before = decimal.getcontext()
    key = "decimal", "context", ""

    def settle(version, precision):  # as the header of a task's function
        form = pickle.dumps({key: pickle.dumps((precision, *before_fields))})
        item = headers.Item(headers.SETTINGS, "", 1 << 60, version, 0, form)
        mirror.here.install_items([item])

    *fields, traps = settings._MODULES["decimal"].now(key)
    before_fields = (*fields[1:], traps)

    def urgent():
        settle(2, 50)
        note(str(decimal.Decimal(1) / 3)[:9])
        note(len(str(decimal.Decimal(1) / 3)))

    def task():
        settle(1, 5)
        decimal.getcontext().rounding = decimal.ROUND_UP  # a task's own stays, too
        port.submit(urgent, interactive=True)
        port.ring(Reason.URGENT)
        note(str(decimal.Decimal(1) / 3))
        settle(2, 50)  # the next task of the urgent one's submitter
        note(len(str(decimal.Decimal(1) / 3)))

    try:
        handle = port.submit(task)
        port.serve()
    finally:
        settings._applied.clear()
        settings._began.clear()
        decimal.setcontext(before)
    assert port.value(port.tasks[handle]) is None
    assert [value for _, value in ran] == ["0.3333333", 52, "0.33334", 52]
    assert {worker for worker, _ in ran} == {0}


def test_an_urgent_task_does_not_run_on_top_of_an_interactive_one():
    def task():
        port.submit(note, "other", interactive=True)
        port.ring(Reason.URGENT)
        note("task")

    port.submit(task, interactive=True)
    port.serve()
    assert [value for _, value in ran] == ["task", "other"]


def test_an_urgent_task_that_raises_harms_nobody():
    def task():
        handle = port.submit(fail, 1, interactive=True)
        port.ring(Reason.URGENT)
        return port.tasks[handle].state

    handle = port.submit(task)
    port.serve()
    assert port.value(port.tasks[handle]) is State.RAISED


def test_jobs_of_interactive_executions_are_promoted_first():
    def urgent():
        job = penny.spawn(note, "interactive job")
        port.ring(thieves=1)
        return job.join()

    def task():
        job = penny.spawn(note, "batch job")
        port.submit(urgent, interactive=True)
        port.ring(Reason.URGENT)
        return job.join()

    port.submit(task)
    port.serve()
    assert port.promoted == [("interactive job",)]


# -- Cancellation --------------------------------------------------------------------------------


def test_cancelled_is_raised_in_the_running_task():
    def task(timed_out):
        try:
            port.cancel(port.stack[-1], CancelReason.TIMED_OUT if timed_out else CancelReason.ASKED)
            while True:
                pass
        finally:
            note(penny.cancelled())

    for timed_out in False, True:
        with pytest.raises(penny.Cancelled) as info:
            port.run(task, timed_out)
        assert info.value.timed_out is timed_out
    assert ran == [(0, True), (0, True)]


def test_a_task_that_catches_cancelled_and_returns_has_returned():
    def task():
        try:
            port.cancel(port.stack[-1])
            while True:
                pass
        except penny.Cancelled:
            return penny.spawn(note, 1).join()

    assert port.run(task) == 1


def test_cancelled_is_raised_only_when_its_task_is_innermost():
    order = []

    def urgent(handle):
        port.cancel(handle)
        order.append("urgent runs on")
        return penny.cancelled()

    def task():
        handle = port.submit(urgent, port.stack[-1], interactive=True)
        try:
            port.ring(Reason.URGENT)
            while True:
                pass
        finally:
            order.append(port.value(port.tasks.pop(handle)))

    with pytest.raises(penny.Cancelled):
        port.run(task)
    assert order == ["urgent runs on", False]


def test_cancelled_while_it_waits():
    def task():
        job = penny.spawn(note, 1)
        port.ring()
        port.before_end = lambda stolen: None if stolen.asked else port.cancel(port.stack[-1])
        try:
            job.join()
        finally:
            note("end")

    with pytest.raises(penny.Cancelled):
        port.run(task)
    assert ran == [(0, "end"), (1, 1)]


def test_what_a_cancelled_task_waits_for_is_cancelled_though_others_run_on_top():
    """They may be jobs of that job, and never end else."""
    order = []

    def on_top(below):
        port.cancel(below)
        order.append([task.asked for task in port.tasks.values() if task.owned])
        return penny.cancelled()

    def task():
        job = penny.spawn(note, 1)
        port.ring(thieves=1)
        handle = port.submit(on_top, port.stack[-1], parent=next(reversed(port.tasks)))
        try:
            job.join()
        finally:
            order.append(port.value(port.tasks.pop(handle)))

    with pytest.raises(penny.Cancelled):
        port.run(task)
    assert order == [[CancelReason.ASKED], False]


def test_a_task_that_catches_cancelled_while_it_waits_has_returned():
    """Though what it waited for was cancelled with it."""

    def on_top(below):
        port.cancel(below)

    def end(stolen):
        assert stolen.asked
        stolen.state = State.RAISED
        stolen.outcome = dumps_exception(penny.Cancelled())

    def task():
        job = penny.spawn(note, 1)
        port.ring(thieves=1)
        handle = port.submit(on_top, port.stack[-1], parent=next(reversed(port.tasks)))
        port.before_end = end
        try:
            job.join()
        except penny.Cancelled:
            port.tasks.pop(handle)
            return "caught"

    assert port.run(task) == "caught"


def test_a_cancelled_task_drops_its_private_jobs_and_cancels_its_public_ones():
    asked = []

    def task():
        penny.spawn(note, "stolen")
        penny.spawn(note, "taken back")
        penny.spawn(note, "private")
        port.ring(thieves=1)
        port.before_end = lambda stolen: asked.append(stolen.asked)
        port.cancel(port.stack[-1])
        while True:
            pass

    with pytest.raises(penny.Cancelled):
        port.run(task)
    assert asked == [CancelReason.ASKED]
    assert ran == [(1, "stolen")]


def test_a_scope_that_is_cancelled():
    def task():
        with penny.scope() as scope:
            scope.spawn(note, "stolen")
            scope.spawn(note, "private")
            port.ring()
            port.before_end = raise_cancelled
            scope.cancel()
            assert penny.cancelled()
        assert not penny.cancelled()
        return "went on"

    def raise_cancelled(stolen):
        assert stolen.asked
        stolen.state = State.RAISED
        stolen.outcome = dumps_exception(penny.Cancelled())

    assert port.run(task) == "went on"
    assert ran == []


def test_a_job_killed_by_the_ladder_is_cancelled():
    def task():
        job = penny.spawn(note, 1)
        port.ring()

        def die(stolen):
            stolen.asked = CancelReason.TIMED_OUT
            stolen.state = State.LOST

        port.before_end = die
        job.join()

    with pytest.raises(penny.Cancelled) as info:
        port.run(task)
    assert info.value.timed_out


def test_the_handler_belongs_to_the_signal():
    def task():
        return signal.getsignal(signal.SIGUSR1) == jobs.on_doorbell

    assert port.run(task)
