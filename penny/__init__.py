"""Penny: a work-stealing runtime for Python in the browser.

    import penny

    async with penny.Scheduler() as s:
        print(await s.submit(pow, 2, 10))

In Pyodide the tasks run on a pool of Web Workers; on plain Python they run in place, one after the
other, with the same interface. Inside of tasks, `spawn` and `join`, scopes and the parallel loops
cost next to nothing until an idle worker asks for work.
"""

from typing import TYPE_CHECKING, Any

from penny import where
from penny.engines.current import current_worker
from penny.errors import (
    BlockingError,
    BrokenPool,
    Cancelled,
    IsolationError,
    KernelError,
    PickleError,
    RemoteError,
    RemoteTraceback,
    WorkerLost,
)
from penny.functions.names import task
from penny.futures import Future
from penny.jobs.cancellation import cancelled
from penny.jobs.job import Job, spawn
from penny.jobs.scopes import Scope, scope
from penny.kernels.kernel import Kernel, Kernels
from penny.loops.calls import parallel_for, parallel_map, parallel_reduce, parallel_sort
from penny.memory.array import SharedArray
from penny.memory.files import SharedFiles
from penny.scheduler import Scheduler, current_scheduler
from penny.stdio.display import display

if TYPE_CHECKING:
    from penny.adapters.installation import install, installed, uninstall

if where.IN_BROWSER:
    from penny.bridge.javascript import begin

    begin()
    del begin

__all__ = [
    "BlockingError",
    "BrokenPool",
    "Cancelled",
    "Future",
    "IsolationError",
    "Job",
    "Kernel",
    "KernelError",
    "Kernels",
    "PickleError",
    "RemoteError",
    "RemoteTraceback",
    "Scheduler",
    "Scope",
    "SharedArray",
    "SharedFiles",
    "WorkerLost",
    "cancelled",
    "current_scheduler",
    "current_worker",
    "display",
    "install",
    "installed",
    "parallel_for",
    "parallel_map",
    "parallel_reduce",
    "parallel_sort",
    "scope",
    "spawn",
    "task",
    "uninstall",
]


def __getattr__(name: str) -> Any:
    """What is loaded when it is asked for: other libraries' executors."""
    if name in ("install", "installed", "uninstall"):
        from penny.adapters import installation

        return getattr(installation, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
