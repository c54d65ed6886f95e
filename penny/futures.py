"""Futures: a `concurrent.futures.Future` that can also be awaited.

Where a thread would sleep until another one completes the future, nobody is there to wake it: the
code that waits is the code that must collect the results. So whatever waits (`result()`,
`concurrent.futures.wait()` and `as_completed()`) waits by draining the engine's completions. A
future and its engine belong to one thread.
"""

from __future__ import annotations

import _thread
import asyncio
import concurrent.futures
import contextvars
import logging
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol, TypeVar

__all__ = ["Future", "Source", "Waiter"]

T = TypeVar("T")

# Where concurrent.futures reports what callbacks raise.
_logger = logging.getLogger("concurrent.futures")

# The states' names are concurrent.futures' own: its `wait` and `as_completed` compare them.
PENDING = "PENDING"
RUNNING = "RUNNING"
CANCELLED = "CANCELLED"
CANCELLED_AND_NOTIFIED = "CANCELLED_AND_NOTIFIED"
FINISHED = "FINISHED"
DONE = frozenset({CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED})


class Source(Protocol):
    """What a future needs of whatever completes it: the lower half of an engine.

    All of it is called on the thread of the future, and also from futures' callbacks.
    """

    patience: float | None
    """Seconds to wait for one of several futures before looking at the next, where completions come
    one by one; None where they all come the same way."""

    @property
    def completed(self) -> int:
        """A number that is higher whenever another future was completed; for `drain`."""

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

    def listen(self) -> None:
        """Somebody is to be told of a pending future, by callback or `await`, and may never drain.

        If an event loop runs here, it is from now on to complete what is due. Called each time, so
        it must be cheap.
        """

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


class _Condition(_thread.RLock):  # type: ignore[misc]
    """What the base class takes for a future's `threading.Condition`, one for all futures.

    Nobody ever waits on it. A Condition of its own would be half of what a future costs.
    """

    def notify_all(self) -> None:
        pass

    if TYPE_CHECKING:  # CPython's own Conditions use it

        def _is_owned(self) -> bool: ...


class _LazyWaiters:
    """`Future._waiters`, made when `wait` or `as_completed` first look at it.

    Not a data descriptor: what it puts into the instance hides it from then on.
    """

    def __get__(self, future: Future[Any] | None, owner: type) -> Any:
        if future is None:
            return self
        waiters: list[Any] = [] if future._state in DONE else _Waiters(future)
        future.__dict__["_waiters"] = waiters
        return waiters


class _Waiters(list[Any]):
    """The waiters on a pending future, each made to wait by draining the futures' engines."""

    def __init__(self, future: Future[Any]) -> None:
        super().__init__()
        # Weakly: `as_completed` lets go of each future that it has yielded.
        self._future = weakref.ref(future)

    def append(self, waiter: Any) -> None:
        if not isinstance(waiter.event, _DrainingEvent):
            waiter.event = _DrainingEvent()
        future = self._future()
        assert future is not None
        waiter.event.add(future._engine, self._future)
        super().append(waiter)


class _DrainingEvent:
    """A `threading.Event` that is set by completions, which its `wait` itself delivers."""

    # How long to wait for one of several engines before looking at the next, in seconds.
    SLICE = 0.005

    def __init__(self) -> None:
        self._flag = False
        # What is waited for, by engine. Weakly: `as_completed` lets go of what it has yielded.
        self._wanted: dict[Source, deque[weakref.ref[Future[Any]]]] = {}

    def add(self, engine: Source, future: weakref.ref[Future[Any]]) -> None:
        self._wanted.setdefault(engine, deque()).append(future)

    def is_set(self) -> bool:
        return self._flag

    def set(self) -> None:
        self._flag = True

    def clear(self) -> None:
        self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            moments = {engine: engine.completed for engine in self._wanted}
            if self._flag:  # looked at after the moments: what comes in between ends the wait
                break
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            wanted = self._pending()
            patience = self.SLICE if remaining is None else min(self.SLICE, remaining)
            if len(wanted) == 1:
                ((engine, future),) = wanted
                limit = remaining
                if engine.patience is not None and len(self._wanted[engine]) > 1:
                    limit = engine.patience if limit is None else min(engine.patience, limit)
                if not engine.drain(limit, None if limit == 0 else future, moments[engine]):
                    self._wanted[engine].rotate(-1)  # the next one's turn
            elif not any([engine.drain(0) for engine, _ in wanted]):
                if wanted:
                    engine, future = wanted[0]
                    engine.drain(patience, future, moments[engine])
                    self._wanted[engine] = self._wanted.pop(engine)  # the next engine's turn
                else:  # only futures of others' are left, which threads complete
                    time.sleep(patience)
            if remaining == 0:
                break
        return self._flag

    def _pending(self) -> list[tuple[Source, Future[Any]]]:
        """Pairs of an engine and the first of its futures that is not done."""
        pending = []
        for engine, futures in list(self._wanted.items()):
            while futures and ((future := futures[0]()) is None or future._state in DONE):
                futures.popleft()
            if futures and future is not None:
                pending.append((engine, future))
            else:
                del self._wanted[engine]
        return pending


