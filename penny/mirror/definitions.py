"""The definitions of the submitter's modules: made when they are first needed, and when changed.

A name's value is pickled into a definition; again when the name has another value, or when an
attribute, an item or a default within has (`penny.by_value.watching`). Values that contain each
other are pickled together. Functions and classes keep their number and get another version; data
gets another number.
"""

from __future__ import annotations

import builtins
import hashlib
import pickle
from types import ModuleType
from typing import Any

from penny.by_value import identities
from penny.by_value.random_streams import generators_anew
from penny.by_value.reducing import PROTOCOL
from penny.by_value.watching import Watch
from penny.errors import Untravelled
from penny.mirror.aliases import names_of_values
from penny.mirror.bundles import Bundles
from penny.mirror.definition import Definition, Key, never
from penny.mirror.headers import GONE, Item
from penny.mirror.mirror import part
from penny.mirror.modules import Module, Modules, home_of
from penny.mirror.sending import Sending
from penny.mirror.values import holds_data, is_larger, is_named, may_be_shared
from penny.wire.payload import ATOMS, Tangled, dump_definition, is_large

__all__ = ["Definitions"]


VERSIONS = 1 << 14
"""Functions and classes whose versions are remembered; beyond, of those that are here."""


class _Part:
    """Pickles as one of several values that are there together."""

    def __init__(self, uid: int, index: int) -> None:
        self.arguments = uid, index

    def __reduce__(self) -> tuple[Any, ...]:
        return part, self.arguments


