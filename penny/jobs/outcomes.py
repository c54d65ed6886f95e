"""How a job ended, or how far it has come: what a job's three slots say, and nothing of a worker.

A job is private as long as it has its function. From then on its outcome is what it returned, or a
`Failure` or `Forgotten`, or, where another worker has it or may take it, its `Promotion`; while it
runs here there is none.

What several failures of one execution, or of one scope, come to is here as well: one exception that
tells of the others, or a group.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from penny.by_value.exception_parts import ATTRIBUTES, add_notes, set_traceback, traceback_of
from penny.by_value.exception_state import message_of
from penny.errors import Cancelled
from penny.jobs import tracebacks
from penny.jobs.stack import deeper_than

__all__ = ["AnyJob", "Failure", "Forgotten", "Promotion"]


class AnyJob(Protocol):
    """A `penny.Job`, whatever it returns: what is known of one below `penny.jobs.job`."""

    _function: Callable[..., Any] | None
    _arguments: tuple[Any, ...]
    _outcome: Any

    def cancel(self) -> bool:
        """Withdraw it if nobody has begun it."""

    def ask_cancel(self) -> None:
        """Ask the worker that runs it, if another one does, to raise Cancelled in it."""


class Failure:
    """How a job ended that raised."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Forgotten:
    """How a job ended that raised, where the error is not kept, but only its type and text."""

    __slots__ = ("text", "type")

    def __init__(self, type_name: str, text: str) -> None:
        self.type = type_name
        self.text = text


NO_STACK = Forgotten("RecursionError", "maximum recursion depth exceeded")

DEEP = 1000
"""Frames from where on a job does not keep the error that its join raises.

An error that has passed some 2,500 ends the interpreter when it is freed (`tracebacks.py`): so less
than half of that, since the frames that it is yet to pass come on top.
"""


class Promotion:
    """What is known of a public job."""

    __slots__ = (
        "alone",
        "arguments",
        "coroutine",
        "function",
        "handle",
        "limited",
        "order",
        "record",
    )

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function = function
        self.arguments = arguments
        self.coroutine = False
        """Whether only the worker for coroutines may run it."""
        self.limited = False
        """Whether it has a time limit, which counts for tasks only."""
        self.alone = False
        """Whether jobs that were spawned before may be promoted later."""
        self.order = 0
        """How many its worker had promoted before."""
        self.handle = -1
        """Of its task."""
        self.record: object = None
        """Keeps its function in the table."""


def promotion_of(job: AnyJob) -> Promotion | None:
    """The promotion of a public job whose outcome has not been collected."""
    outcome = getattr(job, "_outcome", None)
    return outcome if type(outcome) is Promotion else None


def failure(job: AnyJob) -> BaseException | None:
    """What the job raised, if it has."""
    outcome = getattr(job, "_outcome", None)
    if type(outcome) is Forgotten:
        return RecursionError(
            f"this job's error was not kept, so deep in the stack: {outcome.type}: {outcome.text}"
        )
    return outcome.error if type(outcome) is Failure else None


def settled(job: AnyJob) -> bool:
    """Whether the job's outcome is here."""
    return job._function is None and hasattr(job, "_outcome") and promotion_of(job) is None


def claim(job: AnyJob) -> Callable[..., Any]:
    """Take a private job's function: from now on its entries are stale."""
    function, job._function = job._function, None
    assert function is not None
    return function


def restore(job: AnyJob) -> None:
    """Make a job private that was taken back, without an entry."""
    promotion: Promotion = job._outcome
    del job._outcome
    job._function = promotion.function
    job._arguments = promotion.arguments


def drop(job: AnyJob) -> None:
    """Claim a private job and end it, without running it."""
    claim(job)
    job._arguments = ()
    job._outcome = Failure(Cancelled())


def outcome_of(error: BaseException) -> Failure | Forgotten:
    """The outcome of a job whose join raises this error.

    The error's traceback refers to the joining frame, and that to the job: a cycle. Deep in the
    stack the error is not kept, for a frame that outlives its call keeps all that are below it on
    the stack, when they end, and so many are too long a chain to be freed
    (`penny.jobs.tracebacks`).
    """
    if not deeper_than(DEEP):
        return Failure(error)
    if isinstance(error, Cancelled):
        return Failure(error.bare())
    return Forgotten(type(error).__name__, message_of(error))


def without_frame(error: BaseException) -> BaseException:
    """The exception without the frame that caught it, which says nothing and refers to the job.

    Deep in the stack (see `outcome_of`) without any.
    """
    entry = traceback_of(error)
    if entry is not None:
        set_traceback(error, entry.tb_next)
        if deeper_than(DEEP):
            tracebacks.take_off(error)
    return error


def combine(
    error: BaseException | None, others: list[BaseException], what: str = "jobs of a task failed"
) -> BaseException | None:
    """With what an execution fails that raised `error`, and whose unjoined jobs raised `others`."""
    if error is None:
        # That it was cancelled is not one failure among others.
        error = next((each for each in others if isinstance(each, Cancelled)), None)
        others = [each for each in others if each is not error]
    if error is not None:
        for other in others:
            attach(error, other)
        return error
    if len(others) > 1:
        return BaseExceptionGroup(what, others)
    return others[0] if others else None


def attach(error: BaseException, other: BaseException) -> None:
    """Have an exception tell of another one, that came up beside it."""
    if other is error:
        return
    with suppress(Exception):  # anything may be in their way
        said = f"{type(other).__name__}: {message_of(other)}"
        add_notes(error, f"(a job of the same task failed, too: {said})")
        ATTRIBUTES.__get__(error).setdefault("__penny_also__", []).append(other)
