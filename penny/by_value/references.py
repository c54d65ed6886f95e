"""References by names: objects that are no functions or classes, and there on the other side, too.

Modules, what a module of the standard library has under a name, what says of itself that its pickle
is a name, standard streams.
"""

from __future__ import annotations

import copyreg
import importlib
import sys
from types import ModuleType
from typing import Any, cast

from penny.by_value import rebuilding
from penny.by_value.names import is_importable
from penny.by_value.reducing import PROTOCOL, Reducer

__all__ = ["name_in_library", "reduce_module", "reduce_singleton", "reduce_stream"]


def reduce_singleton(pickler: Reducer, obj: Any) -> Any:
    """What a program's class has pickled its own way: perhaps by a name."""
    assert pickler.pickling is not None
    reduced = obj.__reduce_ex__(PROTOCOL)
    if not isinstance(reduced, str):
        return reduced
    named = pickler.pickling.named(obj, reduced)
    if named is not None:
        return named
    return copyreg.__newobj__, (type(obj),), getattr(obj, "__dict__", None)  # type: ignore[attr-defined]


def reduce_module(pickler: Reducer, module: ModuleType) -> Any:
    """A module, by the name under which the other side finds it."""
    if pickler.pickling is None:
        return pickler.usual(module)
    if pickler.pickling.imports(module):
        name = module.__name__
        if sys.modules.get(name) is not module:  # as that of `_collections_abc`
            name = getattr(module.__spec__, "name", name)
        return importlib.import_module, (name,)
    return rebuilding.module_named, (module.__name__,)


def reduce_stream(stream: Any) -> Any:
    """How to pickle one of the standard streams, of which each side has its own."""
    return getattr, (sys, next(n for n in _STREAMS if getattr(sys, n) is stream))


_STREAMS = ("stdout", "stderr", "stdin")


def name_in_library(kind: type, obj: Any, state: bool) -> tuple[ModuleType, str] | None:
    """Where the module of an object's class has it; None: that has no such object.

    That is what a script means that takes an object from a module: one that is nothing but itself,
    as `dataclasses.MISSING`, and of Python's own, where they are not copied, also others, as
    `os.environ`.
    """
    module = sys.modules.get(kind.__module__)
    if (
        module is None
        or kind is object
        or kind.__module__ == "__main__"
        or cast(Any, kind).__reduce__ is not object.__reduce__
        or cast(Any, kind).__reduce_ex__ is not object.__reduce_ex__
    ):
        return None
    if kind.__basicsize__ > _SMALLEST or getattr(obj, "__dict__", None):
        if not state or kind.__module__ not in sys.stdlib_module_names:
            return None
    elif not is_importable(kind):
        return None
    for name, value in vars(module).items():
        if value is obj:
            return module, name
    return None


class _Smallest: ...


_SMALLEST = _Smallest.__basicsize__
