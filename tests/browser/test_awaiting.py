"""Who awaits a future goes on within the event that has brought its outcome, by either engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.servers import Server

GOES_ON = """
import asyncio, contextvars, penny, time
from js import MessageChannel
from pyodide.ffi import create_proxy

def slow(seconds, value):
    time.sleep(seconds)
    return value, penny.current_worker() is not None

def begun(coroutine, **options):
    # It awaits already: no outcome comes in between.
    return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), eager_start=True, **options)

variable = contextvars.ContextVar("variable")

async with penny.Scheduler(workers=2) as s:
    await asyncio.gather(s.submit(abs, -1), s.submit(abs, -1))
    # All who await one, in their order, each as itself; first those that are no coroutines.
    order = []

    async def wait(n, future):
        variable.set(n)
        assert await future == 1
        order.append((n, variable.get(), asyncio.current_task().get_name()))
        # The loop is what it always is, and so are its generators.
        assert asyncio.get_running_loop() is loop

    loop = asyncio.get_running_loop()
    one = s.submit(abs, -1)
    tasks = [begun(wait(n, one), name=str(n)) for n in range(4)]
    one.add_done_callback(lambda _: order.append("called"))
    await asyncio.gather(*tasks)
    assert order == ["called", *[(n, n, str(n)) for n in range(4)]], order

    # In one event: what JavaScript was asked for by the callback comes later than who awaits.
    turns = []
    channel = MessageChannel.new()
    channel.port1.onmessage = heard = create_proxy(lambda _: turns.append("a turn"))

    async def at_once():
        future = s.submit(slow, 0.02, 1)
        future.add_done_callback(lambda _: channel.port2.postMessage(None))
        await future
        turns.append("goes on")

    for _ in range(5):
        await at_once()
        while len(turns) < 2:
            await asyncio.sleep(0)
        assert turns == ["goes on", "a turn"], turns
        turns.clear()
    channel.port1.close()
    heard.destroy()

    # Who goes on may wait where a page can: others go on meanwhile, and it hears of its own.
    async def waits():
        await s.submit(abs, -1)
        value = s.submit(slow, 0.2, "waited").result()
        seen.append("waits")
        return value

    async def counts():
        for n in range(10):
            await s.submit(abs, n)
        seen.append("counts")

    seen = []
    values = await asyncio.gather(waits(), counts())
    assert values[0] == ("waited", True) and sorted(seen) == ["counts", "waits"], (values, seen)

    # Cancelled by a callback of what it awaits: before it was to go on, and after.
    async def awaits(future):
        return await future

    for first in (True, False):
        future = s.submit(slow, 0.01, 1)
        if first:
            future.add_done_callback(lambda _: task.cancel())
        task = begun(awaits(future))
        if not first:
            future.add_done_callback(lambda _: task.cancel())
        done, _ = await asyncio.wait([task], timeout=60)
        assert done == {task} and task.cancelled() and future.result() == (1, True)

    # A callback delivers what else has come, and asks anew: all go on, once.
    async def nested(n):
        inner = []
        future = s.submit(abs, n)
        future.add_done_callback(lambda _: inner.append(s.submit(abs, n + 1)))
        future.add_done_callback(lambda _: [other.done() for other in others])
        gone.append(await future)
        return await inner[0]

    gone = []
    others = [s.submit(abs, n) for n in range(50)]
    assert await asyncio.gather(*[nested(n) for n in range(50)]) == [*range(1, 51)]
    assert sorted(gone) == [*range(50)]

    # Errors are its own; generators are closed as ever.
    async def numbers():
        try:
            while True:
                yield await s.submit(abs, -1)
        finally:
            closed.append(await s.submit(abs, -2))

    closed = []
    async def leaves():
        async for number in numbers():
            assert number == 1
            raise LookupError

    failed = await asyncio.gather(leaves(), return_exceptions=True)
    assert type(failed[0]) is LookupError, failed
    del failed
    import gc
    gc.collect()
    for _ in range(200):
        if closed:
            break
        await asyncio.sleep(0.01)
    assert closed == [2]
print(s._engine.name)
"""

EXIT = """
import asyncio, penny, sys

async def leave():
    await s.submit(abs, -1)
    sys.exit(7)

async with penny.Scheduler(workers=1) as s:
    task = asyncio.create_task(leave())  # whom nobody awaits
    try:
        await asyncio.sleep(60)
    finally:
        print("ends", flush=True)
"""


@pytest.fixture(scope="module")
def plain(driver: Chrome, plain_server: Server) -> Iterator[Page]:
    """A page without the headers of isolation."""
    page = Page(driver, plain_server).open()
    yield page
    page.close()


@pytest.mark.parametrize("on", ["page", "host"])
def test_by_messages(plain: Page, on: str) -> None:
    assert plain.run(GOES_ON, on=on).ok() == "messages\n"


@pytest.mark.parametrize("on", ["page", "host"])
def test_by_shared_memory(shared_page: Page, on: str) -> None:
    assert shared_page.run(GOES_ON, on=on).ok() == "pool\n"


def test_an_exit_ends_the_program(plain: Page) -> None:
    run = plain.run(EXIT, on="page")
    assert (run.status, run.stdout) == (7, "ends\n")
