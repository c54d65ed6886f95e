"""`penny.install()`: what opens process pools or thread pools works where neither can start.

Process pools become Penny's workers. The calls of thread pools run on their caller, since they
share its objects. Classes are changed in place, so that code which has imported them, or derives
from them, goes along; of other names all modules that have them are told.
"""

from __future__ import annotations

import concurrent.futures
import concurrent.futures.thread
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Literal

import penny
from penny.adapters import common
from penny.adapters.patches import Imports, Patches

__all__ = ["Installation", "install", "installed", "uninstall"]

Threads = Literal["inline", "workers"]


class Installation:
    """What `penny.install()` has done."""

    def __init__(self) -> None:
        self.replaced: list[str] = []
        """Names that now are Penny's, where they were found."""
        self.left: list[str] = []
        """What is somebody else's, and was left, and why."""
        self._patches = Patches()
        self._imports: Imports | None = None
        self._undo: list[Callable[[], object]] = []
        self._scheduler: tuple[penny.Scheduler | None] | None = None

    def __repr__(self) -> str:
        """What was replaced and what was not, in lines."""
        if not self.replaced and not self.left:
            return "penny.install(): nothing to do here"
        lines = ["penny.install():", *(f"  {name}" for name in sorted(self.replaced))]
        return "\n".join([*lines, *(f"  left: {text}" for text in self.left)])

    def _method(self, owner: type, methods: dict[str, Any]) -> None:
        for name, method in methods.items():
            self._patches.replace(owner, name, method)
        self.replaced.append(f"{owner.__module__}.{owner.__qualname__}")

    def _begin(self, threads: Threads) -> None:
        self._cpu_count()
        # What nobody has imported waits until somebody does: it would take longer than all else.
        hooks = {
            "concurrent.futures.process": self._process_pools,
            "concurrent.futures.thread": lambda: self._thread_pools(threads),
            "joblib": self._joblib,
            "tqdm": self._tqdm,
            "tqdm.contrib.concurrent": self._tqdm_maps,
        }
        for name, hook in hooks.items():
            if name in sys.modules:
                hook()
        stand_ins: dict[str, Callable[[], ModuleType]] = {}
        if "multiprocessing.pool" in sys.modules:
            self._pools()
        else:
            stand_ins["multiprocessing.pool"] = _pools
            self.replaced.append("multiprocessing.pool")
        self._imports = Imports(hooks, stand_ins)
        self._imports.install()

    def _end(self) -> None:
        if self._imports is not None:
            self._imports.uninstall()
        while self._undo:
            self._undo.pop()()
        self.left = [f"{name}: somebody has replaced it since" for name in self._patches.undo()]
        self.replaced = []

    def _cpu_count(self) -> None:
        for old in {os.cpu_count, getattr(os, "process_cpu_count", os.cpu_count)}:
            self.replaced += self._patches.replace_everywhere(old, _cpu_count)

    def _process_pools(self) -> None:
        from penny.adapters import processes

        pool = sys.modules["concurrent.futures.process"].ProcessPoolExecutor
        self._method(pool, processes.executor_methods())
        # A host may have put a class of its own there.
        host = vars(concurrent.futures).get("ProcessPoolExecutor", pool)
        if host is not pool:
            self.replaced += self._patches.replace_everywhere(host, pool)

    def _thread_pools(self, threads: Threads) -> None:
        pool = sys.modules["concurrent.futures.thread"].ThreadPoolExecutor
        host = vars(concurrent.futures).get("ThreadPoolExecutor", pool)
        foreign = host if host is not pool else pool.submit
        if foreign.__module__ != "concurrent.futures.thread":
            self.left.append(f"concurrent.futures.ThreadPoolExecutor: it is {foreign.__module__}'s")
        elif threads == "workers":
            from penny.adapters import processes

            self._method(pool, processes.thread_executor_methods())
        else:
            from penny.adapters import inline

            self._method(pool, inline.executor_methods())

    def _pools(self) -> None:
        module, ours = sys.modules["multiprocessing.pool"], _pools()
        # `multiprocessing.Pool` and those of contexts look there for their class.
        for name in ("Pool", "ThreadPool"):
            old, new = getattr(module, name), getattr(ours, name)
            self.replaced += self._patches.replace_everywhere(old, new)

    def _tqdm(self) -> None:
        bar = sys.modules["tqdm"].tqdm
        self._patches.replace(bar, "monitor_interval", 0)  # its thread can't start

    def _tqdm_maps(self) -> None:
        from penny.adapters import tqdm

        module = sys.modules["tqdm.contrib.concurrent"]
        self._patches.replace(module, "ensure_lock", tqdm.ensure_lock)
        self.replaced.append("tqdm.contrib.concurrent")

    def _joblib(self) -> None:
        from penny.adapters import joblib

        joblib.register(default=True)
        self._undo.append(joblib.unregister)
        self.replaced.append("joblib's default backend")


def _pools() -> ModuleType:
    from penny.adapters import pools

    return pools


def _cpu_count() -> int:
    """The number of Penny's workers."""
    return common.workers()


_installation: Installation | None = None


def install(
    scheduler: penny.Scheduler | None = None,
    *,
    threads: Threads = "inline",
    anywhere: bool = False,
) -> Installation:
    """Have pools of processes and threads work in the browser, also those of libraries.

    `concurrent.futures.ProcessPoolExecutor`, `multiprocessing.Pool` and joblib's default backend
    run on Penny's workers, and `os.cpu_count()` says how many there are. The calls of
    `concurrent.futures.ThreadPoolExecutor` run on whoever waits for them, in the order in which
    they are submitted, since threads share objects. Classes are changed in place, so it doesn't
    matter what was imported before.

    Installed again, it changes what it is given. On plain Python it does nothing, unless it is
    asked to.

    Args:
        scheduler: Whose workers; None: of one that is opened when it is missed.
        threads: "workers": thread pools are process pools, too, which is right for functions that
            change nothing of what they are given.
        anywhere: Also on plain Python.

    Returns:
        What was replaced, and what was left since a host has replaced it: its `repr` says so.

    Raises:
        ValueError: `threads` is neither "inline" nor "workers".
    """
    global _installation
    if threads not in ("inline", "workers"):
        raise ValueError(f'threads must be "inline" or "workers", not {threads!r}')
    if _installation is not None:
        uninstall()
    installation = Installation()
    if sys.platform != "emscripten" and not anywhere:
        return installation
    if scheduler is not None:
        installation._scheduler = (common.use(scheduler),)
    _installation = installation
    installation._begin(threads)
    return installation


def uninstall() -> None:
    """Undo what `install` has done. Close pools first: what is open takes no more calls."""
    global _installation
    installation, _installation = _installation, None
    if installation is None:
        return
    installation._end()
    if installation._scheduler is not None:
        common.use(installation._scheduler[0])


@contextlib.contextmanager
def installed(
    scheduler: penny.Scheduler | None = None,
    *,
    threads: Threads = "inline",
    anywhere: bool = False,
) -> Iterator[Installation]:
    """`install` for the length of a `with` block."""
    try:
        yield install(scheduler, threads=threads, anywhere=anywhere)
    finally:
        uninstall()
