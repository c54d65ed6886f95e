"""The engine of the browser: a pool of Web Workers on one shared memory.

This is the Python half of a client; the other is `web/penny/tasks/client.js`. A call is pickled
into the outbox and submitted with one crossing of the bridge; outcomes come in batches through the
inbox.

Between any two lines here somebody else may have called any method: a future's callback, what is
pickled and unpickled, and a finalizer, which runs whenever garbage is collected. Why no outcome
reaches another's future then, and none is lost: docs/delivery.md.
"""

from __future__ import annotations

import functools
import itertools
import json
import logging
import operator
import random
import struct
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any, Self, TypeVar

from penny.bridge import javascript
from penny.bridge.numbers import Arrival, Flag, Outcome
from penny.bridge.ports import ClientPort
from penny.by_value.exception_parts import add_notes
from penny.by_value.pickler import set_names
from penny.engines.outcomes import fail, overtime
from penny.engines.pool.abilities import ABILITIES, NAME
from penny.errors import BlockingError, BrokenPool, PickleError, WorkerLost
from penny.event_loops import blocking, conditions, executors
from penny.functions.table import FunctionRecords, Record, is_coroutine_call, split_call
from penny.futures import DONE, Future
from penny.hints.files import explained
from penny.jobs import job as jobs
from penny.kernels import kernel as kernels
from penny.memory import memories
from penny.memory.memories import Memory
from penny.mirror import mirror, surroundings
from penny.mirror.originals import Originals
from penny.options import Options
from penny.wire.exceptions import loads_exception
from penny.wire.outbox import Outbox
from penny.wire.payload import Payload, Reader, load
from penny.wire.pickles import loads, pack, pack_arguments, too_large

__all__ = ["LiveEngines", "SharedEngine", "live_engines"]

T = TypeVar("T")

INBOX_BYTES = 1 << 18

# Ticket, outcome, worker, size, and what names the payload if it is not in the inbox: the header of
# each record there.
_arrival = struct.Struct(Arrival.FORMAT)

# Where concurrent.futures reports what callbacks raise.
_logger = logging.getLogger("concurrent.futures")

_Arrived = tuple[int, int, int, "bytes | _Large"]
"""Ticket, outcome, worker and payload: a record that was in the inbox."""

live_engines: weakref.WeakSet[SharedEngine] = weakref.WeakSet()
"""Engines that have not been collected: a program's end waits for their tasks."""


class LiveEngines:
    """For an event loop that blocks, see `blocking_loop.Work`: the futures of all engines here."""

    patience = 0.005

    def wait(self, seconds: float) -> bool:
        """Wait for a completion, of whichever engine has something to wait for."""
        engines = [engine for engine in live_engines if engine.expectant()]
        if engines and not any([engine.drain(0) for engine in engines]) and seconds:
            engine = random.choice(engines)
            engine.drain(seconds if len(engines) == 1 else min(seconds, self.patience))
        return bool(engines)


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
        self._released = False

    def read(self, load: Callable[[Reader], T]) -> T:
        """What `load` makes of it. Once."""
        try:
            return load(Reader(functools.partial(self._port.read_outcome, self._large), self._size))
        finally:
            self.release()

    def release(self) -> None:
        """Let the slot go, whether it was read or not."""
        if not self._released:
            self._released = True
            self._port.release(self._large)


class _Bundle:
    """Definitions in the function table, for as long as somebody has this."""

    __slots__ = ("_release", "place")

    def __init__(self, place: int, release: Callable[[int], object]) -> None:
        self.place = place
        self._release = release

    def __del__(self) -> None:
        self._release(self.place)


def _held() -> bool:
    """Whether `wait` or `as_completed`, interrupted below, is looking at which futures are done.

    They look while they hold the futures' condition, and nothing may be completed meanwhile. A
    thread would wait for it; a finalizer, which interrupts on the same thread, has to come again.
    """
    return bool(Future._condition._is_owned())


def _taken(payload: bytes | _Large, load: Callable[[bytes], T]) -> T:
    if isinstance(payload, _Large):
        return payload.read(lambda reader: load(reader.read()))
    return load(payload)


