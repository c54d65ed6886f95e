"""Which engine runs the tasks: by name, loaded when it is first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from penny.engines.engine import Engine, EngineFactory
from penny.where import IN_BROWSER

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

__all__ = ["ENTRY_POINTS", "default_engine", "engine_names", "open_engine", "register_engine"]

ENTRY_POINTS = "penny.engines"
"""The group of entry points by which installed packages name their engines."""

# Penny's own, by the place of what opens them.
_PLACES = {
    "pool": "penny.engines.pool.client:SharedEngine.opened",
    "messages": "penny.engines.messages.client:MessageEngine.opened",
    "serial": "penny.engines.serial:SerialEngine",
}

_registered: dict[str, EngineFactory] = {}


def register_engine(name: str, factory: EngineFactory) -> None:
    """Let `Scheduler(engine=name)` open an engine; another one of that name is replaced.

    A package that brings an engine can do without: it names the factory as an entry point, in its
    pyproject.toml, and then nobody has to import it first:

        [project.entry-points."penny.engines"]
        mine = "my_package.engine:MyEngine"

    Args:
        name: Any text that is not empty.
        factory: Opens one: a class, say. See `EngineFactory`.

    Raises:
        TypeError: `name` is no text, or `factory` can't be called.
        ValueError: `name` is empty, or that of one of Penny's own engines.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of an engine is text, not {name!r}")
    if not name or name in _PLACES:
        raise ValueError(f"an engine can't be called {name!r}: choose another name")
    if not callable(factory):
        raise TypeError(f"what opens the engine {name!r} must be callable, not {factory!r}")
    _registered[name] = factory


def engine_names() -> list[str]:
    """The names that `Scheduler(engine=…)` takes, in alphabetical order."""
    return sorted({*_PLACES, *_registered, *_installed().names})


def default_engine() -> str:
    """The name of the engine for this platform, and for this page."""
    if not IN_BROWSER:
        return "serial"
    from penny.bridge import javascript

    return "pool" if javascript.shares_memory() else "messages"


def open_engine(
    name: str | None = None,
    *,
    workers: int | None,
    packages: Sequence[str] | None,
    memory: int | None,
    check: bool,
    trace: bool | None = None,
) -> Engine:
    """Start an engine. Returns at once: its workers come up by and by.

    Args:
        name: One of `engine_names`; None: the one for this platform.
        workers: Number of workers, at least 1; None: as many as the machine has processors.
        packages: Names of Pyodide packages, or URLs of wheels, to load into every worker, beside
            what is installed here; None: not even that.
        memory: Limit of the shared memory in bytes; None: the engine's default.
        check: Send every job's arguments and result through pickle.
        trace: Record what the workers do; None: if the page, or the command, says so.

    Raises:
        LookupError: There is no engine of that name; the message names those that there are.
        IsolationError: The page is not cross-origin isolated, and the pool was asked for.
        RuntimeError: The page has not been set up for Penny; the message says how.
        ImportError: What the engine needs is not installed.
    """
    if name is None:
        name = default_engine()
        if name == "messages":
            from penny.bridge import javascript

            javascript.say_why()
    factory = _factory(name)
    return factory(workers=workers, packages=packages, memory=memory, check=check, trace=trace)


def _installed() -> EntryPoints:
    from importlib.metadata import entry_points  # it takes 20 ms

    return entry_points(group=ENTRY_POINTS)


def _factory(name: str) -> EngineFactory:
    factory: EngineFactory | None = _registered.get(name)
    if factory is not None:
        return factory
    if name in _PLACES:
        module, _, attributes = _PLACES[name].partition(":")
        found = importlib.import_module(module)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
        return found
    for entry in _installed().select(name=name):
        return entry.load()  # type: ignore[no-any-return]
    raise LookupError(f"there is no engine {name!r}: {', '.join(engine_names())}")
