"""Names: what pickles know of modules that stand for each other here and at the other side.

Functions and classes that have names in such modules travel as references. `penny.mirror` has the
two that know: one for the side with the originals, one for the side that stands for it. Where there
is nobody who knows, what can be imported travels by reference, as plain pickle has it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import Any, Protocol

__all__ = [
    "Names",
    "Pickling",
    "header_of",
    "is_importable",
    "may_be_name",
    "set_names",
    "those_known",
]


class Pickling(Protocol):
    """What knows modules, during one pickling."""

    def reference(self, value: Any) -> Any:
        """How to pickle a function or class by its name; None: it goes by value.

        NotImplemented: as plain pickle does it.
        """

    def module_of(self, function: FunctionType) -> Any:
        """The name by which the other side finds what are the function's globals here.

        Or what pickles as these. None: they are nobody's, and go along.
        """

    def by_value(self, value: Any, uses: Iterable[str], hard: bool) -> None:
        """Note that a function or class goes by value.

        Args:
            value: The function or class.
            uses: Names that its code looks up in its globals, whether they are there or not.
            hard: False: of these names, what can't travel may stay behind.
        """

    def named(self, value: Any, name: str) -> Any:
        """How to pickle what says that its pickle is a name; None: its own way."""

    def finds(self, module: ModuleType) -> bool:
        """Whether what the module has once is there on the other side, without being sent."""

    def imports(self, module: ModuleType) -> bool:
        """Whether the other side can import the module."""

    def header(self) -> bytes:
        """Opcodes that come before the pickle, and see to it that what it refers to is there."""


class Names(Protocol):
    """What knows modules that stand for each other here and there."""

    def begin(self) -> Pickling:
        """Begin a pickling."""

    def looks_foreign(self, data: bytes) -> bool:
        """Whether a plain pickle refers to a module that the other side lacks; or seems to."""


_names: Names | None = None


def those_known() -> Names | None:
    """Who knows the modules of the side that is pickled for now; None: nobody in particular."""
    return _names


def set_names(names: Names | None) -> Names | None:
    """Pickle for another side from now on. Returns what was before, to be set again.

    A worker calls it once; the engine of a page or host for as long as it pickles for its workers.
    """
    global _names
    before, _names = _names, names
    return before


def header_of(pickling: Pickling | None) -> bytes:
    """What to put before a pickle. Raises PickleError if something it refers to can't travel."""
    return b"" if pickling is None else pickling.header()


def is_importable(value: Any) -> bool:
    """Whether a function or class is what its module has under its name, and that is no program."""
    module_name = getattr(value, "__module__", None)
    if module_name == "__main__" or not isinstance(module_name, str):
        return False
    found: Any = sys.modules.get(module_name)
    for name in getattr(value, "__qualname__", "<none>").split("."):
        found = getattr(found, name, None)
    return found is value


def may_be_name(kind: type) -> bool:
    """Whether objects of a program's class may say that their pickle is a name."""
    return kind.__module__ not in sys.stdlib_module_names and not {
        "__reduce__",
        "__reduce_ex__",
    }.isdisjoint(vars(kind))
