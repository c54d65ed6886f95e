"""A `ProcessPoolExecutor` whose processes are Penny's workers.

They are everybody's: pools share them, and what a task leaves in a worker's modules another one may
find, as in a process that has run it. Each pool's `initializer` runs once in each worker, before
that pool's first call there. A pool of one process has a worker of its own, since its calls may
count on the state that the one before has left.
"""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Any

import penny
from penny.adapters import common, inline
from penny.adapters.successors import Successors

__all__ = ["Calls", "ProcessPoolExecutor", "executor_methods"]

_entered: dict[str, BaseException | None] = {}
"""By its pool's name: how its initializer has ended in this worker."""


def _enter(pool: str, initializer: Callable[..., object], initargs: tuple[Any, ...]) -> None:
    """Call the pool's initializer, if this worker has not.

    Raises:
        BrokenProcessPool: It has failed here.
    """
    if pool not in _entered:
        try:
            initializer(*initargs)
        except BaseException as error:
            _entered[pool] = error
        else:
            _entered[pool] = None
    failure = _entered[pool]
    if failure is not None:
        from concurrent.futures.process import BrokenProcessPool

        raise BrokenProcessPool(f"the pool's initializer has failed: {failure!r}") from failure


class Calls:
    """How the calls of a pool are submitted.

    Args:
        initializer: Called once in each worker before its first call; None: nothing is.
        initargs: Its arguments.
    """

    def __init__(
        self, initializer: Callable[..., object] | None = None, initargs: tuple[Any, ...] = ()
    ) -> None:
        self._name = uuid.uuid4().hex
        self._initializer = initializer
        self._initargs = initargs
        # The last ones that were submitted, so that each is pickled once.
        self._wrapped: dict[int, tuple[Any, Any]] = {}

    def of(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """The function as the workers are to call it."""
        if self._initializer is None:
            return fn
        known = self._wrapped.get(id(fn))
        if known is None:
            if len(self._wrapped) > 100:
                self._wrapped.clear()
            known = fn, _initialised(self._name, self._initializer, self._initargs, fn)
            self._wrapped[id(fn)] = known
        return known[1]


def _initialised(
    pool: str,
    initializer: Callable[..., object],
    initargs: tuple[Any, ...],
    fn: Callable[..., Any],
) -> Callable[..., Any]:
    # A closure, which goes to a worker once; as an object it would go with each call.
    def call(*args: Any, **kwargs: Any) -> Any:
        _enter(pool, initializer, initargs)
        return fn(*args, **kwargs)

    name = getattr(fn, "__qualname__", None)
    if isinstance(name, str):
        call.__qualname__ = name
    return call


def _of_chunk(fn: Callable[..., Any], chunk: list[tuple[Any, ...]]) -> list[Any]:
    return [fn(*args) for args in chunk]


def _positive(name: str, number: int | None) -> None:
    if number is not None and number <= 0:
        raise ValueError(f"{name} must be greater than 0")


class ProcessPoolExecutor(concurrent.futures.Executor):
    """Penny's workers, as a `concurrent.futures.ProcessPoolExecutor`.

    Args:
        max_workers: 1: a worker that is this pool's alone; else as many as there are.
        mp_context: Nothing; there is one way to start a worker.
        initializer: Called once in each worker, before the pool's first call there. If it fails,
            all calls that come to that worker are a BrokenProcessPool.
        initargs: Its arguments.
        max_tasks_per_child: Calls after which a worker is replaced by a new one. The pool's workers
            are then its own. None: they stay.

    Raises:
        ValueError: A number is not greater than 0.
        TypeError: `initializer` is not callable.
        NotImplementedError: `max_tasks_per_child` is given inside a task.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: object = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
    ) -> None:
        _positive("max_workers", max_workers)
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if max_tasks_per_child is not None:
            if not isinstance(max_tasks_per_child, int):
                raise TypeError("max_tasks_per_child must be an integer")
            if max_tasks_per_child <= 0:
                raise ValueError("max_tasks_per_child must be >= 1")
        self._successors: Successors | None = None
        self._own: penny.Scheduler | None = None
        if max_tasks_per_child is not None:
            self._successors = Successors(max_workers or common.workers(), max_tasks_per_child)
        elif max_workers == 1:
            self._own = penny.Scheduler(1)
        self._calls = Calls(initializer, tuple(initargs))
        self._max_workers = max_workers or self._scheduler().workers
        self._pending: set[penny.Future[Any]] = set()
        self._over = False

    def _scheduler(self) -> penny.Scheduler:
        return common.scheduler() if self._own is None else self._own

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> penny.Future[Any]:
        """See `concurrent.futures.Executor.submit`.

        Raises:
            PickleError: It can't travel; nothing was queued.
            RuntimeError: After shutdown.
        """
        if self._over:
            raise RuntimeError("cannot schedule new futures after shutdown")
        call = self._calls.of(fn)
        if self._successors is None:
            future = self._scheduler().submit(call, *args, **kwargs)
        else:
            future = self._successors.submit(call, args, kwargs)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[Any]:
        """See `concurrent.futures.Executor.map`. It submits by `self.submit`."""
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        more: dict[str, Any] = {} if buffersize is None else {"buffersize": buffersize}
        every = concurrent.futures.Executor.map
        if chunksize == 1:
            return every(self, fn, *iterables, timeout=timeout, **more)
        source = zip(*iterables, strict=False)
        chunks = iter(lambda: list(itertools.islice(source, chunksize)), [])
        call = functools.partial(_of_chunk, fn)
        return itertools.chain.from_iterable(every(self, call, chunks, timeout=timeout, **more))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `concurrent.futures.Executor.shutdown`. Workers that are shared go on."""
        self._over = True
        pending = list(self._pending)
        if cancel_futures:
            for future in pending:
                future.cancel()
        if self._successors is not None:
            self._successors.shutdown()
        if wait:
            concurrent.futures.wait(pending)
        self._end(wait)

    def _end(self, wait: bool) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.shutdown(wait)

    def terminate_workers(self) -> None:
        """End what runs of this pool, and cancel what has not begun."""
        self._over = True
        for future in list(self._pending):
            future.cancel(running=True)
        if self._successors is not None:
            self._successors.shutdown()
        self._end(False)

    kill_workers = terminate_workers

    @property
    def _processes(self) -> MappingProxyType[int, None]:
        """By number, as CPython's knows its processes; there are none to look at."""
        return MappingProxyType({})


def executor_methods() -> dict[str, Any]:
    """The methods, for CPython's class: pools of its subclasses are then Penny's, too."""
    names = "__init__ _scheduler submit map shutdown _end terminate_workers kill_workers _processes"
    return {name: vars(ProcessPoolExecutor)[name] for name in names.split()}


def thread_executor_methods() -> dict[str, Any]:
    """The same for `ThreadPoolExecutor`, whose constructor takes other arguments."""

    def __init__(
        self: Any,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        **_: Any,
    ) -> None:
        ProcessPoolExecutor.__init__(self, max_workers, None, initializer, initargs)

    methods = executor_methods()
    del methods["_processes"]
    # A pool that was made before has no workers, and none of what these methods look at.
    early = inline.executor_methods()

    def chosen(name: str) -> Callable[..., Any]:
        def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            own = methods if "_calls" in vars(self) else early
            return own[name](self, *args, **kwargs)

        return method

    return {
        **methods,
        "__init__": __init__,
        "submit": chosen("submit"),
        "shutdown": chosen("shutdown"),
        "map": concurrent.futures.Executor.map,
    }
