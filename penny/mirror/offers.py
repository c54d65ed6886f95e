"""Offers: what else a module has that workers lack, in case somebody asks for it by its name.

`pickle`, `getattr` and `import __main__` may, and nothing in a function's code says so. An offer
says where to get what; it is loaded when it is asked for (`penny.mirror.mirror`).
"""

from __future__ import annotations

import pickle
from typing import Any

from penny.by_value import identities
from penny.by_value.reducing import PROTOCOL
from penny.mirror.bundles import Bundles
from penny.mirror.closure import Closure
from penny.mirror.definition import Definition
from penny.mirror.definitions import Definitions
from penny.mirror.headers import OFFERS, Item
from penny.mirror.modules import Module
from penny.mirror.values import is_bulky, may_be_asked_for

__all__ = ["Offers"]


_ASKED_BY_PYTHON = ("__getattr__", "__dir__")


class Offers:
    """The offers of the modules here, for the workers of one scheduler."""

    def __init__(self, definitions: Definitions, bundles: Bundles) -> None:
        self._definitions = definitions
        self._bundles = bundles
        self._offering = False

    def of(self, module: Module) -> Definition | None:
        """What else a module has: functions and classes, and what they use as far as it goes."""
        if self._offering or (module.is_as_offered(module.offers) and self._are_offered(module)):
            return module.offers
        module.looked_through = len(module.namespace)
        self._offering = True
        try:
            closures = {}
            for name, value in list(module.namespace.items()):
                # Of other modules than the script's values are asked for: `getattr(settings, …)`.
                if (name in _ASKED_BY_PYTHON or not name.startswith("__")) and (
                    may_be_asked_for(value) or (module.key != "__main__" and not is_bulky(value))
                ):
                    closure = Closure(self._definitions, offered=True)
                    try:
                        closure.add_name((module.key, name), True, "")
                    except Exception:  # nobody has asked for it
                        continue
                    closures[name] = list(closure.items)
                    closures.setdefault("", []).extend(closure.items.values())  # type: ignore[arg-type]
        finally:
            self._offering = False
        every: list[Any] = closures.pop("", [])
        # Classes, whose objects tasks pickle. To look at each function would cost more than it is
        # worth: one that only a pickle names is offered anew when anything else is.
        module.others = {name: module.namespace[name] for name in closures if name}
        classes = [name for name in closures if isinstance(module.namespace.get(name), type)]
        module.offered = tuple(classes), tuple(module.namespace[name] for name in classes)
        if not every:
            return module.offers
        self._bundles.store_all()
        numbers: dict[Any, int] = {}
        items: list[tuple[Any, ...]] = []
        for item, definition in every:
            if (item.module, item.name, item.uid) not in numbers:
                numbers[item.module, item.name, item.uid] = len(items)
                items.append(tuple(definition.item._replace(name=item.name)))
        offers = {name: [numbers[each] for each in closure] for name, closure in closures.items()}
        before = module.offers
        if before is not None and before.value == (items, offers):
            return before  # the new names are of data, say: another bundle for each would pile up
        uid, version = (
            (before.item.uid, before.item.version) if before else (identities.next_uid(), 0)
        )
        made = Definition(Item(OFFERS, module.key, uid, version + 1, 0, b""), (items, offers))
        made.form = pickle.dumps(made.value, PROTOCOL)
        made.holds = [definition.holds for _, definition in every]
        self._definitions.keep(made)
        module.offers = made
        return made

    def _are_offered(self, module: Module) -> bool:
        return all(module.namespace.get(name) is value for name, value in module.others.items())
