"""The async worker's Python on CPython's event loop, with a core that is a dictionary."""

from __future__ import annotations

import asyncio
import functools
import itertools
import pickle
import threading
from typing import Any

import pytest
from fake_engine import FakeEngine

import penny
from penny import where
from penny.bridge import javascript
from penny.bridge.numbers import CancelReason, Reason, Wait
from penny.engines import current
from penny.engines.pool import coroutines, output
from penny.errors import Cancelled, RemoteTraceback
from penny.functions import forms
from penny.functions.calls import split_call
from penny.wire import pickles
from penny.wire.exceptions import loads_exception
from penny.wire.payload import LARGE


class Bytes(bytes):
    def to_bytes(self):
        return bytes(self)


class FakePort:
    """See CoroutinePort. What follows the first blank line is for tests."""

    heap_limit = 1 << 20
    traced = True

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.tasks: dict[int, tuple[int, bytes, bool]] = {}
        self.queue: list[int] = []
        self.handles = itertools.count(64)
        self.functions: dict[int, bytes] = {}
        self.loads = 0
        self.asked: dict[int, int] = {}
        self.rung = 0
        self.outcomes: dict[int, tuple[int, bytes]] = {}
        self.event = asyncio.Event()
        self.stopped = False
        self.outbox = bytearray()

    def submit(self, function, *args, **kwargs) -> int:
        """Queue a task, as a client does."""
        function, args = split_call(function, args)
        serial = id(function)
        if serial not in self.functions:
            self.functions[serial] = forms.dumps_function(function)
        handle = next(self.handles)
        data = pickles.dumps((args, kwargs) if kwargs else args)
        self.tasks[handle] = serial, data, bool(kwargs)
        self.queue.append(handle)
        self.event.set()
        return handle

    def cancel(self, handle: int, why: int = CancelReason.ASKED) -> None:
        """Ask a task to end, and ring."""
        self.asked[handle] = why
        self.rung |= Reason.CANCEL
        self.event.set()

    async def ended(self, *handles: int) -> None:
        """Until these tasks have ended."""
        async with asyncio.timeout(10):
            while not self.outcomes.keys() >= set(handles):
                await asyncio.sleep(0)

    async def result(self, handle: int) -> Any:
        """The task's result, or the exception that it raised."""
        await self.ended(handle)
        raised, data = self.outcomes[handle]
        return loads_exception(data) if raised else pickles.loads(data)

    def stop(self) -> None:
        self.stopped = True
        self.event.set()

    # -- The worker's side -----------------------------------------------------------------------

    async def attend(self, look):
        while not self.stopped:
            self.event.clear()
            look()
            await self.event.wait()

    def take(self):
        return self.queue.pop(0) if self.queue else Wait.NOTHING

    def serial(self, handle):
        return self.tasks[handle][0]

    def has_kwargs(self, handle):
        return self.tasks[handle][2]

    def function(self, handle):
        self.loads += 1
        return Bytes(self.functions[self.tasks[handle][0]])

    def arguments_size(self, handle):
        return len(self.tasks[handle][1])

    def read_arguments(self, handle, offset, buffer):
        buffer[:] = self.tasks[handle][1][offset : offset + len(buffer)]

    def arguments_read(self, handle):
        pass

    def finish(self, handle, raised, size, pieces=None, arrays=()):
        assert handle in self.tasks
        assert handle not in self.outcomes, "ended twice"
        data = bytes(self.outbox[:size]) if pieces is None else b"".join(pieces)
        self.outcomes[handle] = raised, data

    def reasons(self):
        rung, self.rung = self.rung, 0
        return rung

    def cancel_asked(self, handle):
        return self.asked.get(handle, 0)

    def name_function(self, serial, name):
        self.names[serial] = name


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch):
    """The port of an async worker that runs while the test does, and stops after it."""
    port = FakePort()

    def open_port(outbox: bytearray) -> FakePort:
        port.outbox = outbox
        return port

    monkeypatch.setattr(javascript, "proxy", lambda callback: callback)
    monkeypatch.setattr(coroutines.SharedEngine, "attached", lambda _: FakeEngine())
    monkeypatch.setattr(where, "worker", None)
    monkeypatch.setattr(current, "attached", None)
    monkeypatch.setattr(output, "flush", lambda: None)
    main = asyncio.create_task(coroutines.main(64, open_port, lambda *boxes: None))
    await asyncio.sleep(0)
    yield port
    port.stop()
    await main


async def nap(value=None, times=0):
    for _ in range(times):
        await asyncio.sleep(0)
    return value


async def fail(error):
    await asyncio.sleep(0)
    raise error


async def endless():
    await asyncio.Future()


