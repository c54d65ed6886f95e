"""A stdin that a worker, or a page's script, does not have: what is to be done instead."""

from __future__ import annotations

import errno
import os
from typing import Any

from penny.by_value.exception_parts import notes_of

__all__ = ["IN_A_TASK", "NO_STDIN", "hint", "refused"]

IN_A_TASK = (
    "a task can't read from stdin: read in the script, and pass what came to the task as an "
    "argument. To debug it, call its function in the script itself"
)
NO_STDIN = (
    "there is no stdin here: ask on the page, in JavaScript, and pass the answer on; or give "
    "Penny.run an `input`; or use `penny run`, whose script reads the shell's"
)

_reason = ""


def refused(reason: str) -> None:
    """Say from now on why nothing is to be read from stdin; empty: something is."""
    global _reason
    _reason = reason


# Whatever a class of the program's makes of it.
_number: Any = OSError.__dict__["errno"]


def hint(error: BaseException) -> str:
    """What to do instead, if the error is that of a read from a stdin which is refused.

    Of an error without a file name nobody knows which file it is about. But there is no other whose
    device is missing (web/penny/stdio/input.js), nor is a descriptor bad so often while 0 is.
    """
    if not _reason or not isinstance(error, OSError):
        return ""
    notes = notes_of(error)
    if _note(IN_A_TASK) in notes or _note(NO_STDIN) in notes:
        return ""  # a task's, which has been told
    number = _number.__get__(error)
    if number == errno.ENXIO or (number == errno.EBADF and not _is_open(0)):
        return _note(_reason)
    return ""


def _note(reason: str) -> str:
    return f"({reason[0].upper()}{reason[1:]}.)"


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
