"""`concurrent.futures.wait` and `as_completed`."""

from __future__ import annotations

import concurrent.futures
import gc
import itertools
import time
import weakref
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, as_completed, wait

import penny
from conformance import Environment, busy, idle, overlapping, pass_through, raises


def settled(env: Environment) -> list[concurrent.futures.Future]:
    """One that has returned, one that has failed."""
    futures = [env.scheduler.submit(abs, -1), env.scheduler.submit(divmod, 1, 0)]
    for future in futures:
        future.exception()
    return futures


def cancelled(env: Environment) -> concurrent.futures.Future:
    """One that is cancelled. Only while `busy`."""
    future = env.scheduler.submit(abs, -1)
    assert future.cancel()
    return future


@idle
def check_wait_for_none(env: Environment) -> None:
    assert wait([]) == (set(), set())
    assert wait([], timeout=0, return_when=FIRST_COMPLETED) == (set(), set())


def check_wait_for_all(env: Environment) -> None:
    futures = [env.scheduler.submit(divmod, 2, n) for n in range(5)]
    done, pending = wait(futures)
    assert done == set(futures) and not pending
    assert all(future.done() for future in futures)


def check_wait_for_what_is_done(env: Environment) -> None:
    futures = settled(env)
    for when in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        done, pending = wait(futures, return_when=when, timeout=0)
        assert done == set(futures) and not pending


@idle
def check_wait_refuses_other_words(env: Environment) -> None:
    with raises(ValueError, "Invalid return condition"):
        wait([env.scheduler.submit(abs, -1), penny_future(env)], return_when="SOON", timeout=0)


def check_wait_takes_duplicates(env: Environment) -> None:
    future = env.scheduler.submit(abs, -1)
    done, pending = wait([future, future])
    assert done == {future} and not pending


@overlapping
def check_wait_for_duplicates_that_run(env: Environment) -> None:
    future = env.scheduler.submit(time.sleep, 0.05)
    done, pending = wait(itertools.repeat(future, 3))
    assert done == {future} and not pending


@overlapping
def check_wait_for_the_first(env: Environment) -> None:
    gate = env.gate()
    slow = env.scheduler.submit(pass_through, gate)
    quick = env.scheduler.submit(abs, -1)
    done, pending = wait([slow, quick], return_when=FIRST_COMPLETED)
    assert done == {quick} and pending == {slow}
    gate.open()
    slow.result()


@overlapping
def check_wait_for_the_first_when_some_are_done(env: Environment) -> None:
    with busy(env) as running:
        others = [*settled_elsewhere(env), cancelled(env)]
        done, pending = wait([*running, *others], return_when=FIRST_COMPLETED)
        assert done == set(others) and pending == set(running)


@overlapping
def check_wait_for_the_first_exception(env: Environment) -> None:
    gate = env.gate()
    slow = env.scheduler.submit(pass_through, gate)
    fine = env.scheduler.submit(abs, -1)
    failed = env.scheduler.submit(divmod, 1, 0)
    done, pending = wait([slow, fine, failed], return_when=FIRST_EXCEPTION)
    assert done == {fine, failed} and pending == {slow}
    gate.open()
    slow.result()


@overlapping
def check_wait_for_the_first_exception_when_one_has_failed(env: Environment) -> None:
    with busy(env) as running:
        fine, failed = settled_elsewhere(env)
        done, pending = wait([*running, fine, failed], return_when=FIRST_EXCEPTION)
        assert done == {fine, failed} and pending == set(running)


def check_wait_for_the_first_exception_without_any(env: Environment) -> None:
    futures = [env.scheduler.submit(abs, -n) for n in range(5)]
    done, pending = wait(futures, return_when=FIRST_EXCEPTION)
    assert done == set(futures) and not pending


@overlapping
def check_a_cancelled_call_is_no_exception(env: Environment) -> None:
    with busy(env) as running:
        stopped = cancelled(env)
        done, pending = wait([stopped, *running], timeout=0.05, return_when=FIRST_EXCEPTION)
        assert done == {stopped} and pending == set(running)


@overlapping
def check_wait_times_out(env: Environment) -> None:
    with busy(env) as running:
        others = [*settled_elsewhere(env), cancelled(env)]
        for limit in (0, 0.05):
            began = time.monotonic()
            done, pending = wait([*running, *others], timeout=limit)
            assert limit * 0.9 <= time.monotonic() - began < 5
            assert done == set(others) and pending == set(running)


