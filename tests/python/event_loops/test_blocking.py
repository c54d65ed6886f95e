"""asyncio in tasks, and Schedulers opened there: one real worker, simulated thieves."""

from __future__ import annotations

import asyncio
import signal
import sys
import time

import pytest
from fake_port import FakePort

import penny
from penny.event_loops import blocking
from penny.event_loops.blocking import BlockingLoop
from penny.jobs import job as jobs


@pytest.fixture
def port() -> FakePort:
    return FakePort()


def double(n):
    return 2 * n


def run(main):
    """As `asyncio.run` in a pool worker."""
    engine = penny.current_scheduler()._engine
    outer = blocking.put_aside()
    try:
        with asyncio.Runner(loop_factory=lambda: BlockingLoop(engine)) as runner:
            return runner.run(main())
    finally:
        jobs.masked = True
        blocking.put_back(outer)


# -- Event loops ---------------------------------------------------------------------------------


def test_futures_are_awaited_in_any_way(port):
    async def main():
        s, loop = penny.current_scheduler(), asyncio.get_running_loop()
        futures = [s.submit(double, n) for n in range(20)]
        assert await asyncio.gather(*futures) == list(range(0, 40, 2))
        assert await asyncio.wrap_future(s.submit(double, 1)) == 2
        assert await loop.run_in_executor(s, double, 2) == 4
        assert sorted([await f async for f in s.as_completed(map(s.submit, [double], [3]))]) == [6]
        assert [n async for n in s.imap(double, range(5))] == [0, 2, 4, 6, 8]
        polled = s.submit(double, 4)
        while not polled.done():
            await asyncio.sleep(0.001)
        done, _ = await asyncio.wait([asyncio.wrap_future(s.submit(double, 5))])
        loop.set_default_executor(s)
        assert await asyncio.to_thread(double, 6) == 12
        return polled.result(), [future.result() for future in done]

    assert port.run(lambda: run(main)) == (8, [10])


def test_timers_queues_and_groups(port):
    async def main():
        queue: asyncio.Queue = asyncio.Queue(1)

        async def produce():
            for n in range(3):
                await queue.put(n)

        async with asyncio.TaskGroup() as group:
            group.create_task(produce())
            items = [await queue.get() for _ in range(3)]
        began = time.monotonic()
        await asyncio.gather(*[asyncio.sleep(0.02) for _ in range(20)])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        return items, time.monotonic() - began < 1

    assert port.run(lambda: run(main)) == ([0, 1, 2], True)


def test_what_can_not_come_is_told(port):
    async def main():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="`async def` function"):
        port.run(lambda: run(main))


def test_what_a_browser_has_not_is_told(port):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(NotImplementedError, match="no processes"):
            await asyncio.create_subprocess_exec("ls")
        with pytest.raises(NotImplementedError, match="no sockets"):
            await asyncio.start_server(print, port=0)
        with pytest.raises(NotImplementedError, match="signal"):
            loop.add_signal_handler(signal.SIGINT, print)

    port.run(lambda: run(main))


def test_a_task_in_the_loop_s_wait_sees_no_loop(port):
    def inner():
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return run(lambda: asyncio.sleep(0, "inner"))

    async def main():
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        s = penny.current_scheduler()
        results = [await s.submit(inner), s.submit(inner).result(), penny.spawn(run, nap).join()]
        return results, asyncio.get_running_loop() is loop, asyncio.current_task() is task

    async def nap():
        return await asyncio.sleep(0, "nap")

    assert port.run(lambda: run(main)) == (["inner", "inner", "nap"], True, True)


async def helps(cleaned):
    try:
        while True:
            await asyncio.sleep(0)
    finally:
        cleaned.append(1)


async def blocks(cleaned):
    s = penny.current_scheduler()
    try:
        while True:
            s.submit(double, 1).result()
            await s.submit(double, 2)
    finally:
        cleaned.append(1)


