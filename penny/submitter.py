"""What submits work: a Scheduler, and a view of it that submits with other options."""

from __future__ import annotations

import operator
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    ValuesView,
)
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

from penny import results
from penny.engines.refusals import Refusals
from penny.event_loops.executor import LoopExecutor
from penny.functions.calls import split_call
from penny.functions.chunks import ChunkCall, chunk_call
from penny.functions.names import FunctionNames
from penny.futures import Future
from penny.jobs import job as jobs
from penny.kernels.kernel import Kernel
from penny.loops import calls
from penny.options import DEFAULT, UNCHANGED, Options, Priority, Unchanged

if TYPE_CHECKING:
    from penny.engines.engine import Engine
    from penny.memory.block import Memory

__all__ = ["Desk", "Submitter", "SubmitterWithOptions"]

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


class Desk:
    """What a Scheduler and all its views submit by.

    Args:
        engine: Runs what is submitted.
    """

    __slots__ = ("chunk_calls", "closed", "engine", "names", "refusals")

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.refusals = Refusals.of(engine)
        self.closed = False
        self.names = FunctionNames()
        self.chunk_calls = ChunkCalls()


class Submitter(LoopExecutor):
    """The submitting half of a Scheduler."""

    _options: Options = DEFAULT
    _desk: Desk

    @property
    def _memory(self) -> Memory:
        """Where the shared arrays of its tasks are."""
        return self._desk.engine.memory

    def options(
        self,
        *,
        timeout: float | Unchanged | None = UNCHANGED,
        priority: Priority | Unchanged = UNCHANGED,
    ) -> SubmitterWithOptions:
        """This scheduler as one that submits with options: `s.options(timeout=2).submit(f)`.

        What is not given stays as it is: `s.options(timeout=2).options(priority="interactive")` has
        both.

        Args:
            timeout: Seconds that each task may take, from when a worker begins it; None: no limit.
                When they are over, `penny.Cancelled` is raised in it, and its future fails with
                TimeoutError. A worker that doesn't get to it in time is replaced by another.
            priority: "interactive": before all tasks that are not, even on top of one that runs;
                or "batch", as all are by default.

        Returns:
            What has all the methods that submit, and can be kept and used as often as wanted.

        Raises:
            ValueError: `timeout` is not greater than 0; there is no such priority.
            TypeError: `timeout` is no number.
        """
        return SubmitterWithOptions(self, self._options.changed(timeout, priority))

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a worker call `fn(*args, **kwargs)`.

        The function is pickled when it is first submitted, and again when it or a global that it
        uses has changed. Within values of more than 1,000 items that goes unnoticed: `register` the
        function again.

        Returns:
            A future, to be awaited or asked for its `result()`.

        Raises:
            PickleError: The function or an argument can't travel; nothing was queued. So it is with
                a SharedArray where the engine's workers share no memory.
            TypeError: It is a kernel, or a `partial` of one, and these are not its arguments;
                nothing was queued.
            OverflowError: Likewise, and an argument is out of range; nothing was queued.
            RuntimeError: After shutdown; or it is a kernel, or is given one, and the engine runs
                none: nothing was queued.
        """
        desk = self._desk
        if desk.closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if not callable(fn):
            raise TypeError(f"{fn!r} is not callable")
        if type(fn) is Kernel:
            args, kwargs = fn.bind(args, kwargs), {}  # type: ignore[assignment]
        else:
            jobs.check_call(fn, args, kwargs)
        engine = desk.engine
        future: Future[T] = Future(engine)
        if desk.refusals is None:
            engine.submit(future, fn, args, kwargs, self._options)
        else:
            desk.refusals.check(fn, args, kwargs)
            with desk.refusals.sending():
                engine.submit(future, fn, args, kwargs, self._options)
        try:
            return future
        finally:
            # The serial engine's exceptions lead to this frame: no cycle through the future.
            del future

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
        function = self._desk.names.find(id)
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
        call = self._desk.chunk_calls.call(fn)
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
            buffersize = 4 * self._desk.engine.workers
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
        call = self._desk.chunk_calls.call(fn)
        lists = results.imap(lambda chunk: self.submit(call, chunk), source, buffersize)
        return results.flattened(lists)

    # -- Parallel loops: one task, which shares its work with all workers that are idle ----------

    def parallel_for(
        self,
        f: Callable[..., object],
        range_or_n: int | Iterable[Any],
        high: int | None = None,
        *,
        args: Sequence[Any] = (),
        grain: int | None = None,
    ) -> Future[None]:
        """Have a worker run `penny.parallel_for`, which see: done once all calls are."""
        items = calls.items_of_for(range_or_n, high)
        if type(f) is Kernel:
            args = calls.kernel_arguments(f, items, args)
        return self.submit(calls.parallel_for, f, _sendable(items), args=tuple(args), grain=grain)

    def parallel_map(
        self, f: Callable[[T], R], seq: Iterable[T], grain: int | None = None
    ) -> Future[list[R]]:
        """Have a worker run `penny.parallel_map`, which see: the results in a list, in order."""
        return self.submit(calls.parallel_map, f, _sendable(seq), grain)

    def parallel_reduce(
        self,
        f: Callable[[T], R],
        seq: Iterable[T],
        op: Callable[[R, R], R],
        init: R,
        grain: int | None = None,
    ) -> Future[R]:
        """Have a worker run `penny.parallel_reduce`, which see."""
        return self.submit(calls.parallel_reduce, f, _sendable(seq), op, init, grain)

    def parallel_sort(
        self,
        items: Iterable[T],
        key: Callable[[T], Any] | None = None,
        reverse: bool = False,
    ) -> Future[list[T]]:
        """Have a worker run `penny.parallel_sort`, which see: a new list, of copies."""
        return self.submit(calls.parallel_sort, _sendable(items), key, reverse)


class SubmitterWithOptions(Submitter):
    """What `Scheduler.options` gives. It keeps the scheduler from being collected."""

    def __init__(self, submitter: Submitter, options: Options) -> None:
        self._owner: Submitter = getattr(submitter, "_owner", submitter)
        self._desk = submitter._desk
        self._options = options

    def __repr__(self) -> str:
        """The scheduler and the options."""
        return f"<{self._owner!r} with {self._options}>"

    def __reduce__(self) -> NoReturn:
        """Schedulers don't pickle."""
        raise TypeError("a Scheduler can't be sent to another worker")


class ChunkCalls:
    """The calls of chunks that a scheduler has submitted: the last one, not to be pickled again."""

    def __init__(self) -> None:
        self._last: ChunkCall[Any] | None = None

    def call(self, fn: Callable[..., Any]) -> ChunkCall[Any]:
        """The function as one for chunks; the same as last time if it is the same function."""
        if self._last is not None and self._last.function is fn:
            return self._last
        call = chunk_call(fn)
        if split_call(fn, ())[0] is fn:  # else it may have changed by the next time
            self._last = call
        return call

    def forget(self) -> None:
        """What was known has changed."""
        self._last = None


def _sendable(items: Any) -> Any:
    """The items in a form that can be pickled."""
    if isinstance(items, (Iterator, KeysView, ValuesView, ItemsView)):
        return list(items)
    return items


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
