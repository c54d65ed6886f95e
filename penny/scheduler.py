"""The Scheduler: what users submit work to."""

from __future__ import annotations

import concurrent.futures
import operator
import weakref
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import nullcontext
from types import TracebackType
from typing import Any, Literal, NoReturn, Self, TypeVar, overload

from penny import results
from penny.engines import current
from penny.engines.engine import Engine, Hindered, Interruptible
from penny.engines.nested import NestedEngine
from penny.engines.opening import open_engine
from penny.errors import BlockingError
from penny.futures import Future
from penny.submitter import Desk, Submitter

__all__ = ["Scheduler", "current_scheduler"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Scheduler(Submitter, concurrent.futures.Executor):
    """A pool of workers that run Python functions: a `concurrent.futures.Executor`.

    In the browser the workers are Web Workers that steal each other's tasks; on plain Python each
    task runs inside `submit`. Making a Scheduler returns at once: what is submitted before its
    workers are up waits for them.

    Use it as `async with Scheduler() as s:`, or as `with Scheduler() as s:` where blocking is
    possible. One that is forgotten without shutdown ends once it is garbage and what was submitted
    to it is done.

    Opened inside a task it has no workers of its own: it submits to those that run the task, as
    `current_scheduler()` does, and its shutdown (so the end of `with`) waits for what was submitted
    to it and ends nothing else. All its arguments are then checked and otherwise ignored: `workers`
    is how many there are, and packages, memory, check and trace are those of the Scheduler that the
    task runs on.

    Args:
        workers: Number of workers; None: as many as the machine has processors.
        packages: What tasks can import beside the standard library. `"same"`: what is installed
            here, the very same files, and what is installed later. A sequence of names,
            requirements such as `attrs>=25`, and URLs of wheels: these, too, with what they need;
            what does not go together breaks the pool. None: nothing.
        memory: Limit of the memory that workers share, for arguments and results, in bytes; None:
            the engine's default.
        check: Send the arguments and results of all jobs through pickle, also of those that stay
            in their worker: finds code that relies on a job changing its caller's objects, or on
            the opposite. For tests; slow.
        trace: Record what the workers do and when, for `trace()`; None: only where
            `penny run --trace`, or the page, says so.
        engine: What runs the tasks: the name of an engine (`"pool"`, `"messages"`, `"serial"`, or
            one that `penny.lowlevel.register_engine` or an installed package has named), or an
            engine, which then is this Scheduler's alone and is opened with what the other arguments
            would say;
            None: the pool in the browser, messages where no memory is shared, serial elsewhere.

    Raises:
        ValueError: `workers` or `memory` is not greater than 0.
        TypeError: They are not integers; or an open engine is given together with them.
        LookupError: There is no engine of that name.
        IsolationError: The page is not cross-origin isolated, and the pool was asked for.
        RuntimeError: The page has not been set up for Penny; the message says how.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        packages: Sequence[str] | Literal["same"] | None = "same",
        memory: int | None = None,
        check: bool = False,
        trace: bool | None = None,
        engine: str | Engine | None = None,
    ) -> None:
        workers = _positive("workers", workers)
        memory = _positive("memory", memory)
        if packages == "same":
            packages = ()
        if isinstance(packages, str):
            raise TypeError("packages must be a sequence of names, not one name")
        outer = current.attached
        opened: Engine
        if engine is not None and not isinstance(engine, str):
            if workers or memory or packages or check or trace is not None:
                raise TypeError(
                    "workers, packages, memory, check and trace are for engines that are opened by "
                    "name: open the engine with them, and give it to the Scheduler alone"
                )
            opened = engine
        elif outer is not None and (engine is None or engine == outer.name):
            opened = NestedEngine(outer)
        else:
            opened = open_engine(
                engine,
                workers=workers,
                packages=None if packages is None else tuple(packages),
                memory=memory,
                check=bool(check),
                trace=None if trace is None else bool(trace),
            )
        self._use(opened)
        self._at_exit = weakref.finalize(self, _end, weakref.ref(self))
        self._open = True

    _open = False
    """Whether it has an engine of its own, and that was not shut down."""

    def _use(self, engine: Engine) -> None:
        self._desk = Desk(engine)
        _schedulers[id(engine)] = self

    def __del__(self) -> None:
        # No weakref.finalize, which would hold the engine; and that may lead back here, by what it
        # knows of the functions that were submitted, whose globals a scheduler may be one of.
        if self._open:
            self._shutdown(cancel_futures=False)

    @property
    def _engine(self) -> Engine:
        return self._desk.engine

    @property
    def workers(self) -> int:
        """The number of workers."""
        return self._engine.workers

    # -- Submitting: see Submitter --------------------------------------------------------------

    @overload
    def register(self, fn: Callable[..., Any], id: int | None = None) -> int: ...
    @overload
    def register(self, *, id: int | None = None) -> Callable[[F], F]: ...
    def register(
        self, fn: Callable[..., Any] | None = None, id: int | None = None
    ) -> int | Callable[[F], F]:
        """Enter a function into the function table, for `new_task`.

        A function that is registered again, or another one under the same number or the same name
        (`module.qualname`, or what `penny.task` named it), takes effect for later submissions. What
        has changed within it, or within a global it uses, does so without being registered; but in
        values of more than 1,000 items, which are looked at here only.

        Args:
            fn: Any callable. Without it, `@s.register(id=1)` decorates a function and leaves it as
                it is.
            id: Its number, from 0 to 2³¹ - 1; None: the number that its name has, or a new one.

        Returns:
            The function's number.

        Raises:
            PickleError: The function can't travel.
        """
        if fn is None:

            def decorate(function: F) -> F:
                self.register(function, id)
                return function

            return decorate
        if not callable(fn):
            raise TypeError(f"{fn!r} is not callable")
        refusals = self._desk.refusals
        with nullcontext() if refusals is None else refusals.sending():
            self._engine.renew(fn)
        self._desk.chunk_calls.forget()
        return self._desk.names.register(fn, id)

    def as_completed(
        self, fs: Iterable[Future[T]], timeout: float | None = None
    ) -> AsyncGenerator[Future[T], None]:
        """The futures in the order in which they complete: `async for f in s.as_completed(fs)`.

        Args:
            fs: Futures; each is yielded once.
            timeout: Seconds from now within which all must be done, else TimeoutError.
        """
        return results.as_completed(fs, timeout)

    # -- State and end ---------------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Counters since the start.

        Returns:
            `workers`: for each worker a dict of its number `worker`, the tasks it has `run` and
            those of them it has `stolen` from another, the jobs it has `promoted` to tasks, the
            seconds it was `busy` and `idle`, and its `wakeups` from sleep. `heap`: of the shared
            heap the bytes `used`, its present `size` and its `limit`.
        """
        return self._engine.stats()

    def trace(self) -> dict[str, Any]:
        """What the workers have done since the start, and when: a Chrome trace.

        Written to a file with `json.dump` it opens in https://ui.perfetto.dev and chrome://tracing.
        It may be asked for at any time, also after shutdown; what has not ended is then marked
        `unfinished`.

        Returns:
            A dict of `traceEvents`, in Chromium's Trace Event Format, and `otherData`, where
            `dropped` is the number of events that were lost. See docs/traces.md.

        Raises:
            RuntimeError: Nothing was recorded: the Scheduler was opened without `trace=True`.
        """
        trace = self._engine.trace()
        if trace is None:
            raise RuntimeError(
                "nothing was recorded: open the Scheduler with trace=True, or run the program with "
                "`penny run --trace FILE`"
            )
        return trace

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work, and end the workers once what was submitted is done.

        Args:
            wait: Return only when the workers have ended.
            cancel_futures: Cancel what has not begun.

        Raises:
            BlockingError: With `wait`, where waiting is impossible: use `await s.aclose()`. Nothing
                has been done then.
        """
        if wait and not self._engine.can_block():
            raise BlockingError(
                "shutdown() can't wait here: use `await scheduler.aclose()` or shutdown(wait=False)"
            )
        stopped = self._shutdown(cancel_futures)
        if wait:
            stopped.result()

    async def aclose(self, *, cancel_futures: bool = False) -> None:
        """Take no more work, and end the workers once what was submitted is done.

        To be awaited in an event loop, where `shutdown` could not wait.

        Args:
            cancel_futures: Cancel what has not begun.
        """
        await self._shutdown(cancel_futures)

    async def _loop_ends(self) -> None:
        await self.aclose()

    def _shutdown(self, cancel_futures: bool) -> Future[None]:
        self._desk.closed = True
        self._open = False
        self._at_exit.detach()
        return self._engine.shutdown(cancel=cancel_futures)

    def __enter__(self) -> Self:
        """Raises BlockingError where the end of the block could not wait."""
        if not self._engine.can_block():
            # It would otherwise live on, in the traceback.
            self._shutdown(cancel_futures=True)
            why = "it can't here: use `async with`"
            if isinstance(self._engine, Hindered):
                why = self._engine.hindrance()
            raise BlockingError(f"`with Scheduler()` must wait at its end, and {why}")
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Wait for all tasks, and end the workers. After Ctrl-C, tasks are ended, too."""
        if exc_type is not None and issubclass(exc_type, KeyboardInterrupt):
            self._interrupt()
        try:
            self.shutdown()
        except KeyboardInterrupt:
            self._interrupt()
            self.shutdown()
            raise

    def _interrupt(self) -> None:
        if isinstance(self._engine, Interruptible):
            self._engine.interrupt()

    async def __aenter__(self) -> Self:
        """Nothing to wait for: the workers come up meanwhile."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for all tasks, and end the workers."""
        await self.aclose()

    def __reduce__(self) -> NoReturn:
        """Schedulers don't pickle."""
        raise TypeError("a Scheduler can't be sent to another worker")


class CurrentScheduler(Scheduler):
    """The scheduler that a task runs on, for the task: it may submit to it and not end it."""

    def __init__(self, engine: Engine) -> None:
        self._use(engine)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> NoReturn:
        """Raises RuntimeError."""
        raise RuntimeError(
            "this scheduler runs the task that asked for it and belongs to whoever opened it: a "
            "task can't shut it down, nor use it as `with` does; for a block that waits for what "
            "it started, use `with penny.scope()`, or `with penny.Scheduler()`, which in a task "
            "is a part of this one"
        )

    async def aclose(self, *, cancel_futures: bool = False) -> NoReturn:
        """Raises RuntimeError."""
        self.shutdown()

    async def _loop_ends(self) -> None:
        """The scheduler belongs to others, and goes on."""

    def __enter__(self) -> NoReturn:
        """Raises RuntimeError: the end of the block would shut it down."""
        self.shutdown()

    async def __aenter__(self) -> NoReturn:
        """Raises RuntimeError: the end of the block would shut it down."""
        self.shutdown()


def _end(scheduler: weakref.ref[Scheduler]) -> None:
    """Shut it down at the program's end, if it is still there."""
    if (found := scheduler()) is not None:
        found._shutdown(cancel_futures=False)


# By the identity of their engines, which are there as long as they are.
_schedulers: weakref.WeakValueDictionary[int, Scheduler] = weakref.WeakValueDictionary()

_face: CurrentScheduler | None = None
"""What `current_scheduler` gives in a pool worker. It keeps what tasks have registered with it."""


def current_scheduler() -> Scheduler:
    """The scheduler that runs the task which asks.

    In a pool worker, what is submitted to it without options becomes a job of this very worker, as
    by `spawn`, and others steal it when they are idle; `result()` and all that waits runs
    meanwhile what belongs to that job, as `Job.join` does. What nobody has waited for is done
    before the task ends. Functions are known to `new_task` by the names that `penny.task` gave
    them, not by what was registered elsewhere. The scheduler can't be shut down by a task, so that
    it can't be used in a `with` either.

    Raises:
        RuntimeError: No task runs here.
    """
    global _face
    engine = current.engine.get()
    if engine is not None:
        scheduler = _schedulers.get(id(engine))
        if scheduler is not None:
            return scheduler
    elif current.attached is not None:
        if _face is None or _face._engine is not current.attached:
            _face = CurrentScheduler(current.attached)
        return _face
    raise RuntimeError(
        "no task runs here, so there is no current scheduler: open one with penny.Scheduler()"
    )


def _positive(name: str, value: int | None) -> int | None:
    if value is None:
        return None
    value = operator.index(value)
    if value <= 0:
        raise ValueError(f"{name} must be greater than 0")
    return value
