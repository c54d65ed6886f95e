"""The results of many calls: map, imap, as_completed."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

import penny
from penny import Scheduler


def reciprocal(x):
    return 1 / x


# -- map -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunksize", [1, 2, 3, 10])
@pytest.mark.parametrize("buffersize", [None, 1, 2, 100])
def test_map_is_map(scheduler, chunksize, buffersize):
    results = scheduler.map(pow, range(10), range(12), chunksize=chunksize, buffersize=buffersize)
    assert list(results) == list(map(pow, range(10), range(10)))
    assert list(scheduler.map(len, [], chunksize=chunksize, buffersize=buffersize)) == []


@pytest.mark.parametrize("chunksize", [1, 2])
def test_map_raises_in_its_place(scheduler, chunksize):
    results = scheduler.map(reciprocal, [1, 2, 0, 4], chunksize=chunksize)
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("chunksize", [0, -1])
def test_map_checks_chunksize(scheduler, chunksize):
    with pytest.raises(ValueError, match=r"chunksize must be >= 1\."):
        scheduler.map(len, ["a"], chunksize=chunksize)


def test_map_checks_buffersize(scheduler):
    with pytest.raises(TypeError, match="buffersize must be an integer or None"):
        scheduler.map(len, ["a"], buffersize="2")
    for buffersize in (0, -1):
        with pytest.raises(ValueError, match="buffersize must be None or > 0"):
            scheduler.map(len, ["a"], buffersize=buffersize)


def test_map_submits_at_once(engine):
    Scheduler().map(len, ["a", "b"])
    assert engine.submissions == 2


def test_map_with_chunks_makes_one_task_of_each(engine):
    results = Scheduler().map(len, ["a"] * 10, chunksize=4)
    assert engine.submissions == 3
    assert list(results) == [1] * 10


def test_map_with_chunks_sends_its_function_once(engine):
    scheduler = Scheduler()
    offset = 5

    def add(x):
        return x + offset

    added = []
    engine.records._add = lambda form: added.append(form) or engine._add(form)
    for _ in range(3):
        assert list(scheduler.map(add, range(4), chunksize=2)) == [5, 6, 7, 8]
    assert len(added) == 1


def test_map_with_a_buffer_consumes_lazily(engine):
    numbers = itertools.count(1)
    results = Scheduler().map(reciprocal, numbers, buffersize=3)
    assert engine.submissions == 3
    assert next(results) == 1
    assert engine.submissions == 4
    assert engine.most_queued <= 4


def test_map_times_out_and_cancels_the_rest(engine):
    results = Scheduler().map(len, ["a", "b", "c"], timeout=0.05)
    waiting = list(engine.queue)
    assert next(results) == 1
    engine.take_next()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        next(results)
    assert time.monotonic() - began < 5
    assert waiting[2].cancelled()


def test_closing_map_cancels_the_rest(engine):
    results = Scheduler().map(len, ["a", "b", "c"])
    assert next(results) == 1
    results.close()
    assert engine.queue == []


def test_closing_map_with_chunks_cancels_the_rest(engine):
    results = Scheduler().map(len, ["a"] * 6, chunksize=2)
    assert next(results) == 1
    results.close()
    del results
    assert engine.queue == []


def test_map_fails_whole_if_an_item_cannot_be_sent(engine):
    with pytest.raises(penny.PickleError):
        Scheduler().map(len, ["a", (x for x in "b")])
    assert engine.queue == []


def test_map_where_nothing_can_block(engine):
    engine.blocking = False
    results = Scheduler().map(len, ["a", "b"])
    with pytest.raises(penny.BlockingError) as caught:
        next(results)
    assert any("imap()" in note for note in caught.value.__notes__)


def test_map_does_not_keep_its_scheduler(engine):
    results = Scheduler().map(len, ["a", "bc"])
    assert engine.stopped is not None
    assert list(results) == [1, 2]


# -- imap ----------------------------------------------------------------------------------------


async def agen(items, delay=0.0):
    for item in items:
        await asyncio.sleep(delay)
        yield item


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("chunksize", [1, 3])
@pytest.mark.parametrize("buffersize", [None, 1, 2])
async def test_imap_in_order(engine, delivering, asynchronous, chunksize, buffersize):
    items = [str(i) for i in range(8)]
    async with delivering(engine), Scheduler() as scheduler:
        results = scheduler.imap(
            int, agen(items) if asynchronous else items, chunksize=chunksize, buffersize=buffersize
        )
        assert [result async for result in results] == list(range(8))


async def test_imap_of_several_iterables_on_the_serial_engine():
    async with Scheduler() as scheduler:
        assert [r async for r in scheduler.imap(pow, [1, 2, 3], [2, 2])] == [1, 4]
        assert [r async for r in scheduler.imap(len, [])] == []


async def test_imap_consumes_lazily(engine, delivering):
    async with delivering(engine), Scheduler() as scheduler:
        results = scheduler.imap(reciprocal, itertools.count(1), buffersize=3)
        assert engine.submissions == 0
        for i in range(1, 20):
            assert await anext(results) == 1 / i
            assert engine.submissions <= i + 2
        await results.aclose()
    assert engine.most_queued <= 3


async def test_imap_default_buffer_depends_on_workers(engine, delivering):
    async with delivering(engine), Scheduler() as scheduler:
        results = scheduler.imap(reciprocal, itertools.count(1))
        await anext(results)
        assert engine.submissions == 4 * scheduler.workers
        await results.aclose()


async def test_closing_imap_cancels_the_rest(engine, delivering):
    scheduler = Scheduler()
    async with delivering(engine):
        results = scheduler.imap(len, ["a"] * 9, buffersize=4, chunksize=2)
        assert await anext(results) == 1
    waiting = list(engine.queue)
    await results.aclose()
    assert waiting and all(future.cancelled() for future in waiting)
    assert engine.queue == []


async def test_imap_raises_in_its_place_and_cancels_the_rest(engine):
    scheduler = Scheduler()
    results = scheduler.imap(reciprocal, [1, 0, 3, 4], buffersize=4)
    asyncio.get_running_loop().call_soon(engine.run_next)
    assert await anext(results) == 1
    engine.run_next()
    with pytest.raises(ZeroDivisionError):
        await anext(results)
    assert engine.queue == []


async def test_imap_does_not_wait_for_a_slow_source(engine, delivering):
    more = asyncio.Event()

    async def source():
        yield "a"
        await more.wait()
        yield "bc"

    async with delivering(engine), Scheduler() as scheduler:
        results = scheduler.imap(len, source())
        assert await asyncio.wait_for(anext(results), 5) == 1
        more.set()
        assert [r async for r in results] == [2]


async def test_imap_passes_on_what_its_source_raises(engine, delivering):
    async def source():
        yield "a"
        raise OSError("gone")

    async with delivering(engine), Scheduler() as scheduler:
        results = scheduler.imap(len, source())
        with pytest.raises(OSError, match="gone"):
            [r async for r in results]


async def test_imap_stops_its_source_when_closed(engine, delivering):
    stopped = asyncio.Event()

    async def source():
        try:
            yield "a"
            await asyncio.sleep(1000)
        finally:
            stopped.set()

    async with delivering(engine), Scheduler() as scheduler:
        results = scheduler.imap(len, source())
        assert await anext(results) == 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(results), 0.01)
        await asyncio.wait_for(stopped.wait(), 5)


async def test_imap_checks_its_arguments_at_once(scheduler):
    with pytest.raises(ValueError, match="chunksize"):
        scheduler.imap(len, ["a"], chunksize=0)
    with pytest.raises(ValueError, match="buffersize"):
        scheduler.imap(len, ["a"], buffersize=0)


# -- as_completed --------------------------------------------------------------------------------


async def test_as_completed(engine):
    scheduler = Scheduler()
    futures = [scheduler.submit(len, "a" * i) for i in range(4)]
    engine.queue.reverse()
    asyncio.get_running_loop().call_later(0.01, engine.run_all)
    completed = [future async for future in scheduler.as_completed([*futures, futures[0]])]
    assert completed == futures[::-1]


async def test_as_completed_counts_done_and_cancelled_ones(engine):
    scheduler = Scheduler()
    futures = [scheduler.submit(len, "a") for _ in range(2)]
    engine.run_next()
    futures[1].cancel()
    assert [f async for f in scheduler.as_completed(futures)] == futures


async def test_as_completed_times_out(engine):
    scheduler = Scheduler()
    futures = [scheduler.submit(len, "a") for _ in range(2)]
    engine.run_next()
    completed = scheduler.as_completed(futures, timeout=0.05)
    assert await anext(completed) is futures[0]
    with pytest.raises(TimeoutError, match=r"1 \(of 2\) futures unfinished"):
        await anext(completed)
    assert futures[1]._done_callbacks == []


async def test_as_completed_of_nothing(scheduler):
    assert [f async for f in scheduler.as_completed([])] == []