class Waiter(asyncio.Future[None]):
    """What a coroutine waits for that awaits a Future: set when that is done."""

    take: ClassVar[Callable[[asyncio.AbstractEventLoop, asyncio.Handle], bool] | None] = None
    """Takes the callback of whoever goes on now, instead of the loop, if it gives True."""

    _first: tuple[Callable[[Any], object], contextvars.Context | None] | None = None

    def add_done_callback(
        self, fn: Callable[[Any], object], /, *, context: contextvars.Context | None = None
    ) -> None:
        """As asyncio's."""
        self._first = (fn, context) if self._first is None else (_several, None)
        super().add_done_callback(fn, context=context)

    def wake(self, future: Future[Any]) -> None:
        """Let who waits go on: a callback of the Future."""
        if self.done():
            return
        take, first = Waiter.take, self._first
        if take is not None and first is not None and first[0] is not _several:
            fn, context = first
            loop = self.get_loop()
            if take(loop, asyncio.Handle(fn, (self,), loop, context)):
                self.remove_done_callback(fn)
        self.set_result(None)


def _several(_: Any) -> None:
    """Stands for callbacks that are more than one: those are the loop's."""


class Future(concurrent.futures.Future[T]):
    """The outcome of one call, to be awaited or waited for.

    `await future` gives the result or raises the exception of the call, in any asyncio event loop.
    If the asyncio task that awaits is cancelled, so is the future, if it is still pending.

    Futures don't pickle: pass on what they give.
    """

    # Most futures are made, completed and read once; what they don't need they don't make.
    _condition: ClassVar[_Condition] = _Condition()  # type: ignore[assignment,misc]
    _state = PENDING
    _result: Any = None
    _exception: BaseException | None = None
    _waiters: ClassVar[_LazyWaiters] = _LazyWaiters()  # type: ignore[misc]

    ticket: Any = None
    """The engine's own: what leads it from this future to its task."""

    needs: Any = None
    """The engine's own: what the task's arguments need in the workers, until it is done."""

    def __init__(self, engine: Source) -> None:
        # The base class's constructor would make what is above, for each instance.
        self._engine = engine
        self._done_callbacks: list[Callable[[Any], Any]] = []

    def done(self) -> bool:
        """True if the call has ended, by return, exception or cancellation.

        Collects what has arrived, so that a loop may ask until it is true. Callbacks run then, too.
        """
        if self._state not in DONE:
            self._engine.drain(0, self)
        return self._state in DONE

    def cancelled(self) -> bool:
        """True if the call was cancelled: withdrawn before it ran, or ended by `Cancelled`."""
        return self._state in (CANCELLED, CANCELLED_AND_NOTIFIED)

    def running(self) -> bool:
        """True if a worker has begun the call and not ended it. Collects, as `done` does."""
        return not self.done() and (self._state == RUNNING or self._engine.running(self))

    def cancel(self, running: bool = False) -> bool:
        """Withdraw the call if no worker has begun it.

        Args:
            running: Also ask a worker that has begun it to end it: `penny.Cancelled` is raised in
                the task, at its next bytecode. The future is cancelled once the task has ended so;
                until then it runs, and a task that catches `Cancelled` and returns has returned. A
                worker that doesn't get to it in time (from within a long call in C) is replaced by
                another, and the future is cancelled.

        Returns:
            True if the call is cancelled (now or before), or a worker was asked to end it. False if
            it runs and goes on, or has ended.
        """
        if self._state == PENDING and self._engine.cancel(self):
            self.set_cancelled()
        if self._state in DONE:
            return self.cancelled()
        return running and self._engine.ask_cancel(self)

    def result(self, timeout: float | None = None) -> T:
        """The call's result, waiting for it where waiting is possible.

        Args:
            timeout: Seconds to wait at most; None: no limit.

        Raises:
            TimeoutError: The call has not ended within `timeout`.
            concurrent.futures.CancelledError: The call was cancelled.
            TimeoutError: The call took longer than the `timeout` in its options.
            BlockingError: It has not ended, and waiting is impossible here: `await` the future.
            BaseException: Whatever the call raised.
        """
        if self._state != FINISHED:
            self._wait(timeout)
        if self._exception is None:
            return self._result  # type: ignore[no-any-return]
        try:
            raise self._exception
        finally:
            # The exception's traceback refers to this frame: no cycle through the future.
            del self

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The exception that the call raised, or None; waits and raises as `result` does."""
        if self._state != FINISHED:
            self._wait(timeout)
        return self._exception

    def _wait(self, timeout: float | None) -> None:
        """Drain completions until this one is among them, or raise."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._state not in DONE:
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            self._engine.drain(remaining, self)
            if remaining == 0 and self._state not in DONE:
                raise TimeoutError
        if self._state != FINISHED:
            raise concurrent.futures.CancelledError

    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the call in an event loop, without blocking."""
        if self._state not in DONE:
            # Completions are delivered on the loop's own thread, so that the loop's future can be
            # set directly: one turn of the loop instead of `asyncio.wrap_future`'s two.
            self._engine.listen()
            waiter = Waiter()
            wake = waiter.wake
            self._done_callbacks.append(wake)
            try:
                yield from waiter
            except asyncio.CancelledError:
                self.remove_done_callback(wake)
                self.cancel()
                raise
        if self._state != FINISHED:
            raise asyncio.CancelledError
        return self.result()

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """Have `fn(future)` called when the call has ended; at once, if it has. See CPython."""
        if self._state not in DONE:
            self._engine.listen()
        super().add_done_callback(fn)  # type: ignore[arg-type]

    def remove_done_callback(self, fn: Callable[[Future[T]], object]) -> int:
        """Remove a callback; returns how often it had been added."""
        callbacks = self._done_callbacks
        # A new list: the old one may be being gone through, by a callback that calls this.
        self._done_callbacks = [callback for callback in callbacks if callback != fn]
        return len(callbacks) - len(self._done_callbacks)

    def set_result(self, result: T) -> None:
        """Complete the future with its result. For engines and tests."""
        self._check_pending()
        self._result = result
        self._state = FINISHED
        if "_waiters" in self.__dict__:
            for waiter in tuple(self._waiters):
                waiter.add_result(self)
        if self._done_callbacks:
            self._invoke_callbacks()

    def set_exception(self, exception: BaseException | None) -> None:
        """Complete the future with an exception. For engines and tests."""
        self._check_pending()
        self._exception = exception
        self._state = FINISHED
        if "_waiters" in self.__dict__:
            for waiter in tuple(self._waiters):
                waiter.add_exception(self)
        if self._done_callbacks:
            self._invoke_callbacks()

    def set_cancelled(self) -> None:
        """Complete the future as cancelled. For engines."""
        self._check_pending()
        self._state = CANCELLED_AND_NOTIFIED
        if "_waiters" in self.__dict__:
            for waiter in tuple(self._waiters):
                waiter.add_cancelled(self)
        if self._done_callbacks:
            self._invoke_callbacks()

    def _invoke_callbacks(self) -> None:
        # The base class's stops at what is no Exception: whoever comes after it would not be told,
        # an `await` would wait for ever.
        failure: BaseException | None = None
        for callback in self._done_callbacks:
            try:
                callback(self)
            except Exception:
                _logger.exception("exception calling callback for %r", self)
            except BaseException as error:
                if failure is None:
                    failure = error
                else:
                    _logger.exception("exception calling callback for %r", self)
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # its traceback refers to this frame: no cycle

    def _check_pending(self) -> None:
        if self._state in DONE:
            raise concurrent.futures.InvalidStateError(f"{self._state}: {self!r}")

    def __reduce__(self) -> NoReturn:
        """Futures don't pickle."""
        raise TypeError(
            "a Future can't be sent to another worker: await it, or call its result(), "
            "and pass the value"
        )
