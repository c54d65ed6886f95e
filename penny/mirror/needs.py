"""Needs: what a pickle needs, and whether all of that is as it was. Asked at each submission."""

from __future__ import annotations

import weakref
from typing import Any

from penny.by_value.watching import are_same
from penny.mirror.around import Around
from penny.mirror.closure import Closure
from penny.mirror.definition import Definition
from penny.mirror.definitions import Definitions
from penny.mirror.headers import GONE, OFFERS, Item, header_opcodes
from penny.mirror.values import is_named

__all__ = ["Needs"]


class Needs:
    """What a pickle needs: definitions, and all that these need in turn.

    Args:
        definitions: Those of the scheduler.
        needed: What the header says of each, and it.
        closure: Where they are from.
        around: Surroundings and settings.
        surroundings: The version of these; None: it does not need them.

    Attributes:
        header: Opcodes for the beginning of the pickle.
        held: What keeps it all in the function table, for as long as a task needs it.
    """

    __slots__ = (
        "_absent",
        "_around",
        "_checks",
        "_definitions",
        "_doubts",
        "_functions",
        "_modules",
        "_named",
        "_names",
        "_surroundings",
        "_wide",
        "header",
        "held",
    )

    def __init__(
        self,
        definitions: Definitions,
        needed: list[tuple[Item, Definition]],
        closure: Closure,
        around: Around,
        surroundings: int | None,
    ) -> None:
        self.header = header_opcodes(item for item, _ in needed) if needed else b""
        self.held = [definition.holds for _, definition in needed]
        self._definitions = definitions
        self._around = around
        self._surroundings = surroundings
        self._doubts = definitions.doubts
        modules = definitions.modules
        self._modules = [
            (modules[item.name], definition)
            for item, definition in needed
            if item.module == OFFERS and item.name is not None and item.name in modules
        ]
        # Flat lists of what is bound: this is asked at each submission.
        # Functions and classes are not kept alive by it: a notebook defines many of one name.
        self._names: list[tuple[Any, str, Any]] = []
        self._named: list[tuple[Any, str, weakref.ref[Any]]] = []
        for item, definition in needed:
            if item.module in modules and item.name is not None and item.form != GONE:
                get, value = modules[item.module].namespace.get, definition.value
                if is_named(value):
                    self._named.append((get, item.name, weakref.ref(value)))
                else:
                    self._names.append((get, item.name, value))
        watches = [each.watch for _, each in needed if each.watch is not None]
        self._checks = [check for watch in watches for check in watch.checks]
        self._functions = [function for watch in watches for function in watch.functions]
        missing: dict[str, list[str]] = {}
        for key, name in closure.absent:
            missing.setdefault(key, []).append(name)
        self._wide = closure.wide
        self._absent = [
            (modules[key].namespace.keys().isdisjoint, tuple(names))
            for key, names in missing.items()
            if key in modules
        ]

    def fresh(self) -> bool:
        """Whether all of it is as it was. Some hundred nanoseconds for each function or class."""
        for get, name, value in self._names:
            if get(name, self) is not value:
                return False
        for get, name, refer_to in self._named:
            if get(name, self) is not refer_to():
                return False
        if not are_same(self._functions):
            return False
        for check in self._checks:
            if not check():
                return False
        for module, offers in self._modules:
            if not module.is_as_offered(offers):
                return False
        for are_absent, names in self._absent:
            if not are_absent(names):
                return False
        definitions = self._definitions
        if self._wide and not definitions.modules.are_all(self._wide):
            return False
        return self._doubts == definitions.doubts and (
            self._surroundings is None or self._around.version() == self._surroundings
        )
