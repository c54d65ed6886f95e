"""Has a value changed since it was sent? Looked at before each submission, so it has to be cheap.

A `Watch` remembers what an object is made of, by identity: attributes, items, and those of the
containers inside. No method of the program's is called, nothing is pickled, and unchanged data
costs some ten nanoseconds an item.
"""

from __future__ import annotations

import abc
import copyreg
import functools
import itertools
import pickle
import struct
import sys
import weakref
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable
from operator import is_
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    GenericAlias,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, cast

__all__ = ["WATCHED_ITEMS", "Watch", "are_same", "is_filled"]

WATCHED_ITEMS = 1000
"""Items and attributes that are looked at of one value. In what is larger, changes within go
unnoticed: looking would cost each submission more than a microsecond for every hundred items."""

_WATCHED_BYTES = 1 << 14
_ATOMS = frozenset({int, float, complex, str, bytes, bool, type(None), type(...), ModuleType})

_Check = Callable[[], bool]
_Function = tuple[
    Callable[[], FunctionType | None],
    CodeType,
    tuple[Any, ...] | None,
    dict[str, Any] | None,
    bool,
]


def are_same(functions: list[_Function]) -> bool:
    """Whether functions are made of what they were: `Watch.functions`."""
    for refer, code, defaults, keywords, has_own in functions:
        now = refer()
        if (
            now is None
            or now.__code__ is not code
            or now.__defaults__ is not defaults
            or now.__kwdefaults__ is not keywords
            or bool(now.__dict__) is not has_own
        ):
            return False
    return True


# Types in C whose objects never change, or whose parts are looked at.
_CHANGELESS_MODULES = frozenset({"datetime", "decimal", "re", "types", "typing", "_typing"})
_PLAIN = (
    *(dict, list, deque, set, frozenset, tuple, bytearray, array, memoryview, BaseException),
    *(int, float, complex, str, bytes, range, slice, functools.partial),
    *(BuiltinFunctionType, GenericAlias),
)
_POINTER = struct.calcsize("P")


@functools.cache
def _keeps_state(kind: type) -> bool:
    """Whether objects have fields of C's beside attributes and slots."""
    if issubclass(kind, _PLAIN):
        return False
    decimal = sys.modules.get("decimal")  # else a program that never uses it would import it
    if decimal is not None and issubclass(kind, decimal.Context):
        return True
    for cls in kind.__mro__[:-1]:
        base = cls.__base__
        assert base is not None
        slots = sum(type(each) is MemberDescriptorType for each in vars(cls).values())
        # A dictionary and a list of weak references may be among them.
        fields = cls.__basicsize__ - base.__basicsize__ - (slots + 2) * _POINTER
        if fields > 0 and cls.__module__ not in _CHANGELESS_MODULES:
            return True
    return False


