"""What is peculiar to running tasks in place."""

from __future__ import annotations

import pytest

import penny
from penny import Scheduler
from penny.engines import open_engine
from penny.engines.serial import SerialEngine


def test_is_the_engine_of_plain_python():
    assert isinstance(open_engine(workers=3, packages=(), memory=None), SerialEngine)
    assert Scheduler(workers=3).workers == 1


def test_tasks_run_inside_submit_on_their_own_arguments():
    rows: list = []
    future = Scheduler().submit(rows.append, 5)
    assert future.done() and rows == [5]


def test_the_current_worker_is_0_inside_a_task_and_none_outside():
    assert penny.current_worker() is None
    assert Scheduler().submit(penny.current_worker).result() == 0
    assert penny.current_worker() is None


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
