"""Penny: a work-stealing runtime for Python in the browser.

    import penny

    async with penny.Scheduler() as s:
        print(await s.submit(pow, 2, 10))

In Pyodide the tasks run on a pool of Web Workers; on plain Python they run in place, one after the
other, with the same interface.
"""

from penny._current import current_worker
from penny.errors import (
    BlockingError,
    BrokenPool,
    IsolationError,
    PickleError,
    RemoteError,
    RemoteTraceback,
    WorkerLost,
)
from penny.functions import task
from penny.futures import Future
from penny.scheduler import Scheduler

__all__ = [
    "BlockingError",
    "BrokenPool",
    "Future",
    "IsolationError",
    "PickleError",
    "RemoteError",
    "RemoteTraceback",
    "Scheduler",
    "WorkerLost",
    "current_worker",
    "task",
]
