"""A client of workers in other interpreters: submits to them by a port, and collects from it.

This is the Python half of a client, whatever is between the port and the workers: shared memory
(`web/penny/tasks/client.js`) or messages (`web/penny/messages/`). A call is pickled into the outbox
and submitted with one crossing of the bridge; outcomes come in batches through the inbox
(`penny.engines.ported.delivery`).

Between any two lines here somebody else may have called any method: a future's callback, what is
pickled and unpickled, and a finalizer, which runs whenever garbage is collected. Why no outcome
reaches another's future then, and none is lost: web/penny/tasks/README.md.
"""

from __future__ import annotations

import itertools
import json
import operator
import weakref
from collections.abc import Callable
from typing import Any, Self

from penny.bridge import javascript
from penny.bridge.numbers import Flag
from penny.bridge.ports import ClientPort
from penny.by_value.names import set_names
from penny.engines.ported.delivery import Delivery, Waiting, looked_at
from penny.engines.ported.live import LiveEngines, kept, live_engines
from penny.errors import BrokenPool, PickleError
from penny.event_loops import blocking, conditions, executors, turns
from penny.functions.calls import is_coroutine_call, split_call
from penny.functions.records import FunctionRecords, Record
from penny.futures import Future
from penny.jobs import job as jobs
from penny.kernels import modules
from penny.memory import memories
from penny.memory.block import Memory
from penny.mirror import installed, mirror, returning, surroundings
from penny.mirror.originals import Originals
from penny.options import Options
from penny.wire.outbox import Outbox
from penny.wire.payload import ATOMS, Payload
from penny.wire.pickles import dumps_atoms, pack, pack_arguments, too_large

__all__ = ["PortClient"]

INBOX_BYTES = 1 << 18
"""A batch is up to 128 outcomes (`client_port.js`), which fit if they have 2 KiB on average. What
does not is in the next one, or read apart."""


class _Bundle:
    """Definitions in the function table, for as long as somebody has this."""

    __slots__ = ("_release", "place")

    def __init__(self, place: int, release: Callable[[int], object]) -> None:
        self.place = place
        self._release = release

    def __del__(self) -> None:
        self._release(self.place)


def _deliver_to(engine: weakref.ref[PortClient]) -> Callable[[], int]:
    """What JavaScript calls when there are completions: it may not keep the engine."""

    def deliver() -> int:
        found = engine()
        return 0 if found is None else turns.delivering(found._on_completions)

    return deliver


