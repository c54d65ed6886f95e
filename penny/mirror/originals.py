"""The submitter's modules, as its workers are to have them: its `__main__`, and others they lack.

Whatever is pickled for workers is looked through for what it uses of such modules: functions and
classes that it refers to, names that functions look up among their globals, and what those use in
turn. Each is a `Definition`: pickled and put into the function table when it is first needed, and
again when it has changed here, be it that the name has another value, be it that an attribute, an
item or a default within it has (`penny.by_value.watching`). A pickle's header says which
definitions it needs, so a task sees the values of the moment at which it was submitted.
`penny.mirror.mirror` is the workers' side.
"""

from __future__ import annotations

import builtins
import hashlib
import os
import pickle
import sys
import sysconfig
import typing
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from operator import is_
from types import FunctionType, ModuleType
from typing import Any, Protocol

from penny.by_value import identities, rebuilding
from penny.by_value.code_names import attribute_names
from penny.by_value.functions import CachedFunction
from penny.by_value.names import is_importable, may_be_name
from penny.by_value.random_streams import generators_anew
from penny.by_value.reducing import PROTOCOL
from penny.by_value.watching import Watch, are_same
from penny.errors import Untravelled
from penny.mirror.headers import GONE, OFFERS, SETTINGS, SURROUNDINGS, Item, header_opcodes
from penny.mirror.mirror import part, refer
from penny.wire.payload import ATOMS, LARGE, Tangled, dump_definition, is_large

__all__ = ["Definition", "Needs", "Originals", "Sending", "Surroundings", "came_along", "home_of"]

INLINE = 128
"""Bytes up to which a value goes within the header: a place in the function table takes more."""

OFFERED_ITEMS = 10_000
"""Items up to which a global goes along that nothing is known to need: somebody may ask for it."""

VERSIONS = 1 << 14

REMEMBERED = 256
"""Combinations of definitions whose header is kept."""

Key = tuple[str, str]


class Stored(Protocol):
    """A bundle in the function table: it is there for as long as somebody has this."""

    @property
    def place(self) -> int:
        """Where workers find it."""


class Surroundings(Protocol):
    """What an interpreter's surroundings are: `penny.mirror.surroundings`."""

    def version(self) -> int:
        """A number for what they are now, from 1."""

    def form(self) -> bytes:
        """What they are now, for a worker."""

    def settings_form(self, dump: Callable[[object], bytes]) -> bytes:
        """What is set in modules of the standard library, of which `dump` pickles each value."""


# -- Which modules workers have --------------------------------------------------------------------

_along: set[str] = set()


def came_along(folder: str) -> None:
    """Note that workers have the Python files that are in a folder now."""
    for path, _, files in os.walk(folder):
        _along.update(os.path.join(path, file) for file in files if file.endswith(".py"))