async def test_a_task_ends_with_its_result(port):
    assert await port.result(port.submit(nap, 42)) == 42


async def test_keyword_arguments(port):
    assert await port.result(port.submit(nap, value="by name", times=3)) == "by name"


async def test_many_run_side_by_side(port):
    """Who has more turns to wait ends later, whoever began first."""
    handles = [port.submit(nap, times=n) for n in range(100, 0, -1)]
    await port.ended(*handles)
    assert list(port.outcomes) == handles[::-1]


async def test_a_function_is_loaded_once(port):
    await port.ended(*[port.submit(nap, n) for n in range(10)])
    assert port.loads == 1


async def test_methods_and_partials(port):
    class Adder:
        def __init__(self, base):
            self.base = base

        async def add(self, n):
            return self.base + n

    assert await port.result(port.submit(Adder(40).add, 2)) == 42
    assert await port.result(port.submit(functools.partial(nap, "bound"))) == "bound"


@pytest.mark.parametrize("size", [10, LARGE, 5 * LARGE])
async def test_results_of_any_size(port, size):
    assert await port.result(port.submit(nap, bytes(size))) == bytes(size)


async def test_a_result_larger_than_the_heap(port):
    error = await port.result(port.submit(nap, bytes(port.heap_limit + 1)))
    assert isinstance(error, MemoryError)
    assert "nap" in str(error)


async def test_a_result_that_can_not_be_pickled(port):
    async def lock():
        return threading.Lock()

    error = await port.result(port.submit(lock))
    assert isinstance(error, penny.PickleError)
    assert "lock" in str(error)


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyboardInterrupt("y"), SystemExit(3), asyncio.CancelledError()]
)
async def test_every_exception_is_an_outcome(port, error):
    raised = await port.result(port.submit(fail, error))
    assert type(raised) is type(error)
    assert raised.args == error.args
    assert await port.result(port.submit(nap, "goes on")) == "goes on"


async def test_tracebacks_begin_in_the_task(port):
    error = await port.result(port.submit(fail, ValueError("x")))
    assert isinstance(error.__cause__, RemoteTraceback)
    assert error.__cause__.worker == 64
    assert "in fail" in error.__cause__.text
    assert "penny/engines/pool/coroutines.py" not in error.__cause__.text


async def test_what_is_no_coroutine(port):
    """A function of another kind fails as `await` does."""
    assert isinstance(await port.result(port.submit(len, "abc")), TypeError)


async def test_a_function_that_can_not_be_loaded(port):
    handle = port.submit(nap)
    port.functions[id(nap)] = b"no pickle"
    assert isinstance(await port.result(handle), pickle.UnpicklingError)


@pytest.mark.parametrize(
    ("why", "timed_out"), [(CancelReason.ASKED, False), (CancelReason.TIMED_OUT, True)]
)
async def test_cancelled_while_it_waits(port, why, timed_out):
    handle, other = port.submit(endless), port.submit(nap, "other", times=20)
    await port.ended(port.submit(nap))
    port.cancel(handle, why)
    error = await port.result(handle)
    assert isinstance(error, Cancelled)
    assert error.timed_out is timed_out
    assert await port.result(other) == "other"


async def test_cancelled_before_its_first_step(port):
    handle = port.submit(endless)
    port.cancel(handle)
    assert isinstance(await port.result(handle), Cancelled)


async def test_a_task_may_catch_it(port):
    async def catches():
        try:
            await asyncio.Future()
        except asyncio.CancelledError:
            return "caught"

    handle = port.submit(catches)
    await port.ended(port.submit(nap))
    port.cancel(handle)
    assert await port.result(handle) == "caught"


async def test_cancelled_only_once(port):
    """Another one's cancel does not disturb a task that cleans up."""

    async def cleans_up():
        try:
            await asyncio.Future()
        except asyncio.CancelledError:
            for _ in range(20):
                await asyncio.sleep(0)
            return "clean"

    handle, other = port.submit(cleans_up), port.submit(endless)
    await port.ended(port.submit(nap))
    port.cancel(handle)
    await port.ended(port.submit(nap))
    port.cancel(other)
    assert isinstance(await port.result(other), Cancelled)
    assert await port.result(handle) == "clean"


async def test_it_is_a_worker_with_a_scheduler(port):
    async def ask():
        return penny.current_worker(), penny.current_scheduler().workers

    assert await port.result(port.submit(ask)) == (64, FakeEngine.workers)


async def test_it_stops_with_its_scheduler(port):
    handle = port.submit(nap, "done")
    await port.ended(handle)
    port.stop()
    await asyncio.sleep(0)
    late = port.submit(nap)
    for _ in range(10):
        await asyncio.sleep(0)
    assert late not in port.outcomes
