"""`multiprocessing.Pool` on an executor: Penny's workers, or the caller for `ThreadPool`."""

from __future__ import annotations

import collections
import concurrent.futures
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing import TimeoutError
from typing import Any, NoReturn, Self

from penny import RemoteTraceback
from penny.adapters import common

__all__ = ["AsyncResult", "IMapIterator", "MapResult", "Pool", "RemoteTraceback", "ThreadPool"]

AHEAD = 4
"""How many tasks for each worker `imap` submits beyond the result that was taken last."""


def _map_chunk(fn: Callable[..., Any]) -> Any:
    def call(chunk: Iterable[Any]) -> list[Any]:
        return [*map(fn, chunk)]

    return _named(call, fn)


def _star_chunk(fn: Callable[..., Any]) -> Any:
    def call(chunk: Iterable[Any]) -> list[Any]:
        return [fn(*args) for args in chunk]

    return _named(call, fn)


def _named(call: Any, fn: Any) -> Any:
    name = getattr(fn, "__qualname__", None)
    if isinstance(name, str):
        call.__qualname__ = name
    return call


class AsyncResult:
    """What `apply_async` gives: one call that was submitted. See `multiprocessing.pool`."""

    def __init__(
        self,
        futures: Sequence[concurrent.futures.Future[Any]],
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> None:
        self._futures = futures
        self._left = len(futures)
        self._callback, self._error_callback = callback, error_callback
        if callback is not None or error_callback is not None:
            for future in futures:
                future.add_done_callback(self._count)
            if not futures:
                self._call()

    def _count(self, _: object) -> None:
        self._left -= 1
        if not self._left:
            self._call()

    def _call(self) -> None:
        try:
            value = self._value()
        except BaseException as error:
            if self._error_callback is not None:
                self._error_callback(error)
        else:
            if self._callback is not None:
                self._callback(value)

    def _value(self) -> Any:
        return self._futures[0].result(0)

    def ready(self) -> bool:
        """Whether the call has ended."""
        return all(future.done() for future in self._futures)

    def successful(self) -> bool:
        """Whether it has returned.

        Raises:
            ValueError: It has not ended.
        """
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return not any(f.cancelled() or f.exception(0) for f in self._futures)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has ended, for so many seconds at most."""
        concurrent.futures.wait(self._futures, timeout)

    def get(self, timeout: float | None = None) -> Any:
        """What the call returned; raises what it raised.

        Raises:
            multiprocessing.TimeoutError: It has not ended within `timeout` seconds.
        """
        self.wait(timeout)
        if not self.ready():
            raise TimeoutError
        return self._value()


class MapResult(AsyncResult):
    """What `map_async` gives."""

    def _value(self) -> list[Any]:
        # All have ended: the first chunk that failed says how.
        return [*itertools.chain.from_iterable([future.result(0) for future in self._futures])]


class IMapIterator:
    """What `imap` gives: an iterator whose `next` takes a timeout.

    Args:
        submit: Submits a chunk.
        chunks: The chunks, taken when results are.
        ahead: How many to have submitted beyond the results that were taken.
        ordered: In the order of the chunks, else as they end.
    """

    def __init__(
        self,
        submit: Callable[[Any], concurrent.futures.Future[Any]],
        chunks: Iterator[Any],
        ahead: int,
        ordered: bool,
    ) -> None:
        self._submit, self._chunks, self._ahead = submit, chunks, ahead
        self._ordered = ordered
        self._futures: collections.deque[concurrent.futures.Future[Any]] = collections.deque()
        self._ready: collections.deque[Any] = collections.deque()
        self._failure: BaseException | None = None
        self._fill()

    def _fill(self) -> None:
        while self._failure is None and len(self._futures) < self._ahead:
            try:
                chunk = next(self._chunks)
            except StopIteration:
                return
            except BaseException as error:  # the iterable's own: it comes after what it gave
                self._failure = error
                return
            self._futures.append(self._submit(chunk))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self.next()

    def next(self, timeout: float | None = None) -> Any:
        """The next result; raises what its call raised.

        Raises:
            StopIteration: There is none.
            multiprocessing.TimeoutError: It is not there within `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._ready:
            self._fill()
            if not self._futures:
                failure, self._failure = self._failure, None
                raise StopIteration if failure is None else failure
            first = [self._futures[0]] if self._ordered else self._futures
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            done, _ = concurrent.futures.wait(first, left, concurrent.futures.FIRST_COMPLETED)
            if not done:
                raise TimeoutError
            future = next(each for each in first if each in done)
            self._futures.remove(future)
            self._fill()
            self._ready.extend(future.result(0))
        return self._ready.popleft()


class Pool:
    """Penny's workers, as a `multiprocessing.Pool`.

    Args:
        processes: 1: a worker that is this pool's alone; else as many as there are.
        initializer: Called once in each worker, before the pool's first call there.
        initargs: Its arguments.
        maxtasksperchild: Calls (of `map`: chunks) after which a worker is replaced by a new one.
            The pool's workers are then its own. None: they stay.
        context: Nothing; there is one way to start a worker.

    Raises:
        ValueError: A number is less than 1.
        TypeError: `initializer` is not callable.
    """

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: object = None,
    ) -> None:
        if processes is not None and processes < 1:
            raise ValueError("Number of processes must be at least 1")
        if maxtasksperchild is not None and (
            not isinstance(maxtasksperchild, int) or maxtasksperchild <= 0
        ):
            raise ValueError("maxtasksperchild must be a positive int or None")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._state = "RUN"
        self._executor = self._opened(processes, initializer, tuple(initargs), maxtasksperchild)
        self._processes: int = self._executor._max_workers
        self._pending: dict[concurrent.futures.Future[Any], None] = {}
        # The last ones that were submitted, so that each is pickled once.
        self._calls: dict[tuple[Any, int], tuple[Any, Any]] = {}

    def _opened(
        self,
        processes: int | None,
        initializer: Callable[..., object] | None,
        initargs: tuple[Any, ...],
        maxtasksperchild: int | None,
    ) -> Any:
        from penny.adapters.processes import ProcessPoolExecutor

        return ProcessPoolExecutor(
            processes, None, initializer, initargs, max_tasks_per_child=maxtasksperchild
        )

    def __repr__(self) -> str:
        """Its state and size."""
        kind = type(self)
        name = f"{kind.__module__}.{kind.__qualname__}"
        return f"<{name} state={self._state} pool_size={self._processes}>"

    @property
    def _pool(self) -> range:
        """By number, what CPython's has its processes in; some look how many there are."""
        return range(self._processes)

    def _submit(self, fn: Any, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any]
        try:
            future = self._executor.submit(fn, *args, **kwargs)
        except Exception as error:  # as what can't be sent to a process: `get` raises it
            future = concurrent.futures.Future()
            future.set_exception(error)
        self._pending[future] = None
        future.add_done_callback(self._forget)
        return future

    def _forget(self, future: concurrent.futures.Future[Any]) -> None:
        self._pending.pop(future, None)

    def _check_running(self) -> None:
        if self._state != "RUN":
            raise ValueError("Pool not running")

    def _call(self, kind: Callable[[Any], Any], fn: Any) -> Any:
        key = kind, id(fn)
        known = self._calls.get(key)
        if known is None:
            if len(self._calls) > 100:
                self._calls.clear()
            known = self._calls[key] = fn, kind(fn)
        return known[1]

    # -- One call ------------------------------------------------------------------------------

    def apply(
        self, func: Callable[..., Any], args: Iterable[Any] = (), kwds: dict[str, Any] | None = None
    ) -> Any:
        """What `func(*args, **kwds)` returns in a worker."""
        return self.apply_async(func, args, kwds).get()

    def apply_async(
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: dict[str, Any] | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> AsyncResult:
        """Submit a call. A callback is called where and when somebody waits."""
        self._check_running()
        future = self._submit(func, *args, **(kwds or {}))
        return AsyncResult([future], callback, error_callback)

    # -- Many ----------------------------------------------------------------------------------

    def map(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int | None = None
    ) -> list[Any]:
        """The results of `func` for the items, in order."""
        return self._map(_map_chunk, func, iterable, chunksize).get()  # type: ignore[no-any-return]

    def starmap(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
    ) -> list[Any]:
        """The same; each item is a tuple of arguments."""
        return self._map(_star_chunk, func, iterable, chunksize).get()  # type: ignore[no-any-return]

    def map_async(
        self,
        func: Callable[[Any], Any],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> MapResult:
        """`map`, to be waited for later."""
        return self._map(_map_chunk, func, iterable, chunksize, callback, error_callback)

    def starmap_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> MapResult:
        """`starmap`, to be waited for later."""
        return self._map(_star_chunk, func, iterable, chunksize, callback, error_callback)

    def _map(
        self,
        kind: Callable[[Any], Any],
        func: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int | None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> MapResult:
        self._check_running()
        # Slices of a range are a few bytes, however many items they have.
        items = iterable if isinstance(iterable, (list, range)) else list(iterable)
        if chunksize is None:
            chunksize = max(1, -(-len(items) // (4 * self._processes)))
        elif chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {chunksize}")
        call = self._call(kind, func)
        futures = [
            self._submit(call, items[start : start + chunksize])
            for start in range(0, len(items), chunksize)
        ]
        return MapResult(futures, callback, error_callback)

    def imap(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 1
    ) -> IMapIterator:
        """`map` as an iterator. Items are taken some way ahead of the results."""
        return self._imap(func, iterable, chunksize, ordered=True)

    def imap_unordered(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 1
    ) -> IMapIterator:
        """The same, each result as soon as it is there."""
        return self._imap(func, iterable, chunksize, ordered=False)

    def _imap(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int, ordered: bool
    ) -> IMapIterator:
        self._check_running()
        if chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {chunksize:n}")
        source = iter(iterable)
        chunks = _chunks(source, chunksize)
        call = self._call(_map_chunk, func)
        ahead = AHEAD * self._processes
        return IMapIterator(lambda chunk: self._submit(call, chunk), chunks, ahead, ordered)

    # -- The end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Take no more calls."""
        if self._state == "RUN":
            self._state = "CLOSE"

    def terminate(self) -> None:
        """Withdraw what has not begun, and end what runs."""
        self._state = "TERMINATE"
        self._executor.terminate_workers()
        for future in list(self._pending):
            future.cancel()

    def join(self) -> None:
        """Wait until all calls have ended.

        Raises:
            ValueError: Neither `close` nor `terminate` was called.
        """
        if self._state == "RUN":
            raise ValueError("Pool is still running")
        if self._state == "CLOSE":
            concurrent.futures.wait(list(self._pending))
        self._executor.shutdown(wait=self._state == "CLOSE")

    def __enter__(self) -> Self:
        """Raises ValueError after its end."""
        self._check_running()
        return self

    def __exit__(self, *_: object) -> None:
        """As `multiprocessing`'s: what has not ended is ended."""
        self.terminate()

    def __reduce__(self) -> NoReturn:
        """Pools don't pickle."""
        raise NotImplementedError(
            "pool objects cannot be passed between processes or pickled: a task opens its own"
        )


def _chunks(source: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while chunk := [*itertools.islice(source, size)]:
        yield chunk


class _Inline(concurrent.futures.Executor):
    """Calls on the caller, for `ThreadPool`."""

    def __init__(self, queue: Any, threads: int) -> None:
        self._queue = queue
        self._max_workers = threads

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self._queue.submit(fn, args, kwargs)

    def terminate_workers(self) -> None:
        self._queue.cancel_all()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            self._queue.cancel_all()
        if wait:
            self._queue.run_all()


class ThreadPool(Pool):
    """A `multiprocessing.pool.ThreadPool` without threads: calls run on whoever waits for them.

    Args:
        processes: How many threads there would be.
        initializer: Called once, before the first call.
        initargs: Its arguments.
    """

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
    ) -> None:
        super().__init__(processes, initializer, initargs)

    def _opened(
        self,
        processes: int | None,
        initializer: Callable[..., object] | None,
        initargs: tuple[Any, ...],
        maxtasksperchild: int | None,
    ) -> Any:
        from penny.adapters.inline import Queue

        begin = None if initializer is None else lambda: initializer(*initargs)
        return _Inline(Queue(begin), processes or common.workers())
