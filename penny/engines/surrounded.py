"""TEMPORARY: sends surroundings along inside of functions, until the mirror's transport does."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from penny import surroundings
from penny.functions import TableFunction, dumps_function, is_coroutine_function, loads_function

_current = b""
_made: dict[tuple[int, bytes], tuple[Callable[..., Any], Under]] = {}


class Under(TableFunction):  # noqa: D101
    def __init__(self, state: bytes, function: Callable[..., Any]) -> None:
        self.state = state
        self.function = function
        self.__module__ = getattr(function, "__module__", __name__)
        self.__qualname__ = getattr(function, "__qualname__", type(function).__qualname__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        surroundings.apply(self.state)
        return self.function(*args, **kwargs)

    def __reduce__(self) -> Any:
        return _load, (self.state, dumps_function(self.function))


def _load(state: bytes, form: bytes) -> Under:
    surroundings.apply(state)
    return Under(state, loads_function(form))


def under(function: Callable[..., Any]) -> Callable[..., Any]:  # noqa: D103
    global _current
    if (
        function is operator.call
        or is_coroutine_function(function)
        or type(function).__name__ == "Kernel"
    ):
        return function
    if surroundings.changed():
        _current = surroundings.take()
    key = id(function), _current
    found = _made.get(key)
    if found is None:
        found = _made[key] = function, Under(_current, function)
    return found[1]