_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Not all of `get_paths`: in Pyodide data may lie anywhere.
_LIBRARIES = [sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")]
_FOLDERS = tuple({os.path.join(path, "") for path in (*_LIBRARIES, _OWN_FOLDER)})


def _name_of(namespace: dict[str, Any]) -> str:
    """The name under which a module is imported; its own may be another, as that of `_io`."""
    name = namespace.get("__name__", "")
    if not isinstance(name, str):
        return ""
    found = sys.modules.get(name)
    if found is None or found.__dict__ is not namespace:
        imported = getattr(namespace.get("__spec__"), "name", name)
        found = sys.modules.get(imported)
        if found is not None and found.__dict__ is namespace:
            return str(imported)
    return name


def everywhere(module: ModuleType) -> bool:
    """Whether every worker can import the module."""
    name = _name_of(module.__dict__)
    if name == "__main__" or sys.modules.get(name) is not module:
        return False
    if sys.platform != "emscripten":  # processes and serial engines: files are the machine's
        return getattr(module, "__spec__", None) is not None
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return getattr(module, "__spec__", None) is not None
    return file in _along or file.startswith(_FOLDERS) or f".zip{os.sep}" in file


class _Module:
    """A module here that workers have a mirror of."""

    def __init__(self, key: str, namespace: dict[str, Any]) -> None:
        self.key = key
        """Its name, and a number where that is another module's in `sys.modules`."""
        self.namespace = namespace
        self.definitions: dict[str, Definition] = {}
        self.sent: set[str] = set()
        """Names that workers may have."""
        self.gone: dict[str, Definition] = {}
        self.looked_through = -1
        """How many names it had when it was last looked through for what to offer."""
        self.offers: Definition | None = None
        self.offered: tuple[tuple[str, ...], tuple[Any, ...]] = (), ()
        self.others: dict[str, Any] = {}

    def is_as_offered(self, offers: Definition | None) -> bool:
        """Whether these offers are the last ones, and what was offered is what it has now."""
        if self.offers is not offers or self.looked_through != len(self.namespace):
            return False
        names, values = self.offered
        return not names or all(map(is_, map(self.namespace.get, names), values))


APART = 1024
"""Namespaces that are known without being in `sys.modules`, as `exec` is given them."""

_apart: deque[int] = deque()

# Dictionaries that functions have as globals, by the key of their module; for what comes back.
_namespaces: dict[str, dict[str, Any]] = {}
_modules: dict[int, tuple[str, dict[str, Any]]] = {}


def _namespace_here(key: str) -> dict[str, Any]:
    found = _namespaces.get(key)
    return rebuilding.imported_namespace(key) if found is None else found


rebuilding.namespaces = _namespace_here


def _key_of(namespace: dict[str, Any]) -> str | None:
    """The key of the module with that dictionary; None: every worker has it, or it is no module."""
    found = _modules.get(id(namespace))
    if found is not None:
        return found[0]
    name = _name_of(namespace)
    if namespace.get("__builtins__") == {}:
        return None
    module = sys.modules.get(name)
    if module is not None and module.__dict__ is namespace:
        if everywhere(module):
            return None
        key = name
    else:
        key = f"{name}#{identities.next_uid()}"
        # A dictionary can't be weakly referenced: of a program that makes one each time, the last.
        _apart.append(id(namespace))
        if len(_apart) > APART:
            gone, _ = _modules.pop(_apart.popleft())
            del _namespaces[gone]
    _modules[id(namespace)] = key, namespace
    _namespaces[key] = namespace
    return key


def _namespace_of(value: Any) -> dict[str, Any] | None:
    """The globals among which a function or class was defined; None: nobody knows."""
    if type(value) is CachedFunction:
        value = value.__wrapped__
    if type(value) is FunctionType:
        return value.__globals__
    name = getattr(value, "__module__", None)
    if not isinstance(name, str):
        return None
    module = sys.modules.get(name)
    root = getattr(value, "__qualname__", "").partition(".")[0]
    if module is not None and root in module.__dict__:
        return module.__dict__
    # A program in a namespace of its own: where that has no name, Python takes that of builtins.
    for _, namespace in _modules.values():
        if namespace.get("__name__", "builtins") == name and namespace.get(root) is value:
            return namespace
    for member in vars(value).values() if isinstance(value, type) else ():
        member = getattr(member, "__func__", member)
        if type(member) is FunctionType and member.__globals__.get("__name__", "builtins") == name:
            return member.__globals__
    return None if module is None else module.__dict__


def home_of(value: Any) -> tuple[str, dict[str, Any], str] | None:
    """Where a function or class is found: key of its module, the module's dictionary, path in it.

    None: in a module that every worker has; or nowhere by a name.
    """
    namespace = _namespace_of(value)
    key = None if namespace is None else _key_of(namespace)
    if key is None or namespace is None:
        return None
    path = getattr(value, "__qualname__", "")
    root, *inner = path.split(".")
    found: Any = namespace.get(root)
    if not inner or isinstance(found, type):
        for each in inner:
            found = getattr(found, each, None)
        if found is value:
            return key, namespace, path
    for name, each in namespace.items():
        if each is value:
            return key, namespace, name
    return None


# -- Definitions -----------------------------------------------------------------------------------


class Definition:
    """The value of a name, as it was sent.

    Attributes:
        item: What headers say of it.
        value: The value; kept, so that nothing else can have its identity.
        refers: Definitions whose values it contains.
        names: Names that its code looks up; whether it is lost without them.
        absent: Names that were not there.
        modules: Keys of modules that it refers to as such.
        wide: Keys of modules whose names it asks for by text, and the names that they had.
        watch: Whether it has changed within; None: it can't.
        doubtful: Whether it may have changed unnoticed.
        digest: Of its pickled form.
        holds: What keeps it in the function table.
    """

    __slots__ = (
        "absent",
        "digest",
        "doubtful",
        "form",
        "holds",
        "item",
        "modules",
        "names",
        "refers",
        "value",
        "watch",
        "wide",
    )

    def __init__(self, item: Item, value: Any) -> None:
        self.item = item
        self.value = value
        self.refers: dict[int, Definition] = {}
        self.names: dict[Key, bool] = {}
        self.absent: dict[Key, None] = {}
        self.modules: dict[str, None] = {}
        self.wide: dict[str, frozenset[str]] = {}
        self.watch: Watch | None = None
        self.doubtful = False
        self.digest = b""
        self.form = b""
        self.holds: list[Any] = []

    def is_fresh(self) -> bool:
        """Whether the value is, within, what was sent."""
        return not self.doubtful and (self.watch is None or not self.watch.changed())


class _Part:
    """Pickles as one of several values that are there together."""

    def __init__(self, uid: int, index: int) -> None:
        self.arguments = uid, index

    def __reduce__(self) -> tuple[Any, ...]:
        return part, self.arguments


def _never(key: str, name: str) -> Item:
    """The item of a name that the submitter has not had so far."""
    return Item(key, name, 0, 0, 0, GONE)


class Needs:
    """What a pickle needs: definitions, and all that these need in turn.

    Attributes:
        header: Opcodes for the beginning of the pickle.
        held: What keeps it all in the function table, for as long as a task needs it.
    """

    __slots__ = (
        "_absent",
        "_checks",
        "_doubts",
        "_functions",
        "_modules",
        "_named",
        "_names",
        "_originals",
        "_surroundings",
        "_wide",
        "header",
        "held",
    )

    def __init__(
        self,
        originals: Originals,
        needed: list[tuple[Item, Definition]],
        closure: _Closure,
        surroundings: int | None,
    ) -> None:
        self.header = header_opcodes(item for item, _ in needed) if needed else b""
        self.held = [definition.holds for _, definition in needed]
        self._originals = originals
        self._surroundings = surroundings
        self._doubts = originals.doubts
        modules = originals.modules
        self._modules = [
            (modules[item.name], definition)
            for item, definition in needed
            if item.module == OFFERS and item.name in modules
        ]
        # Flat lists of what is bound: this is asked at each submission.
        # Functions and classes are not kept alive by it: a notebook defines many of one name.
        self._names: list[tuple[Any, str, Any]] = []
        self._named: list[tuple[Any, str, weakref.ref[Any]]] = []
        for item, definition in needed:
            if item.module in modules and item.name is not None and item.form != GONE:
                get, value = modules[item.module].namespace.get, definition.value
                if _is_named(value):
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
        originals = self._originals
        if self._wide and not originals.are_all(self._wide):
            return False
        return self._doubts == originals.doubts and (
            self._surroundings is None or originals.surroundings_version() == self._surroundings
        )


class Originals:
    """The modules of this interpreter that workers lack, for the workers of one scheduler.

    Args:
        store: Puts a bundle into the function table; None: there is no room just now.
        surroundings: The interpreter's, which tasks are to have, too.

    Attributes:
        foreign: Texts in plain pickles that stand for modules which workers lack.
        used: What was needed by pickles since somebody last took this list.
        doubts: How often what is too large to be watched was to be looked at again.
    """

    def __init__(
        self, store: Callable[[bytes], Stored | None], surroundings: Surroundings | None = None
    ) -> None:
        self._store = store
        self._surroundings = surroundings
        self._around: list[Definition] = []
        self.modules: dict[str, _Module] = {}
        self.foreign: tuple[bytes, ...] = (b"__main__",)
        self.used: list[Needs] = []
        self.doubts = 0
        self._modules_seen = 0
        self._remembered: OrderedDict[Any, Needs] = OrderedDict()
        # Pickled, and not in the table yet; and what is being pickled, outermost first.
        self._unstored: list[Definition] = []
        self._building: list[tuple[str, str]] = []
        # Names whose values have been found to contain each other.
        self._tangled: set[str] = set()
        self._offering = False
        # How often each function or class has been sent, by number.
        self._versions: dict[int, int] = {}

    # -- For picklers ----------------------------------------------------------------------------

    def begin(self) -> Sending:
        """Begin a pickling for the workers."""
        if len(sys.modules) != self._modules_seen:
            self._look_around()
        return Sending(self)

    def _look_around(self) -> None:
        self._modules_seen = len(sys.modules)
        lacking = [
            name
            for name, module in list(sys.modules.items())
            if type(module) is ModuleType and name != "__main__" and not everywhere(module)
        ]
        self.foreign = tuple(name.encode() for name in ("__main__", *lacking))

    def looks_foreign(self, data: bytes) -> bool:
        """Whether a plain pickle refers to a module that workers lack; or, seldom, seems to."""
        if len(sys.modules) != self._modules_seen:
            self._look_around()
        for name in self.foreign:  # noqa: SIM110 - asked at each submission: no generator
            if name in data:
                return True
        return False

    def take_used(self) -> list[Needs]:
        """What was needed by the pickles since the last call."""
        used, self.used = self.used, []
        return used

    def module_for(self, namespace: dict[str, Any]) -> _Module | None:
        """The module with that dictionary, if workers have a mirror of it."""
        key = _key_of(namespace)
        if key is None:
            return None
        module = self.modules.get(key)
        if module is None:
            module = self.modules[key] = _Module(key, namespace)
        return module

    def surroundings_version(self) -> int:
        """A number for what the surroundings are now; 0: they do not travel."""
        return 0 if self._surroundings is None else self._surroundings.version()

    def look_again(self) -> None:
        """Look into values that are too large for each submission to do so."""
        self.doubts += 1
        identities.doubt()
        for module in self.modules.values():
            for definition in module.definitions.values():
                watch = definition.watch
                if watch is not None and not watch.whole:
                    definition.doubtful = True

    # -- Names -----------------------------------------------------------------------------------

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
            (key, name) in self._building or (same.is_fresh() and self._are_absent(same))
        ):
            return same
        # A new name of what is there keeps what tasks have made of it. Of names that are there the
        # first one has the value, whenever that has changed within.
        known = None
        if same is None and _may_be_shared(value):
            known = self._known_as(module, name)
        home = home_of(value) if _is_named(value) else None
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
        self._building.append((key, name))
        try:
            self._pickle(made, module, name, value, top, known)
        except Tangled as tangled:
            self._abandon(module, name)
            if not top:
                self._tangled.add(name)
            if tangled.outer != (key, name):
                raise
            self._building.pop()
            made = self._together(module, name, tangled)
            self._building.append((key, name))
            return made
        except BaseException as error:
            if before is None:
                del module.definitions[name]
            else:
                module.definitions[name] = before
            if isinstance(error, Untravelled):
                raise Untravelled(
                    f"global {name}: {error.path}", error.value, error.reason
                ) from error
            if isinstance(error, Exception) and not isinstance(error, MemoryError):
                raise Untravelled(f"global {name}", value, error) from error
            raise
        finally:
            self._building.pop()
        if (
            same is not None
            and made.digest == same.digest
            and made.refers.keys() == same.refers.keys()
        ):
            same.watch, same.doubtful = made.watch, False
            same.names, same.absent = made.names, made.absent
            module.definitions[name] = same
            same.modules, same.wide = made.modules, made.wide
            return same
        self._keep(made)
        return made

    def _abandon(self, module: _Module, name: str) -> None:
        """Forget a definition that did not come about, and those that refer to it."""
        made = module.definitions.pop(name, None)
        for other in self.modules.values():
            for each, definition in list(other.definitions.items()):
                if made is not None and made.item.uid in definition.refers:
                    del other.definitions[each]

    def _are_absent(self, definition: Definition) -> bool:
        """Whether names that were not there when it was pickled still are not."""
        return all(
            name not in self.modules[key].namespace for key, name in definition.absent
        ) and self.are_all(definition.wide)

    def _known_as(self, module: _Module, name: str) -> Key | None:
        """Another name of the module's for a value, by which workers have it already."""
        value = module.namespace[name]
        for other, made in module.definitions.items():
            if (
                other != name
                and made.value is value
                and module.namespace.get(other) is value
                and (module.key, other) not in self._building
                and made.is_fresh()
                and self._are_absent(made)
            ):
                return module.key, other
        return None

    def are_all(self, wide: dict[str, frozenset[str]]) -> bool:
        """Whether modules have the same names as then."""
        return all(self.modules[key].namespace.keys() == names for key, names in wide.items())

    def _pickle(
        self,
        made: Definition,
        module: _Module,
        name: str,
        value: Any,
        top: bool,
        known: Key | None,
    ) -> None:
        if type(value) in ATOMS:
            made.form = pickle.dumps(value, PROTOCOL)
        else:
            sending = Sending(self)
            aliases, busy = self._aliases(module, {name}) if _holds_data(value) else ({}, {})
            if top:  # it is there before what it contains: see `mirror.Pending`
                aliases, busy = aliases | busy, {}
            if known is not None:
                aliases[id(value)] = known
            with generators_anew():
                form, arrays = dump_definition(
                    value, sending, top=top, names=aliases, refer=sending.refer_to, busy=busy
                )
            made.form = form
            made.holds += arrays
            made.refers, made.names, made.absent = sending.refers, sending.names, sending.absent
            made.modules, made.wide = sending.modules, sending.wide
            if type(value) is not ModuleType:
                made.watch = Watch(value)
        made.digest = hashlib.sha256(made.form).digest()

    def gone(self, key: str, name: str) -> Definition | None:
        """What tells workers that a name is not there; None: it is one of Python's own."""
        module = self.modules[key]
        if name not in module.sent:
            # A later submission may bring it, and run before.
            return None if hasattr(builtins, name) else Definition(_never(key, name), None)
        made = module.gone.get(name)
        if made is None:
            item = Item(key, name, identities.next_uid(), 1, 0, GONE)
            made = module.gone[name] = Definition(item, None)
        return made

    def _keep(self, made: Definition) -> None:
        module = self.modules.get(made.item.module)
        if module is not None and made.item.name is not None:
            module.sent.add(made.item.name)
            module.gone.pop(made.item.name, None)
        if len(made.form) <= INLINE:
            made.item = made.item._replace(form=made.form)
        else:
            self._unstored.append(made)

    def _aliases(self, module: _Module, within: set[str]) -> tuple[dict[int, Key], dict[int, Key]]:
        """Names of the module's other values, by identity: what contains one refers to it.

        Args:
            module: The module.
            within: Names whose values are being pickled in this pickle.

        Returns:
            Those that can be referred to, and those that are being pickled elsewhere.
        """
        building = {other for key, other in self._building if key == module.key} - within
        first: dict[int, str] = {}
        for other, data in module.namespace.items():
            if _may_be_shared(data):
                first.setdefault(id(data), other)
        for name in within:  # of several names of one value, the first has it
            if first.get(id(module.namespace[name])) in within:
                del first[id(module.namespace[name])]
        names: dict[int, Key] = {}
        busy: dict[int, Key] = {}
        for i, other in first.items():
            (busy if other in building else names)[i] = module.key, other
        # What other modules have under a name of theirs, as after `from module import table`.
        for name in within:
            value = module.namespace[name]
            other_name = self._elsewhere(module, value) if _may_be_shared(value) else None
            if other_name is not None:
                names[id(value)] = other_name
        return names, busy

    def _elsewhere(self, module: _Module, value: Any) -> Key | None:
        """The name that a module which is known for longer has for the value."""
        for earlier in self.modules.values():
            if earlier is module:
                return None
            for name, other in earlier.namespace.items():
                if other is value:
                    return earlier.key, name
        return None

    def _together(self, module: _Module, name: str, tangled: Tangled) -> Definition:
        """Definitions of values that contain each other: they are pickled in one."""
        names = {name: None}
        while True:
            names.update(dict.fromkeys(self._tangled))
            self._tangled.clear()
            values = tuple(module.namespace[each] for each in names)
            sending = Sending(self)
            aliases, busy = self._aliases(module, set(names))
            self._building += [(module.key, each) for each in names]
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
                del self._building[-len(names) :]
        whole = Definition(Item(module.key, None, identities.next_uid(), 1, 0, b""), values)
        whole.form, whole.holds = form, list(arrays)
        whole.refers, whole.names = sending.refers, sending.names
        whole.absent, whole.modules = sending.absent, sending.modules
        whole.wide = sending.wide
        self._keep(whole)
        for i, (each, value) in enumerate(zip(names, values, strict=True)):
            made = module.definitions[each]
            made.form = pickle.dumps(_Part(whole.item.uid, i), PROTOCOL)
            made.refers = {whole.item.uid: whole}
            made.watch = Watch(value)
            made.digest = made.form
            self._keep(made)
        return module.definitions[name]

    # -- What a pickle needs ---------------------------------------------------------------------

    def gather(self, sending: Sending, entry: bool) -> Needs:
        """What a pickle needs, all of it in its present version.

        Args:
            sending: The pickling.
            entry: Whether it is of a function for the table, which brings the surroundings.

        Raises:
            PickleError: Something of it can't travel; says what needs it.
        """
        roots = (
            tuple(sending.refers),
            tuple(sending.names.items()),
            tuple(sending.absent),
            tuple(sending.modules),
            tuple(sending.wide.items()),
            entry,
        )
        needs = self._remembered.get(roots)
        if needs is None or not needs.fresh():
            needs = self._gather(sending, entry)
            self._remembered[roots] = needs
            self._tidy()
        return needs

    def _tidy(self) -> None:
        """Keep nothing alive that the program has let go of: it may be large."""
        for _ in range(min(4, len(self._remembered))):
            roots, needs = self._remembered.popitem(last=False)
            if needs.fresh() and len(self._remembered) < REMEMBERED:
                self._remembered[roots] = needs
        for module in self.modules.values():
            get = module.namespace.get
            old = [n for n, d in module.definitions.items() if get(n, self) is not d.value]
            for name in old:
                del module.definitions[name]
        if len(self.modules) > 2 * APART:
            self.modules = {k: m for k, m in self.modules.items() if k in _namespaces}

    def _gather(self, sending: Sending, entry: bool) -> Needs:
        closure = _Closure(self)
        for definition in sending.refers.values():
            closure.add(definition, "")
        for name, hard in sending.names.items():
            closure.add_name(name, hard, "")
        for absent in sending.absent:
            closure.add_absent(absent)
        closure.modules.update(sending.modules)
        closure.wide.update(sending.wide)
        version = self.surroundings_version() if entry else 0
        for around in self._around_now(version) if version else ():
            closure.add_around(around)
        needed = closure.items
        for key in dict.fromkeys([*(item.module for item, _ in needed.values()), *closure.modules]):
            if key in (SURROUNDINGS, SETTINGS):
                continue
            offers = self._offers_of(self.modules[key])
            if offers is not None:
                needed[OFFERS, key, 0] = offers.item, offers
        self._store_all()
        # Places are known now.
        final = [
            (definition.item._replace(name=item.name), definition)
            for item, definition in needed.values()
        ]
        return Needs(self, final, closure, version if entry else None)

    def _around_now(self, version: int) -> list[Definition]:
        """The surroundings, and the settings, which may be objects of the program's classes."""
        before = self._around
        if not before or before[0].item.version != version:
            assert self._surroundings is not None
            around, settings = made = [
                Definition(
                    Item(
                        module,
                        "",
                        before[i].item.uid if before else identities.next_uid(),
                        version,
                        0,
                        b"",
                    ),
                    None,
                )
                for i, module in enumerate((SURROUNDINGS, SETTINGS))
            ]
            around.form = self._surroundings.form()
            settings.form = self._surroundings.settings_form(
                lambda value: self._setting(value, settings)
            )
            self._keep(around)
            self._keep(settings)
            self._around = made
        return self._around

    def _setting(self, value: object, settings: Definition) -> bytes:
        """The pickled form of a part of the settings; they need what it refers to.

        Raises:
            Exception: It can't travel, or something that it needs.
        """
        sending = Sending(self)
        with generators_anew():
            form, arrays = dump_definition(
                value, sending, top=False, names={}, refer=sending.refer_to, busy={}
            )
        made = Definition(settings.item, None)
        made.refers, made.names, made.absent = sending.refers, sending.names, sending.absent
        made.modules, made.wide = sending.modules, sending.wide
        _Closure(self).add_around(made)
        settings.holds += arrays
        for of in "refers", "names", "absent", "modules", "wide":
            getattr(settings, of).update(getattr(made, of))
        return form

    # -- What is there in case somebody asks -----------------------------------------------------

    def _offers_of(self, module: _Module) -> Definition | None:
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
                    _may_be_asked_for(value) or (module.key != "__main__" and not _is_bulky(value))
                ):
                    closure = _Closure(self, offered=True)
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
        self._store_all()
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
        self._keep(made)
        module.offers = made
        return made

    def _are_offered(self, module: _Module) -> bool:
        return all(module.namespace.get(name) is value for name, value in module.others.items())

    def is_large(self, key: str, name: str) -> bool:
        """Whether a global is too large to go along where nothing is known to need it."""
        module = self.modules[key]
        value = module.namespace.get(name)
        return name not in module.definitions and (_is_larger(value) or is_large(value))

    # -- The table -------------------------------------------------------------------------------

    def _store_all(self) -> None:
        """Put what has been pickled since into the function table, what is small in one bundle."""
        unstored, self._unstored = self._unstored, []
        self._store_together([each for each in unstored if len(each.form) < LARGE])
        for each in unstored:
            if len(each.form) >= LARGE:
                self._store_together([each])

    def _store_together(self, definitions: list[Definition]) -> None:
        if not definitions:
            return
        bundle = self._store(
            pickle.dumps({each.item.uid: each.form for each in definitions}, PROTOCOL)
        )
        for each in definitions:
            if bundle is None:  # each pickle takes it along
                each.item = each.item._replace(form=each.form)
            else:
                each.item = each.item._replace(place=bundle.place)
                each.holds.append(bundle)
            each.form = b""