@overlapping
def check_wait_notices_a_cancellation(env: Environment) -> None:
    with busy(env) as running:
        other = env.scheduler.submit(abs, -1)
        stop = penny_future(env)
        stop.add_done_callback(lambda f: other.cancel())
        stop.set_result(None)
        done, pending = wait([other, *running], return_when=FIRST_COMPLETED)
        assert done == {other} and pending == set(running)


@overlapping
def check_wait_for_many(env: Environment) -> None:
    gate = env.gate()
    futures = {env.scheduler.submit(pass_through, gate) for _ in range(30)}
    gate.open()
    done, pending = wait(futures)
    assert done == futures and not pending


def check_as_completed(env: Environment) -> None:
    futures = [*settled(env), *(env.scheduler.submit(abs, -n) for n in range(10))]
    assert set(as_completed(futures)) == set(futures)
    assert list(as_completed([])) == []


@overlapping
def check_as_completed_with_cancelled_ones(env: Environment) -> None:
    with busy(env) as running:
        stopped = cancelled(env)
        assert next(iter(as_completed([*running, stopped]))) is stopped


@overlapping
def check_as_completed_in_the_order_of_completion(env: Environment) -> None:
    gates = [env.gate(), env.gate()]
    futures = [env.scheduler.submit(pass_through, gate) for gate in gates]
    for gate in gates:
        gate.reached()
    completed = as_completed(futures)
    gates[1].open()
    assert next(completed) is futures[1]
    gates[0].open()
    assert list(completed) == [futures[0]]


def check_as_completed_yields_duplicates_once(env: Environment) -> None:
    future = env.scheduler.submit(abs, -1)
    assert list(as_completed(itertools.repeat(future, 3))) == [future]


@overlapping
def check_as_completed_yields_running_duplicates_once(env: Environment) -> None:
    future = env.scheduler.submit(time.sleep, 0.05)
    assert list(as_completed(itertools.repeat(future, 3))) == [future]


@overlapping
def check_as_completed_times_out(env: Environment) -> None:
    with busy(env) as running:
        others = [*settled_elsewhere(env), cancelled(env)]
        for limit in (0, 0.05):
            seen = set()
            with raises(TimeoutError, "2 (of 5) futures unfinished"):
                for future in as_completed([*running, *others], timeout=limit):
                    seen.add(future)
            assert seen == set(others)


@overlapping
def check_as_completed_keeps_no_future_that_it_has_yielded(env: Environment) -> None:
    gate = env.gate()
    futures = [env.scheduler.submit(pass_through, gate) for _ in range(4)]
    completed = as_completed(futures)
    gate.open()
    for future in completed:
        futures.remove(future)
        ref = weakref.ref(future)
        del future
        gc.collect()
        assert ref() is None


def check_as_completed_keeps_no_future_that_was_done(env: Environment) -> None:
    futures = settled(env)
    for future in as_completed(futures):
        futures.remove(future)
        ref = weakref.ref(future)
        del future
        gc.collect()
        assert ref() is None


@overlapping
def check_futures_of_two_schedulers(env: Environment) -> None:
    with env.open(workers=1) as other:
        with busy(env) as running:
            futures = [other.submit(abs, -n) for n in range(5)]
            done, pending = wait([*running, *futures], timeout=0.05)
            while not set(futures) <= done:
                done, pending = wait([*running, *futures], timeout=0.05)
            assert pending == set(running)
            assert set(as_completed(futures)) == set(futures)
        mixed = [s.submit(abs, -n) for n in range(5) for s in (env.scheduler, other)]
        assert set(as_completed(mixed)) == set(mixed)
        mixed = [s.submit(abs, -n) for n in range(5) for s in (env.scheduler, other)]
        assert wait(mixed) == (set(mixed), set())


def penny_future(env: Environment) -> penny.Future:
    """A future of no task, which the scenario completes."""
    return penny.Future(env.scheduler._engine)


def settled_elsewhere(env: Environment) -> list[concurrent.futures.Future]:
    """What `settled` gives, although the workers are busy."""
    returned, failed = penny_future(env), penny_future(env)
    returned.set_result(42)
    failed.set_exception(OSError())
    return [returned, failed]
