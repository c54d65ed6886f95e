"""Culprits: which part of a value it is that can't be pickled.

Pickle says what it could not pickle and not where that was. The search descends from the whole to
the innermost part that still fails by itself, among many siblings by bisection. It costs time only
where there is an error to report, and never much more than `SEARCH_TIME`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType, FunctionType, MethodType
from typing import Any, cast

from penny.by_value.classes import class_attributes
from penny.by_value.names import those_known
from penny.by_value.pickler import ByValuePickler
from penny.by_value.reducing import PROTOCOL

__all__ = ["Part", "find_culprit", "way_out"]

SEARCH_TIME = 1.0
"""Seconds after which the innermost part found so far is good enough."""

Part = tuple[str, Any]
"""A path, as Python would write it, and the object there."""


def find_culprit(parts: Sequence[Part], error: Exception) -> tuple[str, Any, Exception]:
    """Descend from `parts`, one of which fails to pickle, to the innermost that does.

    Args:
        parts: Where to begin, at least one.
        error: What pickling them raised.

    Returns:
        The culprit's path, the culprit, and the error that pickling it raises.
    """
    deadline = time.monotonic() + SEARCH_TIME
    path, culprit = parts[0]
    seen: set[int] = set()
    while time.monotonic() < deadline:
        found = _first_failing([part for part in parts if id(part[1]) not in seen], deadline)
        if found is None:
            break
        (path, culprit), error = found
        seen.add(id(culprit))
        try:
            parts = list(_parts(path, culprit))
        except Exception:  # its own methods fail: nothing inside is to blame
            break
    return path, culprit, error


def _first_failing(parts: Sequence[Part], deadline: float) -> tuple[Part, Exception] | None:
    """The first part that fails to pickle, and its error; None if there is none."""
    low, high = 0, len(parts)
    error = _failure([value for _, value in parts])
    if error is None:
        return None
    # Something in parts[low:high] fails, and all before it passes.
    while high - low > 1 and time.monotonic() < deadline:
        middle = (low + high) // 2
        first_half = _failure([value for _, value in parts[low:middle]])
        if first_half is None:
            low = middle
        else:
            high, error = middle, first_half
    return parts[low], error


class _Nowhere:
    """A file for pickles that nobody will read."""

    def write(self, data: bytes) -> None:
        pass


def _failure(value: object) -> Exception | None:
    try:
        names = those_known()
        pickling = None if names is None else names.begin()
        ByValuePickler(_Nowhere(), PROTOCOL, pickling).dump(value)
    except Exception as error:
        return error
    return None


def _parts(path: str, value: Any) -> Iterator[Part]:
    """The objects that pickling `value` by value would pickle, with their paths."""
    match value:
        case FunctionType():
            yield from _function_parts(path, value)
        case MethodType():
            yield f"{path}.__self__", value.__self__
            yield f"{path}.__func__", value.__func__
        case type():
            for name, member in class_attributes(value).items():
                yield f"{path}.{name}", member
        case functools.partial():
            yield f"{path}.func", value.func
            for i, argument in enumerate(value.args):
                yield f"{path}.args[{i}]", argument
            for key, argument in value.keywords.items():
                yield f"{path}.keywords[{key!r}]", argument
        case BaseException():
            for i, argument in enumerate(value.args):
                yield f"{path}.args[{i}]", argument
            yield from _state_parts(path, value)
        case list() | tuple():
            for i, item in enumerate(value):
                yield f"{path}[{i}]", item
            yield from _state_parts(path, value)
        case set() | frozenset():
            for item in cast(Iterable[Any], value):
                yield f"an element of {path}", item
            yield from _state_parts(path, value)
        case dict():
            for key, item in value.items():
                yield f"{path}[{_short(key)}]", item
            for key in value:
                yield f"a key of {path}", key
            yield from _state_parts(path, value)
        case _:
            yield from _object_parts(path, value)


def _function_parts(path: str, function: FunctionType) -> Iterator[Part]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield f"{path}: closure variable {name}", cell.cell_contents
    for name in dict.fromkeys(_global_names(function.__code__)):
        if name in function.__globals__:
            yield f"{path}: global {name}", function.__globals__[name]
    for i, default in enumerate(function.__defaults__ or ()):
        yield f"{path}.__defaults__[{i}]", default
    for name, default in (function.__kwdefaults__ or {}).items():
        yield f"{path}.__kwdefaults__[{name!r}]", default
    for name, attribute in function.__dict__.items():
        yield f"{path}.{name}", attribute


def _global_names(code: CodeType) -> Iterator[str]:
    """Names that the function, or a function inside it, may look up: among them its globals."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _object_parts(path: str, value: Any) -> Iterator[Part]:
    """What the object's own pickling methods give."""
    reduced = value.__reduce_ex__(PROTOCOL)
    if not isinstance(reduced, tuple):  # the name of a global
        return
    yield from _state_parts(path, value)
    parts: tuple[Any, ...] = (*reduced, None, None, None)
    for i, item in enumerate(parts[3] or ()):
        yield f"{path}[{i}]", item
    for key, item in parts[4] or ():
        yield f"{path}[{_short(key)}]", item
    for i, argument in enumerate(parts[1]):
        yield f"{path}.__reduce__()[1][{i}]", argument


