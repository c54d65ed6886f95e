"""A worker's modules that stand for the submitter's: its `__main__`, and others that workers lack.

A pickle for a worker begins with a *header*: which names of those modules what follows needs, and
in which version. `install` sees to it that they are there, and fetches what is not. What the worker
already has is taken as it is: what tasks have made of it since stays, until the submitter's value
of that very name is another one. The submitter's side is `penny.mirror.originals`.

Here is which names have which values (`penny.mirror.loading` has the values), what is there in case
somebody asks, and what pickles call: `install`, `refer`, `part`. `penny.mirror.returning` is what a
worker pickles.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from types import ModuleType
from typing import Any

from penny.by_value import rebuilding
from penny.by_value.identities import known, registered
from penny.mirror import defined
from penny.mirror.bundles import FetchedBundles
from penny.mirror.headers import (
    AROUND,
    GONE,
    INSTALLED,
    OFFERS,
    REMEMBERED,
    SETTINGS,
    SURROUNDINGS,
    Item,
    read,
)
from penny.mirror.loading import Loader

__all__ = ["Mirror", "MirrorModule", "here", "install", "part", "refer", "start"]

_DEFINED = defined.DEFINED.encode()

_ORDER = {INSTALLED: -1, SURROUNDINGS: 0, OFFERS: 1, SETTINGS: 3}
"""Items of these modules come before, or after, those of the program's, which are 2."""

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
    together = None if here is None else here.loader.load_apart(uid)
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
        found = here.loader.load(uid)
    if found is None:
        # What a worker had from here has gone meanwhile: what has its name now.
        found = rebuilding.namespaces(module).get(name)
        if found is None:
            raise AttributeError(f"module {module!r} has no {name!r} any more")
    for each in inner:
        found = getattr(found, each)
    return found


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


class Mirror:
    """The modules, and what of them is here in which version.

    Args:
        fetch: See `start`.
    """

    def __init__(self, fetch: Callable[[int], bytes | None]) -> None:
        self._modules: dict[str, MirrorModule] = {}
        # Their names, as plain pickles have them.
        self._foreign: tuple[bytes, ...] = (_DEFINED,)
        # What of each name is here: number and version.
        self._installed: dict[tuple[str, str], tuple[int, int]] = {}
        self._bundles = FetchedBundles(fetch)
        self.loader = Loader(self._bundles, self._referred_to)
        """What is here by number."""
        self._offers: dict[str, dict[str, list[Item]]] = {}
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        self._epoch = 0
        self.last: bytes = b""
        """The header that was installed last."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when a name has another value than before: what relied on it has to look."""
        self.apply_surroundings: Callable[[bytes], None] = lambda data: None
        self.apply_settings: Callable[[bytes], None] = lambda data: None
        self.apply_installed: Callable[[bytes], None] = lambda data: None
        self.around: dict[str, Item] = {}
        """Of surroundings and settings those that hold here."""

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
        self.install_items(read(header).items)
        self._seen[header] = self._epoch
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def install_items(self, items: list[Item]) -> None:
        """See to it that each name has its value."""
        for item in items:
            self.loader.items[item.uid] = item
            self.loader.beside[item.uid] = items
            if item.module not in self._modules and item.module not in _ORDER:
                self._mirrored(item.module)
        missing = [
            item
            for item in items
            if (
                item.name is not None
                and self._installed.get((item.module, item.name)) != (item.uid, item.version)
            )
            or (item.name is None and self.loader.version(item.uid) != item.version)
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
            self.apply_surroundings(self._bundles.form_of(item))
            self.around[SURROUNDINGS] = item
        elif item.module == SETTINGS:
            self.apply_settings(self._bundles.form_of(item))
            self.around[SETTINGS] = item
        elif item.module == INSTALLED:
            self.apply_installed(self._bundles.form_of(item))
        elif item.module == OFFERS:
            every, offers = pickle.loads(self._bundles.form_of(item))
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
            value = self.loader.load_item(item)
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
            self.loader.forget(before[0], self._current)

    def _current(self) -> set[int]:
        return {uid for uid, _ in self._installed.values()}

    def _referred_to(self, module: str, name: str, item: Item, value: Any) -> None:
        if (module, name) not in self._installed:
            self._bind(item, value)

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
        item = self.loader.items.get(root)
        if item is None:
            return None
        top = self.loader.loaded.get(root, (0, None))[1]
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

    def key_of(self, namespace: dict[str, Any]) -> str | None:
        """The key of the module with that dictionary; None: it is not the submitter's."""
        for key, module in self._modules.items():
            if module.__dict__ is namespace:
                return key
        return None

    def _root_of(self, value: Any, qualname: str) -> int | None:
        identity = registered(value)
        if identity is not None and identity.uid in self.loader.loaded:
            return identity.uid
        name = qualname.partition(".")[0]
        for key, module in self._modules.items():
            if module.__name__ == getattr(value, "__module__", None):
                installed = self._installed.get((key, name))
                if installed is not None:
                    return installed[0]
        return None

    def needed_with(self, item: Item) -> list[Item]:
        """What is to be told with an item to who knows nothing of it: what it uses, and itself."""
        items = self.loader.beside.get(item.uid, [item])
        return [each for each in items if each.module not in AROUND]

    def item_of(self, module: str, name: str) -> Item | None:
        """The item of what a name is here; None: it is a task's own."""
        installed = self._installed.get((module, name))
        return None if installed is None else self.loader.items.get(installed[0])
