"""What every exception has, read and set whatever its class makes of attributes.

A frozen dataclass lets nobody set an attribute, another class answers for all names itself, or has
an `add_note` of its own. What the interpreter does with exceptions asks none of them, and so here.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

__all__ = [
    "ARGS",
    "ATTRIBUTES",
    "CAUSE",
    "CONTEXT",
    "GROUP_MEMBERS",
    "GROUP_MESSAGE",
    "SUPPRESS_CONTEXT",
    "add_notes",
    "linked",
    "notes_of",
    "set_traceback",
    "traceback_of",
]

# Descriptors: `.__get__(error)`, `.__set__(error, value)`.
ARGS: Any = BaseException.__dict__["args"]
ATTRIBUTES: Any = BaseException.__dict__["__dict__"]
CAUSE: Any = BaseException.__dict__["__cause__"]
CONTEXT: Any = BaseException.__dict__["__context__"]
SUPPRESS_CONTEXT: Any = BaseException.__dict__["__suppress_context__"]
GROUP_MESSAGE: Any = BaseExceptionGroup.__dict__["message"]
GROUP_MEMBERS: Any = BaseExceptionGroup.__dict__["exceptions"]
_traceback: Any = BaseException.__dict__["__traceback__"]


def traceback_of(error: BaseException) -> TracebackType | None:
    """Its traceback."""
    entry: TracebackType | None = _traceback.__get__(error)
    return entry


def set_traceback(error: BaseException, entry: TracebackType | None) -> None:
    """Give it another traceback, or none."""
    _traceback.__set__(error, entry)


def linked(error: BaseException) -> list[BaseException]:
    """The exception, its cause, context and members, and theirs: all that a traceback shows."""
    found = [error]
    seen = {id(error)}
    for each in found:  # grows meanwhile
        members = GROUP_MEMBERS.__get__(each) if isinstance(each, BaseExceptionGroup) else ()
        for other in (CAUSE.__get__(each), CONTEXT.__get__(each), *members):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                found.append(other)
    return found


def notes_of(error: BaseException) -> list[Any]:
    """Its notes. None if the program has made something else than a list of `__notes__`."""
    notes = ATTRIBUTES.__get__(error).get("__notes__")
    return notes if type(notes) is list else []


def add_notes(error: BaseException, *notes: str) -> None:
    """Add notes, if its `__notes__` are a list, or not there yet."""
    if notes:
        attributes = ATTRIBUTES.__get__(error)
        before = attributes.setdefault("__notes__", [])
        if type(before) is list:
            attributes["__notes__"] = [*before, *notes]