# In weakref's callbacks, too, which swallow it: then the loop raises it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("coroutine", "event"), [(helps, "line"), (blocks, "call")])
def test_cancelled_comes_wherever_it_may(port, coroutine, event):
    """Each coroutine's clean-up is done, and nobody waits for a step that was lost."""
    places = set()
    left = 0

    def at(frame, what, _):
        nonlocal left
        if what == event and not jobs.masked and not blocking.holds_off(frame):
            left -= 1
            if left == 0:
                places.add(frame.f_code.co_name)
                jobs.innermost.interrupt = penny.Cancelled().bare()
                jobs.innermost.touched = True
                raise jobs.innermost.interrupt
        return at

    def task():
        cleaned: list[int] = []
        told: list[object] = []

        async def main():
            asyncio.get_running_loop().set_exception_handler(lambda _, what: told.append(what))
            helpers = [asyncio.create_task(coroutine(cleaned)) for _ in range(3)]
            await asyncio.sleep(0)
            sys.settrace(at)
            await asyncio.gather(*helpers)

        try:
            run(main)
        except penny.Cancelled:
            return len(cleaned), told, asyncio._get_running_loop()
        finally:
            sys.settrace(None)

    for moment in range(1, 100):
        left = moment
        assert port.run(task) == (3, [], None), places
    assert len(places) > 1


def test_a_loop_is_put_back_wherever_cancelled_comes():
    """Where a function of Python's begins, that is: there the handler comes, as trace functions."""
    places = set()
    left = 0

    def at(frame, event, _):
        nonlocal left
        if not jobs.masked and not blocking.holds_off(frame):
            left -= 1
            if left == 0:
                places.add(frame.f_code.co_name)
                raise penny.Cancelled

    def work():
        pass

    loop = asyncio.new_event_loop()
    for left in range(1, 10):  # noqa: B007 (`at` counts it down)
        asyncio._set_running_loop(loop)
        sys.settrace(at)
        try:
            outer = blocking.put_aside()
            try:
                work()
            finally:
                jobs.mask()
                blocking.put_back(outer)
        except penny.Cancelled:
            pass
        finally:
            sys.settrace(None)
            running = asyncio._get_running_loop()
            asyncio._set_running_loop(None)
        assert running is loop
        assert not jobs.masked
    loop.close()
    assert places == {"put_aside", "set_mask", "work", "catch_up"}


# -- Schedulers ----------------------------------------------------------------------------------


def test_a_scheduler_opened_in_a_task_submits_to_the_task_s(port):
    def task():
        with penny.Scheduler(workers=7, packages=["numpy"], memory=1) as inner:
            results = list(inner.map(double, range(5)))
            late = inner.submit(double, 5)
        assert late.done() and late.result() == 10
        with pytest.raises(RuntimeError, match="after shutdown"):
            inner.submit(double, 1)
        return results, inner.workers == penny.current_scheduler().workers

    assert port.run(task) == ([0, 2, 4, 6, 8], True)


def test_its_end_waits_for_its_own(port):
    def task():
        other = penny.current_scheduler().submit(double, 1)
        inner, second = penny.Scheduler(), penny.Scheduler()
        futures = [inner.submit(double, n) for n in range(3)]
        left = second.submit(double, 2)
        inner.shutdown()
        done = [f.done() for f in (*futures, other, left)]
        second.shutdown(wait=False)
        second.shutdown()
        return done, left.done(), other.done(), other.result()

    assert port.run(task) == ([True] * 3 + [False] * 2, True, False, 2)


def test_its_end_may_cancel(port):
    def task():
        inner = penny.Scheduler()
        futures = [inner.submit(double, n) for n in range(3)]
        inner.shutdown(cancel_futures=True)
        return [f.cancelled() for f in futures]

    assert port.run(task) == [True] * 3


def test_its_arguments_are_checked(port):
    with pytest.raises(ValueError, match="workers"):
        port.run(lambda: penny.Scheduler(workers=0))


def test_it_lives_on_in_later_tasks(port):
    kept = []

    def opens():
        kept.append(penny.Scheduler())
        return kept[0].submit(double, 1).result()

    assert port.run(opens) == 2
    assert port.run(lambda: kept[0].submit(double, 2).result()) == 4
    assert port.run(lambda: kept[0].shutdown()) is None


def test_one_that_is_forgotten_has_its_work_done(port):
    done = []

    def task():
        penny.Scheduler().submit(done.append, 1)

    port.run(task)
    assert done == [1]


def test_awaited_in_a_task(port):
    async def main():
        async with penny.Scheduler() as inner:
            late = inner.submit(double, 5)
        return late.done()

    assert port.run(lambda: run(main))


def test_signals_are_left_as_they_were(port):
    handler = signal.getsignal(signal.SIGUSR1)
    port.run(lambda: run(lambda: asyncio.sleep(0)))
    assert signal.getsignal(signal.SIGUSR1) is handler
