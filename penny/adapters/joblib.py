"""joblib's backend: `with joblib.parallel_config(backend="penny"):`, once this was imported.

It takes what joblib's own backends take. Tasks are processes' tasks: what they get is a copy. So
`require="sharedmem"` runs one after the other on the caller, and so does `prefer="threads"` where
Penny is joblib's default (`register(default=True)`) and nobody has named it.

joblib's Parallel waits for its results in `time.sleep`, until a thread has brought them. Here that
sleep brings them. Where nothing can wait (a page whose browser can't suspend Python) it is a
BlockingError.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import joblib
import joblib.parallel
from joblib._parallel_backends import (
    AutoBatchingMixin,
    FallbackToBackend,
    ParallelBackendBase,
    SequentialBackend,
)

import penny
from penny.adapters import common
from penny.adapters.recurring import Copied, Recurring

__all__ = ["PennyBackend", "register", "unregister"]

NAME = "penny"

WAY_OUT = (
    "joblib.Parallel waits for its results, and here nothing can: run the program in a worker "
    "(`penny run` does, and Penny.run), or submit what calls joblib as a task, "
    "`await scheduler.submit(function)`"
)


class PennyBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]
    """Runs the batches of a `joblib.Parallel` as tasks.

    Args:
        scheduler: Which one; None: inside a task the one that runs it, else the adapters' own.
        arguments: joblib's.
    """

    default_n_jobs = -1
    supports_retrieve_callback = True
    supports_return_generator = True
    supports_timeout = True
    supports_sharedmem = False
    uses_threads = False

    # A task costs some ten microseconds, not a process's milliseconds.
    MIN_IDEAL_BATCH_DURATION = 0.02
    MAX_IDEAL_BATCH_DURATION = 0.2

    def __init__(self, *, scheduler: penny.Scheduler | None = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._given = scheduler
        self._calls = _Calls(None)

    def __reduce__(self) -> Any:
        """As a nested backend it goes with each batch, and there it is the task's scheduler's."""
        return _nested, (type(self), self.nesting_level)

    def _scheduler(self) -> penny.Scheduler:
        return common.scheduler() if self._given is None else self._given

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many tasks run at a time; for -1 as many as there are workers, for -2 one less."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        if n_jobs < 0:
            return max(self._scheduler().workers + 1 + n_jobs, 1)
        return n_jobs

    def configure(
        self,
        n_jobs: int = 1,
        parallel: Any = None,
        prefer: str | None = None,
        require: str | None = None,
        max_nbytes: int | None = None,
        mmap_mode: str | None = None,
        **_: Any,
    ) -> int:
        """Begin a call of Parallel. Returns how many tasks run at a time.

        Args:
            n_jobs: As `effective_n_jobs` takes it.
            parallel: Who calls.
            prefer: Nothing: joblib has chosen already.
            require: Likewise.
            max_nbytes: Arrays that are larger go to each worker once, and are read-only there.
            mmap_mode: None: all arrays are each call's own.

        Raises:
            ValueError: With `mmap_mode` tasks would write into the caller's arrays.
        """
        number = self.effective_n_jobs(n_jobs)
        if number == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        if mmap_mode in ("r+", "w+"):
            raise ValueError(
                f"mmap_mode={mmap_mode!r}: tasks can't write into the caller's arrays; give them "
                "a penny.SharedArray"
            )
        self.parallel = parallel
        scheduler = self._scheduler()
        self._limit = number if number < scheduler.workers else None
        given = None if penny.current_worker() is not None else scheduler
        self._recurring: Recurring | None = Recurring(
            given, max_nbytes if mmap_mode == "r" else None
        )
        self._calls = _Calls(self._limit)
        return number

    def submit(self, func: Any, callback: Callable[[Any], Any] | None = None) -> Any:
        """Run a batch as a task; `callback` gets its future once it is done."""
        return self._calls.submit(lambda: self._submitted(func), callback)

    def _submitted(self, batch: Any) -> penny.Future[Any]:
        scheduler = self._scheduler()
        items = getattr(batch, "items", None)
        if items is None or self._recurring is None:
            return scheduler.submit(batch)
        replaced = _replaced(items, self._recurring)
        if replaced is items:
            return scheduler.submit(batch)
        nested = batch._backend, batch._n_jobs
        try:
            return scheduler.submit(_run, replaced, nested)
        except penny.PickleError:
            # Either the workers share no memory, or it would not travel at all.
            future = scheduler.submit(batch)
            self._recurring = None
            return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """What the batch has returned; raises what it has raised."""
        return out.result(0)

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Withdraw what has not begun, and end what runs."""
        self._calls.abort()
        self.reset_batch_stats()

    def terminate(self) -> None:
        """The call has ended. The scheduler goes on."""
        self._recurring = None
        self.reset_batch_stats()

    def get_nested_backend(self) -> tuple[Any, int | None]:
        """What a Parallel within a task runs by: Penny, too, if it is asked for more than one."""
        return _nested(type(self), (self.nesting_level or 0) + 1), 1


def _nested(kind: type[PennyBackend], level: int) -> PennyBackend:
    return kind(nesting_level=level)


class _Default(PennyBackend):
    """As joblib's default: a Parallel that names no number of jobs is serial, as everywhere."""

    default_n_jobs = 1


_tasks = itertools.count()


def _replaced(items: Sequence[Any], recurring: Recurring) -> Sequence[Any]:
    """The calls of a batch with what stands for large values; the very same if there is none."""
    task = next(_tasks)
    changed = False
    calls = []
    for function, args, kwargs in items:
        new_args = [recurring.replaced(value, task) for value in args]
        new_kwargs = {name: recurring.replaced(value, task) for name, value in kwargs.items()}
        changed = changed or any(
            isinstance(value, Copied) for value in (*new_args, *new_kwargs.values())
        )
        calls.append((function, new_args, new_kwargs))
    return calls if changed else items


