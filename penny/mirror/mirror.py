"""A worker's modules that stand for the submitter's: its `__main__`, and others that workers lack.

A pickle for a worker begins with a *header*: which names of those modules what follows needs, and
in which version. `install` sees to it that they are there, and fetches what is not. What the worker
already has is taken as it is: what tasks have made of it since stays, until the submitter's value
of that very name is another one. The submitter's side is `penny.mirror.originals`.

A header's item is a tuple: module, name (None: only what other items refer to), number, version,
place, form. The number is that of the value; the version goes up when a function or class of that
number changes. The form is the value's pickle; or empty, and the value is in the *bundle* at that
place of the function table, which maps numbers to forms.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import io
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from penny.by_value import rebuilding
from penny.by_value.identities import known, restore_versions, versions_of
from penny.by_value.names import Pickling, is_importable, set_names
from penny.mirror import defined

__all__ = [
    "GONE",
    "OFFERS",
    "SETTINGS",
    "SURROUNDINGS",
    "Item",
    "Mirror",
    "agrees",
    "for_jobs",
    "header_now",
    "header_opcodes",
    "here",
    "install",
    "of_task",
    "refer",
    "start",
]

SURROUNDINGS = ""
"""The module of the item that is about the interpreter: path, environment, directory, arguments."""

SETTINGS = "!"
"""The module of the item that is about what is set in modules of the standard library."""

OFFERS = "?"
"""The module of items that say what else a module has, their name, in case somebody asks for it."""


GONE = b"gone"
"""The form of a name that the submitter has deleted."""


_DEFINED = defined.DEFINED.encode()


_ORDER = {SURROUNDINGS: 0, OFFERS: 1, SETTINGS: 3}


class Item(NamedTuple):
    """What a header says of one name."""

    module: str
    name: str | None
    uid: int
    version: int
    place: int
    form: bytes


here: Mirror | None = None
"""The worker's; None: this is no worker."""


def start(fetch: Callable[[int], bytes | None]) -> Mirror:
    """Make this interpreter a worker's, whose modules stand for those of who submits.

    Args:
        fetch: The bundle at a place of the function table; None: it is there no more.
    """
    global here, _namespaces_before
    if here is None:
        _namespaces_before = rebuilding.namespaces
    here = Mirror(fetch)
    rebuilding.namespaces = here.namespace
    return here


def stop() -> None:
    """Make this interpreter no worker's any more. For tests."""
    global here
    if here is not None:
        here = None
        rebuilding.namespaces = _namespaces_before


_namespaces_before = rebuilding.namespaces


def part(uid: int, index: int) -> Any:
    """One of several values that contain each other, and are there together. Called by pickles."""
    together = None if here is None else here.load_apart(uid)
    if together is None:
        raise LookupError("values that contain each other are here no more")
    return together[index]


def install(header: bytes) -> None:
    """See to it that what a header names is here. Called by pickles."""
    if here is not None:
        here.install(header)


def refer(uid: int, module: str, path: str) -> Any:
    """The function or class that a pickle refers to, or what it has inside. Called by pickles.

    Args:
        uid: Its number.
        module: Where the submitter has it.
        path: Its name there; with more names if it is inside of a class.
    """
    name, *inner = path.split(".")
    found = known(uid)
    if found is None and here is not None:
        found = here.load(uid)
    if found is None:
        # What a worker had from here has gone meanwhile: what has its name now.
        found = rebuilding.namespaces(module).get(name)
        if found is None:
            raise AttributeError(f"module {module!r} has no {name!r} any more")
    for each in inner:
        found = getattr(found, each)
    return found


def header_opcodes(items: Iterable[Item]) -> bytes:
    """What is put before a pickle so that loading it installs the items first."""
    return _opcodes(pickle.dumps([tuple(item) for item in items], 5))