class Definitions:
    """What names of the modules here are, for the workers of one scheduler.

    Args:
        modules: Those that workers lack.
        bundles: Take the pickled forms.

    Attributes:
        building: Names whose values are being pickled, outermost first.
        doubts: How often what is too large to be watched was to be looked at again.
    """

    def __init__(self, modules: Modules, bundles: Bundles) -> None:
        self.modules = modules
        self._bundles = bundles
        self.building: list[Key] = []
        self.doubts = 0
        # Names whose values have been found to contain each other.
        self._tangled: set[str] = set()
        # How often each function or class has been sent, by number.
        self._versions: dict[int, int] = {}

    def begin(self) -> Sending:
        """Begin the pickling of a definition."""
        return Sending(self.modules, self.definition, self.building)

    def look_again(self) -> None:
        """Look into values that are too large for each submission to do so."""
        self.doubts += 1
        identities.doubt()
        for module in self.modules.values():
            for definition in module.definitions.values():
                watch = definition.watch
                if watch is not None and not watch.whole:
                    definition.doubtful = True

    def definition(self, key: str, name: str) -> Definition:
        """What a name is now, pickled if that is new.

        Raises:
            LookupError: There is no such name.
            Exception: Whatever pickling raises.
        """
        module = self.modules[key]
        if name not in module.namespace:
            module.definitions.pop(name, None)
            raise LookupError(name)
        value = module.namespace[name]
        before = module.definitions.get(name)
        same = before if before is not None and before.value is value else None
        if same is not None and (
            (key, name) in self.building or (same.is_fresh() and self._are_absent(same))
        ):
            return same
        # A new name of what is there keeps what tasks have made of it. Of names that are there the
        # first one has the value, whenever that has changed within.
        known = None
        if same is None and may_be_shared(value):
            known = self._known_as(module, name)
        home = home_of(value) if is_named(value) else None
        top = home is not None and home[0] == key and home[2] == name
        if top:
            uid = identities.identity_of(value).uid
            version = self._versions[uid] = self._versions.get(uid, 0) + 1
            if len(self._versions) > VERSIONS:
                alive = {n: v for n, v in self._versions.items() if identities.known(n) is not None}
                self._versions = alive
        else:
            uid, version = identities.next_uid(), 1
        made = Definition(Item(key, name, uid, version, 0, b""), value)
        # Known before it is pickled: it may refer to itself.
        module.definitions[name] = made
        self.building.append((key, name))
        try:
            self._pickle(made, module, name, value, top, known)
        except Tangled as tangled:
            self._abandon(module, name)
            if not top:
                self._tangled.add(name)
            if tangled.outer != (key, name):
                raise
            self.building.pop()
            made = self._together(module, name, tangled)
            self.building.append((key, name))
            return made
        except BaseException as error:
            self._abandon(module, name)  # what was pickled meanwhile may refer to it
            if before is not None:
                module.definitions[name] = before
            if isinstance(error, Untravelled):
                raise Untravelled(
                    f"global {name}: {error.path}", error.value, error.reason
                ) from error
            if isinstance(error, Exception) and not isinstance(error, MemoryError):
                raise Untravelled(f"global {name}", value, error) from error
            raise
        finally:
            self.building.pop()
        if (
            same is not None
            and made.digest == same.digest
            and made.uses.refers.keys() == same.uses.refers.keys()
        ):
            same.watch, same.doubtful = made.watch, False
            made.uses.refers = same.uses.refers
            same.uses = made.uses
            module.definitions[name] = same
            return same
        self.keep(made)
        return made

    def _abandon(self, module: Module, name: str) -> None:
        """Forget a definition that did not come about, and those that refer to it."""
        made = module.definitions.pop(name, None)
        for other in self.modules.values():
            for each, definition in list(other.definitions.items()):
                if made is not None and made.item.uid in definition.uses.refers:
                    del other.definitions[each]

    def _are_absent(self, definition: Definition) -> bool:
        """Whether names that were not there when it was pickled still are not."""
        return all(
            name not in self.modules[key].namespace for key, name in definition.uses.absent
        ) and self.modules.are_all(definition.uses.wide)

    def _known_as(self, module: Module, name: str) -> Key | None:
        """Another name of the module's for a value, by which workers have it already."""
        value = module.namespace[name]
        for other, made in module.definitions.items():
            if (
                other != name
                and made.value is value
                and module.namespace.get(other) is value
                and (module.key, other) not in self.building
                and made.is_fresh()
                and self._are_absent(made)
            ):
                return module.key, other
        return None

    def _pickle(
        self,
        made: Definition,
        module: Module,
        name: str,
        value: Any,
        top: bool,
        known: Key | None,
    ) -> None:
        if type(value) in ATOMS:
            made.form = pickle.dumps(value, PROTOCOL)
        else:
            sending = self.begin()
            aliases, busy = (
                names_of_values(self.modules, module, {name}, self.building)
                if holds_data(value)
                else ({}, {})
            )
            if top:  # it is there before what it contains: see `rebuilding.Pending`
                aliases, busy = aliases | busy, {}
            if known is not None:
                aliases[id(value)] = known
            with generators_anew():
                form, arrays = dump_definition(
                    value, sending, top=top, names=aliases, refer=sending.refer_to, busy=busy
                )
            made.form = form
            made.holds += arrays
            made.uses = sending.uses
            if type(value) is not ModuleType:
                made.watch = Watch(value)
        made.digest = hashlib.sha256(made.form).digest()

    def gone(self, key: str, name: str) -> Definition | None:
        """What tells workers that a name is not there; None: it is one of Python's own."""
        module = self.modules[key]
        if name not in module.sent:
            # A later submission may bring it, and run before.
            return None if hasattr(builtins, name) else Definition(never(key, name), None)
        made = module.gone.get(name)
        if made is None:
            item = Item(key, name, identities.next_uid(), 1, 0, GONE)
            made = module.gone[name] = Definition(item, None)
        return made

    def keep(self, made: Definition) -> None:
        """Take note of what workers may have from now on."""
        module = self.modules.get(made.item.module)
        if module is not None and made.item.name is not None:
            module.sent.add(made.item.name)
            module.gone.pop(made.item.name, None)
        self._bundles.add(made)

    def _together(self, module: Module, name: str, tangled: Tangled) -> Definition:
        """Definitions of values that contain each other: they are pickled in one."""
        names = {name: None}
        while True:
            names.update(dict.fromkeys(self._tangled))
            self._tangled.clear()
            values = tuple(module.namespace[each] for each in names)
            sending = self.begin()
            aliases, busy = names_of_values(self.modules, module, set(names), self.building)
            self.building += [(module.key, each) for each in names]
            # Functions and classes in them may refer to them.
            for each, value in zip(names, values, strict=True):
                item = Item(module.key, each, identities.next_uid(), 1, 0, b"")
                module.definitions[each] = Definition(item, value)
            try:
                form, arrays = dump_definition(
                    values, sending, top=False, names=aliases, refer=sending.refer_to, busy=busy
                )
                break
            except BaseException as more:
                for each in names:
                    self._abandon(module, each)
                if not isinstance(more, Tangled):
                    raise
                if more.outer[1] not in names:
                    self._tangled.update(names)
                    raise
            finally:
                del self.building[-len(names) :]
        whole = Definition(Item(module.key, None, identities.next_uid(), 1, 0, b""), values)
        whole.form, whole.holds = form, list(arrays)
        whole.uses = sending.uses
        self.keep(whole)
        for i, (each, value) in enumerate(zip(names, values, strict=True)):
            made = module.definitions[each]
            made.form = pickle.dumps(_Part(whole.item.uid, i), PROTOCOL)
            made.uses.refers = {whole.item.uid: whole}
            made.watch = Watch(value)
            made.digest = made.form
            self.keep(made)
        return module.definitions[name]

    def is_large(self, key: str, name: str) -> bool:
        """Whether a global is too large to go along where nothing is known to need it."""
        module = self.modules[key]
        value = module.namespace.get(name)
        return name not in module.definitions and (is_larger(value) or is_large(value))
