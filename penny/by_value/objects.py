"""Objects by value that neither plain pickle nor cloudpickle can take, or not without running code.

Objects of a program's classes of numbers, texts, lists, …; some of the standard library's; and what
belongs to one process, as locks, which is made anew with the state of a module.
"""

from __future__ import annotations

import ast
import enum
import gc
import itertools
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from penny.by_value import rebuilding
from penny.by_value.reducing import PROTOCOL, Reducer

__all__ = [
    "FRESH",
    "PLAIN",
    "plain_subclass",
    "reduce_count",
    "reduce_generator_context",
    "reduce_partial_method",
    "reduce_sorting_key",
    "reduce_weak_dictionary",
]


def plain_subclass(kind: Any, obj: Any) -> Any:
    """How to pickle an object of a program's class of numbers, texts, lists, … without its methods.

    It has been made where it is, by a constructor with whatever arguments, and item by item. None:
    the usual way, also if the class has a way of its own.
    """
    base = next((each for each in _PLAIN_BASES if issubclass(kind, each)), None)
    if (
        base is None
        or kind is base
        or kind.__reduce_ex__ is not object.__reduce_ex__
        or kind.__reduce__ is not object.__reduce__
        or getattr(kind, "__getnewargs__", None) is not getattr(base, "__getnewargs__", None)
        or hasattr(kind, "__getnewargs_ex__")
        or issubclass(kind, enum.Enum)
    ):
        return None
    state = obj.__reduce_ex__(PROTOCOL)[2]
    if base in (list, dict):
        items = base(base.__iter__(obj)) if base is list else dict(dict.items(obj))
        content = items, state
        return rebuilding.plain_object, (base, kind), content, None, None, rebuilding.set_plain
    return rebuilding.plain_object, (base, kind, PLAIN[base](obj)), state


_PLAIN_BASES = (int, float, str, bytes, tuple, list, dict)


PLAIN: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
}
"""What an object is as one of these, without the methods of its own class."""


def reduce_generator_context(manager: Any) -> Any:
    """What `contextlib.contextmanager` gives, before it is entered: a decorator keeps one."""
    import inspect

    of = {"generator": "getgeneratorstate", "async_generator": "getasyncgenstate"}
    state = getattr(inspect, of.get(type(manager.gen).__name__, ""), lambda _: "")(manager.gen)
    if not state.endswith("_CREATED") or not hasattr(manager, "func"):
        return NotImplemented
    return type(manager), (manager.func, manager.args, manager.kwds)


def reduce_count(counter: Any) -> Any:
    """An `itertools.count` as it is now. Only its text tells where that is."""
    arguments = ast.literal_eval(repr(counter).removeprefix("count").replace(")", ",)"))
    return itertools.count, arguments


def reduce_partial_method(pickler: Reducer, method: Any) -> Any:
    """A `functools.partialmethod`, by what it is made of."""
    arguments = (method.func, *method.args), method.keywords
    return rebuilding.partial_method, arguments


def reduce_sorting_key(pickler: Reducer, key: Any) -> Any:
    """What `functools.cmp_to_key` gives, by the function that it was given."""
    # Nothing but the garbage collector tells of it.
    compare, *of = (each for each in gc.get_referents(key) if each is not type(key))
    return rebuilding.sorting_key, (compare, *of)


def reduce_weak_dictionary(pickler: Reducer, dictionary: Any) -> Any:
    """A weak dictionary, by the items that it has now."""
    return type(dictionary), (dict(dictionary),)


FRESH: dict[type, Callable[[Any], Any]] = {
    type(threading.Lock()): lambda _: (threading.Lock, ()),
    type(threading.RLock()): lambda _: (threading.RLock, ()),
    threading.local: lambda _: (threading.local, ()),
    ContextVar: lambda variable: (
        rebuilding.context_variable,
        (variable.name, *_default(variable)),
    ),
}
"""State of a module that is made anew there: what cannot travel, and belongs to one process."""


def _default(variable: ContextVar[Any]) -> tuple[Any, ...]:
    import contextvars

    try:
        return (contextvars.Context().run(variable.get),)
    except LookupError:
        return ()
