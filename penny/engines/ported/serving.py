"""The loop of a worker whose tasks come by a port: run one, hand back its outcome, take the next.

What `step` and `start` of the port do between two tasks is the engine's: the pool's sleep in the
core, those of messages return to the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from operator import call
from typing import Any

from penny.bridge.numbers import Code
from penny.bridge.ports import TaskPort
from penny.by_value.exception_parts import add_notes
from penny.by_value.names import set_names
from penny.functions.cache import FunctionCache
from penny.jobs import job as jobs
from penny.jobs.execution import SENTINELS, Execution
from penny.jobs.outcomes import without_frame
from penny.jobs.running import finish
from penny.mirror import installed, mirror, returning, settings, surroundings
from penny.stdio import output
from penny.stdio.output import stderr, stdout
from penny.wire.exceptions import dumps_exception, pack_exception
from penny.wire.outbox import Outbox
from penny.wire.payload import Payload, Reader, load
from penny.wire.pickles import loads, pack, pack_result, qualified_name, too_large

__all__ = ["RECURSION_LIMIT", "Serving"]

# A job that spawns and joins takes two frames, and four where it was spawned before others that are
# joined later: room for recursion of two thousand levels, and for what it calls.
RECURSION_LIMIT = 10_000


class Serving:
    """Runs tasks of a port, whose functions it keeps.

    Args:
        port: Puts arguments into the inbox, and takes outcomes out of the outbox.
        inbox: The inbox.
        outbox: The outbox.
        leaving: Makes a context in which outcomes are pickled.
    """

    def __init__(
        self,
        port: TaskPort,
        inbox: bytearray,
        outbox: Outbox,
        leaving: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._tasks = port
        self._inbox = inbox
        self._outbox = outbox
        self._leaving = leaving
        self._pack: Callable[[object], bytes | Payload] = pack  # raises whatever pickling raises
        self._functions = FunctionCache()
        self._mirror = mirror.start(self._bundle)
        self._mirror.on_change = self._functions.set_aside
        self._mirror.apply_surroundings = surroundings.apply
        self._mirror.apply_settings = settings.apply
        self._mirror.apply_installed = installed.apply
        set_names(returning.Results(self._mirror))

    def _loaded(self, function: Callable[..., Any], serial: int) -> None:
        """The innermost task's function is one that was not here before."""

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
        port, inbox, put, functions = self._tasks, self._inbox, self._outbox.put, self._functions
        pack = self._pack
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
                        with self._leaving():
                            data = pack_result(qualified_name(function), result)
                except BaseException as raised:
                    error = without_frame(raised)
            if error is not None:
                with self._leaving():
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

    def _bundle(self, place: int) -> bytes | None:
        data = self._tasks.bundle(place)
        return None if data is None else bytes(data.to_bytes())

    def _load(self, serial: int) -> Callable[..., Any]:
        """The innermost task's function, unpickled if it is new here."""
        function = self._functions.load(serial, lambda: self._tasks.function().to_bytes())
        self._loaded(function, serial)
        return function

    def _load_large(self) -> Any:
        """Unpickle the innermost task's arguments where they are."""
        port = self._tasks
        arguments = load(Reader(port.read_arguments, port.arguments_size()))
        port.arguments_read()
        return arguments
