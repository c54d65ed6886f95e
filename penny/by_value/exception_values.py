"""Exceptions that are values: arguments, results, items of lists, attributes, globals.

Pickle calls an exception's class with its `args`, and leaves out cause and context. Here it travels
as one that is raised does (`penny.wire.exceptions`), but as a part of the pickle that it is in:
what is one object there stays one. Its traceback stays behind. A class that says how it is pickled
is pickled so, and gets its cause and context beside.

All exceptions that are linked by cause, context or as members of groups are made, with nothing in
them, as part of whichever comes first in the pickle, and then filled one after the other: chains
may be long.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from typing import Any, NamedTuple

from penny.by_value.exception_parts import (
    ARGS,
    ATTRIBUTES,
    CAUSE,
    CONTEXT,
    GROUP_MEMBERS,
    GROUP_MESSAGE,
    SUPPRESS_CONTEXT,
    add_notes,
)
from penny.by_value.exception_state import (
    FAILURES,
    LeftBehind,
    bare,
    message_of,
    pickles_itself,
    plain,
    qualified_name,
    set_field,
    show,
    shown_notes,
    take_apart,
    type_name,
)
from penny.errors import RemoteError

__all__ = ["Exceptions", "TryOut"]

PROTOCOL = 5

TryOut = Callable[[Any], Any]
"""Pickles a value and unpickles it, as if exceptions in it were nothing special: `Exception()`."""

_SAFE = frozenset({int, float, str, bool, type(None), complex, bytes, bytearray})
_ITEMS = 100
"""Items in which plain values are looked for before a value is tried out."""


class _Way(NamedTuple):
    """How one exception is pickled."""

    made: Any
    """How it is made, as `__reduce__` has it: a str is the name by which it is there."""
    own: bool = False
    """Whether that is its class's way, and all of it."""
    state: tuple[Any, ...] | None = None
    """What it is filled with."""
    notes: list[str] = []  # noqa: RUF012
    """What its class's way may leave out."""


class Exceptions:
    """How the exceptions of one pickle are pickled.

    Args:
        try_out: Whether a part can travel.
    """

    __slots__ = ("_classes", "_met", "_try_out", "_ways")

    def __init__(self, try_out: TryOut) -> None:
        self._try_out = try_out
        # By identity; kept, so that nothing else has it.
        self._met: dict[int, BaseException] = {}
        self._ways: dict[int, _Way] = {}
        self._classes: dict[type, str] = {}

    def reduce(self, error: BaseException) -> Any:
        """How to pickle an exception, as `__reduce__` has it."""
        first = id(error) not in self._met
        linked = self._linked(error) if first else []
        way = self._way(error)
        if not first or isinstance(way.made, str):
            return way.made  # filled by another one
        filled = []
        for each in linked:
            made, own, state, notes = self._way(each)
            links = CAUSE.__get__(each), CONTEXT.__get__(each), SUPPRESS_CONTEXT.__get__(each)
            if not isinstance(made, str) and (
                not own or notes or any(link is not None for link in links[:2])
            ):
                filled.append((each, state, notes, links))
        if not way.own:
            make, args = way.made
            return make, args, tuple(filled), None, None, _fill
        if not filled:
            return way.made
        make, args, state, items, pairs, set_state = [*way.made, *[None] * 4][:6]
        return make, args, (state, set_state, tuple(filled)), items, pairs, _set_own

    def _linked(self, error: BaseException) -> list[BaseException]:
        """The exception, and all new ones that are linked with it."""
        self._met[id(error)] = error
        found = [error]
        for each in found:  # grows meanwhile
            others = [CAUSE.__get__(each), CONTEXT.__get__(each)]
            if isinstance(each, BaseExceptionGroup):
                others += GROUP_MEMBERS.__get__(each)
            for other in others:
                if other is not None and id(other) not in self._met:
                    self._met[id(other)] = other
                    found.append(other)
        return found

    def _way(self, error: BaseException) -> _Way:
        way = self._ways.get(id(error))
        if way is None:
            way = self._ways[id(error)] = self._find_way(error)
        return way

    def _find_way(self, error: BaseException) -> _Way:
        cls = type(error)
        own: Any = None
        if pickles_itself(cls):
            own = _reduced(error)
            if isinstance(own, str):
                return _Way(own)
        group = isinstance(error, BaseExceptionGroup)
        members = list(GROUP_MEMBERS.__get__(error)) if group else []
        message = plain(GROUP_MESSAGE.__get__(error)) if group else ""
        why = self._why_not(cls)
        if not why:
            state, lost = self._state(error)
            if not lost or not self._is_whole(own, cls):
                made = (_bare_group, (cls, message, members)) if group else (bare, (cls,))
                return _Way(made, state=state)
        own = own or _reduced(error)
        if self._is_whole(own, cls):
            return _Way(own, own=True, notes=shown_notes(error))
        name = type_name(error)
        stands: Any = RemoteError, (name, message_of(error))
        if group:
            stands = BaseExceptionGroup, (f"{name}: {message}", members)
        return _Way(stands, state=(None, {}, {"__notes__": [*shown_notes(error), why]}))

    def _is_whole(self, own: Any, cls: type) -> bool:
        """Whether the class's way gives an exception of that class."""
        if own is None:
            return False
        try:
            return type(self._try_out(_Own(own))) is cls
        except MemoryError:
            raise
        except FAILURES:
            return False

    def _why_not(self, cls: type[BaseException]) -> str:
        """Why the class can't travel, or has no objects that can be put together; or nothing."""
        if cls not in self._classes:
            try:
                if not issubclass(cls, BaseExceptionGroup):
                    bare(cls)
                if cls.__module__ != "builtins" and self._try_out(cls) is not cls:
                    raise TypeError("another class has its name")
                self._classes[cls] = ""
            except MemoryError:
                raise
            except FAILURES as reason:
                self._classes[cls] = f"(its class stayed behind: {message_of(reason)})"
        return self._classes[cls]

    def _state(self, error: BaseException) -> tuple[tuple[Any, ...], list[str]]:
        """What it is made of without what can't travel, and what that is."""
        args, fields, attributes = take_apart(error)
        lost: list[str] = []
        args = tuple(
            value if self._travels(f"args[{i}]", value, lost) else LeftBehind(show(value))
            for i, value in enumerate(args)
        )
        fields = {k: v for k, v in fields.items() if self._travels(k[1], v, lost)}
        attributes = {
            k: v
            for k, v in attributes.items()
            if self._travels("an attribute's name", k, lost) and self._travels(str(k), v, lost)
        }
        if lost:
            attributes["__notes__"] = [*shown_notes(error), *lost]
        return (args, fields, attributes), lost

    def _travels(self, path: str, value: Any, lost: list[str]) -> bool:
        if _is_plain(value):
            return True
        try:
            self._try_out(value)
        except MemoryError:
            raise
        except FAILURES as reason:
            kind = qualified_name(type(value))
            lost.append(f"({path} stayed behind: a {kind} can't travel: {message_of(reason)})")
            return False
        return True