def _run(calls: Sequence[Any], nested: tuple[Any, int | None]) -> list[Any]:
    """A batch with what stands for large values, in a worker."""
    results = []
    with joblib.parallel_config(backend=nested[0], n_jobs=nested[1]):
        for function, args, kwargs in calls:
            objects: dict[Any, Any] = {}  # one object stays one within a call
            results.append(
                function(
                    *[_loaded(value, objects) for value in args],
                    **{name: _loaded(value, objects) for name, value in kwargs.items()},
                )
            )
    return results


def _loaded(value: Any, objects: dict[Any, Any]) -> Any:
    if not isinstance(value, Copied):
        return value
    if value.key not in objects:
        objects[value.key] = value.load()
    return objects[value.key]


class _Calls:
    """The batches of a call of Parallel that are not done.

    Args:
        limit: How many may be submitted at a time; None: all.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._submitting = False
        self._waiting: deque[tuple[Any, Any]] = deque()
        self._running: dict[concurrent.futures.Future[Any], Any] = {}
        self._due: deque[tuple[Any, Any]] = deque()

    def submit(self, begin: Callable[[], penny.Future[Any]], callback: Any) -> Any:
        self._waiting.append((begin, callback))
        _active[self] = None
        self._begin()
        return self

    def _begin(self) -> None:
        while self._waiting and (self._limit is None or len(self._running) < self._limit):
            begin, callback = self._waiting.popleft()
            # joblib's callback submits the next batch. Of what is done at once, as on an engine
            # that runs tasks in place, it is called from `deliver`, else calls would nest.
            outer, self._submitting = self._submitting, True
            future: concurrent.futures.Future[Any]
            try:
                try:
                    future = begin()
                except Exception as error:  # nobody hears what a callback raises
                    future = concurrent.futures.Future()
                    future.set_exception(error)
                self._running[future] = callback
                future.add_done_callback(self._done)
            finally:
                self._submitting = outer

    def _done(self, future: concurrent.futures.Future[Any]) -> None:
        callback = self._running.pop(future, None)
        if self._submitting:
            self._due.append((future, callback))
            return
        if callback is not None:
            callback(future)
        self._begin()

    def deliver(self) -> bool:
        """Call the callbacks of what was done at once. True if there were any."""
        due, self._due = self._due, deque()
        for future, callback in due:
            if callback is not None:
                callback(future)
        self._begin()
        if not (self._due or self._running or self._waiting):
            _active.pop(self, None)
        return bool(due)

    def pending(self) -> list[concurrent.futures.Future[Any]]:
        return list(self._running)

    def abort(self) -> None:
        running = list(self._running)
        self._waiting.clear()
        self._due.clear()
        self._running.clear()
        _active.pop(self, None)
        for future in running:
            if isinstance(future, penny.Future):
                future.cancel(running=True)


_active: dict[_Calls, None] = {}


class _Time:
    """Python's module `time` for joblib's, with a sleep that brings what has come meanwhile."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    @staticmethod
    def sleep(seconds: float) -> None:
        if any([calls.deliver() for calls in list(_active)]):
            return
        futures = [future for calls in list(_active) for future in calls.pending()]
        if not futures:
            time.sleep(seconds)
            return
        try:
            concurrent.futures.wait(
                futures, timeout=seconds, return_when=concurrent.futures.FIRST_COMPLETED
            )
        except penny.BlockingError as error:
            raise penny.BlockingError(WAY_OUT) from error


_before: dict[str, Any] = {}
_PROCESSES = "loky", "multiprocessing"


def register(default: bool = False) -> None:
    """Let joblib know Penny by the name "penny".

    Args:
        default: Also make it what joblib uses where nobody names a backend, and where one of
            processes is named that can't start here. `unregister` undoes that.
    """
    parallel = joblib.parallel
    parallel.register_parallel_backend(NAME, PennyBackend)
    if not isinstance(parallel.time, _Time):
        parallel.time = _Time()
    if default and not _before:
        _before.update(
            DEFAULT_BACKEND=parallel.DEFAULT_BACKEND,
            DEFAULT_PROCESS_BACKEND=parallel.DEFAULT_PROCESS_BACKEND,
            BACKENDS=dict(parallel.BACKENDS),
            cpu_count=parallel.cpu_count,
        )
        for name in _PROCESSES:
            parallel.BACKENDS[name] = _Default
        parallel.BACKENDS["penny-default"] = _Default
        parallel.DEFAULT_BACKEND = parallel.DEFAULT_PROCESS_BACKEND = "penny-default"
        parallel.cpu_count = joblib.cpu_count = _cpu_count


def unregister() -> None:
    """Have joblib's default be what it was. The name "penny" stays known."""
    parallel = joblib.parallel
    if not _before:
        return
    parallel.DEFAULT_BACKEND = _before["DEFAULT_BACKEND"]
    parallel.DEFAULT_PROCESS_BACKEND = _before["DEFAULT_PROCESS_BACKEND"]
    for name in (*_PROCESSES, "penny-default"):
        if parallel.BACKENDS.get(name) is _Default:
            del parallel.BACKENDS[name]
            if name in _before["BACKENDS"]:
                parallel.BACKENDS[name] = _before["BACKENDS"][name]
    if parallel.cpu_count is _cpu_count:
        parallel.cpu_count = joblib.cpu_count = _before["cpu_count"]
    _before.clear()


def _cpu_count(only_physical_cores: bool = False) -> int:
    """The number of Penny's workers."""
    return common.scheduler().workers


register()
