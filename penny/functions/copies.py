"""Check mode: every job goes through pickle, as if another worker had taken it.

It finds code that relies on a job sharing its caller's objects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penny.functions.calls import split_call
from penny.functions.forms import dumps_function, loads_function
from penny.functions.records import FunctionRecords
from penny.mirror.originals import Originals
from penny.wire.pickles import dumps_arguments, dumps_result, loads, qualified_name

__all__ = ["Copies", "through_pickle", "unchecked"]


class Copies:
    """Copies of what tasks are given, as they would be in a worker: of each function one.

    A function is copied anew when something that it uses has changed, be it a global of one that it
    calls. Workers keep what tasks have made of other globals then; here that begins anew, too.
    """

    def __init__(self) -> None:
        self._functions: dict[int, Callable[..., Any]] = {}
        # Nothing is stored: they tell what a function uses, and when that has changed.
        self._originals = Originals(lambda _: None)
        self._records = FunctionRecords(self._add, self._functions.pop, self._originals, whole=True)
        self._last = 0

    def _add(self, form: bytes) -> int:
        self._last += 1
        self._functions[self._last] = loads_function(form)
        return self._last

    def renew(self, function: Callable[..., Any]) -> None:
        """From now on copy the function as it is now."""
        self._records.renew(split_call(function, ())[0])

    def of_call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """What a worker would be given. Raises PickleError."""
        function, args = split_call(function, args)
        record = self._records.record_for(function)
        args, kwargs = loads(dumps_arguments(record.name, args, kwargs))
        return self._functions[record.handle], args, kwargs

    def of_result(self, name: str, result: Any) -> Any:
        """What a call of the function `name` would hand back. Raises PickleError."""
        return _result_through_pickle(name, result)


def through_pickle(
    function: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Copies of a function, whose result will be a copy, too, and of its arguments.

    Raises:
        PickleError: They can't be pickled.
    """
    function, arguments = split_call(function, arguments)
    function = loads_function(dumps_function(function))
    arguments, _ = loads(dumps_arguments(qualified_name(function), arguments, {}))
    return _Checked(function), arguments


def unchecked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without what checks its result."""
    return function.function if type(function) is _Checked else function


class _Checked:
    """A function whose result goes through pickle."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        result = self.function(*args)
        return _result_through_pickle(qualified_name(self.function), result)


def _result_through_pickle(name: str, result: Any) -> Any:
    return loads(dumps_result(name, result))
