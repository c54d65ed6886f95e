"""Python on a page: what can be called, with what, and that it comes back."""

from pytest_pyodide import run_in_pyodide


@run_in_pyodide
async def test_a_submitted_call_is_awaited(selenium_penny):
    from pool import shared

    future = shared.submit(divmod, 17, 5)
    assert await future == (3, 2)
    assert future.done()
    assert future.result() == (3, 2)


@run_in_pyodide
async def test_keyword_arguments_arrive(selenium_penny):
    from pool import shared

    assert await shared.submit(sorted, [1, 3, 2], reverse=True) == [3, 2, 1]


@run_in_pyodide
async def test_lambdas_and_closures_travel_by_value(selenium_penny):
    from pool import shared

    def scale_by(factor):
        def scale(number):
            return factor * number

        return scale

    assert await shared.submit(lambda a, b: a - b, 5, 3) == 2
    assert await shared.submit(scale_by(3), 14) == 42
    assert await shared.submit(scale_by(4), 14) == 56


@run_in_pyodide
async def test_bound_methods_and_partials_travel(selenium_penny):
    import functools

    from pool import shared

    assert await shared.submit("a,b".split, ",") == ["a", "b"]
    assert await shared.submit(functools.partial(pow, 2, mod=100), 10) == 24


def test_classes_of_main_keep_their_identity(selenium_penny):
    types = selenium_penny.run_async("""
        import dataclasses
        from pool import shared

        @dataclasses.dataclass
        class Point:
            x: int
            y: int

            def moved(self, by):
                return Point(self.x + by, self.y + by)

        moved = await shared.submit(Point.moved, Point(1, 2), 10)
        inner = await shared.submit(lambda points: [p.moved(1) for p in points], [Point(0, 0)])
        [moved == Point(11, 12), type(moved) is Point, type(inner[0]) is Point]
    """)
    assert types == [True, True, True]


def test_functions_of_main_see_its_globals(selenium_penny):
    result = selenium_penny.run_async("""
        import math
        from pool import shared

        offset = 2

        def shifted_root(number):
            return offset + math.isqrt(number)

        await shared.submit(shifted_root, 1600)
    """)
    assert result == 42


@run_in_pyodide
async def test_new_task_calls_a_function_by_its_number(selenium_penny):
    import operator

    from pool import shared

    assert shared.register(operator.add, id=1) == 1
    assert await shared.new_task(1, [40, 2]) == 42


@run_in_pyodide
async def test_new_task_calls_a_function_by_its_name(selenium_penny):
    import operator

    from pool import shared

    number = shared.register(operator.mul)
    assert await shared.new_task("_operator.mul", [6, 7]) == 42
    assert await shared.new_task(number, (6, 7)) == 42


@run_in_pyodide
async def test_registering_again_takes_effect_for_later_tasks(selenium_penny):
    from pool import shared

    shared.register(lambda: "old", id=7)
    before = shared.new_task(7)
    shared.register(lambda: "new", id=7)
    after = shared.new_task(7)
    assert await before == "old"
    assert await after == "new"


@run_in_pyodide
async def test_registering_again_takes_a_function_with_its_present_globals(selenium_penny):
    from pool import shared

    namespace = {"greeting": "hello", "others": ["hi"] * 5000}
    exec("def greet(): return greeting, others[0]", namespace)
    greet = namespace["greet"]
    assert await shared.submit(greet) == ("hello", "hi")
    namespace["greeting"] = "good evening"
    assert await shared.submit(greet) == ("good evening", "hi")
    namespace["others"][0] = "hey"  # too many to be looked at each time
    assert await shared.submit(greet) == ("good evening", "hi")
    shared.register(greet)
    assert await shared.submit(greet) == ("good evening", "hey")


@run_in_pyodide
async def test_an_unknown_id_fails_before_anything_is_queued(selenium_penny):
    from pool import shared

    async def tasks_run():
        return sum(worker["run"] for worker in shared.stats()["workers"])

    before = await tasks_run()
    for unknown in (987654, "no.such.function"):
        try:
            shared.new_task(unknown, [1])
        except LookupError as error:
            assert repr(unknown) in str(error), error
        else:
            raise AssertionError(f"{unknown!r} was accepted")
    assert shared.stats()["pending"] == 0
    assert await shared.submit(len, "abc") == 3
    assert await tasks_run() == before + 1


@run_in_pyodide
async def test_large_arguments_and_results_are_intact(selenium_penny):
    import hashlib
    import random

    from pool import shared

    data = random.Random(1).randbytes(10_000_000)
    digest = hashlib.sha256(data).digest()
    assert await shared.submit(lambda data: hashlib.sha256(data).digest(), data) == digest
    result = await shared.submit(lambda data: data[::-1], data)
    assert hashlib.sha256(result[::-1]).digest() == digest


@run_in_pyodide
async def test_payloads_of_all_sizes_around_the_limits_are_intact(selenium_penny):
    # A payload lies in its slot, in the heap, in the inbox, or goes past the inbox.
    from pool import shared

    sizes = [
        s + d for s in (0, 128, 192, 256, 1 << 16, 1 << 18) for d in range(-40, 41) if s + d >= 0
    ]
    futures = [shared.submit(lambda data: data + b"!", b"x" * size) for size in sizes]
    for size, future in zip(sizes, futures, strict=True):
        assert await future == b"x" * size + b"!", size


@run_in_pyodide
async def test_more_tasks_than_there_are_slots_come_back_in_order(selenium_penny):
    from pool import shared

    def successor(n):
        return n + 1

    futures = [shared.submit(successor, n) for n in range(20_000)]
    assert [await future for future in futures] == list(range(1, 20_001))


@run_in_pyodide
async def test_tasks_wait_for_workers_that_are_not_up_yet(selenium_penny):
    import penny

    async with penny.Scheduler(workers=1) as s:
        futures = [s.submit(abs, -n) for n in range(10)]
        assert not any(future.done() or future.running() for future in futures)
        assert [await future for future in futures] == list(range(10))


@run_in_pyodide
async def test_tasks_run_in_several_workers(selenium_penny):
    from gates import Gate
    from pool import shared

    import penny

    def meet(mine, other):
        mine.open()
        other.wait()
        return penny.current_worker()

    one, two = Gate(), Gate()
    workers = [shared.submit(meet, one, two), shared.submit(meet, two, one)]
    assert {await worker for worker in workers} == {0, 1}
    assert penny.current_worker() is None


@run_in_pyodide
async def test_stats_count_what_workers_did(selenium_penny):
    from gates import Gate

    import penny

    def meet(mine, other):
        mine.open()
        other.wait()

    async with penny.Scheduler(workers=2) as s:
        one, two = Gate(), Gate()
        meetings = s.submit(meet, one, two), s.submit(meet, two, one)
        for future in meetings:
            await future
        for future in [s.submit(abs, n) for n in range(100)]:
            await future
        stats = s.stats()
    workers = stats["workers"]
    assert [worker["worker"] for worker in workers] == [0, 1]
    assert sum(worker["run"] for worker in workers) == 102
    for worker in workers:
        assert worker["run"] >= 1
        assert 0 <= worker["stolen"] <= worker["run"]
        assert worker["busy"] > 0
        assert worker["idle"] >= 0
        assert worker["wakeups"] >= 0
    heap = stats["heap"]
    assert 0 <= heap["used"] <= heap["size"] <= heap["limit"]
