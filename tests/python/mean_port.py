"""A client's port that is as mean as a port may be, and interruptions of whoever uses it.

Tasks end when it is least expected: while they are submitted, while others are collected or
withdrawn. Batches are as small or as large as chance has it, what is read apart is any of them.
"""

from __future__ import annotations

import contextlib
import gc
import struct
import sys
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from fake_arrays import FakeArraysPort

from penny import futures
from penny.bridge import javascript
from penny.bridge.numbers import Arrival, Outcome
from penny.engines.pool import client as pool_client
from penny.engines.pool.client import SharedEngine
from penny.engines.ported import arrivals, client, delivery
from penny.engines.ported.delivery import Waiting
from penny.wire import outbox, pickles
from penny.wire.exceptions import dumps_exception

LOST, RETURNED, RAISED = Outcome.LOST, Outcome.RETURNED, Outcome.RAISED


class Stuck(AssertionError):
    """Somebody sleeps, and nothing will ever wake them."""


class Promise:
    def __init__(self) -> None:
        self.told = False


class MeanPort:
    """See ClientPort.

    Args:
        random: What happens when.
        inbox: The engine's.
        outbox: The engine's.
    """

    workers = 2
    heap_limit = 1 << 20

    def __init__(self, random: Random, inbox: bytearray, outbox: bytearray) -> None:
        self.random = random
        self.inbox, self.outbox = inbox, outbox
        # Else tasks end while somebody waits, or the event loop has a turn: so that they do wait.
        self.eager = random.random() < 0.5
        self.arrays = FakeArraysPort()
        self.running_calls: dict[int, Any] = {}
        self.ended: list[tuple[int, int, bytes]] = []
        self.large: dict[int, bytes] = {}
        self.seen: set[int] = set()
        self.outcomes: dict[int, tuple[int, Any]] = {}
        self.batches = self.used = self.last_large = 0
        self.promises: list[Promise] = []
        self.broken = False
        self.closing = self.is_closed = False
        self.callback: Callable[[], None] = lambda: None
        self.listening = False

    # -- Tasks -----------------------------------------------------------------------------------

    def submit(self, ticket, function, flags, interactive, limit, size, pieces=None, arrays=()):
        assert not self.closing, "submitted to a pool that closes"
        assert ticket not in self.seen, "a ticket is used again"
        self.seen.add(ticket)
        data = bytes(self.outbox[:size]) if pieces is None else b"".join(pieces)
        assert len(data) == size
        if len(data) > self.heap_limit:
            return False
        self.running_calls[ticket] = pickles.loads(data)[0]
        self.maybe_end()
        return True

    def maybe_end(self, most: int = 3) -> None:
        for _ in range(self.random.randrange(most) if self.eager else 0):
            self.end_one()

    def end_one(self) -> bool:
        """Some task ends, somehow."""
        if not self.running_calls:
            return False
        ticket = self.random.choice(list(self.running_calls))
        number = self.running_calls.pop(ticket)
        outcome = self.random.choice([RETURNED] * 4 + [RAISED, LOST])
        data = b""
        if outcome == RETURNED:
            data = pickles.dumps((number, "x" * self.random.choice([0, 3, 60])))
        elif outcome == RAISED:
            data = dumps_exception(KeyError(number))
        self.outcomes[number] = outcome, None
        self.ended.insert(self.random.randrange(len(self.ended) + 1), (ticket, outcome, data))
        return True

    def cancel(self, ticket):
        self.maybe_end()
        if self.running_calls.pop(ticket, None) is None:
            return False
        self.maybe_end()
        return True

    def ask_cancel(self, ticket):
        return ticket in self.running_calls

    def running(self, ticket):
        return ticket in self.running_calls

    # -- Completions -----------------------------------------------------------------------------

    def collect(self, taken):
        if taken != self.batches:
            return self.used
        self.maybe_end()
        offset = 0
        for _ in range(self.random.choice([1, 2, 5, 128])):
            if not self.ended:
                break
            apart = self.random.random() < 0.2
            if apart and offset:
                break
            ticket, outcome, data = self.ended.pop(0)
            if apart:
                self.last_large += 1
                self.large[self.last_large] = data
            large = self.last_large if apart else 0
            arrival = ticket, outcome, 7, len(data), large
            struct.pack_into(Arrival.FORMAT, self.inbox, offset, *arrival)
            offset += Arrival.BYTES
            if apart:
                break
            self.inbox[offset : offset + len(data)] = data
            offset += (len(data) + 3) & ~3
        # Whoever still reads the last batch reads rubbish.
        end = max(self.used, offset)
        self.inbox[offset:end] = b"\xee" * (end - offset)
        self.used = offset
        self.batches += offset > 0
        return self.used

    def read_outcome(self, large, offset, buffer):
        buffer[:] = self.large[large][offset : offset + len(buffer)]

    def release(self, large):
        del self.large[large]

    @property
    def silent(self) -> bool:
        """Nothing will ever be heard."""
        return not (self.running_calls or self.ended or self.closing)

    def wait(self, milliseconds):
        if self.ended or self.random.random() < 0.2:  # woken for nothing
            return
        if milliseconds < 0 and self.silent:
            raise Stuck
        self.end_one()
        self.maybe_end()

    def on_completions(self, callback, step):
        self.callback = callback
        self.listening = True

    def off_completions(self):
        self.listening = False
        self.tell()

    def turn(self) -> None:
        """A turn of the event loop."""
        if self.random.random() < 0.3:
            self.end_one()
        self.maybe_end()
        if self.listening and (self.ended or self.used):
            self.callback()

    def next_told(self, milliseconds):
        promise = Promise()
        self.promises.append(promise)
        return promise

    def tell(self):
        for promise in self.promises:
            promise.told = True
        self.promises.clear()

    def run_sync(self, promise: Promise, interrupt: Callable[[], object]) -> None:
        """A stack is suspended. The event loop goes on."""
        for _ in range(1000):
            if promise.told:
                return
            if self.silent:
                raise Stuck
            self.end_one()
            self.turn()
        raise Stuck

    # -- The pool --------------------------------------------------------------------------------

    def add_function(self, data):
        return 1

    def drop_function(self, function):
        pass

    def add_bundle(self, data):
        return 1

    def drop_bundle(self, place):
        pass

    def close(self):
        assert not self.running_calls and not self.ended
        self.closing = True
        return self

    def then(self, callback):
        self.closed_callback = callback

    def closed(self):
        return self.closing

    def stats(self):
        return "{}"


