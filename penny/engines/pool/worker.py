"""A pool worker's loop: take a task, run it, hand back its outcome, until the scheduler stops.

Where tasks come from, and sleep, is the core's (`wasm_core/jobs/stealing.c`); how one is run, with
the function by its serial, arguments and outcomes as pickles, is in `penny.engines.ported.serving`.
What tasks spawn is in `penny.jobs.job`, and what other workers want of them in
`penny.engines.pool.doorbell`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

from penny import where
from penny.bridge import javascript
from penny.bridge.numbers import Code
from penny.bridge.ports import WorkerPort
from penny.engines import current
from penny.engines.inside import OwnJobs, TaskEngine
from penny.engines.named import shown_name
from penny.engines.pool.abilities import ABILITIES, NAME
from penny.engines.pool.public import PublicTasks
from penny.engines.ported.serving import RECURSION_LIMIT, Serving
from penny.event_loops import blocking, conditions
from penny.jobs import job as jobs
from penny.jobs import tracebacks
from penny.jobs.execution import Execution
from penny.kernels import modules
from penny.memory import memories
from penny.mirror import headers, settings
from penny.stdio import output
from penny.wire.outbox import Outbox

__all__ = ["main"]

INBOX_BYTES = 1 << 16

OpenPort = Callable[[bytearray, bytearray, bytearray], WorkerPort]


def main(worker: int, open_port: OpenPort, check: bool = False) -> None:
    """Run tasks until the scheduler stops.

    Args:
        worker: This worker's number.
        open_port: Makes the port to the core from an inbox, an outbox and a parcel.
        check: Send every job's arguments and result through pickle.
    """
    where.worker = worker
    sys.setrecursionlimit(RECURSION_LIMIT)
    tracebacks.keep_short()
    jobs.set_check(check)
    Worker(open_port).run()
    output.flush()


def _no_other() -> int:
    return -1


class Worker(Serving):
    """The loop: once for the tasks from the core, and again for each task on top of another."""

    def __init__(self, open_port: OpenPort) -> None:
        inbox, outbox, parcel = bytearray(INBOX_BYTES), Outbox(), Outbox()
        self._port = open_port(inbox, outbox.box, parcel.box)
        super().__init__(self._port, inbox, outbox)
        self._public = PublicTasks(self._port, inbox, parcel, self._run_nested, self._header_of)
        self._traced = self._port.traced
        self._functions.forgotten = self._public.places.unloaded  # type: ignore[method-assign]

    def run(self) -> None:
        """Run tasks until the scheduler stops."""
        jobs.mask()
        execution = Execution()
        jobs.enter(execution)
        self._public.install()
        port = self._port
        engine = TaskEngine(port, memories.attach(port.arrays), NAME, ABILITIES)
        current.attach(engine)
        if where.IN_BROWSER:
            blocking.install(engine)
            conditions.install(OwnJobs(engine), in_task=True)
        port.on_task(javascript.proxy(self._run_above_kernel))
        modules.set_home(
            modules.Destination(lambda data: port.add_kernels(data), javascript.KernelCaller(port))
        )
        self._serve(port.start(), execution, port.step, port.start)

    def _run_nested(self, code: int) -> None:
        """Run a task on top of others. Masked."""
        execution = Execution(code, self._port.task())
        outer_scope = jobs.scope_now.set(None)
        outer_loop = blocking.put_aside()
        around, context = self._mirror.around.copy(), settings.context()
        jobs.enter(execution)
        try:
            self._serve(code, execution, self._finish, _no_other)
        finally:
            jobs.leave()
            blocking.put_back(outer_loop)
            jobs.scope_now.reset(outer_scope)
            if self._mirror.around != around:
                self._put_back(around, context)
            self._public.doorbell.read_demand()

    def _put_back(self, around: dict[str, headers.Item], context: Any) -> None:
        """Have surroundings and settings as they were before a task ran on top of this one."""
        # What can't be set is tried again by the next task that wants it.
        with contextlib.suppress(Exception):
            self._mirror.install_items(list(around.values()))
        settings.set_context(context)

    def _run_above_kernel(self, task: int) -> None:
        """Run a task on top of a kernel that a task's own code has called, and that waits."""
        outer_mask = jobs.set_mask(True)
        try:
            self._public.promoter.identify()
            self._run_nested(self._port.begin(task))
        finally:
            jobs.set_mask(outer_mask)

    def _finish(self, raised: int, size: int) -> int:
        self._port.finish(raised, size)
        return -1

    def _header_of(self, execution: Execution) -> bytes:
        function = self._functions.header(execution.code >> Code.SHIFT)
        return headers.joined(function, execution.header)

    def _loaded(self, function: Callable[..., Any], serial: int) -> None:
        header = self._functions.header(serial)
        self._public.places.loaded(function, self._port.entry(), serial, header)
        if self._traced:
            self._port.name_function(serial, shown_name(function))
