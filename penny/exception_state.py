"""What an exception is made of: taken apart, and put together without its constructor.

It is its class, its `args`, what its built-in base keeps in fields of C's (`errno`, `code`,
`lineno`, …), its `__slots__` and its `__dict__`; and those that it is linked with: cause, context,
the members of a group. `penny.raised` is about those that a task raises, `penny.exception_values`
about those that are values among others.
"""

from __future__ import annotations

import contextlib
import copyreg
from collections.abc import Iterator
from types import BuiltinFunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any, NamedTuple, cast

from penny.exception_parts import ARGS, ATTRIBUTES

__all__ = [
    "FAILURES",
    "LeftBehind",
    "State",
    "bare",
    "fields_of",
    "message_of",
    "pickles_itself",
    "plain",
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
        return plain(str(error))
    except FAILURES:
        return "<its __str__ failed>"


def show(value: object) -> str:
    """What a value shows."""
    try:
        return plain(repr(value))
    except FAILURES:
        return f"<{qualified_name(type(value))}>"


def shown_notes(error: BaseException) -> list[str]:
    """Its notes."""
    try:
        return [plain(str(note)) for note in ATTRIBUTES.__get__(error).get("__notes__", ())]
    except FAILURES:  # anything may have been assigned
        return []


def qualified_name(named: Any) -> str:
    """What to call a function or class: `module.name`, without `builtins`."""
    module = getattr(named, "__module__", None)
    name = getattr(named, "__qualname__", None) or f"{qualified_name(type(named))} object"
    return name if module is None or module == "builtins" else f"{module}.{name}"
