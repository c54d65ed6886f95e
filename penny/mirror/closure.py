"""Closures: definitions, and all that they need in turn, each before what needs it."""

from __future__ import annotations

from penny.errors import Untravelled
from penny.mirror.definition import Definition, Key
from penny.mirror.definitions import Definitions
from penny.mirror.headers import Item

__all__ = ["Closure"]


class Closure:
    """Definitions, and what they need in turn.

    Args:
        definitions: Gives them.
        offered: Nothing is known to need them: what is large stays behind.

    Attributes:
        items: What headers say of each, and it; by module, name and number.
        absent: Names that are not there.
        modules: Keys of modules that something in it refers to as such.
        wide: Keys of modules whose names something asks for by text, and the names that they had.
    """

    def __init__(self, definitions: Definitions, offered: bool = False) -> None:
        self._definitions = definitions
        self._offered = offered
        self.items: dict[tuple[str, str | None, int], tuple[Item, Definition]] = {}
        self.absent: dict[Key, None] = {}
        self.modules: dict[str, None] = {}
        self.wide: dict[str, frozenset[str]] = {}
        self._met: set[tuple[str, str | None, int]] = set()

    def add_absent(self, key: Key) -> None:
        """A name that is not there; workers may have had it."""
        if key not in self.absent:
            self.absent[key] = None
            gone = self._definitions.gone(*key)
            if gone is not None:
                self.items[*key, gone.item.uid] = gone.item, gone

    def add_name(self, key: Key, hard: bool, path: str) -> None:
        """What a name is now.

        Args:
            key: Module and name.
            hard: Whether what can't travel is an error.
            path: What needs it.
        """
        definitions = self._definitions
        if self._offered and path and definitions.is_large(*key):
            return
        try:
            definition = definitions.definition(*key)
        except LookupError:
            self.add_absent(key)
            return
        except MemoryError:
            raise
        except Exception as error:
            if not hard:
                return
            assert isinstance(error, Untravelled)
            raise Untravelled(path + error.path, error.value, error.reason) from error
        self._add(definition.item, definition, hard, path)

    def add(self, definition: Definition, path: str) -> None:
        """What a pickle contains; under its name only if it is still the name's value."""
        item = definition.item
        module = self._definitions.modules[item.module]
        if item.name is not None and module.namespace.get(item.name) is definition.value:
            self.add_name((item.module, item.name), True, path)
        else:
            self._add(item._replace(name=None), definition, True, path)

    def add_around(self, definition: Definition) -> None:
        """Surroundings or settings."""
        self._add(definition.item, definition, True, "")

    def _add(self, item: Item, definition: Definition, hard: bool, path: str) -> None:
        entry = item.module, item.name, item.uid
        if entry in self._met:
            return
        self._met.add(entry)
        for key in definition.uses.absent:
            self.add_absent(key)
        self.modules.update(definition.uses.modules)
        self.wide.update(definition.uses.wide)
        path = f"{path}global {definition.item.name}: "
        for each in list(definition.uses.refers.values()):
            if each is not definition:
                self.add(each, path)
        for key, own in list(definition.uses.names.items()):
            self.add_name(key, hard and own, path)
        # After what it needs: loading it may run code of the program's, as `__setstate__`.
        self.items[entry] = item, definition
