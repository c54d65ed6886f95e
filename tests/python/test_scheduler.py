"""The Scheduler as an executor: submitting, the function table, its end."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import gc
import operator
import pickle
import weakref

import pytest
from fake_engine import FakeEngine

import penny
from penny import Scheduler


class Counter:
    def __init__(self, count=0):
        self.count = count

    def add(self, n):
        return self.count + n

    def __call__(self, n):
        return self.count * n

    @classmethod
    def start(cls, count):
        return cls(count).count


# -- making one ----------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, -1])
def test_workers_must_be_positive(workers):
    with pytest.raises(ValueError, match="workers must be greater than 0"):
        Scheduler(workers)


@pytest.mark.parametrize("workers", ["2", 2.0, [2]])
def test_workers_must_be_an_integer(workers):
    with pytest.raises(TypeError):
        Scheduler(workers)


def test_memory_must_be_positive():
    with pytest.raises(ValueError, match="memory must be greater than 0"):
        Scheduler(memory=0)


def test_packages_must_not_be_one_name():
    with pytest.raises(TypeError, match="sequence of names"):
        Scheduler(packages="numpy")


def test_options_reach_the_engine(engine):
    scheduler = Scheduler(3, packages=["numpy"], memory=1 << 20)
    assert engine.options == {
        "workers": 3,
        "packages": ("numpy",),
        "memory": 1 << 20,
        "check": False,
        "trace": None,
    }
    assert scheduler.workers == engine.workers


def test_is_an_executor():
    assert isinstance(Scheduler(), concurrent.futures.Executor)


# -- submit --------------------------------------------------------------------------------------


def test_submit(scheduler):
    assert scheduler.submit(pow, 2, 8).result() == 256
    assert scheduler.submit(int, "77", base=8).result() == 63


def test_submit_takes_keywords_of_any_name(scheduler):
    def names(**kwargs):
        return kwargs

    assert scheduler.submit(names, self=1, fn=2).result() == {"self": 1, "fn": 2}


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (lambda x: x + 1, (1,), 2),
        (Counter(3).add, (4,), 7),
        (Counter(3), (4,), 12),
        (Counter.start, (5,), 5),
        (functools.partial(operator.sub, 10), (3,), 7),
        (str.upper, ("a",), "A"),
        ("a-b".split, ("-",), ["a", "b"]),
        (dict, ([(1, 2)],), {1: 2}),
        (functools.lru_cache(len), ("abc",), 3),
    ],
)
def test_submit_takes_any_callable(scheduler, function, args, expected):
    assert scheduler.submit(function, *args).result() == expected


def test_submit_of_what_cannot_be_called(scheduler):
    with pytest.raises(TypeError, match="not callable"):
        scheduler.submit(42)


def test_exceptions_come_back_as_themselves(scheduler):
    error = scheduler.submit(divmod, 1, 0).exception()
    assert type(error) is ZeroDivisionError


def test_system_exit_stays_in_its_task(scheduler):
    assert isinstance(scheduler.submit(exit, 3).exception(), SystemExit)


def test_submit_inside_a_task():
    with Scheduler() as scheduler:
        assert scheduler.submit(lambda: scheduler.submit(len, "abc").result()).result() == 3


def test_nothing_is_queued_if_an_argument_cannot_travel(engine):
    scheduler = Scheduler()
    with pytest.raises(penny.PickleError, match=r"len: args\[0\]\[1\]"):
        scheduler.submit(len, [1, (x for x in ())])
    assert engine.queue == []


def test_a_mutable_callable_is_sent_as_it_is_now(engine):
    counter = Counter(1)
    scheduler = Scheduler()
    first = scheduler.submit(counter, 10)
    counter.count = 2
    second = scheduler.submit(counter, 10)
    assert [first.result(), second.result()] == [10, 20]


def test_cancel(engine):
    future = Scheduler().submit(len, "ab")
    assert future.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        future.result()


# -- the function table --------------------------------------------------------------------------


def test_new_task_by_chosen_number(scheduler):
    assert scheduler.register(operator.add, id=1) == 1
    assert scheduler.new_task(1, [40, 2]).result() == 42


def test_new_task_with_keywords(scheduler):
    scheduler.register(int, id=7)
    assert scheduler.new_task(7, ["77"], {"base": 8}).result() == 63
    assert scheduler.new_task(7).result() == 0


def test_new_task_by_given_number_and_by_name(scheduler):
    number = scheduler.register(operator.add)
    assert scheduler.new_task(number, [40, 2]).result() == 42
    assert scheduler.new_task("_operator.add", [40, 2]).result() == 42


def test_unknown_function(engine):
    scheduler = Scheduler()
    with pytest.raises(LookupError, match="no function is registered as 99"):
        scheduler.new_task(99)
    with pytest.raises(LookupError, match="'nothing'"):
        scheduler.new_task("nothing")
    assert engine.queue == []


@pytest.mark.parametrize("args", [5, None, "ab", {1: 2}, iter([1])])
def test_new_task_takes_a_sequence_of_arguments(scheduler, args):
    scheduler.register(len, id=1)
    with pytest.raises(TypeError, match="args must be a sequence"):
        scheduler.new_task(1, args)


def test_registering_another_function_under_the_same_number(scheduler):
    scheduler.register(operator.add, id=1)
    before = scheduler.new_task(1, [6, 3])
    scheduler.register(operator.sub, id=1)
    assert scheduler.new_task(1, [6, 3]).result() == 3
    assert before.result() == 9


def test_registering_a_changed_function_under_the_same_name(scheduler):
    namespace: dict = {"__name__": __name__}
    exec("def f(): return 'old'", namespace)
    number = scheduler.register(namespace["f"])
    exec("def f(): return 'new'", namespace)
    assert scheduler.register(namespace["f"]) == number
    assert scheduler.new_task(number).result() == "new"


def test_registering_a_function_again_that_was_changed_in_place(engine):
    scheduler = Scheduler()
    factor = 2

    def scale(x):
        return factor * x

    scheduler.register(scale, id=1)
    before = scheduler.submit(scale, 10)
    factor = 3
    scheduler.register(scale, id=1)
    assert scheduler.submit(scale, 10).result() == 30
    assert scheduler.new_task(1, [10]).result() == 30
    assert before.result() == 20


def test_lambdas_do_not_take_each_others_place(scheduler):
    numbers = [scheduler.register(lambda i=i: i) for i in range(3)]
    assert [scheduler.new_task(number).result() for number in numbers] == [0, 1, 2]


def test_register_as_decorator(scheduler):
    @scheduler.register(id=5)
    def double(x):
        return 2 * x

    assert double(4) == 8
    assert scheduler.new_task(5, [4]).result() == 8


def test_register_refuses_what_cannot_travel(engine):
    generator = (x for x in ())
    with pytest.raises(penny.PickleError, match="closure variable generator"):
        Scheduler().register(lambda: generator)


@pytest.mark.parametrize("number", [-1, 1 << 31])
def test_register_refuses_numbers_out_of_range(scheduler, number):
    with pytest.raises(ValueError, match="id must be from 0"):
        scheduler.register(len, id=number)


def test_task_names_a_function_for_all_schedulers(scheduler):
    @penny.task(name="test.resize")
    def resize(x):
        return x / 2

    assert resize(4) == 2
    assert scheduler.new_task("test.resize", [4]).result() == 2

    @penny.task(name="test.resize")
    def resize_again(x):
        return x * 2

    assert scheduler.new_task("test.resize", [4]).result() == 8


def test_task_without_a_name(scheduler):
    assert penny.task(double_it) is double_it
    assert scheduler.new_task(f"{__name__}.double_it", [4]).result() == 8


def double_it(x):
    return 2 * x


# -- parallel loops ------------------------------------------------------------------------------


def test_parallel_loops_are_one_task_each(engine):
    scheduler = Scheduler()
    futures = [
        scheduler.parallel_for(abs, 10),
        scheduler.parallel_map(abs, [-1, -2], grain=1),
        scheduler.parallel_reduce(abs, range(-3, 0), operator.add, 0),
        scheduler.parallel_sort(["b", "C", "a"], key=str.lower, reverse=True),
    ]
    assert engine.submissions == 4
    assert [future.result() for future in futures] == [None, [1, 2], 6, ["C", "b", "a"]]


@pytest.mark.parametrize("iterable", [iter([-1]), {-1: 2}.keys(), (n for n in [-1]), zip([-1])])
def test_parallel_loops_take_iterables_that_do_not_pickle(engine, iterable):
    assert len(Scheduler().parallel_map(str, iterable).result()) == 1


def test_parallel_loops_where_they_are(scheduler):
    assert scheduler.parallel_map(double_it, range(3)).result() == [0, 2, 4]


# -- coroutines ----------------------------------------------------------------------------------


async def double_it_slowly(x):
    await asyncio.sleep(0)
    return 2 * x


def test_coroutine_functions(scheduler):
    assert scheduler.submit(double_it_slowly, 4).result() == 8
    partial = functools.partial(double_it_slowly, x=4)
    assert scheduler.submit(partial).result() == 8
    assert list(scheduler.map(double_it_slowly, range(5), chunksize=2)) == [0, 2, 4, 6, 8]


# -- the end -------------------------------------------------------------------------------------


def test_submit_after_shutdown(scheduler):
    scheduler.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        scheduler.submit(len, "a")
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        scheduler.map(len, ["a"])


def test_shutdown_twice(scheduler):
    scheduler.shutdown()
    scheduler.shutdown()


def test_with_waits_for_all_tasks(engine):
    with Scheduler() as scheduler:
        futures = [scheduler.submit(len, "a") for _ in range(3)]
    assert all(future.done() for future in futures)
    assert engine.stopped.done()


def test_shutdown_without_waiting(engine):
    scheduler = Scheduler()
    future = scheduler.submit(len, "ab")
    scheduler.shutdown(wait=False)
    assert not engine.stopped.done()
    assert future.result() == 2


def test_shutdown_cancels(engine):
    scheduler = Scheduler()
    futures = [scheduler.submit(len, "ab") for _ in range(3)]
    scheduler.shutdown(cancel_futures=True)
    assert all(future.cancelled() for future in futures)


def test_shutdown_where_nothing_can_block(engine):
    engine.blocking = False
    scheduler = Scheduler()
    with pytest.raises(penny.BlockingError, match="aclose"):
        scheduler.shutdown()
    assert engine.stopped is None
    scheduler.shutdown(wait=False)
    assert engine.stopped is not None


def test_with_where_nothing_can_block(engine):
    engine.blocking = False
    with pytest.raises(penny.BlockingError, match="async with"), Scheduler():
        pytest.fail("entered")
    assert engine.stopped is not None


async def test_async_with(engine, delivering):
    engine.blocking = False
    async with delivering(engine):
        async with Scheduler() as scheduler:
            future = scheduler.submit(len, "ab")
            assert await scheduler.submit(len, "abc") == 3
        assert future.result() == 2
    assert engine.stopped.done()


async def test_async_with_passes_exceptions_on():
    with pytest.raises(ZeroDivisionError):
        async with Scheduler():
            _ = 1 / 0


async def test_aclose_cancels(engine, delivering):
    scheduler = Scheduler()
    future = scheduler.submit(len, "ab")
    async with delivering(engine):
        await scheduler.aclose(cancel_futures=True)
    assert future.cancelled()


async def test_run_in_executor(engine, delivering):
    loop = asyncio.get_running_loop()
    async with delivering(engine), Scheduler() as scheduler:
        assert await loop.run_in_executor(scheduler, len, "ab") == 2


def test_a_forgotten_scheduler_ends(engine):
    scheduler = Scheduler()
    ref = weakref.ref(scheduler)
    future = scheduler.submit(len, "ab")
    del scheduler
    gc.collect()
    assert ref() is None
    assert engine.stopped is not None
    assert future.result() == 2


def test_stats():
    with Scheduler() as scheduler:
        scheduler.submit(sum, range(1000)).result()
        (worker,) = scheduler.stats()["workers"]
    assert worker["run"] == 1 and worker["worker"] == worker["stolen"] == worker["wakeups"] == 0
    assert worker["busy"] > 0 and worker["idle"] > 0


def test_schedulers_do_not_pickle(scheduler):
    with pytest.raises(TypeError, match="can't be sent"):
        pickle.dumps(scheduler)


def test_fake_engine_releases_functions_after_their_tasks(engine: FakeEngine):
    scheduler = Scheduler()
    future = scheduler.submit(lambda: 5)
    gc.collect()
    assert len(engine.forms) == 1  # the function is gone, its task isn't
    assert future.result() == 5
    gc.collect()
    assert engine.forms == {}