def _state_parts(path: str, value: Any) -> Iterator[Part]:
    """The object's attributes, or whatever else its pickling methods give as its state."""
    reduced = value.__reduce_ex__(PROTOCOL)
    if not isinstance(reduced, tuple) or len(reduced) < 3 or reduced[2] is None:
        return
    state = reduced[2]
    # With __slots__ it is a pair: the __dict__ or None, and a dict of the slots.
    pair = isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict)
    for group in state if pair else (state,):
        if isinstance(group, dict):
            for name, attribute in group.items():
                yield f"{path}.{name}", attribute
        elif group is not None:
            yield f"{path}.__reduce__()[2]", group


def _short(key: object) -> str:
    text = repr(key)
    return text if len(text) <= 60 else text[:57] + "..."


# What to do instead, by the type of what can't travel. Types are named: most are of modules that
# need not be here.
_WAYS_OUT = {
    "lock": "make it at the top of the module, where each worker has its own, or in the task",
    "RLock": "make it at the top of the module, where each worker has its own, or in the task",
    "local": "make it at the top of the module, where each worker has its own, or in the task",
    "generator": "send what it gives, as a list",
    "async_generator": "send what it gives, as a list",
    "coroutine": "submit the function itself, with its arguments",
    "Task": "await it first, and send the result",
    "Future": "wait for it first, and send the result",
    "Scheduler": "in a task, penny.current_scheduler() is the one that it runs on",
    "CurrentScheduler": "in a task, penny.current_scheduler() is the one that it runs on",
    "BufferedReader": "send its path or its content, and open it in the task",
    "BufferedWriter": "send its path, and open it in the task",
    "TextIOWrapper": "send its path or its content, and open it in the task",
    "FileIO": "send its path or its content, and open it in the task",
    "socket": "connect in the task",
    "Connection": "connect in the task",
    "Cursor": "send the rows that it gives, as a list",
    "ReferenceType": "send what it refers to",
    "weakref": "send what it refers to",
    "frame": "send what is wanted of it, as text for instance",
    "traceback": "send traceback.format_tb(…) of it",
    "ContextVar": "make it at the top of the module, or send its value",
    "Context": "send the values of the variables that matter",
    "JsProxy": "convert it (.to_py()), or get it in the task (from js import …)",
    "PyProxy": "send what it stands for",
    "Event": "make it in the task; between tasks, a SharedArray or a future tells",
    "Thread": "submit its function instead",
}


def way_out(culprit: object) -> str:
    """What to do instead of sending it, as the end of a sentence; empty: nobody knows."""
    for cls in type(culprit).__mro__:
        advice = _WAYS_OUT.get(cls.__name__)
        if advice is not None:
            return f"; {advice}"
    return ""
