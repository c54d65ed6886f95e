"""The engine of the browser: a pool of Web Workers on one shared memory.

This is the Python half of a client; the other is `web/penny/client.js`. A call is pickled into the
outbox and submitted with one crossing of the bridge; outcomes come in batches through the inbox.
"""

from __future__ import annotations

import functools
import json
import operator
import struct
import time
import weakref
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any, Self, TypeVar

from penny import _bridge, kernels, mirror, shared_memory
from penny._bridge import COROUTINE, HAS_KWARGS, ClientPort
from penny.by_value import set_names
from penny.engines.outcomes import fail, overtime
from penny.errors import BlockingError, BrokenPool, PickleError, WorkerLost
from penny.functions import FunctionRecords, Record, is_coroutine_call, split_call
from penny.futures import DONE, Future
from penny.options import Options
from penny.originals import Originals
from penny.payload import Payload, Reader, load, pieces_of
from penny.shared_memory import Memory
from penny.wire import loads, loads_exception, pack, pack_arguments, too_large

__all__ = ["SharedEngine", "live_engines"]

T = TypeVar("T")

INBOX_BYTES = 1 << 18
OUTBOX_BYTES = 1 << 16

# How a task ended: Outcome in client.js. In the last two its worker was ended for it.
RETURNED, RAISED, LOST, BROKEN, NO_ROOM, CANCELLED, TIMED_OUT, CORRUPTED = range(8)

# Ticket, outcome, worker, size: the header of each record in the inbox.
_header = struct.Struct("<4I")
HEADER_BYTES = _header.size

live_engines: weakref.WeakSet[SharedEngine] = weakref.WeakSet()
"""Engines that have not been collected: a program's end waits for their tasks."""


class Waiting(Enum):
    """How the one who submits waits for completions."""

    ASLEEP = auto()
    """A host worker sleeps."""
    SUSPENDED = auto()
    """A page is suspended, if it was entered so that it can be."""
    NEVER = auto()
    """A coroutine awaits: others would wait with it."""


class _Large:
    """The payload of an outcome, still in its slot, which goes when the payload has been read."""

    def __init__(self, port: ClientPort, large: int, size: int) -> None:
        self._port = port
        self._large = large
        self._size = size

    def read(self, load: Callable[[Reader], T]) -> T:
        """What `load` makes of it. Once."""
        try:
            return load(Reader(functools.partial(self._port.read_outcome, self._large), self._size))
        finally:
            self._port.release(self._large)


class _Bundle:
    """Definitions in the function table, for as long as somebody has this."""

    __slots__ = ("_release", "place")

    def __init__(self, place: int, release: Callable[[int], object]) -> None:
        self.place = place
        self._release = release

    def __del__(self) -> None:
        self._release(self.place)


def _taken(payload: bytes | _Large, load: Callable[[bytes], T]) -> T:
    if isinstance(payload, _Large):
        return payload.read(lambda reader: load(reader.read()))
    return load(payload)


