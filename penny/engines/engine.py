"""What an engine must do: the seam between a [`Scheduler`][penny.Scheduler] and what runs tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from penny.futures import Future, Source

if TYPE_CHECKING:
    from penny.memory.block import Memory
    from penny.options import Options

__all__ = ["Abilities", "Engine", "EngineFactory"]


class Abilities(NamedTuple):
    """What an engine can do beyond running one task after another."""

    overlaps: bool = False
    """Tasks run while their caller goes on; without it they run inside `submit`."""

    steals: bool = False
    """Idle workers take what tasks have spawned, and what others have queued."""

    shares_arrays: bool = False
    """A SharedArray is the same memory in each task, on the scheduler's side and in all workers."""

    runs_kernels: bool = False
    """Kernels compiled to WebAssembly can be submitted and spawned."""

    cancels: bool = False
    """A task that runs can be asked to end: `Future.cancel(running=True)`, timeouts."""

    prioritizes: bool = False
    """Interactive tasks go before all others: `options(priority="interactive")`."""

    blocks: bool = False
    """There are places where `drain` may wait, so that `result()` works there."""

    keeps_results: bool = False
    """A result may stay where it was made, until it is asked for."""

    interrupts: bool = False
    """A task that is asked to end has `penny.Cancelled` raised in it, and may clean up; without it,
    what runs it is ended."""


class Engine(Source, Protocol):
    """What a Scheduler needs of whatever runs its tasks, beside what their futures do (`Source`).

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

    name: str
    """What `Scheduler(engine=…)` knows it by."""

    abilities: Abilities
    """What it can do."""

    workers: int
    """Number of workers that run tasks, at least 1."""

    @property
    def memory(self) -> Memory:
        """Where its tasks' shared arrays are."""

    def submit(
        self,
        future: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Options,
    ) -> None:
        """Queue one call, whose outcome completes `future`. Never blocks.

        Whatever of it is to be pickled is pickled before this returns: so it is sent as it was when
        it was submitted, and what can't travel, or is not to (`refusals`), is refused here.

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

    def renew(self, function: Callable[..., Any]) -> None:
        """Make later submissions of `function` use its present form.

        Called when a function is registered, also for one that was registered before and has been
        changed in place. As with `submit` it may be any callable: what of it goes into the function
        table is for `functions.split_call` to say. Raises PickleError if that can't travel.
        """

    def can_block(self) -> bool:
        """Whether `drain` may wait, here and now."""

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


@runtime_checkable
class Interruptible(Protocol):
    """An engine that can end what it was given when Ctrl-C comes, tasks that run included."""

    def interrupt(self) -> None:
        """Withdraw what has not begun, and ask what runs to end. Never blocks."""


@runtime_checkable
class Hindered(Protocol):
    """An engine that can say why it can't block."""

    def hindrance(self) -> str:
        """What stands in the way, and what to do instead: half a sentence, for a BlockingError."""


class EngineFactory(Protocol):
    """What opens an engine. Returns at once: its workers come up by and by."""

    def __call__(
        self,
        *,
        workers: int | None,
        packages: Sequence[str] | None,
        memory: int | None,
        check: bool,
        trace: bool | None,
    ) -> Engine:
        """Open one.

        Args:
            workers: Number of workers, at least 1; None: as many as the machine has processors.
            packages: Names of packages, or URLs of wheels, to load into every worker, beside what
                is installed where the engine is opened; None: not even that.
            memory: Limit of the shared memory in bytes; None: the engine's default.
            check: Send every job's arguments and result through pickle.
            trace: Record what the workers do; None: if the page, or the command, says so.
        """