class Watch:
    """Remembers what a value is made of.

    Args:
        value: Anything. Functions and classes inside of it are taken as they are: what has a name
            of its own is watched by itself.

    Attributes:
        functions: Of each function a reference, and code, defaults, keyword defaults and whether it
            had attributes. Looked at by `are_same`: a check for each would take thrice as long.
        checks: Each says whether some other part of the value is as it was.
        whole: False if there is more than `WATCHED_ITEMS`: what is beyond is not looked at.
    """

    __slots__ = ("_room", "_seen", "_todo", "checks", "functions", "whole")

    def __init__(self, value: Any) -> None:
        self.functions: list[_Function] = []
        self.checks: list[_Check] = []
        self._seen: set[int] = set()
        self._room = WATCHED_ITEMS
        self.whole = True
        # What is still to be looked at; not by recursion, lists may be nested deeply.
        self._todo: list[Any] = []
        if type(value) is FunctionType:
            self._function(value)
        elif isinstance(value, type):
            self._class(value)
        else:
            self._todo.append(value)
        while self._todo:
            if self._room < 0:
                self.whole = False
                break
            self._any(self._todo.pop())
        self._todo = []
        self._seen = set()

    def changed(self) -> bool:
        """Whether the value has changed since."""
        for check in self.checks:
            if not check():
                return True
        return not are_same(self.functions)

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
        self.functions.append((refer, code, defaults, keywords, has_own))
        self._todo += defaults or ()
        if keywords:
            self._todo.append(keywords)
        self._todo += function.__closure__ or ()
        registry = getattr(function, "registry", None)
        if registry is not None and hasattr(registry, "copy"):  # of functools.singledispatch
            self._mapping(registry)

    def _inner_function(self, function: FunctionType) -> None:
        """A function within a value: only what it keeps; what has a name is watched by itself."""
        if function.__closure__ or function.__dict__ or function.__defaults__:
            if function.__module__ == "__main__" or "<" in function.__qualname__:
                self._function(function)
        elif function.__kwdefaults__:
            self._function(function)

    def _class(self, cls: type) -> None:
        # Caches of Python's own come and go.
        cache = "__annotations_cache__"
        attributes = type.__dict__["__dict__"].__get__(cls)
        names = [name for name in attributes if name != cache]
        values = [attributes[name] for name in names]
        bases, called, registered = cls.__bases__, cls.__name__, copyreg.dispatch_table.get(cls)
        # Whom it knows by `register`, and who knows it.
        token = abc.get_cache_token()

        def check() -> bool:
            return (
                len(attributes) - (cache in attributes) == len(names)
                and all(map(is_, map(attributes.get, names), values))
                and cls.__bases__ is bases
                and cls.__name__ is called
                and copyreg.dispatch_table.get(cls) is registered
                and abc.get_cache_token() == token
            )

        self._add(0, check)
        self._todo += values

    def _any(self, value: Any) -> None:
        kind: Any = type(value)
        if kind in _ATOMS or id(value) in self._seen:
            return
        self._seen.add(id(value))
        if kind is FunctionType:
            self._inner_function(value)
            return
        if issubclass(kind, type):
            # One that a function has made has no name by which it would be watched.
            if "<locals>" in getattr(value, "__qualname__", ""):
                self._class(value)
            return
        if issubclass(kind, dict):
            self._mapping(value)
        elif issubclass(kind, list):
            self._sequence(list, value)
        elif issubclass(kind, deque):
            self._sequence(deque, value)
        elif issubclass(kind, tuple):
            self._todo += tuple.__iter__(value)
        elif issubclass(kind, frozenset):
            self._todo += frozenset.__iter__(value)
        elif issubclass(kind, set):
            self._set(value)
        elif issubclass(kind, bytearray | array | memoryview):
            self._buffer(value)
        elif kind.__module__ == "numpy" and hasattr(value, "nbytes"):
            self._numpy(value)
            return
        elif kind is CellType:
            self._cell(value)
            return
        elif kind is MethodType:
            self._todo += value.__self__, value.__func__
            return
        elif kind is classmethod or kind is staticmethod:
            self._todo.append(value.__func__)
            return
        elif kind is property:
            self._todo += value.fget, value.fset, value.fdel
            return
        elif issubclass(kind, functools.partial):
            self._todo += value.func, value.args, value.keywords
        elif kind is MappingProxyType:
            self._mapping(value)
            return
        elif _keeps_state(cast(Any, kind)):
            self._state(value)
        self._attributes(value)

    def _state(self, value: Any) -> None:
        """What a type that is written in C keeps where only its pickle shows it."""
        if type(value) is itertools.count:  # it does not pickle, but its text says all
            text = repr(value)
            self._add(1, lambda: repr(value) == text)
            return
        try:
            before = pickle.dumps(value, 5)
        except Exception:
            return
        if len(before) > _WATCHED_BYTES:
            self.whole = False
            return

        def check() -> bool:
            try:
                return pickle.dumps(value, 5) == before
            except Exception:
                return False

        self._add(10, check)

    def _length(self, value: Any, size: int, length: Callable[[Any], int]) -> bool:
        """Whether the items are too many, and only their number is looked at."""
        if size <= self._room:
            return False
        self.whole = False
        self.checks.append(lambda: length(value) == size)
        return True

    def _mapping(self, value: Any) -> None:
        # A subclass may have methods of its own.
        kind: Any = type(value)
        for builtin in OrderedDict, dict:  # the former has an order that a dict does not see
            if issubclass(kind, builtin):
                kind = builtin
                break
        size = kind.__len__(value)
        if self._length(value, size, kind.__len__):
            return
        keys, values = list(kind.keys(value)), list(kind.values(value))
        self._add(
            size,
            lambda: (
                kind.__len__(value) == size
                and all(map(is_, kind.keys(value), keys))
                and all(map(is_, kind.values(value), values))
            ),
        )
        self._todo += values

    def _sequence(self, kind: Any, value: Any) -> None:
        size = kind.__len__(value)
        if self._length(value, size, kind.__len__):
            return
        iterate, length = kind.__iter__, kind.__len__
        items = list(iterate(value))
        self._add(size, lambda: length(value) == size and all(map(is_, iterate(value), items)))
        self._todo += items

    def _set(self, value: Any) -> None:
        size = set.__len__(value)
        if self._length(value, size, set.__len__):
            return
        kept = list(set.__iter__(value))
        items = set(map(id, kept))
        self._add(
            size,
            lambda: (
                set.__len__(value) == len(kept) and items.issuperset(map(id, set.__iter__(value)))
            ),
        )
        self._todo += kept

    def _buffer(self, value: Any) -> None:
        view = memoryview(value)
        if view.nbytes > _WATCHED_BYTES:
            self.whole = False
            size = view.nbytes
            self.checks.append(lambda: memoryview(value).nbytes == size)
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
        self._todo.append(content)

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
            self._todo += before


def is_filled(cell: CellType) -> bool:
    """Whether a closure's cell has contents."""
    try:
        return (cell.cell_contents, True)[1]
    except ValueError:
        return False
