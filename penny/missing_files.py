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
    if isinstance(error, FileNotFoundError):
        name = error.filename
        if isinstance(name, str | bytes) and os.path.exists(name):
            note = NOTE.format(name=name)
            if note not in getattr(error, "__notes__", ()):
                error.add_note(note)
    elif isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            explained(each)
    return error
