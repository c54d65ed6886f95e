from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from fake_engine import FakeEngine

import penny
import penny.scheduler


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """The engine that the next Scheduler will use."""
    engine = FakeEngine()

    def open_fake(**options: object) -> FakeEngine:
        engine.options = options
        return engine

    monkeypatch.setattr(penny.scheduler, "open_engine", open_fake)
    return engine


@pytest.fixture(params=["serial", "fake"])
def scheduler(request: pytest.FixtureRequest) -> Iterator[penny.Scheduler]:
    """A Scheduler on each engine that there is without a browser."""
    if request.param == "fake":
        request.getfixturevalue("engine")
    with penny.Scheduler() as scheduler:
        yield scheduler


@pytest.fixture
def delivering():
    """A context in which the event loop runs an engine's tasks, as the browser's does."""

    @contextlib.asynccontextmanager
    async def deliver(engine: FakeEngine):
        async def turn() -> None:
            while True:
                await asyncio.sleep(0)
                if engine.queue:
                    engine.run_next()
                elif engine.stopped is not None and not engine.closed:
                    engine.close()

        task = asyncio.create_task(turn())
        try:
            yield
        finally:
            task.cancel()

    return deliver