class _Closure:
    """Definitions, and what they need in turn."""

    def __init__(self, originals: Originals, offered: bool = False) -> None:
        self._originals = originals
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
            gone = self._originals.gone(*key)
            if gone is not None:
                self.items[*key, gone.item.uid] = gone.item, gone

    def add_name(self, key: Key, hard: bool, path: str) -> None:
        """What a name is now.

        Args:
            key: Module and name.
            hard: Whether what can't travel is an error.
            path: What needs it.
        """
        originals = self._originals
        if self._offered and path and originals.is_large(*key):
            return
        try:
            definition = originals.definition(*key)
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
        module = self._originals.modules[item.module]
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
        for key in definition.absent:
            self.add_absent(key)
        self.modules.update(definition.modules)
        self.wide.update(definition.wide)
        path = f"{path}global {definition.item.name}: "
        for each in list(definition.refers.values()):
            if each is not definition:
                self.add(each, path)
        for key, own in list(definition.names.items()):
            self.add_name(key, hard and own, path)
        # After what it needs: loading it may run code of the program's, as `__setstate__`.
        self.items[entry] = item, definition


_ASKED_BY_PYTHON = ("__getattr__", "__dir__")
_ASK_BY_TEXT = frozenset({"globals", "eval", "exec", "vars", "locals"})


