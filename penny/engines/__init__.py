"""Engines: whatever runs the tasks of a [`Scheduler`][penny.Scheduler].

A scheduler validates what its user says, makes futures and orders results. Everything else (where a
task runs, how its values get there, who waits for what) is its engine's. There are two:

* `penny.engines.shared` in the browser: the pool of Web Workers on one shared memory;
* `penny.engines.serial` elsewhere: each task runs inside `submit`, so that the same program can
  be tested on any Python;

and, inside the tasks of a pool worker,

* `penny.engines.task`, by which a task submits to the scheduler it runs on;
* `penny.engines.nested`, of a Scheduler that is opened in a task.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from penny.futures import Future
    from penny.options import Options
    from penny.shared_memory import Memory

__all__ = ["Engine", "open_engine"]


class Engine(Protocol):
    """What a Scheduler and its futures need of whatever runs the tasks.

    All of it is called on one thread, and also from a future's callbacks while `drain` or the
    event loop delivers completions: delivery must be re-entrant.

    Completing a future means, on that thread, one of

    * `future.set_result(value)`, `future.set_exception(error)` or `future.set_cancelled()`, whether
      or not `future.set_running_or_notify_cancel()` was called before;
    * nothing at all for a future that `cancel` has withdrawn: the future settles itself.

    `future.ticket` belongs to the engine: it starts as None and may hold whatever leads from the
    future to its task. Neither needs the other once the future is done. An engine must not ask
    `future.done()`, which drains.
    """

    workers: int
    """Number of workers that run tasks, at least 1."""

    @property
    def completed(self) -> int:
        """A number that is higher whenever another future was completed; for `drain`."""

    @property
    def memory(self) -> Memory:
        """Where its tasks' shared arrays are."""

    patience: float | None
    """Seconds to wait for one of several futures before looking at the next, where completions come
    one by one; None where they all come the same way."""

    def submit(
        self,
        future: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Options,
    ) -> None:
        """Queue one call, whose outcome completes `future`. Never blocks.

        A call that ends by `penny.Cancelled` has been cancelled, or, where it was raised because
        the time of `options` was over, fails with TimeoutError. Where the function is a coroutine
        function, the outcome is that of its coroutine.

        The engine holds a reference to `function` until then, since what it keeps of a function is
        released when the function is collected (see `functions.FunctionRecords`).

        Raises:
            PickleError: The function or an argument can't travel; nothing was queued.
            MemoryError: The payload is larger than the heap can ever be; nothing was queued.
            BrokenPool: The workers could not be started.
        """

    def publish(self, function: Callable[..., Any]) -> None:
        """Make later submissions of `function` use its present form.

        Called when a function is registered, also for one that was registered before and has been
        changed in place. As with `submit` it may be any callable: what of it goes into the function
        table is for `functions.split_call` to say. Raises PickleError if that can't travel.
        """

    def cancel(self, future: Future[Any]) -> bool:
        """Withdraw the task of a pending future: True if no worker had taken it and none ever will.

        The caller then settles the future. False if it runs, or is no task at all.
        """

    def ask_cancel(self, future: Future[Any]) -> bool:
        """Have `penny.Cancelled` raised in the task of this future, which isn't done and runs.

        Never blocks. False if nobody could be asked: the task has ended, or nothing can reach it.
        """

    def running(self, future: Future[Any]) -> bool:
        """Whether a worker has taken the task of this future, which isn't done."""

    def can_block(self) -> bool:
        """Whether `drain` may wait, here and now."""

    def drain(
        self,
        timeout: float | None = None,
        wanted: Future[Any] | None = None,
        since: int | None = None,
    ) -> bool:
        """Wait until at least one more future was completed, and complete all that are due.

        Args:
            timeout: Seconds to wait at most; None: no limit. With 0 it delivers what has
                arrived and neither waits nor raises, wherever it is called.
            wanted: What the caller waits for, among other things: an engine that has to work for
                completions begins with it.
            since: What `completed` was before the caller looked whether it has to wait: if it has
                moved since, by whatever came in between, there is nothing to wait for.

        Returns:
            False if the time went by without a completion.

        Raises:
            BlockingError: Waiting is impossible here; the message names `await`.
        """

    def stats(self) -> dict[str, Any]:
        """Counters, in the form that `Scheduler.stats` documents."""

    def trace(self) -> dict[str, Any] | None:
        """What was recorded, as `Scheduler.trace` documents it; None: it was not asked to."""

    def shutdown(self, *, cancel: bool) -> Future[None]:
        """Take no more work, and stop the workers once what was submitted is done. Never blocks.

        Args:
            cancel: Also cancel, with `future.cancel()`, whatever is still pending.

        Returns:
            A future that is done once all workers have stopped and their memory is free; the
            same one at each call. It can't be cancelled.
        """


def open_engine(
    *,
    workers: int | None,
    packages: Sequence[str],
    memory: int | None,
    check: bool,
    trace: bool | None = None,
) -> Engine:
    """Start the engine for this platform. Returns at once: its workers come up by and by.

    Args:
        workers: Number of workers, at least 1; None: as many as the machine has processors.
        packages: Names of Pyodide packages, or URLs of wheels, to load into every worker.
        memory: Limit of the shared memory in bytes; None: the engine's default.
        check: Send every job's arguments and result through pickle.
        trace: Record what the workers do; None: if the page, or the command, says so.

    Raises:
        IsolationError: The page is not cross-origin isolated.
        RuntimeError: The page has not been set up for Penny; the message says how.
    """
    if sys.platform == "emscripten":
        from penny.engines.shared import SharedEngine

        return SharedEngine.opened(
            workers=workers, packages=packages, memory=memory, check=check, trace=trace
        )
    from penny.engines.serial import SerialEngine

    return SerialEngine(
        workers=workers, packages=packages, memory=memory, check=check, trace=bool(trace)
    )
