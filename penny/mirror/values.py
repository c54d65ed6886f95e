"""Kinds of values that names have: which go by name, may be shared, are too large to offer."""

from __future__ import annotations

import typing
from types import FunctionType, ModuleType
from typing import Any

from penny.by_value.functions import CachedFunction
from penny.by_value.names import may_be_name
from penny.by_value.reducing import PROTOCOL
from penny.wire.payload import ATOMS, is_large

__all__ = [
    "BY_NAME",
    "holds_data",
    "is_bulky",
    "is_larger",
    "is_named",
    "may_be_asked_for",
    "may_be_shared",
]


SHARED = ("penny.memory.array", "penny.memory.files")
"""Modules whose objects keep shared memory."""

OFFERED_ITEMS = 10_000
"""Items up to which a global goes along that nothing is known to need: somebody may ask for it."""


def is_larger(value: Any) -> bool:
    """Whether a value has more items than go along where nothing is known to need it."""
    if is_named(value) or type(value) in ATOMS or type(value) is ModuleType:
        return False
    try:
        return len(value) > OFFERED_ITEMS
    except Exception:
        return False


def is_bulky(value: Any) -> bool:
    """Whether an offer would copy much, or keep a shared array, which nobody may ever ask for."""
    if is_named(value) or type(value) is ModuleType:
        return False
    if is_larger(value) or is_large(value) or type(value).__module__ in SHARED:
        return True
    try:
        return is_large(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        return False


def is_named(value: Any) -> bool:
    """Whether it is a function or class, which know their names."""
    return type(value) in (FunctionType, CachedFunction) or isinstance(value, type)


def holds_data(value: Any) -> bool:
    """Whether a value may contain those of other names."""
    if type(value) is FunctionType:
        return bool(
            value.__defaults__ or value.__kwdefaults__ or value.__closure__ or value.__dict__
        )
    return True


BY_NAME = tuple(
    getattr(typing, name)
    for name in ("NewType", "TypeAliasType", "TypeVar", "ParamSpec", "TypeVarTuple")
    if hasattr(typing, name)
)
"""Of these the object itself says where it is, of others their class."""


def may_be_asked_for(value: Any) -> bool:
    """Whether somebody may look it up by its name: `pickle`, which names functions and classes."""
    if is_named(value) or isinstance(value, BY_NAME):
        return True
    if not may_be_name(type(value)) or is_larger(value):
        return False
    # Arrays say how they are pickled, too, but not by a name: an offer would copy, or hold, each.
    try:
        return isinstance(value.__reduce_ex__(PROTOCOL), str)
    except Exception:  # it can't be pickled
        return False


def may_be_shared(value: Any) -> bool:
    """Whether it matters that what has the value has this very object."""
    kind = type(value)
    return not (
        kind in ATOMS
        or kind in (bytes, ModuleType)
        or is_named(value)
        or (kind in (tuple, frozenset) and not value)
    )