def _is_larger(value: Any) -> bool:
    if _is_named(value) or type(value) in ATOMS or type(value) is ModuleType:
        return False
    try:
        return len(value) > OFFERED_ITEMS
    except Exception:
        return False


def _is_bulky(value: Any) -> bool:
    """Whether an offer would copy much, or keep a shared array, which nobody may ever ask for."""
    if _is_named(value) or type(value) is ModuleType:
        return False
    if _is_larger(value) or is_large(value) or type(value).__module__ == "penny.memory.array":
        return True
    try:
        return is_large(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        return False


def _is_named(value: Any) -> bool:
    return type(value) in (FunctionType, CachedFunction) or isinstance(value, type)


def _holds_data(value: Any) -> bool:
    """Whether a value may contain those of other names."""
    if type(value) is FunctionType:
        return bool(
            value.__defaults__ or value.__kwdefaults__ or value.__closure__ or value.__dict__
        )
    return True


_BY_NAME = tuple(
    getattr(typing, name)
    for name in ("NewType", "TypeAliasType", "TypeVar", "ParamSpec", "TypeVarTuple")
    if hasattr(typing, name)
)


def _may_be_asked_for(value: Any) -> bool:
    """Whether somebody may look it up by its name: `pickle`, which names functions and classes."""
    if _is_named(value) or isinstance(value, _BY_NAME):
        return True
    if not may_be_name(type(value)) or _is_larger(value):
        return False
    # Arrays say how they are pickled, too, but not by a name: an offer would copy, or hold, each.
    try:
        return isinstance(value.__reduce_ex__(PROTOCOL), str)
    except Exception:  # it can't be pickled
        return False


def _may_be_shared(value: Any) -> bool:
    kind = type(value)
    return not (
        kind in ATOMS
        or kind in (bytes, ModuleType)
        or _is_named(value)
        or (kind in (tuple, frozenset) and not value)
    )


class Sending:
    """One pickling for the workers: of what goes into a slot or the table, or of a definition.

    Attributes:
        refers: Definitions that it refers to, by number.
        names: Names that its functions look up; whether they are lost without them.
        absent: Names that were not there.
        modules: Keys of modules that it refers to as such.
        wide: Keys of modules whose names it asks for by text, and the names that they had.
        taken_along: Functions and classes in it that go by value.
        entry: Whether it is of a function for the table.
        needs: What it needs, once the header has been made.
    """

    def __init__(self, originals: Originals) -> None:
        self._originals = originals
        self.refers: dict[int, Definition] = {}
        self.names: dict[Key, bool] = {}
        self.absent: dict[Key, None] = {}
        self.modules: dict[str, None] = {}
        self.wide: dict[str, frozenset[str]] = {}
        self.taken_along: list[Any] = []
        self.entry = False
        self.needs: Needs | None = None

    def reference(self, value: Any) -> Any:
        """See `by_value.Pickling`."""
        home = home_of(value)
        if home is None:
            return NotImplemented if is_importable(value) else None
        key, namespace, path = home
        originals = self._originals
        originals.module_for(namespace)
        root = path.partition(".")[0]
        if originals._building and originals._building[-1] == (key, root) and root != path:
            return None  # inside of the class that is being pickled
        definition = originals.definition(key, root)
        self.refers[definition.item.uid] = definition
        return refer, (definition.item.uid, key, path)

    def refer_to(self, key: str, name: str) -> int:
        """Note that a value contains that of another name. Returns the number of the latter."""
        definition = self._originals.definition(key, name)
        self.refers[definition.item.uid] = definition
        return definition.item.uid

    def module_of(self, function: FunctionType) -> str | None:
        """See `by_value.Pickling`."""
        module = self._originals.module_for(function.__globals__)
        if module is not None:
            return module.key
        name = function.__globals__.get("__name__", "")
        found = sys.modules.get(name)
        return name if found is not None and found.__dict__ is function.__globals__ else None

    def by_value(self, value: Any, uses: Iterable[str], hard: bool) -> None:
        """See `by_value.Pickling`."""
        self.taken_along.append(value)
        if type(value) is not FunctionType:
            return
        module = self._originals.module_for(value.__globals__)
        if module is None:
            return
        for name in uses:
            key = module.key, name
            if name in module.namespace:
                self.names[key] = self.names.get(key, False) or hard
            else:
                self.absent[key] = None
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
            self.wide[module.key] = frozenset(module.namespace)
            for name, data in module.namespace.items():
                if (
                    not name.startswith("__")
                    and (by_text or isinstance(data, type))
                    and not _is_larger(data)
                ):
                    self.names.setdefault((module.key, name), False)

    def _use(self, found: ModuleType, attributes: tuple[str, ...], hard: bool) -> None:
        """Note that code uses a module, by some of these names."""
        module = self._originals.module_for(found.__dict__)
        if module is None or (module.key in self.modules and module.key != "__main__"):
            return
        self.modules[module.key] = None
        if "__package__" in found.__dict__ and module.key != "__main__":
            self.names.setdefault((module.key, "__package__"), False)
        for name in attributes:
            if name in module.namespace:
                key = module.key, name
                self.names[key] = self.names.get(key, False) or hard
                inner = module.namespace[name]
                if type(inner) is ModuleType and inner is not found:
                    self._use(inner, attributes, hard)
            else:
                self.absent[module.key, name] = None

    def named(self, value: Any, name: str) -> Any:
        """See `by_value.Pickling`."""
        # A type parameter or alias says itself where it is, other objects by their class.
        holder = value if isinstance(value, _BY_NAME) else type(value)
        found = sys.modules.get(holder.__module__)
        module = None if found is None else self._originals.module_for(found.__dict__)
        if module is None or module.namespace.get(name) is not value:
            return name
        if (module.key, name) in self._originals._building:
            return None  # itself
        return refer, (self.refer_to(module.key, name), module.key, name)

    def imports(self, module: ModuleType) -> bool:
        """See `by_value.Pickling`."""
        lacking = self._originals.module_for(module.__dict__)
        if lacking is not None:
            self.modules[lacking.key] = None
        return lacking is None

    def header(self) -> bytes:
        """See `by_value.Pickling`."""
        if not (self.refers or self.names or self.absent or self.modules or self.entry):
            return b""
        self.needs = self._originals.gather(self, self.entry)
        self._originals.used.append(self.needs)
        return self.needs.header
