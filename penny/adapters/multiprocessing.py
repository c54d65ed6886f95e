"""`multiprocessing` on Penny's workers: its pools, and what tasks can share by atomic operations.

What is here is real. What is not raises NotImplementedError, and says what stands for it.
"""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import (
    AuthenticationError,
    BufferTooShort,
    ProcessError,
    TimeoutError,
    current_process,
    freeze_support,
    parent_process,
)
from typing import Any, NoReturn

from penny.adapters import common, shared
from penny.adapters import pools as pool
from penny.adapters.pools import Pool, ThreadPool
from penny.adapters.shared import (
    Array,
    BoundedSemaphore,
    Event,
    JoinableQueue,
    Lock,
    Queue,
    RawArray,
    RawValue,
    RLock,
    Semaphore,
    SimpleQueue,
    Value,
)

__all__ = [
    "Array",
    "AuthenticationError",
    "BoundedSemaphore",
    "BufferTooShort",
    "Context",
    "Event",
    "JoinableQueue",
    "Lock",
    "Pool",
    "ProcessError",
    "Queue",
    "RLock",
    "RawArray",
    "RawValue",
    "Semaphore",
    "SimpleQueue",
    "ThreadPool",
    "TimeoutError",
    "Value",
    "cpu_count",
    "current_process",
    "freeze_support",
    "get_all_start_methods",
    "get_context",
    "get_start_method",
    "parent_process",
    "pool",
    "set_start_method",
]

METHODS = "spawn", "fork", "forkserver"

_INSTEAD = {
    "Process": "submit its function: penny.Scheduler().submit(f), or Pool().apply_async(f)",
    "Manager": "give tasks what they need as arguments, and return what they have made",
    "Pipe": "a Queue, or values that tasks return",
    "Condition": "let the task return, and submit what comes next when it has",
    "Barrier": "let the tasks return, and submit what comes next when all have",
    "SharedMemory": "a penny.SharedArray, whose elements are copied in and out",
    "active_children": "penny.Scheduler().stats() says what workers do",
}


def _refused(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError(
            f"multiprocessing.{name}: Python can start no processes in a browser. "
            f"Instead: {_INSTEAD[name]}"
        )

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Raises NotImplementedError. Instead: {_INSTEAD[name]}."
    return refuse


class Context:
    """What `get_context` gives. All start methods are one: a worker is there already."""

    Pool = Pool
    ProcessError = ProcessError
    BufferTooShort = BufferTooShort
    TimeoutError = TimeoutError
    AuthenticationError = AuthenticationError
    current_process = staticmethod(current_process)
    parent_process = staticmethod(parent_process)
    freeze_support = staticmethod(freeze_support)

    def __init__(self, method: str | None) -> None:
        self._method = method

    def cpu_count(self) -> int:
        """The number of Penny's workers."""
        return common.workers()

    def get_context(self, method: str | None = None) -> Context:
        """The context of a start method, which changes nothing.

        Raises:
            ValueError: There is no such method.
        """
        if method is None:
            return self
        if method not in METHODS:
            raise ValueError(f"cannot find context for {method!r}")
        return Context(method)

    def get_start_method(self, allow_none: bool = False) -> str | None:
        """The start method that was asked for; "spawn" if none was."""
        return self._method or (None if allow_none else METHODS[0])

    def set_start_method(self, method: str | None, force: bool = False) -> None:
        """Take note of a start method, which changes nothing.

        Raises:
            RuntimeError: There is one already.
            ValueError: There is no such method.
        """
        if self._method is not None and not force:
            raise RuntimeError("context has already been set")
        self._method = None if method is None else self.get_context(method)._method

    def get_all_start_methods(self) -> list[str]:
        """The names that are taken."""
        return [*METHODS]


for _name in shared.__all__:
    setattr(Context, _name, staticmethod(getattr(shared, _name)))
for _name in _INSTEAD:
    setattr(Context, _name, staticmethod(_refused(_name)))

_default = Context(None)
cpu_count = _default.cpu_count
get_context = _default.get_context
get_start_method = _default.get_start_method
set_start_method = _default.set_start_method
get_all_start_methods = _default.get_all_start_methods


def __getattr__(name: str) -> Any:
    """What raises NotImplementedError, and says what to do instead, when it is called."""
    if name in _INSTEAD:
        return getattr(Context, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
