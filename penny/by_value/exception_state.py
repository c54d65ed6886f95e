"""What an exception is made of: taken apart, and put together without its constructor.

It is its class, its `args`, what its built-in base keeps in fields of C's (`errno`, `code`,
`lineno`, …), its `__slots__` and its `__dict__`; and those that it is linked with: cause, context,
the members of a group. `penny.wire.exceptions` is about those that a task raises,
`penny.by_value.exception_values` about those that are values among others.
"""

from __future__ import annotations

import contextlib
import copyreg
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from types import (
    BuiltinFunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    TracebackType,
)
from typing import Any, NamedTuple, cast

from penny.by_value.exception_parts import ARGS, ATTRIBUTES, linked

__all__ = [
    "FAILURES",
    "LeftBehind",
    "State",
    "bare",
    "can_be_printed",
    "can_be_shown",
    "fields_of",
    "message_of",
    "pickles_itself",
    "plain",
    "printed",
    "qualified_name",
    "set_field",
    "show",
    "shown_notes",
    "take_apart",
    "type_name",
]

# What code of the user's may raise where a failure is not to stop anything.
FAILURES = (Exception, SystemExit, GeneratorExit)


class State(NamedTuple):
    """What an exception is made of."""

    args: Any
    fields: dict[tuple[int, str], Any]
    """By place in the class's `__mro__`, since names may be used twice, and name."""
    attributes: dict[str, Any]


class LeftBehind:
    """Stands in an exception for one of its `args` that could not travel, and looks like it."""

    def __init__(self, shown: str) -> None:
        self.shown = shown

    def __repr__(self) -> str:
        """What the value showed."""
        return self.shown


def fields_of(cls: type[BaseException]) -> Iterator[tuple[tuple[int, str], Any]]:
    """The `__slots__` of a class and its bases, and what built-in bases keep besides `args`."""
    for i, base in enumerate(cls.__mro__):
        if base is BaseException or base is BaseExceptionGroup:  # seen to apart
            continue
        for name, member in vars(base).items():
            kind = type(member)
            if kind is MemberDescriptorType or (
                # characters_written
                kind is GetSetDescriptorType and base is OSError and not name.startswith("__")
            ):
                yield (i, name), member


def take_apart(error: BaseException) -> State:
    """What the exception is made of now."""
    fields = {}
    for key, member in fields_of(type(error)):
        with contextlib.suppress(AttributeError):  # not set
            fields[key] = member.__get__(error)
    return State(ARGS.__get__(error), fields, dict(ATTRIBUTES.__get__(error)))


def bare(cls: type[BaseException]) -> BaseException:
    """An object of the class, without anything in it. Calls nothing that is written in Python."""
    base: type | None = cls
    while base is not None:
        new = base.__dict__.get("__new__")
        if isinstance(new, BuiltinFunctionType):
            if base.__module__ != "builtins":
                raise TypeError(f"{qualified_name(base)} may keep what only its module knows")
            return cast(BaseException, new(cls))
        base = base.__base__
    raise TypeError(f"{qualified_name(cls)} has no __new__")


def set_field(error: BaseException, key: tuple[int, str], value: Any) -> None:
    """Set one of the fields."""
    i, name = key
    member: Any = vars(type(error).__mro__[i])[name]
    try:
        # Setting None is not the same as leaving it: an OSError would show a filename of None.
        if member.__get__(error) is value:
            return
    except AttributeError:
        pass
    member.__set__(error, value)


def pickles_itself(cls: type[BaseException]) -> bool:
    """Whether the class says how it is to be pickled."""
    return cls in copyreg.dispatch_table or any(
        name in vars(base)
        for base in cls.__mro__
        if base is not BaseException and base is not object and base.__module__ != "builtins"
        for name in ("__reduce__", "__reduce_ex__", "__getstate__")
    )


# -- Texts -----------------------------------------------------------------------------------------

_LEVELS = 100
"""Values within each other to so many levels are shown."""

# What `str` of built-in exceptions, or a traceback, shows of them besides `args`.
_SHOWN = tuple(
    (kind, vars(kind)[name])
    for kind, names in (
        (OSError, ("errno", "strerror", "filename", "filename2")),
        (SyntaxError, ("msg", "filename", "lineno")),
        (UnicodeDecodeError, ("encoding", "reason")),
        (UnicodeEncodeError, ("encoding", "reason")),
        (UnicodeTranslateError, ("reason",)),
    )
    for name in names
)


