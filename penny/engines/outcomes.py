"""What the exception that ended a call means for its future."""

from __future__ import annotations

from typing import Any

from penny.errors import Cancelled
from penny.futures import Future
from penny.options import Options

__all__ = ["fail", "overtime"]


def fail(future: Future[Any], error: BaseException, name: str, options: Options) -> None:
    """Complete the future of a call of `name` that has raised `error`."""
    if not isinstance(error, Cancelled):
        future.set_exception(error)
    elif error.timed_out:
        future.set_exception(overtime(name, options, error.__cause__))
    else:
        future.set_cancelled()


def overtime(name: str, options: Options, cause: BaseException | None = None) -> TimeoutError:
    """The error of a call of `name` whose time was over."""
    limit = "its time" if options.timeout is None else f"its timeout of {options.timeout:g} s"
    error = TimeoutError(f"{name} took longer than {limit}")
    error.__cause__ = cause
    return error
