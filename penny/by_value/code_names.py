"""Names that code looks up among the globals of its module."""

from __future__ import annotations

import opcode
import sys
import weakref
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType

__all__ = ["attribute_names", "global_names", "submodules_used"]

_OPS = frozenset(
    opcode.opmap[name]
    for name in (
        "LOAD_GLOBAL",
        "STORE_GLOBAL",
        "DELETE_GLOBAL",
        "LOAD_NAME",  # in the body of a class within a function
        "LOAD_FROM_DICT_OR_GLOBALS",  # in annotations
    )
    if name in opcode.opmap
)
_EXTENDED_ARG = opcode.opmap["EXTENDED_ARG"]
_LOAD_GLOBAL = opcode.opmap["LOAD_GLOBAL"]

_all: weakref.WeakKeyDictionary[CodeType, tuple[str, ...]] = weakref.WeakKeyDictionary()
_found: weakref.WeakKeyDictionary[CodeType, tuple[str, ...]] = weakref.WeakKeyDictionary()


def global_names(code: CodeType) -> tuple[str, ...]:
    """Names that the code, or code inside it, looks up, sets or deletes as globals."""
    names = _found.get(code)
    if names is None:
        collected = dict.fromkeys(_own_names(code))
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                collected.update(dict.fromkeys(global_names(constant)))
        names = _found[code] = tuple(collected)
    return names


def _own_names(code: CodeType) -> Iterator[str]:
    # As `dis` does it, without its objects: a script has hundreds of functions.
    extended = 0
    bytecode = code.co_code
    for at in range(0, len(bytecode), 2):
        op, argument = bytecode[at], bytecode[at + 1] | extended
        extended = argument << 8 if op == _EXTENDED_ARG else 0
        if op in _OPS:
            yield code.co_names[argument >> 1 if op == _LOAD_GLOBAL else argument]


def submodules_used(function: FunctionType, used: Iterable[str]) -> list[str]:
    """Modules inside of packages that the function reaches as attributes: `concurrent.futures`.

    They have been imported by somebody; the code says only the package's name.
    """
    names: set[str] | None = None
    found = []
    for name in used:
        package = function.__globals__.get(name)
        if type(package) is not ModuleType or not hasattr(package, "__path__"):
            continue
        if names is None:
            names = set(attribute_names(function.__code__))
        prefix = package.__name__ + "."
        for module in list(sys.modules):
            if module.startswith(prefix) and names.issuperset(module[len(prefix) :].split(".")):
                found.append(module)
    return found


def attribute_names(code: CodeType) -> tuple[str, ...]:
    """All names in the code, or in code inside it: of globals, attributes, what it imports."""
    names = _all.get(code)
    if names is None:
        collected = dict.fromkeys(code.co_names)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                collected.update(dict.fromkeys(attribute_names(constant)))
        names = _all[code] = tuple(collected)
    return names