class PortClient(Delivery):
    """Submits to workers and collects from them. See `Engine` for the methods.

    An engine is a class of these with a `name`, `abilities` and a `memory`.

    Args:
        open_port: Makes the port from an inbox and an outbox.
        waiting: How to wait for completions.
        kernels_of: Makes of the port what modules of kernels are sent to; None: they go whole.
        later: What is installed from now on, for the workers; None: that is not for them.
    """

    patience: float | None = None

    def __init__(
        self,
        open_port: Callable[[bytearray, bytearray], ClientPort],
        waiting: Waiting,
        kernels_of: Callable[[ClientPort], modules.Destination] | None = None,
        later: installed.Later | None = None,
    ) -> None:
        inbox = bytearray(INBOX_BYTES)
        self._outbox = Outbox()
        port = open_port(inbox, self._outbox.box)
        super().__init__(port, inbox, waiting, kernels_of and kernels_of(port))
        self.workers = port.workers
        # Bound once: each look-up on a JavaScript object is a crossing of its own.
        self._submit = port.submit
        # A worker's modules stand for the submitter's: what they have is told on, not sent anew.
        self._originals = (
            None if mirror.here is not None else Originals(self._store_bundle, surroundings, later)
        )
        self._names = self._originals if mirror.here is None else returning.Jobs(mirror.here)
        self._records = FunctionRecords(
            self._add_function,
            port.drop_function,
            self._originals,
            None if mirror.here is None else returning.header_now,
        )
        self._tickets = itertools.count(1)
        self._stopped: Future[None] | None = None
        self._closing = False
        self._closed = False
        self._callback = javascript.proxy(_deliver_to(weakref.ref(self)))
        port.on_completions(self._callback, turns.step_proxy())
        executors.install()

    def _enter(self) -> Self:
        """Be one that a program's end, and loops that block, wait for."""
        live_engines.add(self)
        conditions.install(LiveEngines())
        return self

    @property
    def memory(self) -> Memory:
        """Where arrays for its tasks are."""
        raise NotImplementedError

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
        data: bytes | Payload
        known = self._records.current(function)
        if known is None or kwargs or not ATOMS.issuperset(map(type, args)):
            record, flags, data = self._pack(known, function, args, kwargs)
        else:  # for whom it is pickled is the same to what refers to nothing
            record, data = known, dumps_atoms(args)
            flags = Flag.COROUTINE if known.coroutine else 0
        if self._stopped is not None:  # by what has just been pickled
            raise RuntimeError("cannot schedule new futures after shutdown")
        ticket = next(self._tickets)
        limit = 0 if options.timeout is None else options.limit
        call = ticket, record.handle, flags, options.interactive is True, limit
        # Known before it is submitted: the outcome may be delivered before `submit` has returned.
        future.ticket = ticket
        if self._originals is not None and self._originals.used:
            future.needs = self._originals.take_used()  # until the task is done
        self._pending[ticket] = future, record, options
        kept.add(self)  # as `_keep` does it, which would be a call more
        try:
            fits = self._outbox.send(self._submit, data, *call)
        except Exception:
            self._forget(ticket)
            raise
        if not fits:
            self._forget(ticket)
            what = f"the arguments of {record.name}"
            raise too_large(what, len(data), self._port.heap_limit)

    def _pack(
        self,
        known: Record | None,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[Record, int, bytes | Payload]:
        """Pickle what of a call is not `known`, for the workers.

        Returns:
            Its function in the table, its flags, and the pickled form of its arguments.
        """
        outer_names = set_names(self._names)
        try:
            with self._sending:
                record = known or self._records.record_for(function)
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
                        # Raises, and says what is at fault.
                        pack_arguments(record.name, args, kwargs)
                        raise
        finally:
            set_names(outer_names)
        if type(data) is Payload:
            self._check_arrays(data, record.name)
        return record, flags, data

    def _forget(self, ticket: int) -> None:
        """The call was never queued, or is withdrawn."""
        if (pending := self._pending.pop(ticket, None)) is not None:
            pending[0].needs = None
        self._close_when_idle()

    def _check_arrays(self, payload: Payload, name: str) -> None:
        for block in payload.arrays:
            if block.memory is not self.memory:
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
        outer_names = set_names(self._names)
        try:
            with self._sending:
                self._records.renew(split_call(function, ())[0])
        finally:
            set_names(outer_names)

    def cancel(self, future: Future[Any]) -> bool:
        """Withdraw the task unless a worker has it."""
        ticket = future.ticket
        if ticket is None or looked_at():
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

    # -- The pool --------------------------------------------------------------------------------

    def expectant(self) -> bool:
        """Whether a future is pending: a task's, or that of the end."""
        return bool(self._pending) or (self._stopped is not None and not self._closed)

    def _delivered(self) -> bool:
        self._close_when_idle()
        return self._finish_closing()

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
        self._keep()
        try:
            if cancel:
                self._cancel_all()
        finally:
            self._close_when_idle()
        return self._stopped

    def interrupt(self) -> None:
        """See `Interruptible`. Of what runs, `penny.Cancelled` is raised in the task."""
        self._cancel_all(running=True)

    def _cancel_all(self, running: bool = False) -> None:
        failure: BaseException | None = None
        for future, _, _ in list(self._pending.values()):
            try:
                future.cancel(running)
            except BaseException as error:  # of a callback
                failure = failure or error
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # no cycle

    # Nobody comes in between the condition and what is done about it: no function of Python's is
    # entered, and no call has returned.
    def _keep(self) -> None:
        if self._pending or (self._stopped is not None and not self._closed):
            kept.add(self)

    def _let_go(self) -> None:
        if not self._pending and (self._stopped is None or self._closed):
            kept.discard(self)

    def _close_when_idle(self) -> None:
        self._let_go()
        if self._stopped is not None and not self._pending and not self._closing:
            self._closing = True
            outer = blocking.put_aside()  # it is JavaScript's loop that hears of it
            try:
                self._port.close().then(javascript.once(lambda _: self._finish_closing()))
            finally:
                jobs.mask()
                blocking.put_back(outer)

    def _finish_closing(self) -> bool:
        """True if the pool has just closed."""
        if not self._closing or self._closed or not self._port.closed():
            return False
        self._closed = True
        self._let_go()
        self._port.off_completions()
        self._callback.destroy()
        memories.retire(self.memory)
        assert self._stopped is not None
        self._settling(self._stopped)
        self._stopped.set_result(None)
        return True
