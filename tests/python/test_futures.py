"""Futures: waiting by draining, awaiting, cancelling; and concurrent.futures' functions on them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import gc
import operator
import pickle
import time
import weakref

import pytest
from fake_engine import FakeEngine

from penny import BlockingError, Cancelled, RemoteTraceback
from penny.futures import Future
from penny.options import DEFAULT, Options


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def submit(engine: FakeEngine, function, *args) -> Future:
    future: Future = Future(engine)
    engine.submit(future, function, args, {}, DEFAULT)
    return future


def divide(a, b):
    return a / b


# -- state ---------------------------------------------------------------------------------------


def test_a_new_future_is_like_that_of_concurrent_futures(engine):
    ours, theirs = Future(engine), concurrent.futures.Future()
    assert not (ours.done() or ours.cancelled() or ours.running())
    # What concurrent.futures' own functions look at is there, and means the same.
    for name, value in vars(theirs).items():
        if name != "_condition":
            assert getattr(ours, name) == value
    assert isinstance(ours, concurrent.futures.Future)


def test_repr_shows_state(engine):
    future = submit(engine, operator.add, 1, 2)
    assert "state=pending" in repr(future)
    future.result()
    assert "state=finished returned int" in repr(future)


def test_set_result(engine):
    future = Future(engine)
    future.set_running_or_notify_cancel()
    assert future.running()
    future.set_result(5)
    assert future.done() and not future.running() and not future.cancelled()
    assert future.result() == 5 and future.exception() is None


def test_completing_twice_is_an_error(engine):
    future = Future(engine)
    future.set_result(1)
    with pytest.raises(concurrent.futures.InvalidStateError, match="FINISHED: <Future at"):
        future.set_result(2)
    with pytest.raises(concurrent.futures.InvalidStateError):
        future.set_exception(ValueError())
    assert future.result() == 1


def test_running_asks_the_engine(engine):
    future = submit(engine, len, "ab")
    assert not future.running()
    engine.take_next()
    assert future.running()


# -- waiting -------------------------------------------------------------------------------------


def test_result_drains_until_done(engine):
    futures = [submit(engine, operator.add, i, 1) for i in range(3)]
    assert futures[2].result() == 3
    assert all(future.done() for future in futures)


def test_exception_drains_until_done(engine):
    future = submit(engine, divide, 1, 0)
    assert isinstance(future.exception(), ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        future.result()
    assert submit(engine, divide, 1, 1).exception() is None


def test_result_times_out(engine):
    future = submit(engine, len, "ab")
    engine.take_next()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        future.result(timeout=0.05)
    assert 0.05 <= time.monotonic() - began < 5
    with pytest.raises(TimeoutError):
        future.exception(timeout=0)


def test_result_where_nothing_can_block(engine):
    engine.blocking = False
    future = submit(engine, len, "ab")
    with pytest.raises(BlockingError, match="await"):
        future.result()
    with pytest.raises(TimeoutError):  # asks without waiting
        future.result(timeout=0)
    engine.run_all()
    assert future.result() == 2


def test_a_failed_future_makes_no_reference_cycle(engine):
    gc.collect()
    gc.disable()
    try:
        future = submit(engine, divide, 1, 0)
        ref = weakref.ref(future)
        with pytest.raises(ZeroDivisionError) as caught:
            future.result()
        del future, caught
        assert ref() is None
    finally:
        gc.enable()


# -- callbacks -----------------------------------------------------------------------------------


def test_callbacks_run_in_order_and_at_once_when_done(engine):
    future = submit(engine, len, "ab")
    calls = []
    future.add_done_callback(lambda f: calls.append(1))
    future.add_done_callback(lambda f: calls.append(2))
    assert calls == []
    future.result()
    future.add_done_callback(lambda f: calls.append(3))
    assert calls == [1, 2, 3]


def test_a_failing_callback_is_logged_and_harms_nobody(engine, caplog):
    future = submit(engine, len, "ab")
    calls = []
    future.add_done_callback(lambda f: 1 / 0)
    future.add_done_callback(calls.append)
    assert future.result() == 2
    assert calls == [future]
    assert "exception calling callback" in caplog.text


def test_callback_on_cancel(engine):
    future = submit(engine, len, "ab")
    calls = []
    future.add_done_callback(calls.append)
    future.cancel()
    assert calls == [future]


def test_remove_done_callback(engine):
    future = submit(engine, len, "ab")
    calls: list = []

    def note(future):
        calls.append(future)

    future.add_done_callback(note)
    future.add_done_callback(note)
    assert future.remove_done_callback(note) == 2
    assert future.remove_done_callback(note) == 0
    future.result()
    assert calls == []


def test_a_callback_may_remove_others_and_submit_more(engine):
    first = submit(engine, len, "ab")
    more = []
    first.add_done_callback(lambda f: more.append(submit(engine, len, "abc").result()))
    assert first.result() == 2
    assert more == [3]


# -- cancelling ----------------------------------------------------------------------------------


def test_cancel_pending(engine):
    future = submit(engine, len, "ab")
    assert future.cancel()
    assert future.cancel()
    assert future.cancelled() and future.done() and not future.running()
    assert engine.queue == []
    with pytest.raises(concurrent.futures.CancelledError):
        future.result()
    with pytest.raises(concurrent.futures.CancelledError):
        future.exception()


def test_cancel_running_or_done(engine):
    future = submit(engine, len, "ab")
    engine.take_next()
    assert not future.cancel()
    assert not future.cancelled()
    done = Future(engine)
    done.set_result(1)
    assert not done.cancel()


def test_cancel_running_asks_the_engine(engine):
    future = submit(engine, len, "ab")
    assert submit(engine, len, "ab").cancel(running=True)  # withdrawn: nobody has begun it
    engine.take_next()
    assert future.cancel(running=True)
    assert engine.asked is future
    assert future.running() and not future.cancelled()
    engine.end_taken(Cancelled())
    assert future.cancelled() and future.done() and not future.running()
    assert future.cancel() and future.cancel(running=True)
    with pytest.raises(concurrent.futures.CancelledError):
        future.result()


def test_a_task_that_was_asked_to_end_may_return(engine):
    future = submit(engine, len, "ab")
    engine.take_next()
    future.cancel(running=True)
    engine.end_taken(7)
    assert future.result() == 7
    assert not future.cancel(running=True)


def test_a_task_that_was_asked_to_end_may_raise_another(engine):
    future = submit(engine, len, "ab")
    engine.take_next()
    future.cancel(running=True)
    engine.end_taken(KeyError("closing"))
    assert isinstance(future.exception(), KeyError)


def test_callbacks_and_waiters_hear_of_a_task_that_was_ended(engine):
    future, other = submit(engine, len, "ab"), submit(engine, len, "ab")
    calls: list = []
    future.add_done_callback(calls.append)
    engine.take_next()
    other.add_done_callback(lambda f: engine.end_taken(Cancelled()))
    other.cancel()
    assert calls == [future]
    assert concurrent.futures.wait([future, other]).done == {future, other}


def test_a_task_whose_time_was_over(engine):
    future = Future(engine)
    engine.submit(future, len, ("ab",), {}, Options(timeout=1.5))
    engine.take_next()
    engine.end_taken(Cancelled(timed_out=True))
    with pytest.raises(TimeoutError, match=r"len took longer than its timeout of 1\.5 s") as info:
        future.result()
    assert isinstance(info.value.__cause__, RemoteTraceback)
    assert not future.cancelled()


def test_asking_collects_what_has_arrived(engine):
    future = submit(engine, len, "ab")
    engine.take_next()
    engine.drain = lambda timeout=None, wanted=None: engine.end_taken(2)
    assert future._state != "FINISHED"
    assert future.done()


# -- awaiting ------------------------------------------------------------------------------------


async def test_await(engine):
    future = submit(engine, operator.add, 40, 2)
    asyncio.get_running_loop().call_soon(engine.run_all)
    assert await future == 42
    assert await future == 42


async def test_await_raises(engine):
    future = submit(engine, divide, 1, 0)
    asyncio.get_running_loop().call_soon(engine.run_all)
    with pytest.raises(ZeroDivisionError):
        await future


async def test_await_takes_one_turn_of_the_loop(engine):
    future = submit(engine, len, "ab")
    order = []

    async def wait():
        order.append(await future)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    engine.run_all()
    asyncio.get_running_loop().call_soon(order.append, "next turn")
    await task
    assert order == [2, "next turn"]


async def test_await_a_done_future_does_not_suspend(engine):
    future = Future(engine)
    future.set_result(7)
    awaiting = future.__await__()
    with pytest.raises(StopIteration) as stop:
        next(awaiting)
    assert stop.value.value == 7


async def test_await_a_cancelled_future(engine):
    future = submit(engine, len, "ab")
    asyncio.get_running_loop().call_soon(future.cancel)
    with pytest.raises(asyncio.CancelledError):
        await future
    with pytest.raises(asyncio.CancelledError):
        await future


async def test_cancelling_the_awaiting_task_cancels_the_future(engine):
    future = submit(engine, len, "ab")

    async def wait():
        return await future

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert future.cancelled()


async def test_cancelling_the_awaiting_task_leaves_a_running_future(engine):
    future = submit(engine, len, "ab")

    async def wait():
        return await future

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    engine.take_next()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not future.cancelled()
    future.set_result(2)
    assert await future == 2


async def test_asyncio_functions_take_futures(engine):
    futures = [submit(engine, operator.add, i, i) for i in range(3)]
    asyncio.get_running_loop().call_soon(engine.run_all)
    assert await asyncio.gather(*futures) == [0, 2, 4]
    assert await asyncio.wait_for(futures[0], 1) == 0
    assert await asyncio.wrap_future(futures[1]) == 2
    slow = submit(engine, len, "ab")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(slow, 0.01)
    assert slow.cancelled()


# -- concurrent.futures.wait and as_completed ----------------------------------------------------


def test_wait_all(engine):
    futures = [submit(engine, len, "a" * i) for i in range(4)]
    futures[0].result()
    done, not_done = concurrent.futures.wait(futures)
    assert done == set(futures) and not not_done


def test_wait_first_completed(engine):
    futures = [submit(engine, len, "a" * i) for i in range(3)]
    done, not_done = concurrent.futures.wait(
        futures, return_when=concurrent.futures.FIRST_COMPLETED
    )
    assert done == {futures[0]} and not_done == set(futures[1:])


def test_wait_first_exception(engine):
    futures = [submit(engine, divide, 1, 1 - i) for i in range(3)]
    done, not_done = concurrent.futures.wait(
        futures, return_when=concurrent.futures.FIRST_EXCEPTION
    )
    assert done == set(futures[:2]) and not_done == {futures[2]}


def test_wait_first_exception_without_any(engine):
    futures = [submit(engine, divide, 1, 1) for i in range(3)]
    done, not_done = concurrent.futures.wait(
        futures, return_when=concurrent.futures.FIRST_EXCEPTION
    )
    assert done == set(futures) and not not_done


def test_wait_times_out(engine):
    quick = submit(engine, len, "a")
    quick.result()
    slow = submit(engine, len, "a")
    engine.take_next()
    began = time.monotonic()
    done, not_done = concurrent.futures.wait([quick, slow], timeout=0.05)
    assert time.monotonic() - began >= 0.05
    assert done == {quick} and not_done == {slow}
    assert slow._waiters == []


def test_wait_counts_a_cancelled_future(engine):
    futures = [submit(engine, len, "a") for _ in range(2)]
    futures[1].cancel()
    done, not_done = concurrent.futures.wait(futures)
    assert done == set(futures) and not not_done


def test_wait_notices_a_cancellation_from_a_callback(engine):
    first, second = submit(engine, len, "a"), submit(engine, len, "ab")
    first.add_done_callback(lambda f: second.cancel())
    done, not_done = concurrent.futures.wait([first, second])
    assert done == {first, second} and not not_done
    assert second.cancelled()


def test_wait_where_nothing_can_block(engine):
    engine.blocking = False
    future = submit(engine, len, "a")
    with pytest.raises(BlockingError, match="await"):
        concurrent.futures.wait([future])


def test_wait_for_futures_of_two_engines(engine):
    other = FakeEngine()
    futures = [submit(e, len, "abc") for e in (engine, other, engine, other)]
    done, not_done = concurrent.futures.wait(futures)
    assert done == set(futures) and not not_done


def test_wait_for_futures_of_two_engines_times_out(engine):
    other = FakeEngine()
    futures = [submit(e, len, "abc") for e in (engine, other)]
    other.take_next()
    done, not_done = concurrent.futures.wait(futures, timeout=0.05)
    assert done == {futures[0]} and not_done == {futures[1]}


def test_wait_leaves_threads_alone_when_ours_are_done(engine):
    ours = submit(engine, len, "abc")
    ours.result()
    with concurrent.futures.ThreadPoolExecutor() as threads:
        theirs = threads.submit(time.sleep, 0.02)
        done, _ = concurrent.futures.wait([ours, theirs])
    assert done == {ours, theirs}


def test_as_completed(engine):
    futures = [submit(engine, len, "a" * i) for i in range(4)]
    engine.queue.reverse()
    futures[3].result()
    futures[0].cancel()
    order = list(concurrent.futures.as_completed([*futures, futures[1]]))
    assert set(order[:2]) == {futures[0], futures[3]}
    assert order[2:] == [futures[2], futures[1]]


def test_as_completed_times_out(engine):
    futures = [submit(engine, len, "a") for _ in range(2)]
    completed = concurrent.futures.as_completed(futures, timeout=0.05)
    assert next(completed) in futures
    engine.take_next()
    with pytest.raises(TimeoutError, match=r"1 \(of 2\) futures unfinished"):
        next(completed)


def test_as_completed_where_nothing_can_block(engine):
    engine.blocking = False
    future = submit(engine, len, "a")
    with pytest.raises(BlockingError):
        list(concurrent.futures.as_completed([future]))


# -- not travelling ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [pickle.dumps, copy.copy])
def test_futures_do_not_pickle(engine, how):
    with pytest.raises(TypeError, match="await it, or call its result"):
        how(Future(engine))
