"""Sending: pickling for the workers, and noting what that needs of the submitter's modules.

Functions and classes that the pickle refers to; names that functions in it look up among their
globals, as attributes of modules, by `import`, or by text (`globals()[…]`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType
from typing import Any

from penny.by_value.code_names import attribute_names
from penny.by_value.names import is_importable
from penny.mirror.definition import Definition, Key, Uses
from penny.mirror.mirror import refer
from penny.mirror.modules import Modules, home_of
from penny.mirror.values import BY_NAME, is_larger

__all__ = ["Sending"]

_ASK_BY_TEXT = frozenset({"globals", "eval", "exec", "vars", "locals"})


class Sending:
    """One pickling for the workers.

    Args:
        modules: The modules here that workers lack.
        definition: Gives that of a name.
        building: Names whose definitions are being pickled, outermost first.

    Attributes:
        uses: What it uses of modules that workers lack.
        taken_along: Functions and classes in it that go by value.
    """

    def __init__(
        self,
        modules: Modules,
        definition: Callable[[str, str], Definition],
        building: list[Key],
    ) -> None:
        self._modules = modules
        self._definition = definition
        self._building = building
        self.uses = Uses()
        self.taken_along: list[Any] = []

    def reference(self, value: Any) -> Any:
        """See `by_value.names.Pickling`."""
        home = home_of(value)
        if home is None:
            return NotImplemented if is_importable(value) else None
        key, namespace, path = home
        self._modules.module_for(namespace)
        root = path.partition(".")[0]
        if self._building and self._building[-1] == (key, root) and root != path:
            return None  # inside of the class that is being pickled
        definition = self._definition(key, root)
        self.uses.refers[definition.item.uid] = definition
        return refer, (definition.item.uid, key, path)

    def refer_to(self, key: str, name: str) -> int:
        """Note that a value contains that of another name. Returns the number of the latter."""
        definition = self._definition(key, name)
        self.uses.refers[definition.item.uid] = definition
        return definition.item.uid

    def module_of(self, function: FunctionType) -> str | None:
        """See `by_value.names.Pickling`."""
        module = self._modules.module_for(function.__globals__)
        if module is not None:
            return module.key
        name = function.__globals__.get("__name__", "")
        found = sys.modules.get(name)
        return name if found is not None and found.__dict__ is function.__globals__ else None

    def by_value(self, value: Any, uses: Iterable[str], hard: bool) -> None:
        """See `by_value.names.Pickling`."""
        self.taken_along.append(value)
        if type(value) is not FunctionType:
            return
        module = self._modules.module_for(value.__globals__)
        if module is None:
            return
        for name in uses:
            key = module.key, name
            if name in module.namespace:
                self.uses.names[key] = self.uses.names.get(key, False) or hard
            else:
                self.uses.absent[key] = None
        attributes = attribute_names(value.__code__)
        package = module.namespace.get("__package__") or ""
        for name in (*uses, *attributes):
            found = module.namespace.get(name)
            if type(found) is ModuleType:
                self._use(found, attributes, hard)
            # `import …` within the function
            for path in (name, f"{package}.{name}") if package else (name,):
                found = sys.modules.get(path)
                if type(found) is ModuleType:
                    self._use(found, attributes, hard)
        by_text = not _ASK_BY_TEXT.isdisjoint(uses)
        if by_text or "__subclasses__" in attributes:
            self.uses.wide[module.key] = frozenset(module.namespace)
            for name, data in module.namespace.items():
                if (
                    not name.startswith("__")
                    and (by_text or isinstance(data, type))
                    and not is_larger(data)
                ):
                    self.uses.names.setdefault((module.key, name), False)

    def _use(self, found: ModuleType, attributes: tuple[str, ...], hard: bool) -> None:
        """Note that code uses a module, by some of these names."""
        module = self._modules.module_for(found.__dict__)
        if module is None or (module.key in self.uses.modules and module.key != "__main__"):
            return
        self.uses.modules[module.key] = None
        if "__package__" in found.__dict__ and module.key != "__main__":
            self.uses.names.setdefault((module.key, "__package__"), False)
        for name in attributes:
            if name in module.namespace:
                key = module.key, name
                self.uses.names[key] = self.uses.names.get(key, False) or hard
                inner = module.namespace[name]
                if type(inner) is ModuleType and inner is not found:
                    self._use(inner, attributes, hard)
            else:
                self.uses.absent[module.key, name] = None

    def named(self, value: Any, name: str) -> Any:
        """See `by_value.names.Pickling`."""
        # A type parameter or alias says itself where it is, other objects by their class.
        holder = value if isinstance(value, BY_NAME) else type(value)
        found = sys.modules.get(holder.__module__)
        module = None if found is None else self._modules.module_for(found.__dict__)
        if module is None or module.namespace.get(name) is not value:
            return name
        if (module.key, name) in self._building:
            return None  # itself
        return refer, (self.refer_to(module.key, name), module.key, name)

    def finds(self, module: ModuleType) -> bool:
        """See `by_value.names.Pickling`."""
        return self._modules.module_for(module.__dict__) is None

    def imports(self, module: ModuleType) -> bool:
        """See `by_value.names.Pickling`."""
        lacking = self._modules.module_for(module.__dict__)
        if lacking is not None:
            self.uses.modules[lacking.key] = None
        return lacking is None

    def header(self) -> bytes:
        """See `by_value.names.Pickling`. A definition needs none by itself."""
        return b""
