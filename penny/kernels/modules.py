"""Modules of kernels, and where they are sent: each goes to a scheduler once, and then by number.

What travels with a task is a handle, a module's number at the scheduler that the pickle goes to. A
pickler does not tell the objects in a pickle where that is; so an engine pickles and unpickles
inside of `with sent_to(destination)`. A worker has one scheduler only, which is its `home`.
Pickled for nobody (by a user, in check mode), a module takes its bytes along.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penny.bridge.javascript import KernelCaller

__all__ = ["Destination", "Module", "module_at", "module_of", "sent_to", "set_home"]


class Destination:
    """A scheduler as what modules are sent to, each once: from here on it goes by number.

    Args:
        add: Puts a module's bytes where workers find them; its number, or -1 if there is no room.
        caller: What kernels are called by, in a pool worker; elsewhere None.
    """

    def __init__(self, add: Callable[[bytes], int], caller: KernelCaller | None = None) -> None:
        self._add = add
        self.caller = caller
        self.numbers: dict[bytes, int] = {}
        """The numbers of the modules that are there, by digest."""

    def number(self, module: Module) -> int:
        """The module's number there; sends it if need be.

        Raises:
            MemoryError: There is no room.
            RuntimeError: The module's bytes are in another worker.
            ValueError: The browser finds that it is no module for kernels.
        """
        number = self.numbers.get(module.digest)
        if number is not None:
            return number
        if module.data is None:
            raise _unknown()
        from penny.bridge import javascript

        try:
            number = self._add(module.data)
        except Exception as error:
            thrown = javascript.thrown(error)
            if thrown is None:
                raise
            raise ValueError(f"the workers can't load the module: {thrown[1]}") from None
        if number < 0:
            raise MemoryError(
                f"no room for a module of kernels ({len(module.data)} bytes) in the scheduler's "
                "shared heap: give the Scheduler a larger memory="
            )
        self.numbers[module.digest] = number
        return number


def _unknown() -> RuntimeError:
    return RuntimeError(
        "these kernels came from a task of another scheduler, and their module's bytes are not "
        "here: make them anew, with penny.Kernels(…)"
    )


destination: Destination | None = None
"""What is being pickled or unpickled goes to this scheduler or comes from it; see `sent_to`."""

home: Destination | None = None
"""The scheduler whose worker this interpreter is: what it pickles stays there. See `set_home`."""


class _Sending(AbstractContextManager[None]):
    """What `sent_to` gives. A class, since a generator would cost each submission a microsecond."""

    __slots__ = ("_destination", "_outer")

    def __init__(self, to: Destination) -> None:
        self._destination = to
        self._outer: list[Destination | None] = []

    def __enter__(self) -> None:
        global destination
        self._outer.append(destination)
        destination = self._destination

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        global destination
        destination = self._outer.pop()


def sent_to(destination: Destination) -> AbstractContextManager[None]:
    """A context in which what is pickled goes to a scheduler, and what is unpickled comes from it.

    It is to surround the pickling and nothing else: what is called from within (a `__reduce__`, a
    callback) and pickles for somebody else must say so by a context of its own. It may be entered
    again and again, also from within.
    """
    return _Sending(destination)


def set_home(destination: Destination | None) -> Destination | None:
    """Make this interpreter a worker of a scheduler, or, by None, of none again.

    Returns:
        What it was before.
    """
    global home
    before, home = home, destination
    return before


class Module:
    """A module of kernels: one object for it in each interpreter.

    Args:
        digest: The first 16 bytes of the SHA-256 of its bytes, by which it is known.
        data: Its bytes; None where only its handle has come.
    """

    __slots__ = ("__weakref__", "data", "digest")

    def __init__(self, digest: bytes, data: bytes | None) -> None:
        self.digest = digest
        self.data = data

    def __reduce__(self) -> Any:
        to = destination or home
        if to is None:
            if self.data is None:
                raise _unknown()
            return module_of, (self.data,)
        return module_at, (to.number(self), self.digest)


_modules: weakref.WeakValueDictionary[bytes, Module] = weakref.WeakValueDictionary()


def module_of(data: bytes) -> Module:
    """The module of these bytes: the same one however often they come."""
    digest = sha256(data).digest()[:16]
    module = _modules.setdefault(digest, Module(digest, data))
    module.data = data
    return module


def module_at(number: int, digest: bytes) -> Module:
    """The module of a handle, which comes from this worker's scheduler, or is a result of one's."""
    of = home or destination
    if of is not None:
        of.numbers[digest] = number
    return _modules.setdefault(digest, Module(digest, None))