def mean_engine(random: Random, waiting: Waiting) -> SharedEngine:
    engine = SharedEngine(lambda inbox, outbox: MeanPort(random, inbox, outbox), waiting)
    # As in a notebook's kernel; by chance, instead of by the clock.
    engine._naps = waiting is Waiting.SUSPENDED
    engine._may_nap = lambda: random.random() < 0.3  # type: ignore[method-assign]
    return engine


FILES = {each.__file__ for each in (arrivals, client, pool_client, delivery, futures, outbox)}


@contextlib.contextmanager
def interrupted(random: Random, often: float, act: Callable[[], None]) -> Iterator[None]:
    """Have `act()` called now and then between two steps of an engine, as a finalizer is.

    That is where an interpreter looks whether garbage is to be collected: where a function is
    entered, and where a call of C has returned. `act` itself is not interrupted.

    Meanwhile garbage is collected by `gc.collect` only. CPython 3.12 and later, which the page has,
    collect at such steps, but 3.11 wherever C allocates: within `ContextVar.set`, which does not
    stand that a finalizer sets a variable, too (it goes on reading the map that was replaced and
    freed: python/cpython#148891), and in the midst of the port, which is JavaScript to who calls
    it, and not interrupted. A finalizer of Penny's that is interrupted there does both.
    """

    def step(frame, event, argument):
        # The port's functions are C to who calls them.
        port = event == "return" and frame.f_code.co_filename == __file__
        if (
            (port or event in ("call", "c_return"))
            and (frame.f_back if port else frame).f_code.co_filename in FILES
            and random.random() < often
        ):
            act()

    outer = sys.getprofile()
    collects = gc.isenabled()
    gc.disable()
    sys.setprofile(step)
    try:
        yield
    finally:
        sys.setprofile(outer)
        if collects:
            gc.enable()


@contextlib.contextmanager
def suspending(port: MeanPort) -> Iterator[None]:
    """The page can be suspended."""
    outer = javascript.run_sync, javascript.can_run_sync
    javascript.run_sync, javascript.can_run_sync = port.run_sync, lambda: True
    try:
        yield
    finally:
        javascript.run_sync, javascript.can_run_sync = outer
