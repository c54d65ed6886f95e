"""The engine of plain Python: each task runs inside `submit`, in order, on its own arguments.

Nothing is pickled, unless `check` asks for it, and nobody waits. A program that works with the
browser's engine gives the same results here, unless it relies on its arguments being copies.
Coroutine tasks run to their end in an event loop of their own; where one runs already they wait in
that one, and are the only tasks that outlive `submit`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from penny.engines import current
from penny.engines.engine import Abilities
from penny.engines.outcomes import fail, overtime
from penny.engines.recorder import Recorder
from penny.errors import BlockingError
from penny.functions.calls import is_coroutine_call
from penny.functions.copies import Copies
from penny.futures import Future
from penny.jobs import running
from penny.memory.block import Memory
from penny.memory.local_blocks import LOCAL
from penny.options import Options
from penny.wire.pickles import qualified_name

__all__ = ["SerialEngine"]


class SerialEngine:
    """One worker, which is the caller. See `Engine` for the methods."""

    name = "serial"
    abilities = Abilities(shares_arrays=True)
    workers = 1
    completed = 0  # nobody ever sleeps
    patience: float | None = None
    memory: Memory = LOCAL

    def __init__(
        self,
        *,
        workers: int | None = None,
        packages: Sequence[str] | None = (),
        memory: int | None = None,
        check: bool = False,
        trace: bool | None = False,
    ) -> None:
        """The arguments are the browser's; packages are expected to be installed."""
        self._recorder = Recorder() if trace else None
        self._copies = Copies() if check else None
        self._started = time.perf_counter()
        self._busy = 0.0
        self._depth = 0
        self._run = 0
        self._coroutines: dict[Future[Any], asyncio.Task[None]] = {}
        self._stopped: Future[None] | None = None
        self._closed = False

    def submit(
        self,
        future: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Options,
    ) -> None:
        """Run the task, whatever it raises."""
        name = qualified_name(function)
        if self._copies is not None:
            function, args, kwargs = self._copies.of_call(function, args, kwargs)
        future.set_running_or_notify_cancel()
        try:
            if is_coroutine_call(function, args):
                self._await(future, function(*args, **kwargs), name, options)
            else:
                self._call(future, function, args, kwargs, name, options)
        finally:
            # The exception of a future leads to the frames below the task: no cycle through them.
            del future

    def _call(
        self,
        future: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: str,
        options: Options,
    ) -> None:
        outer = current.engine.set(self)
        self._depth += 1
        began = time.perf_counter()
        failed = False
        try:
            result = running.run(function, args, kwargs, check=self._copies is not None)
            # Nobody can interrupt it here; that it took too long is its outcome all the same.
            if options.timeout is not None and time.perf_counter() - began > options.timeout:
                raise overtime(name, options)
            result = self._handed_over(name, result)
        except BaseException as error:
            failed = True
            fail(future, error, name, options)
            if isinstance(error, KeyboardInterrupt):  # meant for the program, not for the task
                raise
        else:
            future.set_result(result)
        finally:
            del future  # as above
            current.engine.reset(outer)
            self._depth -= 1
            self._run += 1
            if self._recorder is not None:
                self._recorder.task(name, began, failed)
            if self._depth == 0:  # else the time is part of the outer task's
                self._busy += time.perf_counter() - began

    def _handed_over(self, name: str, result: Any) -> Any:
        return result if self._copies is None else self._copies.of_result(name, result)

    # -- Coroutine tasks -------------------------------------------------------------------------

    def _await(
        self, future: Future[Any], call: Coroutine[Any, Any, Any], name: str, options: Options
    ) -> None:
        run = self._run_coroutine(future, call, name, options)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            asyncio.run(run)
        else:
            self._coroutines[future] = task = loop.create_task(run)
            task.add_done_callback(lambda _: self._forget(future))

    async def _run_coroutine(
        self, future: Future[Any], call: Coroutine[Any, Any, Any], name: str, options: Options
    ) -> None:
        current.engine.set(self)  # in the context of this asyncio task alone
        began = time.perf_counter()
        failed = True
        try:
            async with asyncio.timeout(options.timeout) as limit:
                result = self._handed_over(name, await call)
            failed = False
        except asyncio.CancelledError:
            future.set_cancelled()
        except BaseException as error:
            fail(
                future, overtime(name, options, error) if limit.expired() else error, name, options
            )
            if isinstance(error, KeyboardInterrupt):
                raise
        else:
            future.set_result(result)
        finally:
            del future
            self._run += 1
            if self._recorder is not None:
                self._recorder.coroutine(name, began, failed)

    def _forget(self, future: Future[Any]) -> None:
        del self._coroutines[future]
        self._stop_when_idle()

    # -- Waiting ---------------------------------------------------------------------------------

    def renew(self, function: Callable[..., Any]) -> None:
        """Functions are called as they are, unless they are checked."""
        if self._copies is not None:
            self._copies.renew(function)

    def cancel(self, future: Future[Any]) -> bool:
        """False: each task has run, or is running."""
        return False

    def ask_cancel(self, future: Future[Any]) -> bool:
        """A coroutine can be cancelled while it waits. Nobody else is there while a call runs."""
        task = self._coroutines.get(future)
        return task is not None and task.cancel()

    def running(self, future: Future[Any]) -> bool:
        """False: a task that runs has told its future so."""
        return False

    def can_block(self) -> bool:
        """True if there is nothing to wait for."""
        return not self._coroutines

    def listen(self) -> None:
        """Coroutine tasks are the running loop's own."""

    def drain(
        self,
        timeout: float | None = None,
        wanted: Future[Any] | None = None,
        since: int | None = None,
    ) -> bool:
        """False: nothing is due, except by the event loop that runs the coroutines."""
        if self._coroutines and timeout != 0:
            raise BlockingError(
                "a coroutine task goes on in the event loop that runs here, so this can't wait for "
                "it: use `await future` (or `async with`, `async for`)"
            )
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

    def trace(self) -> dict[str, Any] | None:
        """The tasks of the one worker."""
        return None if self._recorder is None else self._recorder.trace()

    def shutdown(self, *, cancel: bool) -> Future[None]:
        """A future that is done once no coroutine is left."""
        if self._stopped is None:
            self._stopped = Future(self)
        self._stop_when_idle()
        return self._stopped

    def _stop_when_idle(self) -> None:
        if self._stopped is not None and not self._coroutines and not self._closed:
            self._closed = True
            self._stopped.set_result(None)
