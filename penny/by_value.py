"""Pickling by value: cloudpickle, for what the other side could not import.

That is functions and classes of `__main__`, lambdas, closures, and whatever refers to them.
cloudpickle knows the classes that it has sent: an instance that comes back is of the class that it
was of when it left.
"""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

import cloudpickle

from penny.random_streams import reduce_generator

__all__ = ["PROTOCOL", "ByValuePickler", "dumps_by_value"]

PROTOCOL = 5

CachedFunction = type(functools.lru_cache(lambda: None))

UNNAMED_FILE = "<dynamic-code>"


def dumps_by_value(value: object) -> bytes:
    """The pickled form by cloudpickle, for `pickle.loads`. Raises whatever pickling raises."""
    with io.BytesIO() as file:
        ByValuePickler(file, PROTOCOL).dump(value)
        return file.getvalue()


class ByValuePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's, which takes functions with `functools.cache` by value too."""

    def reducer_override(self, obj: Any) -> Any:
        """How to pickle `obj`; asked for each object before anything else is."""
        # Such a function would pickle as a reference to its name, wherever that is.
        if type(obj) is CachedFunction and not _importable(obj):
            return _cached_function, (obj.__wrapped__, obj.cache_parameters())
        if type(obj) is CodeType:
            return _code(obj)
        generator = reduce_generator(obj)
        if generator is not NotImplemented:
            return generator
        return super().reducer_override(obj)


def _code(code: CodeType) -> Any:
    """A code object as cloudpickle reduces it, but with its file, by which tracebacks show lines.

    From 3.1.3 on cloudpickle puts a constant there, so that equal functions have equal pickles.
    """
    make, arguments = cloudpickle.Pickler.dispatch_table[CodeType](code)
    return make, tuple(code.co_filename if a == UNNAMED_FILE else a for a in arguments)


def _cached_function(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _importable(function: Any) -> bool:
    if function.__module__ == "__main__":
        return False
    found: Any = sys.modules.get(function.__module__)
    for name in function.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is function
