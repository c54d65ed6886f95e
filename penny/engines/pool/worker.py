"""A pool worker's loop: take a task, run it, hand back its outcome, until the scheduler stops.

Where tasks come from, and sleep, is the core's (`wasm_core/jobs/stealing.c`). Here is what Python
adds: the function by its serial, arguments and outcomes as pickles. What tasks spawn is in
`penny.jobs.job`, and what other workers want of them in `penny.engines.pool.doorbell`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from operator import call
from typing import Any

from penny import where
from penny.bridge import javascript
from penny.bridge.numbers import Code
from penny.bridge.ports import WorkerPort
from penny.by_value.exception_parts import add_notes
from penny.by_value.names import set_names
from penny.engines import current
from penny.engines.inside import OwnJobs, TaskEngine
from penny.engines.named import shown_name
from penny.engines.pool.abilities import ABILITIES, NAME
from penny.engines.pool.public import PublicTasks
from penny.event_loops import blocking, conditions
from penny.functions.cache import FunctionCache
from penny.jobs import job as jobs
from penny.jobs import tracebacks
from penny.jobs.execution import SENTINELS, Execution
from penny.jobs.outcomes import without_frame
from penny.jobs.running import finish
from penny.kernels import modules
from penny.memory import memories
from penny.mirror import headers, installed, mirror, returning, settings, surroundings
from penny.stdio import output
from penny.stdio.output import stderr, stdout
from penny.wire.exceptions import dumps_exception, pack_exception
from penny.wire.outbox import Outbox
from penny.wire.payload import Reader, load
from penny.wire.pickles import loads, pack, pack_result, qualified_name, too_large

__all__ = ["main"]

INBOX_BYTES = 1 << 16

# A job that spawns and joins takes two frames, and four where it was spawned before others that are
# joined later: room for recursion of two thousand levels, and for what it calls.
RECURSION_LIMIT = 10_000

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


class Worker:
    """The loop: once for the tasks from the core, and again for each task on top of another."""

    def __init__(self, open_port: OpenPort) -> None:
        self._inbox = bytearray(INBOX_BYTES)
        self._outbox = Outbox()
        parcel = Outbox()
        self._port = open_port(self._inbox, self._outbox.box, parcel.box)
        self._public = PublicTasks(
            self._port, self._inbox, parcel, self._run_nested, self._header_of
        )
        self._traced = self._port.traced
        self._functions = FunctionCache()
        self._functions.forgotten = self._public.places.unloaded  # type: ignore[method-assign]
        self._mirror = mirror.start(self._bundle)
        self._mirror.on_change = self._functions.set_aside
        self._mirror.apply_surroundings = surroundings.apply
        self._mirror.apply_settings = settings.apply
        self._mirror.apply_installed = installed.apply
        set_names(returning.Results(self._mirror))

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

    def _serve(
        self,
        code: int,
        execution: Execution,
        step: Callable[[int, int], int],
        start: Callable[[], int],
    ) -> None:
        """Run the task that the port has put on the stack, and those that `step` gives. Masked.

        Args:
            code: The task's.
            execution: The innermost, for all of them.
            step: Ends the task, with its outcome in the outbox; the code of the next, or -1.
            start: The code of the next, or -1.
        """
        port, inbox, put, functions = self._port, self._inbox, self._outbox.put, self._functions
        here = self._mirror
        always = jobs.checking
        while code >= 0:
            execution.code = code
            jobs.attention = code & Code.HUNGRY or always
            function = arguments = result = error = None
            try:
                function = functions.get(code >> Code.SHIFT)
                if function is None:
                    function = self._load(code >> Code.SHIFT)
                here.last = b""
                arguments = self._load_large() if code & Code.IS_LARGE else loads(inbox)
                execution.header = here.last
            except BaseException as raised:
                error = raised
                add_notes(error, "(while unpickling a task in a worker)")
            else:
                try:
                    jobs.masked = False
                    if jobs.noted:
                        jobs.answer()
                    # Through C, for a new frame of CPython's interpreter: V8 runs a frame of
                    # compiled code to its end in the tier that it was entered in, and this one is
                    # entered once.
                    if code & Code.HAS_KWARGS:
                        result = call(function, *arguments[0], **arguments[1])
                    else:
                        result = call(function, *arguments)
                    jobs.masked = True
                except BaseException as raised:  # its outcome, even if it is a SystemExit
                    jobs.masked = True
                    error = without_frame(raised)
            if len(execution.jobs) > SENTINELS or execution.touched:
                error = finish(execution, error)
                execution.reset()
            data: Any = b""
            if error is None:
                try:
                    try:
                        data = pack(result)
                    except MemoryError:
                        raise
                    except Exception:
                        data = pack_result(qualified_name(function), result)
                except BaseException as raised:
                    error = without_frame(raised)
            if error is not None:
                data = pack_exception(error)
            if stdout.held or stderr.held:  # what is printed is out before the result is
                output.flush()
            size = len(data)
            failed = 0 if error is None else 1
            # Nothing of the task is kept alive while the worker sleeps.
            arguments = result = error = None
            apart: Any = put(data)
            if not apart:
                code = step(failed, size)
            else:
                if size > port.heap_limit:
                    what = f"the result of {qualified_name(function)}"
                    data = dumps_exception(too_large(what, size, port.heap_limit))
                    failed, size, apart = 1, len(data), put(data)
                port.finish(failed, size, *apart)
                data = apart = None  # it holds arrays, or is large
                code = start()

    def _header_of(self, execution: Execution) -> bytes:
        function = self._functions.header(execution.code >> Code.SHIFT)
        return headers.joined(function, execution.header)

    def _bundle(self, place: int) -> bytes | None:
        data = self._port.bundle(place)
        return None if data is None else bytes(data.to_bytes())

    def _load(self, serial: int) -> Callable[..., Any]:
        """The innermost task's function, unpickled if it is new here."""
        function = self._functions.load(serial, lambda: self._port.function().to_bytes())
        header = self._functions.header(serial)
        self._public.places.loaded(function, self._port.entry(), serial, header)
        if self._traced:
            self._port.name_function(serial, shown_name(function))
        return function

    def _load_large(self) -> Any:
        """Unpickle the innermost task's arguments where they are."""
        port = self._port
        arguments = load(Reader(port.read_arguments, port.arguments_size()))
        port.arguments_read()
        return arguments
