"""Functions by value: their code, defaults, closures, attributes, and the name of their module.

On the other side a function runs with the dictionary of the module of that name, as it does here.
Where nobody knows such a module, the globals that its code looks up go along.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import CellType, CodeType, FunctionType
from typing import Any, cast

import cloudpickle

from penny.by_value import rebuilding
from penny.by_value.code_names import global_names, submodules_used
from penny.by_value.identities import (
    cell_identity,
    cell_numbered,
    cell_registered,
    cells_used,
    identity_of,
)
from penny.by_value.reducing import Reducer
from penny.by_value.watching import is_filled

__all__ = [
    "Annotator",
    "CachedFunction",
    "Namespace",
    "function_by_value",
    "is_empty",
    "reduce_annotator",
    "reduce_cached",
    "reduce_cell",
    "reduce_code",
    "reduce_function",
    "reduce_namespace",
]

CachedFunction = type(functools.lru_cache(lambda: None))

UNNAMED_FILE = "<dynamic-code>"


class Annotator:
    """Pickles as a function that gives annotations: names that it uses may be nowhere."""

    def __init__(self, function: FunctionType) -> None:
        self.function = function


class Namespace:
    """Pickles as the namespace of a class."""

    def __init__(self, cls: type) -> None:
        self.cls = cls


def reduce_function(pickler: Reducer, function: FunctionType) -> Any:
    """By its name, or by value."""
    reference = pickler.reference(function)
    if reference is not None:
        return reference
    if function.__code__ is _GENERIC_CODE:
        return _generic(pickler, function)
    return function_by_value(pickler, function, hard=True)


def function_by_value(pickler: Reducer, function: FunctionType, hard: bool) -> Any:
    """All that a function consists of, each part with its version.

    Args:
        pickler: The pickling.
        function: The function.
        hard: False: of names that it uses, what can't travel may stay behind.
    """
    pickling, code = pickler.pickling, function.__code__
    used = global_names(code)
    home: Any = None if pickling is None else pickling.module_of(function)
    along: dict[str, Any] = {}
    if home is None:
        home, along = _globals_of(pickler, function, used)
    if pickling is not None:
        pickling.by_value(function, used if isinstance(home, str) else (), hard)
    cells = function.__closure__ or ()
    pickler.cells.update(map(id, cells))
    parts: dict[str, Any] = {
        "__code__": code,
        "__name__": function.__name__,
        "__qualname__": function.__qualname__,
        "__module__": function.__module__,
        "__doc__": function.__doc__,
        "__defaults__": function.__defaults__,
        "__kwdefaults__": function.__kwdefaults__,
    }
    for i, cell in enumerate(cells):
        if not is_empty(cell):
            parts[f"({i}"] = cell.cell_contents
    annotate = getattr(function, "__annotate__", None)  # Python 3.14: evaluated on demand
    if annotate is not None:
        parts["__annotate__"] = annotate
    elif function.__annotations__:
        parts["__annotations__"] = function.__annotations__
    if getattr(function, "__type_params__", ()):
        parts["__type_params__"] = function.__type_params__  # type: ignore[attr-defined]
    for name, value in function.__dict__.items():
        parts["." + name] = value
    uid = identity = None
    if function is pickler.top or function is pickler.kept:
        identity = identity_of(function)
        uid = identity.uid
    numbered = identity.numbered(parts) if identity else {n: (1, v) for n, v in parts.items()}
    if pickler.state and cells:
        for i, name in enumerate(code.co_freevars):
            part = f"({i}"
            if part in parts and name not in ("__class__", "__classdict__"):
                # Other names' functions may have the cell, too: it has a number of its own.
                common = cell_identity(cells[i])
                numbered[part] = common.numbered({"": parts[part]})[""]
        cells_used(function)
    for i, name in enumerate(code.co_freevars):
        if name == "__classdict__" and f"({i}" in parts:
            owner = pickler.namespaces.get(id(parts[f"({i}"]))
            numbered[f"({i}"] = 1, {} if owner is None else Namespace(owner)
    if type(annotate) is FunctionType:
        numbered["__annotate__"] = numbered["__annotate__"][0], Annotator(annotate)
    imports = submodules_used(function, used)
    return (
        rebuilding.make_function,
        (uid, code, home, function.__name__, cells),
        (numbered, imports, along),
        None,
        None,
        rebuilding.set_function,
    )


def _globals_of(
    pickler: Reducer, function: FunctionType, used: Iterable[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Globals that go along: a dictionary, the same for all functions of one pickle; its names.

    Each function brings those that it uses: others come to it while it is pickled.
    """
    own = function.__globals__
    shared: dict[str, Any] = pickler.globals_ref.setdefault(id(own), {})
    if own.get("__builtins__") == {}:  # a named tuple's
        shared["__builtins__"] = {}
    names = ("__name__", "__package__", "__path__", "__file__", *used)
    return shared, {name: own[name] for name in names if name in own}


