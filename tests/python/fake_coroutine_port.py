"""The core, as an async worker's Python sees it."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from fake_engine import FakeEngine

from penny import where
from penny.bridge import javascript
from penny.bridge.numbers import CancelReason, Reason, Wait
from penny.engines import current
from penny.engines.pool import coroutines
from penny.functions import forms
from penny.functions.calls import split_call
from penny.stdio import output
from penny.wire import pickles
from penny.wire.exceptions import loads_exception


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
