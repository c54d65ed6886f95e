"""Has a value changed since it was sent? Looked at before each submission, so it has to be cheap.

A `Watch` remembers what an object is made of, by identity: attributes, items, and those of the
containers inside. No method of the program's is called, nothing is pickled, and unchanged data
costs some ten nanoseconds an item.
"""

from __future__ import annotations

import weakref
from array import array
from collections import deque
from collections.abc import Callable
from operator import is_
from types import CellType, FunctionType, ModuleType
from typing import Any

__all__ = ["WATCHED_ITEMS", "Watch", "is_filled"]

WATCHED_ITEMS = 1000
"""Items and attributes that are looked at of one value. In what is larger, changes within go
unnoticed: looking would cost each submission more than a microsecond for every hundred items."""

_WATCHED_BYTES = 1 << 14
_ATOMS = frozenset({int, float, complex, str, bytes, bool, type(None), type(...), ModuleType})

_Check = Callable[[], bool]


class Watch:
    """Remembers what a value is made of.

    Args:
        value: Anything. Functions and classes inside of it are taken as they are: what has a name
            of its own is watched by itself.

    Attributes:
        checks: Each says whether some part of the value is as it was.
        whole: False if there is more than `WATCHED_ITEMS`: what is beyond is not looked at.
    """

    __slots__ = ("_room", "_seen", "checks", "whole")

    def __init__(self, value: Any) -> None:
        self.checks: list[_Check] = []
        self._seen: set[int] | None = set()
        self._room = WATCHED_ITEMS
        self.whole = True
        if type(value) is FunctionType:
            self._function(value)
        elif isinstance(value, type):
            self._class(value)
        else:
            self._any(value)
        self._seen = None

    def changed(self) -> bool:
        """Whether the value has changed since."""
        return any(not check() for check in self.checks)

    def _add(self, size: int, check: _Check) -> bool:
        self._room -= size
        if self._room < 0:
            self.whole = False
            return False
        self.checks.append(check)
        return True

    def _function(self, function: FunctionType) -> None:
        code, defaults, keywords = function.__code__, function.__defaults__, function.__kwdefaults__
        own = function.__dict__
        has_own = bool(own)
        if has_own:
            self._mapping(own)
        # Not kept alive by being watched.
        refer = weakref.ref(function)

        def check() -> bool:
            now = refer()
            return (
                now is not None
                and now.__code__ is code
                and now.__defaults__ is defaults
                and now.__kwdefaults__ is keywords
                and bool(now.__dict__) is has_own
            )

        self.checks.append(check)
        for value in defaults or ():
            self._any(value)
        if keywords:
            self._any(keywords)
        for cell in function.__closure__ or ():
            self._any(cell)
        registry = getattr(function, "registry", None)
        if registry is not None and hasattr(registry, "copy"):  # of functools.singledispatch
            self._mapping(registry)

    def _class(self, cls: type) -> None:
        # Caches of Python's own come and go.
        cache = "__annotations_cache__"
        names = [name for name in vars(cls) if name != cache]
        values = [vars(cls)[name] for name in names]
        attributes = cls.__dict__

        def check() -> bool:
            return len(attributes) - (cache in attributes) == len(names) and all(
                map(is_, map(attributes.get, names), values)
            )

        self._add(0, check)
        for value in values:
            value = getattr(value, "__func__", value)
            if type(value) is FunctionType:
                for kept in value.__defaults__ or ():
                    self._any(kept)
                if value.__kwdefaults__:
                    self._any(value.__kwdefaults__)
            else:
                self._any(value)

    def _any(self, value: Any) -> None:
        kind = type(value)
        if kind in _ATOMS or kind is FunctionType or isinstance(value, type):
            return
        assert self._seen is not None
        if id(value) in self._seen or self._room < 0:
            return
        self._seen.add(id(value))
        if isinstance(value, dict):
            self._mapping(value)
        elif isinstance(value, list | deque):
            self._sequence(value)
        elif isinstance(value, tuple | frozenset):
            for item in value:
                self._any(item)
        elif isinstance(value, set):
            self._set(value)
        elif isinstance(value, bytearray | array | memoryview):
            self._buffer(value)
        elif kind.__module__ == "numpy" and hasattr(value, "nbytes"):
            self._numpy(value)
            return
        elif kind is CellType:
            self._cell(value)
            return
        self._attributes(value)

    def _length(self, value: Any, size: int) -> bool:
        """Whether the items are too many, and only their number is looked at."""
        if size <= self._room:
            return False
        self.whole = False
        self.checks.append(lambda: len(value) == size)
        return True

    def _mapping(self, value: Any) -> None:
        size = len(value)
        if self._length(value, size):
            return
        # A subclass may have methods of its own.
        kind: Any = dict if isinstance(value, dict) else type(value)
        keys, values = list(kind.keys(value)), list(kind.values(value))
        self._add(
            size,
            lambda: (
                len(value) == size
                and all(map(is_, kind.keys(value), keys))
                and all(map(is_, kind.values(value), values))
            ),
        )
        for item in values:
            self._any(item)

    def _sequence(self, value: Any) -> None:
        size = len(value)
        if self._length(value, size):
            return
        items = list(value)
        self._add(size, lambda: len(value) == size and all(map(is_, value, items)))
        for item in items:
            self._any(item)

    def _set(self, value: Any) -> None:
        size = len(value)
        if self._length(value, size):
            return
        items = set(map(id, value))
        kept = list(value)
        self._add(size, lambda: len(value) == len(kept) and items.issuperset(map(id, value)))

    def _buffer(self, value: Any) -> None:
        view = memoryview(value)
        if view.nbytes > _WATCHED_BYTES:
            self.whole = False
            return
        data = view.tobytes()
        self._add(1, lambda: memoryview(value).tobytes() == data)

    def _numpy(self, value: Any) -> None:
        if value.nbytes > _WATCHED_BYTES:
            self.whole = False
            return
        data = value.tobytes()
        self._add(1, lambda: value.tobytes() == data)

    def _cell(self, cell: CellType) -> None:
        try:
            content = cell.cell_contents
        except ValueError:
            self._add(1, lambda: not is_filled(cell))
            return

        # A function may be in a cell of its own.
        refer = weakref.ref(content) if type(content) is FunctionType else lambda: content

        def check() -> bool:
            try:
                return cell.cell_contents is refer()
            except ValueError:
                return False

        self._add(1, check)
        self._any(content)

    def _attributes(self, value: Any) -> None:
        try:
            own = object.__getattribute__(value, "__dict__")
        except AttributeError:
            own = None
        if type(own) is dict:
            self._mapping(own)
        slots = [
            descriptor
            for cls in type(value).__mro__
            for descriptor in vars(cls).values()
            if type(descriptor).__name__ == "member_descriptor" and "__slots__" in vars(cls)
        ]
        if not slots:
            return
        missing = object()

        def read() -> list[Any]:
            result = []
            for slot in slots:
                try:
                    result.append(slot.__get__(value))
                except AttributeError:
                    result.append(missing)
            return result

        before = read()
        if self._add(len(slots), lambda: all(map(is_, read(), before))):
            for item in before:
                self._any(item)


def is_filled(cell: CellType) -> bool:
    """Whether a closure's cell has contents."""
    try:
        return (cell.cell_contents, True)[1]
    except ValueError:
        return False