def _reduced(error: BaseException) -> Any:
    """How its class pickles it; None: it fails."""
    try:
        reducer = copyreg.dispatch_table.get(type(error))
        return error.__reduce_ex__(PROTOCOL) if reducer is None else reducer(error)
    except MemoryError:
        raise
    except FAILURES:
        return None


class _Own:
    """Pickles in a given way."""

    def __init__(self, way: Any) -> None:
        self._way = way

    def __reduce__(self) -> Any:
        return self._way


def _is_plain(value: Any) -> bool:
    """Whether it is plain data, that travels however large it is."""
    left = _ITEMS
    todo = [value]
    while todo and left:
        left -= 1
        each = todo.pop()
        kind = type(each)
        if kind in (list, tuple, set, frozenset):
            if len(each) > left:
                return False
            todo += each
        elif kind is dict:
            if 2 * len(each) > left:
                return False
            todo += [*each.keys(), *each.values()]
        elif kind not in _SAFE and not issubclass(kind, BaseException):
            return False
    return not todo


# -- Called by pickles -----------------------------------------------------------------------------


def _bare_group(cls: Any, message: str, members: list[BaseException]) -> BaseException:
    group: BaseException = BaseExceptionGroup.__new__(cls, message, members)
    return group


def _fill(_: BaseException, filled: tuple[Any, ...]) -> None:
    for error, state, notes, links in filled:
        if state is not None:
            _set_state(error, *state)
        if notes:
            before = shown_notes(error)
            add_notes(error, *[note for note in notes if note not in before])
        cause, context, suppressed = links
        CAUSE.__set__(error, cause)
        CONTEXT.__set__(error, context)
        SUPPRESS_CONTEXT.__set__(error, suppressed)


def _set_state(
    error: BaseException, args: Any, fields: dict[Any, Any], attributes: dict[str, Any]
) -> None:
    if args is not None:
        ARGS.__set__(error, args)
    lost = []
    for key, value in fields.items():
        try:
            set_field(error, key, value)
        except FAILURES as reason:
            lost.append(f"({key[1]} could not be set: {message_of(reason)})")
    ATTRIBUTES.__get__(error).update(attributes)
    add_notes(error, *lost)


def _set_own(error: Any, state: tuple[Any, ...]) -> None:
    own, set_state, filled = state
    if set_state is not None:
        set_state(error, own)
    elif own is not None:
        error.__setstate__(own)
    _fill(error, filled)
