from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fake_coroutine_port import port as coroutine_port  # noqa: F401
from fake_engine import FakeEngine
from fake_port import isolated
from hypothesis import settings

import penny
import penny.scheduler
from penny.by_value.names import set_names
from penny.jobs import running
from penny.kernels import modules
from penny.memory import memories
from penny.mirror import mirror

# The same examples each time, so that a change fails by what it changes; `make stress` looks for
# new ones (HYPOTHESIS_PROFILE=explore). Neither asks how long one takes: that is the machine's.
settings.register_profile("share", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "share"))


@pytest.fixture(autouse=True)
def own_memory() -> Iterator[None]:
    """No test's arrays go to the memory of an engine that another has left open."""
    yield
    for memory in list(memories._open):
        memories.retire(memory)


@pytest.fixture(autouse=True)
def no_worker() -> Iterator[None]:
    """What a test has made of this interpreter, a worker for instance, ends with it."""
    home = modules.home
    yield
    modules.set_home(home)
    mirror.stop()
    set_names(None)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """The engine that the next Scheduler will use."""
    engine = FakeEngine()

    def open_fake(name: str | None, **options: object) -> FakeEngine:
        assert name is None
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


@pytest.fixture(params=["outside", "in a task"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Runs a function outside of any task, where jobs run at once, or as one."""

    def call(function: Callable[..., Any], *args: Any) -> Any:
        with isolated():
            return function(*args) if request.param == "outside" else running.run(function, args)

    return call


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
