"""Submitting, and `map`."""

from __future__ import annotations

import functools
import gc
import itertools
import operator
import time
import weakref

import penny
from conformance import Environment, busy, idle, overlapping, pass_through, raises


class Thing:
    """What can be referred to weakly, and pickles."""

    def touch(self, *_: object) -> None:
        pass

    def __call__(self) -> str:
        return "called"


def capture(*args, **kwargs):
    return args, kwargs


def make_thing(_: object) -> Thing:
    return Thing()


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def check_submit_positional_and_keyword_arguments(env: Environment) -> None:
    s = env.scheduler
    assert s.submit(pow, 2, 8).result() == 256
    assert s.submit(capture, 1, self=2, fn=3).result() == ((1,), {"self": 2, "fn": 3})


@idle
def check_submit_without_a_function(env: Environment) -> None:
    with raises(TypeError):
        env.scheduler.submit(fn=capture, arg=1)
    with raises(TypeError):
        env.scheduler.submit(arg=1)
    with raises(TypeError, "not callable"):
        env.scheduler.submit(None)


def check_submit_any_callable(env: Environment) -> None:
    s = env.scheduler
    assert s.submit(lambda x: x + 1, 1).result() == 2
    assert s.submit(functools.partial(operator.sub, 10), 3).result() == 7
    assert s.submit("a-b".split, "-").result() == ["a", "b"]
    assert s.submit(Thing()).result() == "called"


def check_a_task_s_exception_is_its_own(env: Environment) -> None:
    future = env.scheduler.submit(divmod, 1, 0)
    assert type(future.exception()) is ZeroDivisionError
    with raises(ZeroDivisionError):
        future.result()


def check_exceptions_that_are_no_errors_stay_in_their_task(env: Environment) -> None:
    assert type(env.scheduler.submit(exit, 3).exception()) is SystemExit
    assert env.scheduler.submit(abs, -1).result() == 1


def check_map_equals_map(env: Environment) -> None:
    s = env.scheduler
    expected = list(map(pow, range(10), range(10)))
    for chunksize in (1, 3, 10, 99):
        for buffersize in (None, 1, 2, 20):
            mapped = s.map(pow, range(10), range(10), chunksize=chunksize, buffersize=buffersize)
            assert list(mapped) == expected, (chunksize, buffersize)


def check_map_ends_with_the_shortest_iterable(env: Environment) -> None:
    assert list(env.scheduler.map(pow, [2, 3, 4], [2, 2])) == [4, 9]
    assert list(env.scheduler.map(pow, [], [2, 2])) == []


@idle
def check_map_without_an_iterable(env: Environment) -> None:
    assert list(env.scheduler.map(capture)) == []


@idle
def check_map_of_a_function_without_arguments_for_it(env: Environment) -> None:
    with raises(TypeError):
        env.scheduler.map()


def check_map_raises_where_the_call_did(env: Environment) -> None:
    results = env.scheduler.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5])
    assert next(results) == (0, 1)
    assert next(results) == (0, 1)
    with raises(ZeroDivisionError):
        next(results)
    with raises(StopIteration):
        next(results)


def check_map_submits_without_iteration(env: Environment) -> None:
    s = env.open()
    before = tasks_run(s)
    s.map(abs, range(10))
    s.shutdown(wait=True)
    assert tasks_run(s) - before == 10


def check_map_consumes_iterables_at_once(env: Environment) -> None:
    taken = []
    results = env.scheduler.map(abs, record(range(5), taken))
    assert taken == [0, 1, 2, 3, 4]
    assert list(results) == [0, 1, 2, 3, 4]


def check_map_consumes_an_endless_iterable_as_far_as_its_buffer(env: Environment) -> None:
    taken = []
    results = env.scheduler.map(abs, record(itertools.count(), taken), buffersize=3)
    assert taken == [0, 1, 2]
    assert next(results) == 0
    assert taken == [0, 1, 2, 3]
    assert [next(results) for _ in range(4)] == [1, 2, 3, 4]
    assert len(taken) == 8
    results.close()
    assert len(taken) == 8


def check_map_buffers_chunks(env: Environment) -> None:
    taken = []
    source = record(itertools.count(), taken)
    results = env.scheduler.map(abs, source, chunksize=2, buffersize=2)
    assert taken == [0, 1, 2, 3]
    assert next(results) == 0
    assert taken == [0, 1, 2, 3, 4, 5]
    results.close()


@idle
def check_map_sizes(env: Environment) -> None:
    s = env.scheduler
    for size in (0, -1):
        with raises(ValueError, "buffersize must be None or > 0"):
            s.map(str, range(4), buffersize=size)
        with raises(ValueError, "chunksize must be >= 1"):
            s.map(str, range(4), chunksize=size)
    for size in ("1", 1.5, ...):
        with raises(TypeError, "buffersize must be an integer or None"):
            s.map(str, range(4), buffersize=size)