class SharedEngine:
    """Submits to a pool of workers and collects from it. See `Engine` for the methods."""

    patience: float | None = None

    def __init__(
        self, open_port: Callable[[bytearray, bytearray], ClientPort], waiting: Waiting
    ) -> None:
        """Use `opened` or `attached` instead."""
        self._inbox = bytearray(INBOX_BYTES)
        self._outbox = bytearray(OUTBOX_BYTES)
        self._inbox_view = memoryview(self._inbox)
        self._outbox_view = memoryview(self._outbox)
        self._port = port = open_port(self._inbox, self._outbox)
        self._waiting = waiting
        self.workers = port.workers
        # Bound once: each look-up on a JavaScript object is a crossing of its own.
        self._submit = port.submit
        self._collect = port.collect
        self._kernels = kernels.Destination(lambda data: port.add_kernels(data))
        # A worker's modules stand for the submitter's: what they have is told on, not sent anew.
        self._originals = None if mirror.here is not None else Originals(self._store_bundle)
        self._names = self._originals if mirror.here is None else mirror.here.jobs
        self._records = FunctionRecords(
            self._add_function,
            port.drop_function,
            self._originals,
            None if mirror.here is None else mirror.header_now,
        )
        self._pending: dict[int, tuple[Future[Any], Record, Options]] = {}
        self._broken: str | None = None
        self._stopped: Future[None] | None = None
        self._closing = False
        self._closed = False
        # JavaScript keeps this engine alive by it: destroyed when the pool has closed.
        self._callback = _bridge.proxy(self._deliver)
        port.on_completions(self._callback)
        self._memory = shared_memory.attach(port.arrays)

    @classmethod
    def opened(
        cls,
        *,
        workers: int | None,
        packages: Sequence[str],
        memory: int | None,
        check: bool,
        trace: bool | None = None,
    ) -> Self:
        """The engine of a new pool, whose workers come up by and by."""
        role = _bridge.role()
        engine = cls(
            lambda inbox, outbox: _bridge.open_client(
                workers, memory, packages, check, trace, inbox, outbox
            ),
            Waiting.SUSPENDED if role == "page" else Waiting.ASLEEP,
        )
        live_engines.add(engine)
        return engine

    @classmethod
    def attached(cls, open_port: Callable[[bytearray, bytearray], ClientPort]) -> Self:
        """An engine that submits to the pool it is in, as one that is not to be closed.

        Args:
            open_port: Makes the port from an inbox and an outbox. Its completions are delivered by
                the event loop; nothing here may block.
        """
        engine = cls(open_port, Waiting.NEVER)
        kernels.home = engine._kernels
        return engine

    # -- Submission ------------------------------------------------------------------------------

    def submit(
        self,
        future: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Options,
    ) -> None:
        """Pickle the call and queue it."""
        if self._broken is not None:
            raise BrokenPool(f"the workers could not be started: {self._broken}")
        function, args = split_call(function, args)
        outer, kernels.destination = kernels.destination, self._kernels
        outer_names = set_names(self._names)
        try:
            record = self._records.record_for(function)
            flags = COROUTINE if record.coroutine else 0
            if function is operator.call and is_coroutine_call(function, args):
                flags = COROUTINE
            if kwargs:
                data = pack_arguments(record.name, args, kwargs)
                flags |= HAS_KWARGS
            else:
                try:
                    data = pack(args)
                except MemoryError:
                    raise
                except Exception:
                    pack_arguments(record.name, args, kwargs)  # raises, and says what is at fault
                    raise
        finally:
            kernels.destination = outer
            set_names(outer_names)
        size = len(data)
        if type(data) is Payload:
            self._check_arrays(data, record.name)
        interactive = bool(options.interactive)
        if type(data) is bytes and size <= OUTBOX_BYTES:
            self._outbox_view[:size] = data
            ticket = self._submit(record.handle, flags, size, interactive, options.limit)
        else:
            ticket = self._port.submit_large(
                record.handle, flags, *pieces_of(data), interactive, options.limit
            )
        if ticket < 0:
            raise too_large(f"the arguments of {record.name}", size, self._port.heap_limit)
        future.ticket = ticket
        if self._originals is not None and self._originals.used:
            future.needs = self._originals.take_used()  # until the task is done
        self._pending[ticket] = future, record, options

    def _check_arrays(self, payload: Payload, name: str) -> None:
        for block in payload.arrays:
            if block.memory is not self._memory:
                raise PickleError(
                    f"an argument of {name} is a SharedArray of another scheduler's: make it with "
                    "SharedArray(…, scheduler=…), or send a copy, as a.read()"
                )

    def _add_function(self, form: bytes) -> int:
        handle = self._port.add_function(form)
        if handle < 0:
            raise too_large("a function with what it refers to", len(form), self._port.heap_limit)
        return handle

    def _store_bundle(self, data: bytes) -> _Bundle | None:
        place = self._port.add_bundle(data)
        return None if place < 0 else _Bundle(place, self._port.drop_bundle)

    def publish(self, function: Callable[..., Any]) -> None:
        """Put the function into the table as it is now."""
        outer, kernels.destination = kernels.destination, self._kernels
        outer_names = set_names(self._names)
        try:
            self._records.publish(split_call(function, ())[0])
        finally:
            kernels.destination = outer
            set_names(outer_names)

    def cancel(self, future: Future[Any]) -> bool:
        """Withdraw the task unless a worker has it."""
        if future.ticket is None or not self._port.cancel(future.ticket):
            return False
        del self._pending[future.ticket]
        future.ticket = future.needs = None
        self._close_when_idle()
        return True

    def ask_cancel(self, future: Future[Any]) -> bool:
        """Ask the worker that has the task."""
        return future.ticket is not None and self._port.ask_cancel(future.ticket)

    def running(self, future: Future[Any]) -> bool:
        """Whether a worker has the task."""
        return future.ticket is not None and self._port.running(future.ticket)

    # -- Completion ------------------------------------------------------------------------------

    def can_block(self) -> bool:
        """A host worker can; a page where it can be suspended."""
        if self._waiting is Waiting.SUSPENDED:
            return _bridge.can_run_sync()
        return self._waiting is Waiting.ASLEEP

    def drain(self, timeout: float | None = None, wanted: Future[Any] | None = None) -> bool:
        """Wait for completions: a host worker sleeps, a page is suspended."""
        delivered = self._deliver()
        if timeout == 0:
            more = delivered
            while more and (wanted is None or wanted._state not in DONE):
                more = self._deliver()
        if delivered or timeout == 0:
            return delivered
        if not self.can_block():
            raise BlockingError(
                "a coroutine task can't wait, others would wait with it: use `await future` (or "
                "`async for`)"
                if self._waiting is Waiting.NEVER
                else "this page can't wait: use `await future` (or `async with`, `async for`); or "
                "run it where it may block, in a <script data-penny> element or with `penny run`"
            )
        deadline = None if timeout is None else time.monotonic() + timeout
        while not delivered:
            remaining = -1.0 if deadline is None else (deadline - time.monotonic()) * 1000
            if deadline is not None and remaining <= 0:
                return False
            if self._waiting is Waiting.SUSPENDED:
                _bridge.run_sync(self._port.next_completions(remaining))
                self._deliver()
                # Meanwhile, the event loop may have delivered some, too.
                delivered = True
            else:
                self._port.wait(remaining)
                delivered = self._deliver()
        return True

    def _deliver(self) -> bool:
        """Complete the futures of tasks that have ended, interactive ones first, a batch of them.

        A page lives on, and whoever waits for one future looks for it, before the next batch.

        Returns:
            False if there was none.
        """
        if count := self._collect():
            # All out of the inbox before any future is completed: a future's callback may deliver.
            for ended in [self._take_large()] if count < 0 else self._read(count):
                self._complete(*ended)
            self._close_when_idle()
        return self._finish_closing() or count != 0

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

    def _take_large(self) -> tuple[int, int, int, _Large]:
        """The one record that is larger than the inbox, or refers to arrays."""
        large = self._port.collect_large()
        ticket, outcome, worker, size = _header.unpack_from(self._inbox)
        return ticket, outcome, worker, _Large(self._port, large, size)

    def _complete(self, ticket: int, outcome: int, worker: int, payload: bytes | _Large) -> None:
        future, record, options = self._pending.pop(ticket)
        future.ticket = future.needs = None
        if outcome == RETURNED:
            outer, kernels.destination = kernels.destination, self._kernels
            try:
                result = payload.read(load) if isinstance(payload, _Large) else loads(payload)
            except BaseException as error:
                error.add_note(f"(while unpickling the result of {record.name})")
                future.set_exception(error)
            else:
                kernels.destination = outer  # whoever waits may pickle for others
                future.set_result(result)
            finally:
                kernels.destination = outer
        elif outcome == RAISED:
            try:
                raised = _taken(payload, loads_exception)
            except Exception as error:
                error.add_note(f"(while unpickling the exception that {record.name} raised)")
                future.set_exception(error)
            else:
                fail(future, raised, record.name, options)
        elif outcome == CANCELLED:
            future.set_cancelled()
        elif outcome == TIMED_OUT:
            late = overtime(record.name, options)
            late.add_note(f"(worker {worker} did not get to Cancelled in time and was replaced)")
            future.set_exception(late)
        elif outcome == LOST:
            future.set_exception(
                WorkerLost(f"worker {worker} died while it ran {record.name}; other tasks go on")
            )
        elif outcome == CORRUPTED:
            future.set_exception(
                RuntimeError(
                    f"the shared memory is corrupted: the outcome of {record.name} is not known"
                )
            )
        elif outcome == NO_ROOM:
            future.set_exception(
                MemoryError(
                    f"the arguments of {record.name} find no room in the scheduler's shared heap, "
                    "although nothing else is under way: give the Scheduler a larger memory="
                )
            )
        else:
            self._broken = _taken(payload, bytes).decode()
            future.set_exception(BrokenPool(f"the workers could not be started: {self._broken}"))

    # -- The pool --------------------------------------------------------------------------------

    @property
    def memory(self) -> Memory:
        """The shared memory, for arrays."""
        return self._memory

    def stats(self) -> dict[str, Any]:
        """What the workers did, and the heap."""
        stats: dict[str, Any] = json.loads(self._port.stats())
        return stats

    def trace(self) -> dict[str, Any] | None:
        """What the workers did, and when; also when the pool has closed."""
        trace: dict[str, Any] | None = json.loads(self._port.trace() or "null")
        return trace

    def shutdown(self, *, cancel: bool) -> Future[None]:
        """Close the pool once nothing is pending."""
        if self._stopped is None:
            self._stopped = Future(self)
        if cancel:
            for future, _, _ in list(self._pending.values()):
                future.cancel()
        self._close_when_idle()
        return self._stopped

    def _close_when_idle(self) -> None:
        if self._stopped is not None and not self._pending and not self._closing:
            self._closing = True
            self._port.close().then(_bridge.once(lambda _: self._finish_closing()))

    def _finish_closing(self) -> bool:
        """True if the pool has just closed."""
        if not self._closing or self._closed or not self._port.closed():
            return False
        self._closed = True
        self._port.off_completions()
        self._callback.destroy()
        shared_memory.retire(self._memory)
        assert self._stopped is not None
        self._stopped.set_result(None)
        return True
