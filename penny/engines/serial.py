"""The engine of plain Python: each task runs inside `submit`, in order, on its own arguments.

Nothing is pickled and nobody waits. A program that works with the browser's engine gives the same
results here, unless it relies on its arguments being copies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from penny import _current
from penny.futures import Future

__all__ = ["SerialEngine"]


class SerialEngine:
    """One worker, which is the caller. See `Engine` for the methods."""

    workers = 1

    def __init__(
        self,
        *,
        workers: int | None = None,
        packages: Sequence[str] = (),
        memory: int | None = None,
    ) -> None:
        """The arguments are the browser's; packages are expected to be installed."""
        self._started = time.perf_counter()
        self._busy = 0.0
        self._depth = 0
        self._run = 0

    def submit(
        self,
        future: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Run the task, whatever it raises."""
        future.set_running_or_notify_cancel()
        outer_worker, _current.worker = _current.worker, 0
        self._depth += 1
        began = time.perf_counter()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            future.set_exception(error)
            if isinstance(error, KeyboardInterrupt):  # meant for the program, not for the task
                raise
        else:
            future.set_result(result)
        finally:
            # The future's exception refers to this frame: no cycle through the future.
            del future
            _current.worker = outer_worker
            self._depth -= 1
            self._run += 1
            if self._depth == 0:  # else the time is part of the outer task's
                self._busy += time.perf_counter() - began

    def publish(self, function: Callable[..., Any]) -> None:
        """Functions are called as they are."""

    def cancel(self, future: Future[Any]) -> bool:
        """False: each task has run, or is running."""
        return False

    def running(self, future: Future[Any]) -> bool:
        """False: a task that runs has told its future so."""
        return False

    def can_block(self) -> bool:
        """True: there is nothing to wait for."""
        return True

    def drain(self, timeout: float | None = None) -> bool:
        """False: nothing is ever due."""
        return False

    def stats(self) -> dict[str, Any]:
        """Counters of the one worker."""
        idle = time.perf_counter() - self._started - self._busy
        worker = {
            "worker": 0,
            "run": self._run,
            "stolen": 0,
            "busy": self._busy,
            "idle": idle,
            "wakeups": 0,
        }
        return {"workers": [worker], "heap": {"used": 0, "size": 0, "limit": 0}}

    def shutdown(self, *, cancel: bool) -> Future[None]:
        """A future that is done."""
        stopped: Future[None] = Future(self)
        stopped.set_result(None)
        return stopped
