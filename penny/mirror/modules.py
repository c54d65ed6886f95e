"""The submitter's modules that workers lack: which these are, and what is at home in them.

Workers have what is in their own folders, and what came along with the program. All else is known
by a *key*: a module's name, and a number where that is another module's in `sys.modules`, as with a
namespace that `exec` was given.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections import deque
from collections.abc import Iterable
from operator import is_
from types import FunctionType, ModuleType
from typing import Any

from penny.by_value import identities, rebuilding
from penny.by_value.functions import CachedFunction
from penny.mirror.definition import Definition

__all__ = [
    "Module",
    "Modules",
    "came_along",
    "came_along_before",
    "everywhere",
    "home_of",
    "mounted",
    "stay_here",
    "stays_here",
]


_along: set[str] = set()
_along_folders: set[str] = set()
_mounted: tuple[str, ...] = ()


def mounted(folders: Iterable[str]) -> None:
    """Note that these folders are the machine's own, here and in each worker."""
    global _mounted
    _mounted = tuple(os.path.join(folder, "") for folder in folders)


def came_along(folder: str) -> None:
    """Note that workers have the Python files that are in a folder now."""
    if os.path.join(folder, "").startswith(_mounted):
        return
    _along_folders.add(os.path.join(folder, ""))
    for path, _, files in os.walk(folder):
        _along.update(os.path.join(path, file) for file in files if file.endswith(".py"))


def came_along_before(path: str) -> bool:
    """Whether workers have a file, since it lay beside the program or on the machine.

    Of what is there but Python files it is not known whether it has come since.
    """
    if path in _along or path.startswith(_mounted):
        return True
    return not path.endswith(".py") and path.startswith(tuple(_along_folders))


_staying: set[str] = set()


def stay_here(files: Iterable[str]) -> None:
    """Note that workers do not have these files, although they lie among the packages."""
    _staying.update(files)


def stays_here(namespace: dict[str, Any]) -> bool:
    """Whether the module with that dictionary is of such a file."""
    return namespace.get("__file__") in _staying


_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Not all of `get_paths`: in Pyodide data may lie anywhere. Two slashes there are one in `__file__`.
_LIBRARIES = [
    sysconfig.get_path(key).replace("//", "/")
    for key in ("stdlib", "platstdlib", "purelib", "platlib")
]
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
    if file in _staying:
        return False
    return file in _along or file.startswith((*_FOLDERS, *_mounted)) or f".zip{os.sep}" in file


APART = 1024
"""Namespaces that are known without being in `sys.modules`, as `exec` is given them. Being
known keeps one alive, so there is an end to it."""

_apart: deque[int] = deque()

# Dictionaries that functions have as globals, by the key of their module; for what comes back.
_namespaces: dict[str, dict[str, Any]] = {}
_modules: dict[int, tuple[str, dict[str, Any]]] = {}


def _namespace_here(key: str) -> dict[str, Any]:
    found = _namespaces.get(key)
    return rebuilding.imported_namespace(key) if found is None else found


rebuilding.namespaces = _namespace_here


def key_of(namespace: dict[str, Any]) -> str | None:
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
    key = None if namespace is None else key_of(namespace)
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


class Module:
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


class Modules(dict[str, Module]):
    """Modules here that the workers of one scheduler have a mirror of, by their keys."""

    def __init__(self) -> None:
        super().__init__()
        # Texts in plain pickles that stand for modules which workers lack.
        self._foreign: tuple[bytes, ...] = (b"__main__",)
        self._seen = 0

    def module_for(self, namespace: dict[str, Any]) -> Module | None:
        """The module with that dictionary, if workers have a mirror of it."""
        key = key_of(namespace)
        if key is None:
            return None
        module = self.get(key)
        if module is None:
            module = self[key] = Module(key, namespace)
        return module

    def are_all(self, wide: dict[str, frozenset[str]]) -> bool:
        """Whether modules have the same names as then."""
        return all(self[key].namespace.keys() == names for key, names in wide.items())

    def look_around(self) -> None:
        """Note modules that have been imported since."""
        if len(sys.modules) == self._seen:
            return
        self._seen = len(sys.modules)
        lacking = [
            name
            for name, module in list(sys.modules.items())
            if type(module) is ModuleType and name != "__main__" and not everywhere(module)
        ]
        self._foreign = tuple(name.encode() for name in ("__main__", *lacking))

    def looks_foreign(self, data: bytes) -> bool:
        """Whether a plain pickle refers to a module that workers lack; or, seldom, seems to."""
        self.look_around()
        for name in self._foreign:  # noqa: SIM110 - asked at each submission: no generator
            if name in data:
                return True
        return False

    def tidy(self) -> None:
        """Forget definitions whose names have other values, and namespaces that are gone."""
        for module in self.values():
            get = module.namespace.get
            old = [n for n, d in module.definitions.items() if get(n, self) is not d.value]
            for name in old:
                del module.definitions[name]
        if len(self) > 2 * APART:
            for key in [key for key in self if key not in _namespaces]:
                del self[key]
