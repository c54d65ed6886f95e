"""What users call functions by: names, by `@task` for all schedulers, and numbers of their own.

None of it travels: a task that is made by a name or a number has the function's row of the function
table, as any other.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeVar, overload

from penny.wire.pickles import qualified_name

__all__ = ["FunctionNames", "task"]

F = TypeVar("F", bound=Callable[..., Any])
AnyFunction = Callable[..., Any]


# Numbers below are the user's to choose, those from here on are given out.
FIRST_AUTOMATIC_ID = 1 << 31

# Functions that `@task` has named, for all schedulers.
_tasks: dict[str, AnyFunction] = {}


@overload
def task(function: F) -> F: ...
@overload
def task(*, name: str) -> Callable[[F], F]: ...
def task(function: F | None = None, *, name: str | None = None) -> F | Callable[[F], F]:
    """Name a function in the function table of every scheduler: `@task` or `@task(name="resize")`.

    The function stays as it is. `Scheduler.new_task` then takes its name, by default
    `module.qualname`, and a later function of the same name takes its place.
    """

    def decorate(function: F) -> F:
        function.__penny_name__ = name or qualified_name(function)  # type: ignore[attr-defined]
        _tasks[function.__penny_name__] = function  # type: ignore[attr-defined]
        return function

    return decorate if function is None else decorate(function)


class FunctionNames:
    """What a scheduler's user calls functions by: numbers and names."""

    def __init__(self) -> None:
        self._functions: dict[int, AnyFunction] = {}
        self._ids: dict[str, int] = {}
        self._next_id = FIRST_AUTOMATIC_ID

    def register(self, function: AnyFunction, id: int | None = None) -> int:
        """Enter a function, in place of the one that had its number or its name before.

        Args:
            function: Any callable.
            id: A number from 0 to 2³¹ - 1; None: the one that its name has, or else a new one.

        Returns:
            The function's number.
        """
        if not callable(function):
            raise TypeError(f"{function!r} is not callable")
        name = _name_of(function)
        if id is not None:
            id = operator.index(id)
            if not 0 <= id < FIRST_AUTOMATIC_ID:
                raise ValueError(f"id must be from 0 to {FIRST_AUTOMATIC_ID - 1}, not {id}")
        elif name is not None and name in self._ids:
            id = self._ids[name]
        else:
            id = self._next_id
            self._next_id += 1
        self._functions[id] = function
        if name is not None:
            self._ids[name] = id
        return id

    def find(self, key: int | str) -> AnyFunction:
        """The function with this number or name.

        Raises:
            LookupError: There is none.
        """
        function = self._functions.get(self._ids.get(key, -1) if isinstance(key, str) else key)
        if function is None and isinstance(key, str):
            function = _tasks.get(key)
        if function is None:
            raise LookupError(f"no function is registered as {key!r}")
        return function


def _name_of(function: AnyFunction) -> str | None:
    """The function's name in the table; None for lambdas and others that share their name."""
    named: str | None = getattr(function, "__penny_name__", None)
    if named is None and hasattr(function, "__qualname__"):
        named = qualified_name(function)
        if "<" in named:  # <lambda>, <locals>
            return None
    return named
