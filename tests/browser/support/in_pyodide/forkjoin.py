"""Tasks for tests of fork-join: by them one worker makes sure of what another one does."""

from __future__ import annotations

import time
from typing import Any, TypeVar

from gates import Gate

import penny

T = TypeVar("T")

SECONDS = 10.0
"""After which something that should happen counts as not happening."""


def stolen(job: penny.Job[T]) -> penny.Job[T]:
    """The job, once another worker has begun it. Meanwhile this one runs Python and answers."""
    deadline = time.monotonic() + SECONDS
    while not job.begun():
        if time.monotonic() > deadline:
            raise TimeoutError("nobody steals the job")
    return job


def spin(seconds: float) -> int | None:
    """Run Python for so long. Returns the worker's number."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pass
    return penny.current_worker()


def forever(gate: Gate) -> None:
    """Pass an open gate, so that others know; then run Python until somebody ends it."""
    gate.open()
    while True:
        pass


def outcome(what: Any) -> object:
    """What a future's `result()`, a job's `join()` or a function returns, or the exception that it
    raises."""
    call = getattr(what, "result", None) or getattr(what, "join", None) or what
    try:
        return call()
    except BaseException as error:
        return error
