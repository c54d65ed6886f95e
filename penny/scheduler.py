"""The Scheduler: what users submit work to."""

from __future__ import annotations

import concurrent.futures
import operator
import weakref
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from types import TracebackType
from typing import Any, NoReturn, ParamSpec, Self, TypeVar, overload

from penny import results
from penny.engines import open_engine
from penny.errors import BlockingError
from penny.functions import ChunkCall, FunctionNames, split_call
from penny.futures import Future

__all__ = ["Scheduler"]

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Scheduler(concurrent.futures.Executor):
    """A pool of workers that run Python functions: a `concurrent.futures.Executor`.

    In the browser the workers are Web Workers that steal each other's tasks; on plain Python each
    task runs inside `submit`. Making a Scheduler returns at once: what is submitted before its
    workers are up waits for them.

    Use it as `async with Scheduler() as s:`, or as `with Scheduler() as s:` where blocking is
    possible. One that is forgotten without shutdown ends once it is garbage.

    Args:
        workers: Number of workers; None: as many as the machine has processors.
        packages: Names of Pyodide packages, or URLs of wheels, to load into every worker.
        memory: Limit of the memory that workers share, for arguments and results, in bytes; None:
            the engine's default.

    Raises:
        ValueError: `workers` or `memory` is not greater than 0.
        TypeError: They are not integers.
        IsolationError: The page is not cross-origin isolated.
        RuntimeError: The page has not been set up for Penny; the message says how.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        packages: Sequence[str] = (),
        memory: int | None = None,
    ) -> None:
        workers = _positive("workers", workers)
        memory = _positive("memory", memory)
        if isinstance(packages, str):
            raise TypeError("packages must be a sequence of names, not one name")
        self._closed = False
        self._names = FunctionNames()
        self._last_chunk_call: ChunkCall[Any] | None = None
        self._engine = open_engine(workers=workers, packages=tuple(packages), memory=memory)
        self._finalizer = weakref.finalize(self, self._engine.shutdown, cancel=False)

    @property
    def workers(self) -> int:
        """The number of workers."""
        return self._engine.workers

    # -- Submitting ------------------------------------------------------------------------------

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a worker call `fn(*args, **kwargs)`.

        The function is pickled when it is first submitted, and later submissions use that form:
        `register` it again if its globals have changed.

        Returns:
            A future, to be awaited or asked for its `result()`.

        Raises:
            PickleError: The function or an argument can't travel; nothing was queued.
            RuntimeError: After shutdown.
        """
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if not callable(fn):
            raise TypeError(f"{fn!r} is not callable")
        future: Future[T] = Future(self._engine)
        self._engine.submit(future, fn, args, kwargs)
        return future

    @overload
    def register(self, fn: Callable[..., Any], id: int | None = None) -> int: ...
    @overload
    def register(self, *, id: int | None = None) -> Callable[[F], F]: ...
    def register(
        self, fn: Callable[..., Any] | None = None, id: int | None = None
    ) -> int | Callable[[F], F]:
        """Enter a function into the function table, for `new_task`.

        A function that is registered again, or another one under the same number or the same name
        (`module.qualname`, or what `penny.task` named it), takes effect for later submissions.

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
        self._engine.publish(fn)
        self._last_chunk_call = None
        return self._names.register(fn, id)

    def new_task(
        self,
        id: int | str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Future[Any]:
        """Have a worker call a registered function: `new_task(1, [40, 2])`.

        Args:
            id: The number that `register` gave or was given, or the function's name.
            args: The positional arguments.
            kwargs: The keyword arguments.

        Raises:
            LookupError: No such function; nothing was queued.
            TypeError: `args` is not a sequence.
        """
        function = self._names.find(id)
        if not isinstance(args, Sequence) or isinstance(args, (str, bytes)):
            raise TypeError(f"args must be a sequence of arguments, not {type(args).__name__}")
        return self.submit(function, *args, **(kwargs or {}))

    # -- Many calls ------------------------------------------------------------------------------

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """The results of `fn` for the items of the iterables, in order, as `map` would give them.

        Calls are submitted at once. What has not begun is cancelled when the iterator is closed, a
        call fails or time runs out.

        Args:
            fn: Called with one item of each iterable.
            iterables: Consumed at once, unless `buffersize` is given.
            timeout: Seconds from now within which each result must be there, else TimeoutError.
            chunksize: Number of calls that travel as one task. An exception in one of them takes
                the place of all their results.
            buffersize: Number of tasks to submit ahead of the results that were taken; the
                iterables are consumed as results are. None: no limit.
        """
        chunksize, buffersize = _sizes(chunksize, buffersize)
        source = zip(*iterables, strict=False)
        if chunksize == 1:
            return results.map_results(
                lambda args: self.submit(fn, *args), source, timeout, buffersize
            )
        call = self._chunk_call(fn)
        chunks = results.chunks(source, chunksize)
        lists = results.map_results(
            lambda chunk: self.submit(call, chunk), chunks, timeout, buffersize
        )
        return results.chained(lists)

    def imap(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any] | AsyncIterable[Any],
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> AsyncGenerator[T, None]:
        """The results of `fn` for the items of the iterables, in order: `async for r in s.imap(…)`.

        Items are consumed as results are taken, so that the iterables may be endless and a slow
        consumer isn't flooded. What has not begun is cancelled when the iterator is closed or a
        call fails.

        Args:
            fn: Called with one item of each iterable.
            iterables: Iterables, or a single asynchronous one.
            chunksize: Number of calls that travel as one task.
            buffersize: Most tasks that are submitted and whose results have not been taken; None:
                4 for each worker.
        """
        chunksize, buffersize = _sizes(chunksize, buffersize)
        if buffersize is None:
            buffersize = 4 * self.workers
        source: Any
        if len(iterables) == 1 and isinstance(iterables[0], AsyncIterable):
            source = results.one_tuples(iterables[0])
            if chunksize > 1:
                source = results.async_chunks(source, chunksize)
        else:
            source = zip(*iterables, strict=False)
            if chunksize > 1:
                source = results.chunks(source, chunksize)
        if chunksize == 1:
            return results.imap(lambda args: self.submit(fn, *args), source, buffersize)
        call = self._chunk_call(fn)
        lists = results.imap(lambda chunk: self.submit(call, chunk), source, buffersize)
        return results.flattened(lists)

    def as_completed(
        self, fs: Iterable[Future[T]], timeout: float | None = None
    ) -> AsyncGenerator[Future[T], None]:
        """The futures in the order in which they complete: `async for f in s.as_completed(fs)`.

        Args:
            fs: Futures; each is yielded once.
            timeout: Seconds from now within which all must be done, else TimeoutError.
        """
        return results.as_completed(fs, timeout)

    def _chunk_call(self, fn: Callable[..., T]) -> ChunkCall[T]:
        """The function as one for chunks; the same as last time, not to travel again."""
        last = self._last_chunk_call
        if last is not None and last.function is fn:
            return last
        call = ChunkCall(fn)
        if split_call(fn, ())[0] is fn:  # else it may have changed by the next time
            self._last_chunk_call = call
        return call

    # -- State and end ---------------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Counters since the start.

        Returns:
            `workers`: for each worker a dict of its number `worker`, the tasks it has `run` and
            those of them it has `stolen` from another, the seconds it was `busy` and `idle`, and
            its `wakeups` from sleep. `heap`: of the shared heap the bytes `used`, its present
            `size` and its `limit`.
        """
        return self._engine.stats()

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
        """Like `shutdown(wait=True)`, to be awaited."""
        await self._shutdown(cancel_futures)

    def _shutdown(self, cancel_futures: bool) -> Future[None]:
        self._closed = True
        self._finalizer.detach()
        return self._engine.shutdown(cancel=cancel_futures)

    def __enter__(self) -> Self:
        """Raises BlockingError where the end of the block could not wait."""
        if not self._engine.can_block():
            # It would otherwise live on, in the traceback.
            self._shutdown(cancel_futures=True)
            raise BlockingError(
                "`with Scheduler()` must wait at its end, and can't here: use `async with`"
            )
        return self

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


def _positive(name: str, value: int | None) -> int | None:
    if value is None:
        return None
    value = operator.index(value)
    if value <= 0:
        raise ValueError(f"{name} must be greater than 0")
    return value


def _sizes(chunksize: int, buffersize: int | None) -> tuple[int, int | None]:
    """Checked in the words of CPython's executors."""
    if buffersize is not None and not isinstance(buffersize, int):
        raise TypeError("buffersize must be an integer or None")
    if buffersize is not None and buffersize < 1:
        raise ValueError("buffersize must be None or > 0")
    chunksize = operator.index(chunksize)
    if chunksize < 1:
        raise ValueError("chunksize must be >= 1.")
    return chunksize, buffersize
