"""Options of a submission, and the view of a scheduler that submits with them."""

from __future__ import annotations

import fractions
import gc
import pickle

import pytest

from penny import Scheduler
from penny.options import DEFAULT, Options


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 0.0])
def test_a_timeout_must_be_positive(engine, timeout):
    with pytest.raises(ValueError, match="timeout must be a number of seconds greater than 0"):
        Scheduler().options(timeout=timeout)


@pytest.mark.parametrize("timeout", ["2", b"2", [2], 2j])
def test_a_timeout_must_be_a_number(engine, timeout):
    with pytest.raises(TypeError, match="timeout must be a number of seconds or None"):
        Scheduler().options(timeout=timeout)


@pytest.mark.parametrize("timeout", [1, 0.5, fractions.Fraction(1, 2)])
def test_any_real_number_will_do(engine, timeout):
    assert DEFAULT.changed(timeout=timeout) == Options(timeout=float(timeout))


@pytest.mark.parametrize("priority", ["high", "", None, 1, "Interactive"])
def test_priorities_are_two(engine, priority):
    with pytest.raises(ValueError, match="priority must be 'interactive' or 'batch', not"):
        Scheduler().options(priority=priority)


def test_what_is_not_given_stays():
    options = DEFAULT.changed(timeout=2).changed(priority="interactive")
    assert options == Options(timeout=2, interactive=True)
    assert options.changed(priority="batch") == Options(timeout=2, interactive=False)
    assert options.changed(timeout=None) == Options(interactive=True)
    assert options.changed() == options
    assert Options() == DEFAULT


def test_options_reach_the_engine(engine):
    scheduler = Scheduler()
    urgent = scheduler.options(priority="interactive")
    scheduler.register(abs, id=1)
    scheduler.submit(abs, 1)
    urgent.submit(abs, 1)
    urgent.options(timeout=2).submit(abs, 1)
    urgent.new_task(1, [1])
    urgent.map(abs, [1])
    urgent.map(abs, [1], chunksize=2)
    urgent.parallel_map(abs, [1])
    interactive = Options(interactive=True)
    assert [future.ticket[2] for future in engine.queue] == [
        DEFAULT,
        interactive,
        Options(timeout=2, interactive=True),
        *[interactive] * 4,
    ]


async def test_options_of_imap(engine, delivering):
    limited = Scheduler().options(timeout=3)
    async with delivering(engine):
        assert [result async for result in limited.imap(abs, [-1, -2])] == [1, 2]


def test_a_view_is_of_its_scheduler(engine):
    scheduler = Scheduler()
    view = scheduler.options(timeout=1)
    scheduler.register(abs, id=1)
    assert view.new_task(1, [-1]).result() == 1
    scheduler.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        view.submit(abs, -1)
    assert "timeout=1" in repr(view)


def test_a_view_keeps_its_scheduler(engine):
    view = Scheduler().options(timeout=1)
    gc.collect()
    assert engine.stopped is None
    del view
    gc.collect()
    assert engine.stopped is not None


def test_views_do_not_pickle(engine):
    with pytest.raises(TypeError, match="can't be sent to another worker"):
        pickle.dumps(Scheduler().options(timeout=1))
