"""What is peculiar to running tasks in place."""

from __future__ import annotations

import asyncio
import sys
import textwrap
import threading
import time
import types

import pytest

import penny
from penny import Scheduler
from penny.engines.opening import open_engine
from penny.engines.serial import SerialEngine


def test_is_the_engine_of_plain_python():
    engine = open_engine(workers=3, packages=(), memory=None, check=False)
    assert isinstance(engine, SerialEngine)
    assert Scheduler(workers=3).workers == 1


def test_tasks_run_inside_submit_on_their_own_arguments():
    rows: list = []
    future = Scheduler().submit(rows.append, 5)
    assert future.done() and rows == [5]


def test_the_current_worker_is_0_inside_a_task_and_none_outside():
    assert penny.current_worker() is None
    assert Scheduler().submit(penny.current_worker).result() == 0
    assert penny.current_worker() is None


def test_the_current_scheduler_is_the_one_that_runs_the_task():
    outer, inner = Scheduler(), Scheduler()

    def task():
        assert inner.submit(penny.current_scheduler).result() is inner
        return penny.current_scheduler()

    assert outer.submit(task).result() is outer
    assert outer.options(timeout=60).submit(task).result() is outer


def test_keyboard_interrupt_ends_the_program_too():
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Scheduler().submit(interrupt)


def test_time_of_a_task_inside_a_task_counts_once():
    scheduler = Scheduler()

    def spin(n):
        return sum(range(n))

    def outer():
        return scheduler.submit(spin, 200_000).result()

    scheduler.submit(outer)
    (worker,) = scheduler.stats()["workers"]
    assert worker["run"] == 2
    assert worker["idle"] >= 0


# -- Jobs ------------------------------------------------------------------------------------------


def test_a_task_ends_when_its_jobs_have_ended():
    ran: list = []

    def task():
        penny.spawn(ran.append, 1)
        penny.spawn(ran.append, 2)

    Scheduler().submit(task)
    assert sorted(ran) == [1, 2]


def test_a_task_fails_with_a_job_that_nobody_joined():
    def task():
        penny.spawn(divmod, 1, 0)

    assert isinstance(Scheduler().submit(task).exception(), ZeroDivisionError)


# -- Time limits -----------------------------------------------------------------------------------


def test_a_call_that_took_too_long_has_failed():
    future = Scheduler().options(timeout=0.001).submit(time.sleep, 0.01)
    with pytest.raises(TimeoutError, match=r"sleep took longer than its timeout of 0\.001 s"):
        future.result()


def test_an_error_is_not_hidden_by_the_time_it_took():
    def fail():
        time.sleep(0.01)
        raise KeyError

    future = Scheduler().options(timeout=0.001).submit(fail)
    assert isinstance(future.exception(), KeyError)


# -- Checking --------------------------------------------------------------------------------------


@pytest.fixture
def checking() -> Scheduler:
    return Scheduler(check=True)


def test_checking_sends_copies_of_arguments(checking):
    rows: list = []
    assert checking.submit(rows.append, 5).result() is None
    assert checking.submit(dict.update, options := {}, a=1).exception() is None
    assert rows == [] and options == {}


def test_checking_sends_a_copy_of_the_function(checking):
    rows: list = []

    def append(n):
        rows.append(n)
        return len(rows)

    assert checking.submit(append, 5).result() == 1
    assert checking.submit(append, 5).result() == 2  # as in one worker, which keeps its functions
    assert rows == []


def test_checking_sends_a_copy_of_the_result(checking):
    def same(value):
        kept.append(value)
        return value

    kept: list = []
    value = object
    assert checking.submit(same, value).result() is value
    first, second = checking.submit(list, [[]]).result(), []
    assert first == [second] and first[0] is not second


def test_checking_refuses_what_cannot_travel(checking):
    generator = (n for n in range(3))
    with pytest.raises(penny.PickleError, match=r"len: args\[0\]"):
        checking.submit(len, generator)
    with pytest.raises(penny.PickleError, match="closure variable"):
        checking.submit(lambda: generator)
    future = checking.submit(iter, range(3))
    assert list(future.result()) == [0, 1, 2]
    future = checking.submit(threading.Lock)
    with pytest.raises(penny.PickleError, match="result can't be sent"):
        future.result()


def test_checking_checks_jobs(checking):
    def task():
        rows: list = []
        penny.spawn(rows.append, 1).join()
        return rows

    assert checking.submit(task).result() == []
    assert Scheduler().submit(task).result() == [1]


