"""Remote calls: a call as bytes, for engines whose workers share nothing with whoever submits.

`dumps_call` on one side, `run_call` in a worker, `settle` with what it gave back on the first. Each
call stands on its own: what it uses of a module that the worker can't import goes with it.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from penny import where
from penny.by_value.exception_parts import add_notes
from penny.engines import current
from penny.engines.inside import TaskEngine
from penny.engines.outcomes import fail
from penny.engines.refusals import arrays_stay
from penny.errors import Cancelled
from penny.event_loops import blocking
from penny.functions.calls import is_coroutine_call, split_call
from penny.functions.forms import dumps_function, loads_function
from penny.futures import Future
from penny.jobs import running
from penny.memory.local_blocks import LOCAL
from penny.options import Options
from penny.wire.exceptions import dumps_exception, loads_exception
from penny.wire.pickles import dumps_arguments, dumps_result, loads, qualified_name

__all__ = ["dumps_call", "enter_worker", "run_call", "settle"]


def dumps_call(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    options: Options,
) -> bytes:
    """A call in a form that `run_call` takes in another process or on another machine.

    Raises:
        PickleError: The function or an argument can't travel.
    """
    function, args = split_call(function, args)
    arguments = dumps_arguments(qualified_name(function), args, kwargs)
    return pickle.dumps((dumps_function(function), arguments, options.timeout))


def run_call(call: bytes, run: Callable[..., Any] = running.run) -> bytes:
    """Run a call as a task, on top of whatever runs here. Never raises what the call raises.

    A coroutine function's coroutine is run to its end. What the task has spawned has ended, too. A
    call that took longer than its options allow has failed, whether or not `run` interrupts it.

    Args:
        call: What `dumps_call` gave.
        run: Called with a function and a tuple of its arguments, to call it as a task: what is to
            surround the call and nothing else.

    Returns:
        Its outcome, for `settle`.
    """
    try:
        form, arguments, timeout = pickle.loads(call)
        function = loads_function(form)
        args, kwargs = loads(arguments)
        began = time.monotonic()
        result = run(_called, (function, args, kwargs))
        if timeout is not None and time.monotonic() - began > timeout:
            raise Cancelled(timed_out=True)
        with _leaving():
            return b"+" + dumps_result(qualified_name(function), result)
    except BaseException as error:
        with _leaving():
            return b"-" + dumps_exception(error)


def _leaving() -> AbstractContextManager[None]:
    """A context in which an outcome is pickled: it goes to who shares no memory with a worker."""
    here = current.attached
    return nullcontext() if here is None else arrays_stay(here.name)


def _called(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if is_coroutine_call(function, args):
        return asyncio.run(function(*args, **kwargs))
    return function(*args, **kwargs)


def settle(future: Future[Any], outcome: bytes, name: str, options: Options) -> None:
    """Complete a future as its call has ended. On the thread of the future.

    A result that can't be unpickled here is the future's exception, as it is in the pool: the task
    has ended, and whoever waits is to hear of it.

    Args:
        future: Is not done yet.
        outcome: What `run_call` gave.
        name: The function's, for error messages.
        options: Those of the submission.
    """
    if outcome[:1] != b"+":
        fail(future, loads_exception(outcome[1:]), name, options)
        return
    try:
        result = loads(outcome[1:])
    except BaseException as error:
        add_notes(error, f"(while unpickling the result of {name})")
        future.set_exception(error)
    else:
        future.set_result(result)


class _Alone:
    """What a worker knows of the others: nothing but how many there are."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def stats(self) -> str:
        return json.dumps({"workers": [], "heap": {"used": 0, "size": 0, "limit": 0}})

    def trace(self) -> str:
        return ""


def enter_worker(number: int, workers: int, engine: str) -> None:
    """Make this interpreter a worker, whose tasks have a current worker and a scheduler.

    What a task submits or spawns here runs in this worker.

    Args:
        number: Its own, from 0 on.
        workers: How many there are.
        engine: The name of the engine that they belong to.
    """
    where.worker = number
    inside = TaskEngine(_Alone(workers), LOCAL, engine)
    current.attach(inside)
    blocking.install(inside)