class SharedEngine:
    """Submits to a pool of workers and collects from it. See `Engine` for the methods."""

    name = NAME
    abilities = ABILITIES
    patience: float | None = None

    def __init__(
        self, open_port: Callable[[bytearray, bytearray], ClientPort], waiting: Waiting
    ) -> None:
        """Use `opened` or `attached` instead."""
        self._inbox = bytearray(INBOX_BYTES)
        self._outbox = Outbox()
        self._inbox_view = memoryview(self._inbox)
        self._port = port = open_port(self._inbox, self._outbox.box)
        self._waiting = waiting
        self.workers = port.workers
        # Bound once: each look-up on a JavaScript object is a crossing of its own.
        self._submit = port.submit
        self._collect = port.collect
        self._kernels = kernels.Destination(lambda data: port.add_kernels(data))
        # A worker's modules stand for the submitter's: what they have is told on, not sent anew.
        self._originals = (
            None if mirror.here is not None else Originals(self._store_bundle, surroundings)
        )
        self._names = self._originals if mirror.here is None else mirror.here.jobs
        self._records = FunctionRecords(
            self._add_function,
            port.drop_function,
            self._originals,
            None if mirror.here is None else mirror.header_now,
        )
        # Numbers that are never used again: an outcome can only be that of the call it names.
        self._tickets = itertools.count(1)
        self._pending: dict[int, tuple[Future[Any], Record, Options]] = {}
        # What has come out of the inbox, by whole batches, and waits to complete futures. Not in
        # the frame of a delivery, where its callbacks, that wait for the rest, could not reach it.
        self._arrived: deque[_Arrived] = deque()
        self._batches = 0
        self.completed = 0
        self._suspended = 0  # how many wait suspended, and have to be told
        self._broken: str | None = None
        self._stopped: Future[None] | None = None
        self._closing = False
        self._closed = False
        # JavaScript keeps this engine alive by it: destroyed when the pool has closed.
        self._callback = javascript.proxy(self._on_completions)
        port.on_completions(self._callback)
        executors.install()
        self._memory = memories.attach(port.arrays)

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
        role = javascript.role()
        engine = cls(
            lambda inbox, outbox: javascript.open_client(
                workers, memory, packages, check, trace, inbox, outbox
            ),
            Waiting.SUSPENDED if role == "page" else Waiting.ASLEEP,
        )
        live_engines.add(engine)
        conditions.install(LiveEngines())
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
            flags: int = Flag.COROUTINE if record.coroutine else 0
            if function is operator.call and is_coroutine_call(function, args):
                flags = Flag.COROUTINE
            if kwargs:
                data = pack_arguments(record.name, args, kwargs)
                flags |= Flag.HAS_KWARGS
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
        if type(data) is Payload:
            self._check_arrays(data, record.name)
        if self._stopped is not None:  # by what has just been pickled
            raise RuntimeError("cannot schedule new futures after shutdown")
        ticket = next(self._tickets)
        call = ticket, record.handle, flags, bool(options.interactive), options.limit
        # Known before it is submitted: the outcome may be delivered before `submit` has returned.
        future.ticket = ticket
        if self._originals is not None and self._originals.used:
            future.needs = self._originals.take_used()  # until the task is done
        self._pending[ticket] = future, record, options
        try:
            fits = self._outbox.send(self._submit, data, *call)
        except Exception:
            self._forget(ticket)
            raise
        if not fits:
            self._forget(ticket)
            what = f"the arguments of {record.name}"
            raise too_large(what, len(data), self._port.heap_limit)

    def _forget(self, ticket: int) -> None:
        """The call was never queued, or is withdrawn."""
        if (pending := self._pending.pop(ticket, None)) is not None:
            pending[0].needs = None
        self._close_when_idle()

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

    def renew(self, function: Callable[..., Any]) -> None:
        """Put the function into the table as it is now."""
        outer, kernels.destination = kernels.destination, self._kernels
        outer_names = set_names(self._names)
        try:
            self._records.renew(split_call(function, ())[0])
        finally:
            kernels.destination = outer
            set_names(outer_names)

    def cancel(self, future: Future[Any]) -> bool:
        """Withdraw the task unless a worker has it."""
        ticket = future.ticket
        if ticket is None or _held():
            return False
        future.ticket = None  # whoever interrupts can't withdraw it, too
        if not self._port.cancel(ticket):
            if ticket in self._pending:
                future.ticket = ticket
            return False
        self._settling(future)
        self._forget(ticket)
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
            return javascript.can_run_sync()
        return self._waiting is Waiting.ASLEEP

    def listen(self) -> None:
        """JavaScript tells of completions by itself."""

    def drain(
        self,
        timeout: float | None = None,
        wanted: Future[Any] | None = None,
        since: int | None = None,
    ) -> bool:
        """Wait for completions: a host worker sleeps, a page is suspended."""
        if since is None:
            since = self.completed
        if wanted is not None and wanted._state in DONE:
            return True
        delivered = self._deliver()
        if timeout == 0:
            more = delivered
            while more and (wanted is None or wanted._state not in DONE):
                more = self._deliver()
        if delivered or timeout == 0:
            return delivered
        if _held():
            raise BlockingError("a finalizer can't wait while another wait begins")
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
                # Before looking once more: from now on, whoever completes a future resolves it.
                self._suspended += 1
                try:
                    told = self._port.next_told(remaining)
                    if self.completed == since:
                        javascript.run_sync(told)
                        self._deliver()
                finally:
                    self._suspended -= 1
                return True  # also if it was the event loop that delivered
            if self.completed != since:
                return True
            self._port.wait(remaining)
            delivered = self._deliver()
        return True

    def _on_completions(self) -> None:
        """Deliver for the event loop. An exit ends whoever runs that; else nobody could get it."""
        try:
            self._deliver()
        except BaseException as error:
            exit = isinstance(error, (SystemExit, KeyboardInterrupt))
            if not (exit and executors.exited(error)):
                _logger.exception("a callback of a future has raised")

    def _deliver(self) -> bool:
        """Complete the futures of tasks that have ended, interactive ones first, a batch of them.

        A page lives on, and whoever waits for one future looks for it, before the next batch. Where
        a delivery is under way, below on the stack, this goes on with its batch.

        Returns:
            False if there was none.

        Raises:
            BaseException: What is no Exception and was raised by a callback; all of the batch has
                been delivered.
        """
        if _held():
            return False
        if not self._arrived:
            self._take()
        try:
            delivered = self._complete_arrived()
        finally:
            self._close_when_idle()
            finished = self._finish_closing()
        return delivered or finished

    def _take(self) -> None:
        """Take what is in the inbox out of it.

        The port offers a batch until `_batches` says that it has been taken. Whoever interrupts
        this takes the very same one, and then maybe others, so that what is copied here is another.
        """
        batch = self._batches
        size = self._collect(batch)
        if not size:
            return
        data = bytes(self._inbox_view[:size])
        if self._batches != batch:
            return
        records = self._read(data)
        # From the comparison to the end, nothing is called in between: nobody can interrupt.
        if self._batches == batch:
            self._batches = batch + 1
            self._arrived.extend(records)

    def _read(self, data: bytes) -> list[_Arrived]:
        """The records of a batch."""
        records = []
        offset = 0
        while offset < len(data):
            ticket, outcome, worker, size, large = _arrival.unpack_from(data, offset)
            offset += Arrival.BYTES
            payload: bytes | _Large
            if large:
                payload = _Large(self._port, large, size)
            else:
                payload = data[offset : offset + size]
                offset += (size + 3) & ~3
            records.append((ticket, outcome, worker, payload))
        return records

    def _complete_arrived(self) -> bool:
        """Complete the futures of all that has arrived; False if there was none."""
        delivered = False
        failure: BaseException | None = None
        while self._arrived:
            ticket, outcome, worker, payload = self._arrived.popleft()
            pending = self._pending.pop(ticket, None)
            if pending is None:
                continue  # nobody knows it
            delivered = True
            future, record, options = pending
            future.ticket = future.needs = None
            try:
                self._complete(future, record, options, outcome, worker, payload)
            except BaseException as error:  # of a callback; others' futures are none the worse
                if failure is None:
                    failure = error
                else:
                    _logger.exception("a callback of %r has raised", future)
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # its traceback refers to this frame: no cycle
        return delivered

    def _complete(
        self,
        future: Future[Any],
        record: Record,
        options: Options,
        outcome: int,
        worker: int,
        payload: bytes | _Large,
    ) -> None:
        result: Any = None
        error: BaseException | None = None
        # Callbacks run below, when the payload is read and its slot is free.
        try:
            if outcome == Outcome.RETURNED:
                result = self._loaded(payload)
            else:
                error = self._error(outcome, worker, payload, record, options)
        except BaseException as raised:
            what = (
                "the exception that {} raised" if outcome == Outcome.RAISED else "the result of {}"
            )
            add_notes(raised, f"(while unpickling {what.format(record.name)})")
            error, outcome = raised, Outcome.LOST  # not what the task raised
        finally:
            if isinstance(payload, _Large):
                payload.release()
        self._settling(future)
        try:
            if error is None and outcome == Outcome.CANCELLED:
                future.set_cancelled()
            elif error is None:
                future.set_result(result)
            elif outcome == Outcome.RAISED:
                fail(future, error, record.name, options)
            else:
                future.set_exception(error)
        finally:
            del future, error  # the traceback of the error may refer to this frame: no cycle

    def _settling(self, future: Future[Any]) -> None:
        """Let those who wait look again once this future is done, and before its callbacks run."""
        self.completed += 1
        if self._suspended:
            future._done_callbacks.insert(0, self._tell)

    def _tell(self, future: Future[Any]) -> None:
        self.completed += 1
        self._port.tell()

    def _loaded(self, payload: bytes | _Large) -> Any:
        outer, kernels.destination = kernels.destination, self._kernels
        try:
            return payload.read(load) if isinstance(payload, _Large) else loads(payload)
        finally:
            kernels.destination = outer  # whoever waits may pickle for others

    def _error(
        self, outcome: int, worker: int, payload: bytes | _Large, record: Record, options: Options
    ) -> BaseException | None:
        """What an outcome without a result means; None: it was cancelled."""
        if outcome == Outcome.RAISED:
            return explained(_taken(payload, loads_exception))
        if outcome == Outcome.CANCELLED:
            return None
        if outcome == Outcome.TIMED_OUT:
            late = overtime(record.name, options)
            late.add_note(f"(worker {worker} did not get to Cancelled in time and was replaced)")
            return late
        if outcome == Outcome.LOST:
            return WorkerLost(f"worker {worker} died while it ran {record.name}; other tasks go on")
        if outcome == Outcome.CORRUPTED:
            return RuntimeError(
                f"the shared memory is corrupted: the outcome of {record.name} is not known"
            )
        if outcome == Outcome.NO_ROOM:
            return MemoryError(
                f"the arguments of {record.name} find no room in the scheduler's shared heap, "
                "although nothing else is under way: give the Scheduler a larger memory="
            )
        self._broken = _taken(payload, bytes).decode()
        return BrokenPool(f"the workers could not be started: {self._broken}")

    def expectant(self) -> bool:
        """Whether a future is pending: a task's, or that of the end."""
        return bool(self._pending) or (self._stopped is not None and not self._closed)

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
        try:
            if cancel:
                self._cancel_all()
        finally:
            self._close_when_idle()
        return self._stopped

    def _cancel_all(self) -> None:
        failure: BaseException | None = None
        for future, _, _ in list(self._pending.values()):
            try:
                future.cancel()
            except BaseException as error:  # of a callback
                failure = failure or error
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # no cycle

    def _close_when_idle(self) -> None:
        if self._stopped is not None and not self._pending and not self._closing:
            self._closing = True
            outer = blocking.put_aside()  # it is JavaScript's loop that hears of it
            try:
                self._port.close().then(javascript.once(lambda _: self._finish_closing()))
            finally:
                jobs.masked = True
                blocking.put_back(outer)

    def _finish_closing(self) -> bool:
        """True if the pool has just closed."""
        if not self._closing or self._closed or not self._port.closed():
            return False
        self._closed = True
        self._port.off_completions()
        self._callback.destroy()
        memories.retire(self._memory)
        assert self._stopped is not None
        self._settling(self._stopped)
        self._stopped.set_result(None)
        return True
