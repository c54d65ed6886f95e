"""Coroutine tasks that come by a port: any number of them side by side, on one event loop.

It is for waiting: for futures, timers, JavaScript promises. What computes belongs into functions,
which the other workers run. Tasks come from a queue of their own, and this worker never blocks.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any

from penny.bridge import javascript
from penny.bridge.numbers import CancelReason, Reason
from penny.bridge.ports import CoroutinePort
from penny.by_value.exception_parts import set_traceback, traceback_of
from penny.by_value.names import set_names
from penny.engines.named import shown_name
from penny.errors import Cancelled
from penny.event_loops import executors
from penny.functions.cache import FunctionCache
from penny.mirror import headers, installed, mirror, returning, settings, surroundings
from penny.stdio import output
from penny.wire.exceptions import pack_exception
from penny.wire.outbox import Outbox
from penny.wire.payload import Payload, Reader, load
from penny.wire.pickles import pack_result, qualified_name, too_large

__all__ = ["Coroutines", "running"]


running: ContextVar[int] = ContextVar("penny.coroutine", default=-1)
"""Handle of the coroutine task that the running code belongs to."""


class Coroutines:
    """The coroutine tasks that run here.

    Args:
        port: Gives tasks, and takes outcomes out of the outbox.
        outbox: The outbox.
        leaving: Makes a context in which outcomes are pickled.
    """

    def __init__(
        self,
        port: CoroutinePort,
        outbox: Outbox,
        leaving: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.port = port
        self._leaving = leaving
        self._outbox = outbox
        self._traced = port.traced
        self._functions = FunctionCache()
        self._mirror = mirror.start(self._bundle)
        self._mirror.on_change = self._functions.set_aside
        self._mirror.apply_surroundings = surroundings.apply
        self._mirror.apply_settings = settings.apply
        self._mirror.apply_installed = installed.apply
        set_names(returning.Results(self._mirror))
        self._running: dict[int, asyncio.Task[None]] = {}
        self._cancelled: set[int] = set()
        # Of tasks that are to end with it, since it was raised in a callback of theirs.
        self._exits: dict[int, BaseException] = {}

    async def attend(self) -> None:
        """Run coroutine tasks until the scheduler stops."""
        executors.hear_exits(asyncio.get_running_loop(), self.exited)
        # Somebody may cancel all that `asyncio.all_tasks()` gives: the worker goes on.
        if (this := asyncio.current_task()) is not None:
            asyncio.tasks._unregister_task(this)
        await self.port.attend(javascript.proxy(self.look))
        output.flush()

    def look(self) -> None:
        """Take whatever waits, and see to cancels."""
        loop = asyncio.get_event_loop()
        while (handle := self.port.take()) >= 0:
            task = self._running[handle] = loop.create_task(self._run(handle))
            task.add_done_callback(functools.partial(self._done, handle))
        if self.port.reasons() & Reason.CANCEL:
            for handle, task in self._running.items():
                # Once: in its clean-up it is not interrupted again.
                if handle not in self._cancelled and self.port.cancel_asked(handle):
                    self._cancelled.add(handle)
                    task.cancel()

    def exited(self, error: BaseException, callback: asyncio.Handle | None) -> bool:
        """Let an exit in a callback end the task to which that belongs, as it ends `asyncio.run`.

        Returns:
            False if there is no such task, or no more.
        """
        handle = -1 if callback is None else callback._context.get(running, -1)  # type: ignore[attr-defined]
        task = self._running.get(handle)
        if task is None:
            return False
        self._exits.setdefault(handle, error)
        task.cancel()
        return True

    def _done(self, handle: int, task: asyncio.Task[None]) -> None:
        if handle in self._running:  # cancelled before its first step
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            assert error is not None
            self._end(handle, 1, self._failure(handle, error))

    async def _run(self, handle: int) -> None:
        port = self.port
        running.set(handle)
        name = "a task"
        try:
            function = self._load(handle)
            name = qualified_name(function)
            self._mirror.last = b""
            arguments = self._arguments(handle)
            function_header = self._functions.header(port.serial(handle))
            returning.of_task(headers.joined(function_header, self._mirror.last))
            settings.enter_context()
            if port.has_kwargs(handle):
                result = await function(*arguments[0], **arguments[1])
            else:
                result = await function(*arguments)
            if handle in self._exits:
                raise self._exits[handle]
            with self._leaving():
                data = pack_result(name, result)
            if len(data) > port.heap_limit:
                raise too_large(f"the result of {name}", len(data), port.heap_limit)
            raised = 0
        except BaseException as error:  # also SystemExit and KeyboardInterrupt: its outcome
            raised, data = 1, self._failure(handle, self._exits.get(handle, error))
        self._end(handle, raised, data)

    def _end(self, handle: int, raised: int, data: bytes | Payload) -> None:
        output.flush()
        del self._running[handle]
        self._cancelled.discard(handle)
        self._exits.pop(handle, None)
        self._outbox.send(self.port.finish, data, handle, raised)

    def _failure(self, handle: int, error: BaseException) -> bytes | Payload:
        asked = self.port.cancel_asked(handle)
        if asked and isinstance(error, asyncio.CancelledError):
            cancelled = Cancelled(timed_out=asked == CancelReason.TIMED_OUT)
            error = cancelled.with_traceback(error.__traceback__)
        entry = traceback_of(error)
        if entry is not None:  # without this module's own frame
            set_traceback(error, entry.tb_next)
        with self._leaving():
            return pack_exception(error)

    def _arguments(self, handle: int) -> Any:
        port = self.port
        read = functools.partial(port.read_arguments, handle)
        arguments = load(Reader(read, port.arguments_size(handle)))
        port.arguments_read(handle)
        return arguments

    def _bundle(self, place: int) -> bytes | None:
        data = self.port.bundle(place)
        return None if data is None else bytes(data.to_bytes())

    def _load(self, handle: int) -> Callable[..., Any]:
        serial = self.port.serial(handle)
        function = self._functions.get(serial)
        if function is None:
            function = self._functions.load(serial, lambda: self.port.function(handle).to_bytes())
            if self._traced:
                self.port.name_function(serial, shown_name(function))
        return function
