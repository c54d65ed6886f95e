"""What a task did not find, although whoever submitted it would have."""

from __future__ import annotations

import os
from typing import TypeVar

__all__ = ["explained"]

E = TypeVar("E", bound=BaseException)

NOTE = (
    "({name!r} exists where the task was submitted, but each worker has files of its own: read it "
    "there and pass what is in it as an argument. What lay beside the script when it started is "
    "in all workers.)"
)


def explained(error: E) -> E:
    """The error that came from a worker; with a note if it is for want of a file that is here.

    So are those of a group.
    """
    waiting: list[BaseException] = [error]  # groups may be nested deeper than the stack goes
    while waiting:
        each = waiting.pop()
        if isinstance(each, FileNotFoundError):
            name = each.filename
            if isinstance(name, str | bytes) and os.path.exists(name):
                note = NOTE.format(name=name)
                if note not in getattr(each, "__notes__", ()):
                    each.add_note(note)
        elif isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
    return error
