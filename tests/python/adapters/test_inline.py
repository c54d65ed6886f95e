"""Thread pools whose calls run on whoever waits for them."""

import asyncio
import concurrent.futures
import contextvars
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.thread import BrokenThreadPool

import pytest

import penny

early = ThreadPoolExecutor(2)


@pytest.fixture(autouse=True)
def installed():
    with penny.installed(anywhere=True):
        yield


def test_calls_run_when_somebody_waits_in_order():
    seen = []
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(seen.append, i) for i in range(4)]
        assert seen == []
        futures[1].result()
        assert seen == [0, 1]
    assert seen == [0, 1, 2, 3]


def test_they_share_objects():
    values = [0]
    with ThreadPoolExecutor() as pool:
        pool.submit(values.append, values).result()
    assert values[1] is values


def test_a_pool_made_before():
    assert early.submit(pow, 2, 10).result() == 1024


def test_a_subclass():
    class Mine(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            return super().submit(fn, *args, **kwargs)

    with Mine() as pool:
        assert list(pool.map(pow, range(4), [2] * 4)) == [0, 1, 4, 9]


@pytest.mark.parametrize("wait", [concurrent.futures.wait, concurrent.futures.as_completed])
def test_waiting_for_all(wait):
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(pow, i, 2) for i in range(5)]
        done = wait(futures)
        done = done.done if hasattr(done, "done") else set(done)
        assert sorted(f.result() for f in done) == [0, 1, 4, 9, 16]


def test_beside_tasks():
    with penny.Scheduler() as s, ThreadPoolExecutor() as pool:
        futures = [s.submit(pow, 2, 2), pool.submit(pow, 3, 2)]
        assert {f.result() for f in concurrent.futures.as_completed(futures)} == {4, 9}


def test_one_that_waits_for_a_later_one():
    later = []
    with ThreadPoolExecutor() as pool:
        first = pool.submit(lambda: later[0].result() + 1)
        between = pool.submit(lambda: first.result() + 1)
        later.append(pool.submit(lambda: 1))
        assert first.result() == 2
        assert between.result() == 3


def test_one_that_waits_for_what_waits_for_it_is_an_error():
    both = []
    with ThreadPoolExecutor() as pool:
        both.append(pool.submit(lambda: both[1].result()))
        both.append(pool.submit(lambda: both[0].result()))
        with pytest.raises(RuntimeError, match="below it on the same stack"):
            both[0].result()


def test_errors_cancel_and_shutdown():
    pool = ThreadPoolExecutor()
    bad, dropped = pool.submit(divmod, 1, 0), pool.submit(print)
    assert dropped.cancel()
    with pytest.raises(ZeroDivisionError):
        bad.result()
    kept = pool.submit(pow, 2, 2)
    pool.shutdown(cancel_futures=True)
    assert kept.cancelled()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(print)


def test_polling_makes_progress():
    with ThreadPoolExecutor() as pool:
        future = pool.submit(pow, 2, 2)
        while not future.done():
            pass
        assert not future.running()


def test_initializer_runs_once_and_first():
    seen = []
    with ThreadPoolExecutor(4, initializer=seen.append, initargs=("begin",)) as pool:
        pool.map(seen.append, range(2))
    assert seen == ["begin", 0, 1]


def test_an_initializer_that_fails_breaks_the_pool():
    def fail():
        raise OSError

    with ThreadPoolExecutor(initializer=fail) as pool:
        futures = [pool.submit(print) for _ in range(2)]
        for future in futures:
            with pytest.raises(BrokenThreadPool):
                future.result()
        with pytest.raises(BrokenThreadPool):
            pool.submit(print)


def test_a_context_of_its_own():
    var = contextvars.ContextVar("var", default=0)
    var.set(1)
    with ThreadPoolExecutor() as pool:
        assert pool.submit(var.get).result() == 0
        pool.submit(var.set, 2).result()
        assert pool.submit(var.get).result() == 2
    assert var.get() == 1


async def test_an_event_loops_turns():
    seen = []
    pool = ThreadPoolExecutor()
    for i in range(3):
        pool.submit(seen.append, i)
    for _ in range(5):
        await asyncio.sleep(0)
    assert seen == [0, 1, 2]
    assert await asyncio.wrap_future(pool.submit(pow, 2, 3)) == 8


def test_what_is_waiting_when_it_is_uninstalled_still_runs():
    pool = ThreadPoolExecutor()
    future = pool.submit(pow, 2, 3)
    penny.uninstall()
    assert pool.submit(pow, 2, 4).result() == 16  # by a thread
    assert future.result() == 8
    pool.shutdown()