def test_a_variable_bound_anew_takes_effect_when_checking(checking):
    factor = 2

    def scale(n):
        return factor * n

    assert checking.submit(scale, 10).result() == 20
    factor = 3
    assert checking.submit(scale, 10).result() == 30


def test_registering_again_takes_effect_when_checking(checking):
    table = list(range(10_000))  # too many to be looked at each time

    def look_up(n):
        return table[n]

    assert checking.submit(look_up, 1).result() == 1
    table[1] = 7
    assert checking.submit(look_up, 1).result() == 1
    checking.register(look_up)
    assert checking.submit(look_up, 1).result() == 7


@pytest.fixture
def script(monkeypatch):
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    source = """
        import os, threading
        FACTOR = 2
        TABLE = {"a": [1]}
        class Scale:
            by = 1
        def helper(n):
            return FACTOR * n * Scale.by
        def scale(n):
            TABLE["a"].append(0)
            try:
                return helper(n), len(TABLE["a"]), LATE
            except NameError:
                return helper(n), len(TABLE["a"]), False
    """
    exec(textwrap.dedent(source), module.__dict__)
    return module


def test_changes_of_globals_take_effect_when_checking(checking, script):
    def scaled():
        return checking.submit(script.scale, 10).result()

    assert scaled() == (20, 2, False)
    assert scaled() == (20, 3, False) and script.TABLE == {"a": [1]}
    script.FACTOR = 3  # of what it calls
    assert scaled()[0] == 30
    script.TABLE["a"].append(5)  # within a value
    assert scaled()[1] == 3
    script.LATE = 1  # that was not there
    assert scaled()[2]
    del script.LATE
    assert not scaled()[2]
    script.Scale.by = 5
    assert scaled()[0] == 150
    exec("def helper(n): return -n", script.__dict__)
    assert scaled()[0] == -10
    script.helper = threading.Lock().acquire
    with pytest.raises(penny.PickleError, match="helper"):
        scaled()
    del script.helper
    with pytest.raises(NameError, match="helper"):
        scaled()


# -- Coroutines ------------------------------------------------------------------------------------


async def pause(seconds: float, value: object = None) -> object:
    await asyncio.sleep(seconds)
    return value


async def who_runs_it() -> object:
    await asyncio.sleep(0)
    return penny.current_worker(), penny.current_scheduler()


def test_a_coroutine_runs_to_its_end_inside_submit():
    scheduler = Scheduler()
    future = scheduler.submit(pause, 0.01, value=5)
    assert future.done() and future.result() == 5
    assert scheduler.submit(who_runs_it).result() == (0, scheduler)
    assert list(scheduler.map(pause, [0] * 3, range(3), chunksize=2)) == [0, 1, 2]
    assert scheduler.stats()["workers"][0]["run"] == 4


def test_a_coroutine_s_time_limit():
    future = Scheduler().options(timeout=0.01).submit(pause, 60)
    with pytest.raises(TimeoutError, match=r"pause took longer than its timeout of 0\.01 s"):
        future.result()


def test_a_coroutine_s_own_timeout_error_is_its_own():
    async def give_up():
        raise TimeoutError("mine")

    future = Scheduler().options(timeout=60).submit(give_up)
    with pytest.raises(TimeoutError, match="mine"):
        future.result()


async def test_where_a_loop_runs_coroutines_go_on_in_it():
    async with Scheduler() as scheduler:
        futures = [scheduler.submit(pause, 0.01, n) for n in range(3)]
        assert not any(future.done() for future in futures)
        assert all(future.running() for future in futures)
        assert await asyncio.gather(*futures) == [0, 1, 2]
        assert await scheduler.submit(who_runs_it) == (0, scheduler)
        assert penny.current_worker() is None


async def test_nobody_can_wait_for_them_but_the_loop():
    scheduler = Scheduler()
    future = scheduler.submit(pause, 0.01, 5)
    with pytest.raises(penny.BlockingError, match="await future"):
        future.result()
    with pytest.raises(penny.BlockingError, match="aclose"):
        scheduler.shutdown()
    await scheduler.aclose()
    assert future.result() == 5


async def test_cancelling_a_coroutine():
    scheduler = Scheduler()
    future = scheduler.submit(pause, 60)
    await asyncio.sleep(0)
    assert not future.cancel()
    assert future.cancel(running=True)
    with pytest.raises(asyncio.CancelledError):
        await future
    assert future.cancelled()
    await scheduler.aclose()


async def test_checking_coroutines():
    async def collect(rows):
        rows.append(1)
        return rows

    rows: list = []
    assert await Scheduler(check=True).submit(collect, rows) == [1]
    assert rows == []
