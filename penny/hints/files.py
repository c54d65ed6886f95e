"""What a task did not find, file or module, although whoever submitted it would have."""

from __future__ import annotations

import os
from importlib.machinery import PathFinder
from typing import Any, TypeVar

from penny.by_value.exception_parts import GROUP_MEMBERS, add_notes, notes_of

__all__ = ["explained"]

E = TypeVar("E", bound=BaseException)

# Whatever a class of the program's makes of them.
_filename: Any = OSError.__dict__["filename"]
_name: Any = ImportError.__dict__["name"]

FILE = (
    "({name!r} exists where the task was submitted, but each worker has files of its own: read it "
    "there and pass what is in it as an argument. What lay beside the script when it started is "
    "in all workers.)"
)
MODULE = (
    "({name!r} can be imported where the task was submitted, but not in its worker, that has files "
    "of its own: import it there, outside of functions, and let the task use that name; or give "
    "the Scheduler its package, packages=[…]. What lay beside the script when it started can be "
    "imported in all workers.)"
)


def explained(error: E) -> E:
    """The error that came from a worker; with a note if it is for want of what is here.

    So are those of a group.
    """
    waiting: list[BaseException] = [error]  # groups may be nested deeper than the stack goes
    while waiting:
        each = waiting.pop()
        note = ""
        if isinstance(each, FileNotFoundError):
            name = _filename.__get__(each)
            if isinstance(name, str | bytes) and os.path.exists(name):
                note = FILE.format(name=name)
        elif isinstance(each, ModuleNotFoundError):
            name = _name.__get__(each)
            if isinstance(name, str) and _is_module(name.partition(".")[0]):
                note = MODULE.format(name=name)
        elif isinstance(each, BaseExceptionGroup):
            waiting += GROUP_MEMBERS.__get__(each)
        if note and note not in notes_of(each):
            add_notes(each, note)
    return error


def _is_module(name: str) -> bool:
    try:
        return PathFinder.find_spec(name) is not None
    except Exception:  # importers of anybody's
        return False
