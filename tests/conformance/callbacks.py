"""`Future.add_done_callback`."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import penny
from conformance import Environment, busy, overlapping, pass_through


def check_with_a_result(env: Environment) -> None:
    results = []
    future = env.scheduler.submit(abs, -1)
    future.add_done_callback(lambda f: results.append(f.result()))
    future.result()
    assert results == [1]


def check_with_an_exception(env: Environment) -> None:
    errors = []
    future = env.scheduler.submit(divmod, 1, 0)
    future.add_done_callback(lambda f: errors.append(f.exception()))
    assert errors == [future.exception()]


@overlapping
def check_with_a_cancelled_call(env: Environment) -> None:
    states = []
    with busy(env):
        future = env.scheduler.submit(abs, -1)
        future.add_done_callback(lambda f: states.append(f.cancelled()))
        assert future.cancel()
        assert states == [True]
        future.add_done_callback(lambda f: states.append("late"))
        assert states == [True, "late"]


def check_is_given_the_future_itself(env: Environment) -> None:
    given = []
    future = env.scheduler.submit(abs, -1)
    future.add_done_callback(given.append)
    future.result()
    assert given == [future]


@overlapping
def check_in_the_order_in_which_they_were_added(env: Environment) -> None:
    order: list[int] = []
    with busy(env):
        future = env.scheduler.submit(abs, -1)
        for n in range(10):
            future.add_done_callback(lambda f, n=n: order.append(n))
        assert order == []
    future.result()
    assert order == list(range(10))


def check_at_once_when_it_is_done(env: Environment) -> None:
    calls = []
    future = env.scheduler.submit(abs, -1)
    future.result()
    future.add_done_callback(lambda f: calls.append(f.result()))
    assert calls == [1]
    failed = env.scheduler.submit(divmod, 1, 0)
    failed.exception()
    failed.add_done_callback(lambda f: calls.append(type(f.exception())))
    assert calls == [1, ZeroDivisionError]


@overlapping
def check_the_same_one_as_often_as_it_was_added(env: Environment) -> None:
    calls = []
    with busy(env):
        future = env.scheduler.submit(abs, -1)
        future.add_done_callback(calls.append)
        future.add_done_callback(calls.append)
    future.result()
    assert calls == [future, future]


@overlapping
def check_one_that_fails_is_logged_and_harms_nobody(env: Environment) -> None:
    calls = []
    with logged() as messages:
        with busy(env):
            future = env.scheduler.submit(abs, -1)
            future.add_done_callback(lambda f: 1 / 0)
            future.add_done_callback(calls.append)
        assert future.result() == 1
    assert calls == [future]
    assert len(messages) == 1 and "exception calling callback for <Future" in messages[0], messages
    assert "ZeroDivisionError" in messages[0]


def check_one_that_fails_at_once_is_logged(env: Environment) -> None:
    future = env.scheduler.submit(abs, -1)
    future.result()
    with logged() as messages:
        future.add_done_callback(lambda f: 1 / 0)
    assert len(messages) == 1 and "exception calling callback for <Future" in messages[0], messages


@overlapping
def check_may_submit_and_wait(env: Environment) -> None:
    results = []
    gate = env.gate()
    future = env.scheduler.submit(pass_through, gate, -5)
    future.add_done_callback(lambda f: results.append(env.scheduler.submit(abs, f.result())))
    future.add_done_callback(lambda f: results.append(results[0].result()))
    gate.open()
    future.result()
    assert results[1] == 5


@overlapping
def check_may_cancel_others(env: Environment) -> None:
    with busy(env) as (running, _):
        other = env.scheduler.submit(abs, -1)
        first = penny.Future(running._engine)
        first.add_done_callback(lambda f: other.cancel())
        first.set_result(None)
        assert other.cancelled()


@contextlib.contextmanager
def logged() -> Iterator[list[str]]:
    """What is logged by concurrent.futures, with tracebacks."""
    messages: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(logging.Formatter("%(message)s").format(record))

    logger = logging.getLogger("concurrent.futures")
    handler = Handler()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