def can_be_printed(error: BaseException) -> bool:
    """Whether a traceback with it can be made, as far as it goes: see `can_be_shown`."""
    notes = ATTRIBUTES.__get__(error).get("__notes__")
    return (_shows_no_others(error) or can_be_shown(error)) and can_be_shown(notes)


def _shows_no_others(error: BaseException) -> bool:
    """Whether it says how many it is a group of, not which."""
    return type(error).__str__ is BaseExceptionGroup.__str__


def can_be_shown(value: object) -> bool:
    """Whether `str` and `repr` of it come to an end, as far as that is the interpreter's business.

    They do not for an exception that is its own only argument. CPython guards such a recursion from
    C to C by its stack's pointer, which these functions do not move in WebAssembly: it would be the
    end of Python, and so would one that ends, but too deep. Calls nothing of the program's.
    """
    return _is_shallow(value, _LEVELS, {}, set())


def _is_shallow(value: Any, levels: int, known: dict[int, int], around: set[int]) -> bool:
    """Whether the value goes no deeper.

    Args:
        value: The value.
        levels: So many.
        known: What has been found to go no deeper than so many, by identity.
        around: The containers that it is in. In them they show as "[...]".
    """
    kind = type(value)
    parts: Any
    if issubclass(kind, BaseException):
        args = ARGS.__get__(value)
        parts = [*(args if len(args) == 1 else (args,)), *_shown_fields(value)]
    elif kind is list or kind is tuple or kind is set or kind is frozenset or kind is deque:
        parts = value
    elif kind is dict:
        parts = [*value.keys(), *value.values()]
    else:
        return True
    i = id(value)
    if i in around or known.get(i, levels + 1) <= levels:
        return True
    if not levels:
        return False
    inside = around if issubclass(kind, BaseException) else around | {i}
    for each in parts:
        if not _is_shallow(each, levels - 1, known, inside):
            return False
    known[i] = levels
    return True


def _shown_fields(error: BaseException) -> Iterator[Any]:
    for kind, member in _SHOWN:
        if isinstance(error, kind):
            with contextlib.suppress(AttributeError):  # not set
                yield member.__get__(error)


def _text(form: Callable[[Any], str], value: object) -> str:
    if not can_be_shown(value):
        raise RecursionError("it contains itself, or is nested too deep")
    return plain(form(value))


def plain(text: str) -> str:
    """The text, if it is of a class of the user's, too."""
    return str.__str__(text)


def type_name(error: BaseException) -> str:
    """What to call its class."""
    try:
        return plain(qualified_name(type(error)))
    except FAILURES:
        return "Exception"


def message_of(error: BaseException) -> str:
    """What it says."""
    try:
        return plain(str(error)) if _shows_no_others(error) else _text(str, error)
    except FAILURES:
        return "<its __str__ failed>"


def show(value: object) -> str:
    """What a value shows."""
    try:
        return _text(repr, value)
    except FAILURES:
        return f"<{qualified_name(type(value))}>"


def shown_notes(error: BaseException) -> list[str]:
    """Its notes."""
    try:
        return [_text(str, note) for note in ATTRIBUTES.__get__(error).get("__notes__", ())]
    except FAILURES:  # anything may have been assigned
        return []


def printed(error: BaseException, frames: TracebackType | None, chain: bool = True) -> str:
    """The traceback as the interpreter would print it.

    Args:
        error: The exception.
        frames: Its traceback.
        chain: Whether with those that it is linked with. They are left out, too, if one of them, or
            the exception, can't be printed.
    """
    try:
        if chain and all(map(can_be_printed, linked(error))):
            return "".join(traceback.format_exception(type(error), error, frames))
        lines = ["Traceback (most recent call last):\n", *traceback.format_tb(frames)]
    except FAILURES:
        lines = []
    return "".join(lines) + f"{type_name(error)}: {message_of(error)}\n"


def qualified_name(named: Any) -> str:
    """What to call a function or class: `module.name`, without `builtins`."""
    module = getattr(named, "__module__", None)
    name = getattr(named, "__qualname__", None) or f"{qualified_name(type(named))} object"
    return name if module is None or module == "builtins" else f"{module}.{name}"
