"""The async worker's Python on CPython's event loop, with a core that is a dictionary."""

from __future__ import annotations

import asyncio
import functools
import pickle
import threading

import pytest
from fake_engine import FakeEngine

import penny
from penny.bridge.numbers import CancelReason
from penny.errors import Cancelled, RemoteTraceback
from penny.wire.payload import LARGE


@pytest.fixture
def port(coroutine_port):
    return coroutine_port


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
    assert "penny/engines/ported/coroutines.py" not in error.__cause__.text


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
