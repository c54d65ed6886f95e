"""The engine of the browser: a pool of Web Workers on one shared memory.

This is the Python half of a client; the other is `web/penny/client.js`. A call is pickled into the
outbox and submitted with one crossing of the bridge; outcomes come in batches through the inbox.
"""

from __future__ import annotations

import json
import struct
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from penny import _bridge
from penny.errors import BlockingError, BrokenPool, WorkerLost
from penny.functions import FunctionRecords, Record, split_call
from penny.futures import Future
from penny.wire import dumps, dumps_arguments, loads, loads_exception

__all__ = ["SharedEngine", "live_engines"]

INBOX_BYTES = 1 << 18
OUTBOX_BYTES = 1 << 16

HAS_KWARGS = 1  # flag of a task's arguments; the same in client.js

# How a task ended: Outcome in client.js.
RETURNED, RAISED, LOST, BROKEN, NO_ROOM = range(5)

# Ticket, outcome, worker, size: the header of each record in the inbox.
_header = struct.Struct("<4I")
HEADER_BYTES = _header.size

live_engines: weakref.WeakSet[SharedEngine] = weakref.WeakSet()
"""Engines that have not been collected: a program's end waits for their tasks."""


class SharedEngine:
    """Submits to a pool of workers and collects from it. See `Engine` for the methods."""

    def __init__(self, *, workers: int | None, packages: Sequence[str], memory: int | None) -> None:
        """Opens the pool; its workers come up by and by."""
        self._inbox = bytearray(INBOX_BYTES)
        self._outbox = bytearray(OUTBOX_BYTES)
        self._inbox_view = memoryview(self._inbox)
        self._outbox_view = memoryview(self._outbox)
        self._port = port = _bridge.open_client(
            workers, memory, packages, self._inbox, self._outbox
        )
        self.workers = port.workers
        # Bound once: each look-up on a JavaScript object is a crossing of its own.
        self._submit = port.submit
        self._collect = port.collect
        self._records = FunctionRecords(self._add_function, port.drop_function)
        self._pending: dict[int, tuple[Future[Any], Record]] = {}
        self._broken: str | None = None
        self._stopped: Future[None] | None = None
        self._closing = False
        self._on_page = _bridge.role() == "page"
        # JavaScript keeps this engine alive by it: destroyed when the pool has closed.
        self._callback = _bridge.proxy(self._deliver)
        port.on_completions(self._callback)
        live_engines.add(self)

    # -- Submission ------------------------------------------------------------------------------

    def submit(
        self,
        future: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Pickle the call and queue it."""
        if self._broken is not None:
            raise BrokenPool(f"the workers could not be started: {self._broken}")
        function, args = split_call(function, args)
        record = self._records.record_for(function)
        flags = 0
        if kwargs:
            data = dumps_arguments(record.name, args, kwargs)
            flags = HAS_KWARGS
        else:
            try:
                data = dumps(args)
            except MemoryError:
                raise
            except Exception:
                dumps_arguments(record.name, args, kwargs)  # raises, and says what is at fault
                raise
        size = len(data)
        if size <= OUTBOX_BYTES:
            self._outbox_view[:size] = data
            ticket = self._submit(record.handle, flags, size)
        else:
            ticket = self._port.submit_large(record.handle, flags, data)
        if ticket < 0:
            raise self._too_large(f"the arguments of {record.name}", size)
        future.ticket = ticket
        self._pending[ticket] = future, record

    def _add_function(self, form: bytes) -> int:
        handle = self._port.add_function(form)
        if handle < 0:
            raise self._too_large("a function with what it refers to", len(form))
        return handle

    def _too_large(self, what: str, size: int) -> MemoryError:
        return MemoryError(
            f"{what}: {size} bytes, more than the scheduler's shared heap of "
            f"{self._port.heap_limit} bytes can ever hold: give the Scheduler a larger memory="
        )

    def publish(self, function: Callable[..., Any]) -> None:
        """Put the function into the table as it is now."""
        self._records.publish(split_call(function, ())[0])

    def cancel(self, future: Future[Any]) -> bool:
        """Withdraw the task unless a worker has it."""
        if future.ticket is None or not self._port.cancel(future.ticket):
            return False
        del self._pending[future.ticket]
        future.ticket = None
        self._close_when_idle()
        return True

    def running(self, future: Future[Any]) -> bool:
        """Whether a worker has the task."""
        return future.ticket is not None and self._port.running(future.ticket)

    # -- Completion ------------------------------------------------------------------------------

    def can_block(self) -> bool:
        """A host worker can; a page where it can be suspended."""
        return not self._on_page or _bridge.can_run_sync()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait for completions: a host worker sleeps, a page is suspended."""
        delivered = self._deliver()
        if delivered or timeout == 0:
            return delivered
        if not self.can_block():
            raise BlockingError(
                "this page can't wait: use `await future` (or `async with`, `async for`); or run "
                "it where it may block, in a <script data-penny> element or with `penny run`"
            )
        deadline = None if timeout is None else time.monotonic() + timeout
        while not delivered:
            remaining = -1.0 if deadline is None else (deadline - time.monotonic()) * 1000
            if deadline is not None and remaining <= 0:
                return False
            if self._on_page:
                _bridge.run_sync(self._port.next_completions(remaining))
            else:
                self._port.wait(remaining)
            delivered = self._deliver()
            # On a page, completions are also delivered by the event loop, meanwhile.
            delivered = delivered or self._on_page
        return True

    def _deliver(self) -> bool:
        """Complete the futures of all tasks that have ended. False if there was none."""
        delivered = False
        while count := self._collect():
            delivered = True
            # All out of the inbox before any future is completed: a future's callback may deliver.
            for ended in self._read_large(-count) if count < 0 else self._read(count):
                self._complete(*ended)
        if delivered:
            self._close_when_idle()
        return self._finish_closing() or delivered

    def _read(self, count: int) -> list[tuple[int, int, int, bytes]]:
        """Ticket, outcome, worker and payload of each record in the inbox."""
        inbox, view, offset = self._inbox, self._inbox_view, 0
        records = []
        for _ in range(count):
            ticket, outcome, worker, size = _header.unpack_from(inbox, offset)
            offset += HEADER_BYTES
            records.append((ticket, outcome, worker, bytes(view[offset : offset + size])))
            offset += (size + 3) & ~3
        return records

    def _read_large(self, size: int) -> list[tuple[int, int, int, bytearray]]:
        """The one record that is larger than the inbox."""
        payload = bytearray(size)
        self._port.collect_large(payload)
        ticket, outcome, worker, _ = _header.unpack_from(self._inbox)
        return [(ticket, outcome, worker, payload)]

    def _complete(self, ticket: int, outcome: int, worker: int, payload: bytes | bytearray) -> None:
        future, record = self._pending.pop(ticket)
        future.ticket = None
        if outcome == RETURNED:
            try:
                result = loads(payload)
            except BaseException as error:
                error.add_note(f"(while unpickling the result of {record.name})")
                future.set_exception(error)
            else:
                future.set_result(result)
        elif outcome == RAISED:
            future.set_exception(loads_exception(bytes(payload)))
        elif outcome == LOST:
            future.set_exception(
                WorkerLost(f"worker {worker} died while it ran {record.name}; other tasks go on")
            )
        elif outcome == NO_ROOM:
            future.set_exception(
                MemoryError(
                    f"the arguments of {record.name} find no room in the scheduler's shared heap, "
                    "although nothing else is under way: give the Scheduler a larger memory="
                )
            )
        else:
            self._broken = payload.decode()
            future.set_exception(BrokenPool(f"the workers could not be started: {self._broken}"))

    # -- The pool --------------------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """What the workers did, and the heap."""
        stats: dict[str, Any] = json.loads(self._port.stats())
        return stats

    def shutdown(self, *, cancel: bool) -> Future[None]:
        """Close the pool once nothing is pending."""
        if self._stopped is None:
            self._stopped = Future(self)
        if cancel:
            for future, _ in list(self._pending.values()):
                future.cancel()
        self._close_when_idle()
        return self._stopped

    def _close_when_idle(self) -> None:
        if self._stopped is not None and not self._pending and not self._closing:
            self._closing = True
            self._port.close().then(_bridge.once(lambda _: self._finish_closing()))

    def _finish_closing(self) -> bool:
        """True if the pool has just closed."""
        if not self._closing or self._stopped is None or self._stopped.done():
            return False
        if not self._port.closed():
            return False
        self._port.off_completions()
        self._callback.destroy()
        self._stopped.set_result(None)
        return True
