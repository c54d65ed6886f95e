"""What a future says of its call, and that it is completed once."""

from __future__ import annotations

import concurrent.futures
import copy
import pickle
import re
import time
import traceback

from conformance import Environment, busy, overlapping, pass_through, raises
from conformance.executors import until


def fail(message: str) -> None:
    raise ValueError(message)


def check_a_done_future(env: Environment) -> None:
    future = env.scheduler.submit(abs, -1)
    assert future.result() == 1
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)
    assert future.result(timeout=0) == 1
    assert future.exception(timeout=0) is None
    assert isinstance(future, concurrent.futures.Future)


def check_a_failed_future(env: Environment) -> None:
    future = env.scheduler.submit(fail, "why")
    error = future.exception()
    assert type(error) is ValueError and error.args == ("why",)
    assert future.exception() is error
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)
    with raises(ValueError, "why") as caught:
        future.result()
    assert caught[0] is error


def check_a_failed_future_shows_where(env: Environment) -> None:
    error = env.scheduler.submit(fail, "why").exception()
    text = "".join(traceback.format_exception(error))
    assert "in fail" in text, text


@overlapping
def check_a_pending_future(env: Environment) -> None:
    with busy(env):
        future = env.scheduler.submit(abs, -1)
        assert (future.done(), future.running(), future.cancelled()) == (False, False, False)
        with raises(TimeoutError):
            future.result(timeout=0)
        with raises(TimeoutError):
            future.exception(timeout=0)
        assert re.match(r"<Future at 0x[0-9a-f]+ state=pending>", repr(future))


@overlapping
def check_a_running_future(env: Environment) -> None:
    with busy(env) as futures:
        for future in futures:
            assert (future.done(), future.running(), future.cancelled()) == (False, True, False)
            with raises(TimeoutError):
                future.result(timeout=0)
            with raises(TimeoutError):
                future.exception(timeout=0.01)


@overlapping
def check_waiting_takes_as_long_as_its_time(env: Environment) -> None:
    with busy(env) as (future, _):
        for ask in (future.result, future.exception):
            began = time.monotonic()
            with raises(TimeoutError):
                ask(timeout=0.1)
            assert 0.09 < time.monotonic() - began < 5


@overlapping
def check_waiting_ends_with_the_task(env: Environment) -> None:
    future = env.scheduler.submit(time.sleep, 0.1)
    began = time.monotonic()
    assert future.result(timeout=30) is None
    assert time.monotonic() - began < 15


def check_a_loop_that_asks_whether_it_is_done(env: Environment) -> None:
    future = env.scheduler.submit(abs, -1)
    until(future.done)
    assert future.result(timeout=0) == 1


@overlapping
def check_a_loop_that_asks_whether_it_runs(env: Environment) -> None:
    gate = env.gate()
    future = env.scheduler.submit(pass_through, gate, "passed")
    until(future.running)
    gate.open()
    until(lambda: not future.running())
    assert future.result() == "passed"


def check_repr(env: Environment) -> None:
    returned, raised = env.scheduler.submit(abs, -1), env.scheduler.submit(fail, "why")
    returned.result()
    raised.exception()
    assert re.match(r"<Future at 0x[0-9a-f]+ state=finished returned int>", repr(returned))
    assert re.match(r"<Future at 0x[0-9a-f]+ state=finished raised ValueError>", repr(raised))


def check_a_future_is_completed_once(env: Environment) -> None:
    future = env.scheduler.submit(abs, -1)
    future.result()
    with raises(concurrent.futures.InvalidStateError, "FINISHED: <Future at"):
        future.set_result(2)
    with raises(concurrent.futures.InvalidStateError, "state=finished returned int"):
        future.set_exception(ValueError())
    assert future.result() == 1


def check_a_failed_future_is_completed_once(env: Environment) -> None:
    future = env.scheduler.submit(fail, "why")
    error = future.exception()
    with raises(concurrent.futures.InvalidStateError, "state=finished raised ValueError"):
        future.set_exception(OSError())
    with raises(concurrent.futures.InvalidStateError):
        future.set_result(None)
    assert future.exception() is error


def check_futures_stay_where_they_are(env: Environment) -> None:
    future = env.scheduler.submit(abs, -1)
    for how in (pickle.dumps, copy.copy):
        with raises(TypeError, "can't be sent to another worker"):
            how(future)
    future.result()