def _opcodes(data: bytes) -> bytes:
    # Called, and its result dropped. No memo: the pickle that follows counts its own from 0.
    size = len(data).to_bytes(4, "little")
    opcodes = b"cpenny.mirror.mirror\ninstall\nB" + size + data + b"\x85R0"
    # Large data that follows is aligned in its own pickle.
    padding = -len(opcodes) % 8
    return opcodes + (
        b"K\0" + b"0" + b"N0" * ((padding - 3) % 8 // 2) if padding % 2 else b"N0" * (padding // 2)
    )


class Unfinished(Exception):
    """Data is asked for by something that it contains."""


class MirrorModule(ModuleType):
    """A module whose names come from the submitter, as they are needed."""

    def __getattr__(self, name: str) -> Any:
        """What somebody asks for by name, `pickle` for instance, and nothing else has needed."""
        if here is not None and here.offer(self.__name__, name):
            return self.__dict__[name]
        submodule = sys.modules.get(f"{self.__name__}.{name}")
        if submodule is not None:
            return submodule
        # The module's own; once it is here, it is asked before this one.
        if name != "__getattr__" and here is not None and here.offer(self.__name__, "__getattr__"):
            return self.__dict__["__getattr__"](name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        """What is here, and what would be if it was asked for."""
        offered = () if here is None else here.offered(self.__name__)
        if "__dir__" in self.__dict__ or "__dir__" in offered:
            return sorted(self.__getattr__("__dir__")())
        return sorted({*self.__dict__, *offered})


class _Unpickler(pickle.Unpickler):
    """Loads the state of a module: a value that has another name there is that name's."""

    def __init__(self, mirror: Mirror, form: bytes) -> None:
        super().__init__(io.BytesIO(form))
        self._mirror = mirror

    def persistent_load(self, pid: Any) -> Any:
        return self._mirror.value_of(*pid)


class Mirror:
    """The modules, and what of them is here in which version.

    Args:
        fetch: See `start`.
    """

    HEADERS = 256
    """Headers that are remembered as seen to."""

    KEPT = 1024
    """Functions and classes that are kept although their names have others now."""

    def __init__(self, fetch: Callable[[int], bytes | None]) -> None:
        self._fetch = fetch
        self._modules: dict[str, MirrorModule] = {}
        # Their names, as plain pickles have them.
        self._foreign: tuple[bytes, ...] = (_DEFINED,)
        # What of each name is here: number and version.
        self._installed: dict[tuple[str, str], tuple[int, int]] = {}
        # What is here by number: the version, and the value.
        self._loaded: dict[int, tuple[int, Any]] = {}
        # Where to get what by number: the last item of each.
        self._items: dict[int, Item] = {}
        self._bundles: OrderedDict[int, dict[int, bytes]] = OrderedDict()
        self._offers: dict[str, dict[str, list[Item]]] = {}
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        self._epoch = 0
        # What is being loaded, outermost first, and what was here of it before.
        self._loading: dict[int, dict[str, Any]] = {}
        self._before: dict[int, dict[str, Any]] = {}
        self._pending: list[tuple[int, int, rebuilding.Pending]] = []
        # Of each header: its items, numbers and names in it.
        self._read: OrderedDict[bytes, _Needs] = OrderedDict()
        self._joined: OrderedDict[tuple[bytes, bytes], bytes] = OrderedDict()
        self.last: bytes = b""
        """The header that was installed last."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when a name has another value than before: what relied on it has to look."""
        self.apply_surroundings: Callable[[bytes], None] = lambda data: None
        self.apply_settings: Callable[[bytes], None] = lambda data: None
        self.around: dict[str, Item] = {}
        """Of surroundings and settings those that hold here."""
        self.results = _Results(self)
        self.jobs = _Jobs(self)

    # -- Modules ---------------------------------------------------------------------------------

    def namespace(self, name: str) -> dict[str, Any]:
        """The dictionary of the module of that name, made if there is none."""
        return self.module(name).__dict__

    def module(self, name: str) -> ModuleType:
        """The module of that name; `name#number`: of that name, and not the one in sys.modules."""
        module = self._modules.get(name)
        if module is None:
            if name != "__main__" and "#" not in name:
                with contextlib.suppress(ImportError):
                    return importlib.import_module(name)
            module = self._mirrored(name)
        return module

    def _mirrored(self, name: str) -> MirrorModule:
        """The module of the submitter's that workers lack: what is here by that name is another."""
        module = self._modules.get(name)
        if module is None:
            plain = name.partition("#")[0]
            module = self._modules[name] = MirrorModule(plain)
            self._foreign = _DEFINED, *{m.__name__.encode() for m in self._modules.values()}
            module.__dict__["__builtins__"] = builtins
            if plain == name or (plain and plain not in sys.modules):
                sys.modules[plain] = module
                package = plain.rpartition(".")[0]
                if package:  # `import package.module` looks for both
                    self.module(package)
        return module

    # -- Installing ------------------------------------------------------------------------------

    def install(self, header: bytes) -> None:
        """See to it that each name of the header has its value.

        Raises:
            Exception: What loading one of the values raised; or it is in the table no more.
        """
        self.last = header
        if self._seen.get(header) == self._epoch:
            return
        items = [Item(*item) for item in pickle.loads(header)]
        self.install_items(items)
        self._seen[header] = self._epoch
        if len(self._seen) > self.HEADERS:
            self._seen.popitem(last=False)

    def install_items(self, items: list[Item]) -> None:
        """See to it that each name has its value."""
        for item in items:
            self._items[item.uid] = item
            if item.module not in self._modules and item.module not in _ORDER:
                self._mirrored(item.module)
        missing = [
            item
            for item in items
            if (
                item.name is not None
                and self._installed.get((item.module, item.name)) != (item.uid, item.version)
            )
            or (item.name is None and self._version(item.uid) != item.version)
        ]
        if not missing:
            return
        # Where modules are found comes before what imports them; then what is offered, which takes
        # old values away. Settings, which may be objects of the program's classes, come last.
        missing.sort(key=lambda item: _ORDER.get(item.module, 2))
        renewed = False
        try:
            for item in missing:
                renewed = self._install(item, items) or renewed
        finally:
            if renewed:
                self._epoch += 1
                self.on_change()

    def _install(self, item: Item, items: list[Item]) -> bool:
        """See to it that a name has its value. Returns whether it had another one."""
        key = item.module, item.name or ""
        had = key in self._installed
        if item.module == SURROUNDINGS:
            self.apply_surroundings(self._form(item))
            self.around[SURROUNDINGS] = item
        elif item.module == SETTINGS:
            self.apply_settings(self._form(item))
            self.around[SETTINGS] = item
        elif item.module == OFFERS:
            every, offers = pickle.loads(self._form(item))
            found = [Item(*each) for each in every]
            before = self._offers.get(key[1], {})
            self._offers[key[1]] = now = {
                name: [found[i] for i in numbers] for name, numbers in offers.items()
            }
            self._withdraw(key[1], before, now, {(each.module, each.name) for each in items})
            self._mirrored(key[1])
            had = False
        elif item.form == GONE and item.name is not None:
            if had:  # else it is a task's own, if it is there
                self.namespace(item.module).pop(item.name, None)
            elif not item.uid:
                return False
        else:
            value = self._load(item)
            if item.name is None:
                return False
            self._bind(item, value)
            return had
        self._installed[key] = item.uid, item.version
        return had

    def _withdraw(
        self,
        module: str,
        before: dict[str, list[Item]],
        now: dict[str, list[Item]],
        wanted: set[tuple[str, str | None]],
    ) -> None:
        """Let go of what nothing but its name has asked for, and that is another thing now."""
        for name in before:
            installed = self._installed.get((module, name))
            if installed is None or (module, name) in wanted:
                continue
            offered = (item for item in now.get(name, ()) if item.name == name)
            if installed not in ((item.uid, item.version) for item in offered):
                del self._installed[module, name]
                self.namespace(module).pop(name, None)

    def _bind(self, item: Item, value: Any) -> None:
        assert item.name is not None
        before = self._installed.get((item.module, item.name))
        self._installed[item.module, item.name] = item.uid, item.version
        # The same function or class as before: tasks may have put another one in its place.
        if before is None or before[0] != item.uid or item.name not in self.namespace(item.module):
            self.namespace(item.module)[item.name] = value
        if before is not None and before[0] != item.uid:
            self._forget(before[0])

    def _version(self, uid: int) -> int | None:
        entry = self._loaded.get(uid)
        return None if entry is None else entry[0]

    def load(self, uid: int) -> Any:
        """The value of that number, if anything that arrived has told of it; else None."""
        item = self._items.get(uid)
        return None if item is None else self._load(item)

    def load_apart(self, uid: int) -> Any:
        """The same, of data. Raises Unfinished while that is being loaded."""
        if uid in self._loading:
            raise Unfinished
        return self.load(uid)

    def value_of(self, module: str, name: str, uid: int) -> Any:
        """What has that name, for another value that refers to it; or a `Pending`."""
        item = self._items[uid]
        if item.form == GONE:
            raise LookupError(f"{name} of {module} is no more")
        try:
            value = self.load_apart(uid)
        except Unfinished:
            # A function or class that the data contains, and that contains the data.
            owner = next(each for each in reversed(self._loading) if known(each) is not None)
            self._pending.append((uid, owner, pending := rebuilding.Pending()))
            return pending
        if item.name is not None and self._installed.get((module, name)) is None:
            self._bind(item, value)
        return value

    def _load(self, item: Item) -> Any:
        entry = self._loaded.get(item.uid)
        if entry is not None and entry[0] == item.version:
            return entry[1]
        if item.uid in self._loading:
            found = known(item.uid)
            if found is not None:
                return found
        self._loading[item.uid] = versions_of(known(item.uid))
        try:
            value = _Unpickler(self, self._form(item)).load()
        finally:
            before = self._loading.pop(item.uid, {})
            if self._pending:
                self._before.setdefault(item.uid, before)
        self._loaded[item.uid] = item.version, value
        if self._pending and not self._loading:
            self._settle()
        return value

    def _settle(self) -> None:
        pending, self._pending = self._pending, []
        before, self._before = self._before, {}
        again = {owner for uid, owner, each in pending if not each.settle(self.load(uid))}
        for owner in again:  # deep within its parts: now that the data is there, once more
            restore_versions(known(owner), before[owner])
            del self._loaded[owner]
            self.load(owner)

    def _forget(self, uid: int) -> None:
        """A value whose name has another one now. An older task may ask for it again."""
        entry = self._loaded.get(uid)
        if entry is not None and known(uid) is None:  # data, which may be large
            del self._loaded[uid]
            self._items.pop(uid, None)
        if len(self._loaded) > self.KEPT:
            current = {uid for uid, _ in self._installed.values()}
            for old in [uid for uid in self._loaded if uid not in current][: self.KEPT // 2]:
                del self._loaded[old]
                self._items.pop(old, None)

    def _form(self, item: Item) -> bytes:
        if not item.place:
            return item.form
        bundle = self._bundles.get(item.place)
        if bundle is None:
            data = self._fetch(item.place)
            if data is None:
                raise LookupError(
                    f"{item.name or 'a value'} of {item.module} is in the scheduler's table no "
                    "more: the task that needs it was submitted by one that has ended"
                )
            bundle = pickle.loads(data)
            if len(bundle) > 1:  # what is large has one of its own, and is loaded now
                self._bundles[item.place] = bundle
                if len(self._bundles) > 8:
                    self._bundles.popitem(last=False)
        return bundle[item.uid]

    # -- What is there in case somebody asks -----------------------------------------------------

    def offer(self, module: str, name: str) -> bool:
        """Load a name that nothing has needed so far. False: the submitter has none."""
        for key, mirrored in self._modules.items():
            if mirrored.__name__ != module:
                continue
            items = self._offers.get(key, {}).get(name)
            if items is not None:
                self.install_items(
                    [
                        i
                        for i in items
                        if (i.module, i.name) not in self._installed or i.name == name
                    ]
                )
                return name in mirrored.__dict__
        return False

    def offered(self, module: str) -> set[str]:
        """Names that are there for whoever asks."""
        return {
            name
            for key, mirrored in self._modules.items()
            if mirrored.__name__ == module
            for name in self._offers.get(key, ())
        }

    def looks_foreign(self, data: bytes) -> bool:
        """Whether a plain pickle refers to one of the modules; or, seldom, seems to."""
        for name in self._foreign:  # noqa: SIM110 - asked for each result: no generator
            if name in data:
                return True
        return False

    # -- For those who pickle here ---------------------------------------------------------------

    def reference(self, value: Any) -> tuple[Item, Any] | None:
        """The item of a function or class of the submitter's, and how to refer to it."""
        qualname = getattr(value, "__qualname__", None)
        if qualname is None:
            return None
        root = self._root_of(value, qualname)
        if root is None:
            return None
        item = self._items.get(root)
        if item is None:
            return None
        top = self._loaded.get(root, (0, None))[1]
        name = item.name or qualname.partition(".")[0]
        if top is value:
            return item, (refer, (root, item.module, name))
        path = name + qualname[len(qualname.partition(".")[0]) :]
        found = top
        for part in path.split(".")[1:]:
            found = getattr(found, part, None)
        if found is not value or "<locals>" in path:
            return None
        return item, (refer, (root, item.module, path))

    def _root_of(self, value: Any, qualname: str) -> int | None:
        from penny.by_value.identities import registered

        identity = registered(value)
        if identity is not None and identity.uid in self._loaded:
            return identity.uid
        name = qualname.partition(".")[0]
        for key, module in self._modules.items():
            if module.__name__ == getattr(value, "__module__", None):
                installed = self._installed.get((key, name))
                if installed is not None:
                    return installed[0]
        return None

    def needs_of(self, header: bytes) -> _Needs:
        """What a header says."""
        needs = self._read.get(header)
        if needs is None:
            items = [Item(*item) for item in pickle.loads(header)] if header else []
            needs = self._read[header] = _Needs(
                items,
                frozenset(items),
                {item.uid for item in items},
                {(item.module, item.name) for item in items if item.name is not None},
            )
            if len(self._read) > self.HEADERS:
                self._read.popitem(last=False)
        return needs

    def joined(self, function: bytes, arguments: bytes) -> bytes:
        """The header that says what two say: a task's function and its arguments have one each."""
        if not arguments or function == arguments:
            return function
        if not function:
            return arguments
        header = self._joined.get((function, arguments))
        if header is None:
            items = dict.fromkeys(self.needs_of(function).items)
            items.update(dict.fromkeys(self.needs_of(arguments).items))
            header = pickle.dumps([tuple(item) for item in items], 5)
            self._joined[function, arguments] = header
            if len(self._joined) > self.HEADERS:
                self._joined.popitem(last=False)
        return header

    def is_part(self, header: bytes, whole: bytes) -> bool:
        """Whether another header says all that one says."""
        items = self.needs_of(whole).every
        return all(item in items for item in self.needs_of(header).items)

    def item_of(self, module: str, name: str) -> Item | None:
        """The item of what a name is here; None: it is a task's own."""
        installed = self._installed.get((module, name))
        return None if installed is None else self._items.get(installed[0])


class _Needs(NamedTuple):
    items: list[Item]
    every: frozenset[Item]
    uids: set[int]
    names: set[tuple[str, str]]


class for_jobs:
    """While it is entered, what is pickled here is for another worker.

    Args:
        header: What the task needs whose jobs they are: that is still in the table.
    """

    def __init__(self, header: bytes) -> None:
        self._header = header

    def __enter__(self) -> None:
        self._outer = _header_of_task.set(self._header)
        self._names = set_names(None if here is None else here.jobs)

    def __exit__(self, *_: object) -> None:
        set_names(self._names)
        _header_of_task.reset(self._outer)


_header_of_task: ContextVar[bytes] = ContextVar("header_of_task", default=b"")


def of_task(header: bytes) -> None:
    """From now on, in this context, what is pickled for jobs is for those of a task."""
    _header_of_task.set(header)


def header_now() -> bytes:
    """What the task needs for whose jobs is pickled now."""
    return _header_of_task.get()


def agrees(header: bytes) -> bool:
    """Whether what a header says is part of what the task needs for whose jobs is pickled now."""
    now = header_now()
    return not header or header == now or (here is not None and here.is_part(header, now))


class _Results:
    """Names for results: the submitter has all of it."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def begin(self) -> Pickling:
        return _Returning(self._mirror)

    def looks_foreign(self, data: bytes) -> bool:
        return self._mirror.looks_foreign(data)


class _Jobs(_Results):
    """Names for jobs: the worker that takes one may lack what this one has."""

    def begin(self) -> Pickling:
        return _Handing(self._mirror)


class _Returning:
    """One pickling of a worker's, of a result."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self.items: dict[int, Item] = {}
        self.used: dict[tuple[str, str], None] = {}

    def reference(self, value: Any) -> Any:
        by_source = defined.reference(value)
        if by_source is not None:
            return by_source
        found = self._mirror.reference(value)
        if found is not None:
            self.items[found[0].uid] = found[0]
            return found[1]
        return NotImplemented if is_importable(value) and not self._mirrors(value) else None

    def _mirrors(self, value: Any) -> bool:
        return isinstance(sys.modules.get(value.__module__), MirrorModule)

    def module_of(self, function: FunctionType) -> Any:
        by_source = defined.globals_of(function)
        if by_source is not None:
            return by_source
        for key, module in self._mirror._modules.items():
            if function.__globals__ is module.__dict__:
                return key
        name = function.__globals__.get("__name__", "")
        module = sys.modules.get(name)  # type: ignore[assignment]
        return name if module is not None and module.__dict__ is function.__globals__ else None

    def by_value(self, value: Any, uses: Iterable[str], hard: bool) -> None:
        if type(value) is FunctionType:
            module = self.module_of(value)
            if isinstance(module, str):
                self.used.update(((module, name), None) for name in uses)

    def named(self, value: Any, name: str) -> Any:
        return name

    def imports(self, module: ModuleType) -> bool:
        return not isinstance(module, MirrorModule)

    def header(self) -> bytes:
        return b""


class _Handing(_Returning):
    """One pickling of a worker's, of a job."""

    def header(self) -> bytes:
        if not self.items and not self.used:
            return b""
        # What its task needs is in the table for as long as that runs, and jobs end before.
        # Of anything else that is here, what it uses at least.
        mirrored, header = self._mirror, header_now()
        needs = mirrored.needs_of(header)
        more = [item for uid, item in self.items.items() if uid not in needs.uids]
        for module, name in self.used:
            if (module, name) not in needs.names:
                item = mirrored.item_of(module, name)
                if item is not None and item.uid not in self.items:
                    more.append(item)
        if more:
            return header_opcodes([*needs.items, *more])
        return _opcodes(header) if header else b""
