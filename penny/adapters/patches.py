"""Names of other modules that stand for something else while Penny is installed."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

__all__ = ["Imports", "Patches"]

_MISSING: Any = object()


class Patches:
    """Attributes that were replaced, and what they were."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, new: Any) -> None:
        """Set the owner's attribute; a class's or a module's."""
        self._done.append((owner, name, vars(owner).get(name, _MISSING), new))
        setattr(owner, name, new)

    def replace_everywhere(self, old: Any, new: Any) -> list[str]:
        """Bind all names of modules that are `old` to `new`. Returns the names."""
        found = []
        for module in list(sys.modules.values()):
            if type(module) is not ModuleType:
                continue  # one that makes its names when they are asked for
            for name, value in list(vars(module).items()):
                if value is old:
                    self.replace(module, name, new)
                    found.append(f"{module.__name__}.{name}")
        return found

    def undo(self) -> list[str]:
        """Put back what was there.

        Returns:
            Where somebody else has put something since, which stays.
        """
        others = []
        while self._done:
            owner, name, old, new = self._done.pop()
            if vars(owner).get(name, _MISSING) is not new:
                others.append(f"{owner.__name__}.{name}")
            elif old is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, old)
        return others


class Imports(importlib.abc.MetaPathFinder):
    """Calls a function when a module has been imported.

    Args:
        hooks: The functions, by the modules' names.
        stand_ins: What is imported instead of modules of these names.
    """

    def __init__(
        self,
        hooks: Mapping[str, Callable[[], object]],
        stand_ins: Mapping[str, Callable[[], ModuleType]] | None = None,
    ) -> None:
        self._hooks = hooks
        self._stand_ins = stand_ins or {}
        self._looking: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """What the other finders find; its loader calls the function at the end."""
        if name in self._stand_ins:
            return importlib.machinery.ModuleSpec(name, _StandIn(self._stand_ins[name]))
        if name not in self._hooks or name in self._looking:
            return None
        self._looking.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._looking.discard(name)
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return spec
        spec.loader = _Loader(spec.loader, self._hooks[name])
        return spec

    def install(self) -> None:
        """Begin."""
        sys.meta_path.insert(0, self)

    def uninstall(self) -> None:
        """End."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in self._stand_ins:
            if isinstance(getattr(sys.modules.get(name), "__loader__", None), _StandIn):
                del sys.modules[name]
                package, _, last = name.rpartition(".")
                vars(sys.modules[package]).pop(last, None)


class _Loader(importlib.abc.Loader):
    """A module's own loader, and a function that is called once it has done its work."""

    def __init__(self, loader: Any, hook: Callable[[], object]) -> None:
        self._loader = loader
        self._hook = hook

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        # From here on the module's loader is its own, as if nobody had looked.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._hook()


class _StandIn(importlib.abc.Loader):
    """The loader of a module that stands for another one."""

    def __init__(self, load: Callable[[], ModuleType]) -> None:
        self._load = load

    def exec_module(self, module: ModuleType) -> None:
        names = self._load()
        module.__doc__ = names.__doc__
        vars(module).update({name: getattr(names, name) for name in names.__all__})