@idle
def check_map_passes_on_what_its_iterable_raises(env: Environment) -> None:
    def broken():
        yield 1
        raise OSError("broken")

    with raises(OSError, "broken"):
        env.scheduler.map(abs, broken())
    results = env.scheduler.map(abs, broken(), buffersize=1)
    with raises(OSError, "broken"):
        list(results)


@overlapping
def check_map_times_out(env: Environment) -> None:
    gate = env.gate()
    gates = [open_gate(env), open_gate(env), gate]
    began = time.monotonic()
    results = env.scheduler.map(pass_through, gates, range(3), timeout=3)
    assert next(results) == 0
    assert next(results) == 1
    with raises(TimeoutError):
        next(results)
    assert 2.9 < time.monotonic() - began < 20
    gate.open()


@overlapping
def check_map_s_time_begins_with_the_call(env: Environment) -> None:
    with busy(env):
        results = env.scheduler.map(abs, [1], timeout=0.05)
        time.sleep(0.06)
        began = time.monotonic()
        with raises(TimeoutError):
            next(results)
        assert time.monotonic() - began < 5


@overlapping
def check_map_that_fails_cancels_what_has_not_begun(env: Environment) -> None:
    s = env.open(workers=2)
    with busy(env, s):
        results = s.map(nap, [0] * 20, timeout=0)
        with raises(TimeoutError):
            next(results)
    s.shutdown()
    assert tasks_run(s) == 2


@overlapping
def check_a_map_that_is_closed_cancels_what_has_not_begun(env: Environment) -> None:
    s = env.open(workers=2)
    gates = [env.gate(), env.gate()]
    holder = s.submit(pass_through, gates[0])
    gates[0].reached()
    results = s.map(pass_through, [open_gate(env), gates[1], *[open_gate(env)] * 20])
    next(results)
    gates[1].reached()
    results.close()
    for gate in gates:
        gate.open()
    holder.result()
    s.shutdown()
    assert tasks_run(s) == 3


@overlapping
def check_results_come_in_order_whatever_ends_first(env: Environment) -> None:
    gate = env.gate()
    results = env.scheduler.map(pass_through, [gate, open_gate(env)], ["first", "second"])
    time.sleep(0.05)
    gate.open()
    assert list(results) == ["first", "second"]


@overlapping
def check_as_many_tasks_run_at_a_time_as_there_are_workers(env: Environment) -> None:
    with busy(env):
        more = env.scheduler.submit(abs, -1)
        time.sleep(0.05)
        assert not more.running() and not more.done()
    assert more.result() == 1


def check_more_tasks_than_workers(env: Environment) -> None:
    futures = [env.scheduler.submit(abs, -n) for n in range(300)]
    assert [future.result() for future in futures] == list(range(300))


def check_a_submitted_object_is_let_go_when_its_task_is_done(env: Environment) -> None:
    thing = Thing()
    ref = weakref.ref(thing)
    future = env.scheduler.submit(thing.touch)
    del thing
    future.result()
    gc.collect()
    assert ref() is None


def check_a_submitted_object_is_let_go_though_nobody_kept_the_future(env: Environment) -> None:
    thing = Thing()
    ref = weakref.ref(thing)
    env.scheduler.submit(thing.touch)
    del thing

    def collected() -> bool:
        env.scheduler.submit(abs, 1).result()
        gc.collect()
        return ref() is None

    until(collected)


def check_a_result_is_let_go_with_its_future(env: Environment) -> None:
    future = env.scheduler.submit(make_thing, 0)
    ref = weakref.ref(future.result())
    assert ref() is not None
    del future
    gc.collect()
    assert ref() is None


def check_map_keeps_no_result_that_was_taken(env: Environment) -> None:
    for sizes in ({}, {"buffersize": 3}, {"chunksize": 4}, {"chunksize": 4, "buffersize": 2}):
        for thing in env.scheduler.map(make_thing, range(10), **sizes):
            ref = weakref.ref(thing)
            del thing
            gc.collect()
            assert ref() is None


def check_a_failed_future_is_let_go_without_the_collector(env: Environment) -> None:
    gc.collect()
    gc.disable()
    try:
        future = env.scheduler.submit(divmod, 1, 0)
        ref = weakref.ref(future)
        with raises(ZeroDivisionError) as caught:
            future.result()
        caught.clear()
        del future
        assert ref() is None
    finally:
        gc.enable()


@idle
def check_workers_must_be_positive(env: Environment) -> None:
    for number in (0, -1):
        with raises(ValueError, "workers must be greater than 0"):
            penny.Scheduler(number)


def record(iterable, taken: list):
    for item in iterable:
        taken.append(item)
        yield item


def open_gate(env: Environment):
    gate = env.gate()
    gate.open()
    return gate


def tasks_run(scheduler: penny.Scheduler) -> int:
    return sum(worker["run"] for worker in scheduler.stats()["workers"])


def until(true) -> None:
    """Asks again and again for at most 10 seconds."""
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
