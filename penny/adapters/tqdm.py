"""tqdm's `process_map` and `thread_map`: bars that move while tasks run.

tqdm guards its bars by locks that it sends to processes. Here each interpreter has one thread, and
there is nothing to guard: a `Lock` that does nothing takes their place.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from operator import length_hint
from typing import Any

from penny.adapters.processes import ProcessPoolExecutor

__all__ = ["Lock", "ensure_lock", "process_map"]


class Lock:
    """A lock where there is one thread. It travels."""

    def acquire(self, *_: object, **__: object) -> bool:
        """True."""
        return True

    def release(self) -> None:
        """Nothing."""

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def ensure_lock(tqdm_class: Any, lock_name: str = "", lock: object = None) -> Iterator[Lock]:
    """For tqdm's function of that name. What was there comes back also after an error."""
    before = getattr(tqdm_class, "_lock", None)
    here = Lock()
    tqdm_class.set_lock(here)
    try:
        yield here
    finally:
        if before is None:
            del tqdm_class._lock
        else:
            tqdm_class.set_lock(before)


def process_map(
    fn: Callable[..., Any],
    *iterables: Iterable[Any],
    max_workers: int | None = None,
    timeout: float | None = None,
    chunksize: int = 1,
    tqdm_class: Any = None,
    lock_name: str = "",
    **tqdm_kwargs: Any,
) -> list[Any]:
    """`list(map(fn, *iterables))` on Penny's workers, with a bar. See `tqdm.contrib.concurrent`.

    Args:
        fn: Called with one item of each iterable.
        iterables: Their items travel.
        max_workers: As `ProcessPoolExecutor` takes it.
        timeout: Seconds from now within which each result must be there, else TimeoutError.
        chunksize: Number of calls that travel as one task; the bar moves by as many.
        tqdm_class: None: `tqdm.auto.tqdm`.
        lock_name: Nothing.
        tqdm_kwargs: The bar's.
    """
    if tqdm_class is None:
        tqdm_class = importlib.import_module("tqdm.auto").tqdm
    quiet(sys.modules["tqdm"])
    lists = [each if isinstance(each, Sized) else [*each] for each in iterables]
    total = min((length_hint(each) for each in lists), default=0)
    tqdm_kwargs.setdefault("total", total)
    with ProcessPoolExecutor(max_workers) as pool, tqdm_class(**tqdm_kwargs) as bar:
        submit = pool.submit
        left = total

        def submitted(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            size = min(chunksize, left)
            left -= size
            future = submit(*args, **kwargs)
            future.add_done_callback(lambda _: bar.update(size))
            return future

        pool.submit = submitted  # type: ignore[method-assign]
        return [*pool.map(fn, *lists, timeout=timeout, chunksize=chunksize)]


def quiet(tqdm: Any) -> None:
    """Have tqdm start no thread that watches its bars."""
    tqdm.tqdm.monitor_interval = 0
