"""The engine of a Scheduler that is opened inside a task: the pool that the task runs on.

Workers can't be had there, since a page alone starts them, and more of them than there are
processors would help nobody. So a library that opens a Scheduler of its own works inside a task as
it does elsewhere: what it submits runs on the workers that there are, and its end waits for what it
has submitted, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penny.engines.engine import Engine
from penny.futures import DONE, Future
from penny.memory.block import Memory
from penny.options import Options

__all__ = ["NestedEngine"]


class NestedEngine:
    """Submits by way of another engine, and knows what it has submitted. See `Engine`.

    Args:
        outer: The engine by which the task that runs here submits.
    """

    def __init__(self, outer: Engine) -> None:
        self._outer = outer
        self.name = outer.name
        self.abilities = outer.abilities
        self.workers = outer.workers
        self.patience = outer.patience
        # In the order of submission; the values don't matter.
        self._pending: dict[Future[Any], None] = {}
        self._stopped: Future[None] | None = None
        self._closed = False

    @property
    def memory(self) -> Memory:
        """The memory of the pool."""
        return self._outer.memory

    def submit(
        self,
        future: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Options,
    ) -> None:
        """Have the outer engine submit it."""
        self._outer.submit(future, function, args, kwargs, options)
        if future._state not in DONE:
            self._pending[future] = None
            future._done_callbacks.append(self._forget)

    def _forget(self, future: Future[Any]) -> None:
        self._pending.pop(future, None)
        self._stop_when_idle()

    def renew(self, function: Callable[..., Any]) -> None:
        """See `Engine`."""
        self._outer.renew(function)

    def cancel(self, future: Future[Any]) -> bool:
        """See `Engine`."""
        return self._outer.cancel(future)

    def ask_cancel(self, future: Future[Any]) -> bool:
        """See `Engine`."""
        return self._outer.ask_cancel(future)

    def running(self, future: Future[Any]) -> bool:
        """See `Engine`."""
        return self._outer.running(future)

    def can_block(self) -> bool:
        """See `Engine`."""
        return self._outer.can_block()

    @property
    def completed(self) -> int:
        """See `Engine`."""
        return self._outer.completed + self._closed

    def listen(self) -> None:
        """See `Engine`."""
        self._outer.listen()

    def drain(
        self,
        timeout: float | None = None,
        wanted: Future[Any] | None = None,
        since: int | None = None,
    ) -> bool:
        """Drain the outer engine for futures of this one, of which all may be wanted."""
        if since is not None:
            if self.completed != since:
                timeout = 0
            since -= self._closed
        if wanted is None or wanted is self._stopped:
            if timeout == 0:
                return any([self._outer.drain(0, future) for future in list(self._pending)])
            wanted = next(iter(self._pending), None)
            if wanted is None:
                return False
        return self._outer.drain(timeout, wanted, since)

    def stats(self) -> dict[str, Any]:
        """Counters of the pool."""
        return self._outer.stats()

    def trace(self) -> dict[str, Any] | None:
        """The trace of the pool."""
        return self._outer.trace()

    def shutdown(self, *, cancel: bool) -> Future[None]:
        """Done once what was submitted here is. The pool goes on."""
        if self._stopped is None:
            self._stopped = Future(self)
        if cancel:
            for future in list(self._pending):
                future.cancel()
        self._stop_when_idle()
        return self._stopped

    def _stop_when_idle(self) -> None:
        if self._stopped is not None and not self._pending and not self._closed:
            self._closed = True
            self._stopped.set_result(None)
