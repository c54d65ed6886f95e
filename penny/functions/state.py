"""State: what calls of a function leave behind in it, so that a copy of it is no longer the same.

Closures that are bound anew, defaults and closures of lists, a function's attributes. Functions
with equal pickled forms are one function to workers only where there is none.
"""

from __future__ import annotations

import opcode
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from penny.wire.payload import ATOMS

__all__ = ["has_state"]


_STATELESS = frozenset({*ATOMS, bytes, FunctionType, ModuleType, BuiltinFunctionType, type})
_REBINDS = frozenset(
    opcode.opmap[name] for name in ("STORE_DEREF", "DELETE_DEREF") if name in opcode.opmap
)


def has_state(function: Any) -> bool:
    """Whether calls of a function that goes by value can leave something behind in it."""
    if type(function) is not FunctionType:
        return True
    kept: list[Any] = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        try:
            kept.append(cell.cell_contents)
        except ValueError:
            return True
    return (
        bool(function.__dict__)
        or any(type(value) not in _STATELESS for value in kept)
        or (bool(kept) and _rebinds(function.__code__))
    )


def _rebinds(code: CodeType) -> bool:
    """Whether the code, or code inside it, may bind a variable of a closure anew."""
    return not _REBINDS.isdisjoint(code.co_code[::2]) or any(
        isinstance(constant, CodeType) and _rebinds(constant) for constant in code.co_consts
    )
