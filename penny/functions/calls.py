"""What of a call is a function for the function table, and what are values that go with the task.

A function that stays as it is travels once, and from then on by number; what may change between two
submissions goes along each time. `split_call` tells them apart.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from penny.by_value.functions import CachedFunction
from penny.by_value.random_streams import register_numpy

__all__ = ["TableFunction", "is_coroutine_call", "is_coroutine_function", "split_call"]

AnyFunction = Callable[..., Any]


class TableFunction:
    """A callable of Penny's own for the function table: it never changes."""


# Callables without a state that could change between two submissions. Functions with a cache are
# among them: each worker has a cache of its own, which lasts.
_TABLE_TYPES = (
    FunctionType,
    type,
    CachedFunction,
    MethodDescriptorType,
    WrapperDescriptorType,
    ClassMethodDescriptorType,
    TableFunction,
)


def split_call(function: AnyFunction, args: tuple[Any, ...]) -> tuple[AnyFunction, tuple[Any, ...]]:
    """The function for the table, and the arguments, that together make the same call.

    Functions and classes are for the table. A method is its function, called with the instance; any
    other callable (a `functools.partial`, an object with `__call__`) may have changed by the next
    submission, so it is an argument of `operator.call`.
    """
    if isinstance(function, _TABLE_TYPES):
        return function, args
    if isinstance(function, MethodType):
        return split_call(function.__func__, (function.__self__, *args))
    if isinstance(function, BuiltinFunctionType) and (
        function.__self__ is None or isinstance(function.__self__, ModuleType)
    ):
        return function, args
    register_numpy()  # whose functions are methods of a generator
    return operator.call, (function, *args)


def is_coroutine_function(function: AnyFunction) -> bool:
    """Whether calling it gives a coroutine: an `async def`, or what passes its calls on to one."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        type(function).__call__
    )


def is_coroutine_call(function: AnyFunction, args: tuple[Any, ...]) -> bool:
    """Whether `function(*args)` gives a coroutine; also of what `split_call` made."""
    if function is operator.call and args:
        function = args[0]
    return is_coroutine_function(function)