def reduce_annotator(pickler: Reducer, annotator: Annotator) -> Any:
    """A function that gives annotations: see `Annotator`."""
    return function_by_value(pickler, annotator.function, hard=False)


def reduce_namespace(pickler: Reducer, namespace: Namespace) -> Any:
    """The namespace of a class: see `Namespace`."""
    return rebuilding.namespace_of, (namespace.cls,)


def reduce_cell(pickler: Reducer, cell: CellType) -> Any:
    """A closure's variable; a cell that several names' functions have is one and the same."""
    common = cell_registered(cell) if pickler.state and id(cell) in pickler.cells else None
    if common is not None:
        return cell_numbered, (common.uid,)
    if id(cell) in pickler.cells or is_empty(cell):
        return rebuilding.empty_cell, ()
    return rebuilding.empty_cell, (), cell.cell_contents, None, None, rebuilding.fill_cell


def _generic(pickler: Reducer, function: FunctionType) -> Any:
    """A function of `functools.singledispatch`."""
    if pickler.pickling is not None:
        pickler.pickling.by_value(function, (), True)
    own = {k: v for k, v in function.__dict__.items() if k not in _GENERIC_OWN}
    names = {
        name: getattr(function, name)
        for name in ("__name__", "__qualname__", "__module__", "__doc__")
    }
    uid = identity_of(function).uid if function is pickler.top else None
    registry = dict(function.registry)  # type: ignore[attr-defined]
    return (
        rebuilding.make_generic,
        (uid,),
        (names, own, registry),
        None,
        None,
        rebuilding.set_generic,
    )


def reduce_cached(pickler: Reducer, function: Any) -> Any:
    """A function with `functools.cache`; each side has a cache of its own."""
    # Such a function would pickle as a reference to its name, wherever that is.
    reference = pickler.reference(function)
    if reference is not None:
        return reference
    uid = identity_of(function).uid if function is pickler.top else None
    parameters = function.cache_parameters()
    return rebuilding.cached_function, (uid, function.__wrapped__, parameters)


def reduce_code(pickler: Reducer, code: CodeType) -> Any:
    """Code, with the file that it is from."""
    # As cloudpickle reduces it, but with its file, by which tracebacks show lines: from 3.1.3
    # on cloudpickle puts a constant there, so that equal functions have equal pickles.
    make, arguments = cloudpickle.Pickler.dispatch_table[CodeType](code)
    return make, tuple(code.co_filename if a == UNNAMED_FILE else a for a in arguments)


@functools.singledispatch
def _example(_: Any) -> None: ...


_GENERIC_CODE: CodeType = cast(Any, _example).__code__
_GENERIC_OWN = frozenset({"register", "dispatch", "registry", "_clear_cache"})


def is_empty(cell: CellType) -> bool:
    """Whether the variable of a closure has no value."""
    return not is_filled(cell)
