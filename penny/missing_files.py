"""What a task did not find, although whoever submitted it would have."""

from __future__ import annotations

import os
from typing import Any, TypeVar

from penny.exception_parts import GROUP_MEMBERS, add_notes, notes_of

__all__ = ["explained"]

E = TypeVar("E", bound=BaseException)

_filename: Any = OSError.__dict__["filename"]  # whatever a class of the program's makes of it

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
            name = _filename.__get__(each)
            if isinstance(name, str | bytes) and os.path.exists(name):
                note = NOTE.format(name=name)
                if note not in notes_of(each):
                    add_notes(each, note)
        elif isinstance(each, BaseExceptionGroup):
            waiting += GROUP_MEMBERS.__get__(each)
    return error
