"""Python on a page: what goes wrong in a task, and what its future then says."""

import pytest
from pytest_pyodide import run_in_pyodide


@run_in_pyodide
async def test_exceptions_come_back_as_themselves_with_the_traceback_of_the_worker(selenium_penny):
    from pool import shared

    import penny

    def divide(number):
        return 1 // number  # the line to show

    try:
        await shared.submit(divide, 0)
    except ZeroDivisionError as error:
        cause = error.__cause__
    assert isinstance(cause, penny.errors.RemoteTraceback)
    assert cause.worker in (0, 1)
    assert f"in worker {cause.worker}" in str(cause)
    assert "in divide" in cause.text
    assert "ZeroDivisionError: " in cause.text.splitlines()[-1]
    assert cause.text.count('  File "') == 1  # none of Penny's own frames


def test_exceptions_of_classes_of_main_come_back_with_their_attributes(selenium_penny):
    result = selenium_penny.run_async("""
        from pool import shared

        class Misfit(Exception):
            def __init__(self, size, *, limit):
                super().__init__(f"{size} is more than {limit}")
                self.size, self.limit = size, limit

        def fit(size):
            raise Misfit(size, limit=3)

        try:
            await shared.submit(fit, 5)
        except Misfit as error:
            result = [str(error), error.size, error.limit]
        result
    """)
    assert result == ["5 is more than 3", 5, 3]


@run_in_pyodide
async def test_causes_and_notes_come_along(selenium_penny):
    from pool import shared

    def fail():
        try:
            {}["key"]
        except KeyError as error:
            failure = ValueError("no such thing")
            failure.add_note("look elsewhere")
            raise failure from error

    try:
        await shared.submit(fail)
    except ValueError as error:
        assert error.__notes__ == ["look elsewhere"]
        assert isinstance(error.__cause__.cause, KeyError)
        assert "KeyError: 'key'" in error.__cause__.text
    else:
        raise AssertionError("no ValueError")


@pytest.mark.idle
@run_in_pyodide
async def test_an_unpicklable_argument_is_named_and_nothing_is_queued(selenium_penny):
    import _thread

    from pool import shared

    import penny

    def use(numbers, options):
        pass

    lock = _thread.allocate_lock()
    try:
        shared.submit(use, [1], options={"guard": [0, lock]})
    except penny.errors.PickleError as error:
        assert "use" in str(error), error
        assert "kwargs['options']['guard'][1]" in str(error), error
    else:
        raise AssertionError("no PickleError")
    assert shared.stats()["pending"] == 0


@pytest.mark.idle
@run_in_pyodide
async def test_an_unpicklable_function_names_its_variable(selenium_penny):
    import _thread

    from pool import shared

    import penny

    lock = _thread.allocate_lock()
    try:
        shared.submit(lambda: lock)
    except penny.errors.PickleError as error:
        assert "closure variable lock" in str(error), error
    else:
        raise AssertionError("no PickleError")


@run_in_pyodide
async def test_an_unpicklable_result_is_named_and_the_worker_goes_on(selenium_penny):
    import penny

    def make():
        import _thread

        return {"rows": [1, _thread.allocate_lock()]}

    async with penny.Scheduler(workers=1) as s:
        try:
            await s.submit(make)
        except penny.errors.PickleError as error:
            assert "make" in str(error), error
            assert "result['rows'][1]" in str(error), error
        else:
            raise AssertionError("no PickleError")
        assert await s.submit(abs, -1) == 1
        assert s.stats()["workers"][0]["deaths"] == 0


@run_in_pyodide
async def test_futures_and_schedulers_do_not_travel(selenium_penny):
    from pool import shared

    import penny

    for thing in (shared, shared.submit(abs, -1)):
        try:
            shared.submit(repr, thing)
        except penny.errors.PickleError as error:
            assert "args[0]" in str(error), error
        else:
            raise AssertionError(f"{thing!r} was sent")


@run_in_pyodide
async def test_arguments_larger_than_the_heap_are_refused_with_both_sizes(selenium_penny):
    import re

    import penny

    async with penny.Scheduler(workers=1, memory=4 << 20) as s:
        limit = s.stats()["heap"]["limit"]
        try:
            s.submit(len, b"x" * 5_000_000)
        except MemoryError as error:
            sizes = [int(n) for n in re.findall(r"\d+", str(error))]
        else:
            raise AssertionError("no MemoryError")
        assert any(5_000_000 <= size < 5_001_000 for size in sizes), sizes
        assert limit in sizes, (limit, sizes)
        assert limit <= 4 << 20
        assert await s.submit(len, b"x" * 1_000_000) == 1_000_000


@run_in_pyodide
async def test_results_larger_than_the_heap_are_refused_with_both_sizes(selenium_penny):
    import re

    import penny

    async with penny.Scheduler(workers=1, memory=4 << 20) as s:
        limit = s.stats()["heap"]["limit"]
        try:
            await s.submit(bytes, 5_000_000)
        except MemoryError as error:
            sizes = [int(n) for n in re.findall(r"\d+", str(error))]
        else:
            raise AssertionError("no MemoryError")
        assert any(5_000_000 <= size < 5_001_000 for size in sizes), sizes
        assert limit in sizes, (limit, sizes)
        assert await s.submit(len, b"x") == 1
        assert s.stats()["workers"][0]["deaths"] == 0


@run_in_pyodide
async def test_a_heap_too_small_for_all_at_once_holds_tasks_back(selenium_penny):
    import penny

    async with penny.Scheduler(workers=2, memory=4 << 20) as s:
        futures = [s.submit(lambda data: data + b"!", bytes(1_000_000)) for _ in range(20)]
        for future in futures:
            assert len(await future) == 1_000_001


@run_in_pyodide
async def test_recursion_without_end_is_a_recursion_error(selenium_penny):
    import penny

    def descend(depth):
        return descend(depth + 1)

    async with penny.Scheduler(workers=1) as s:
        try:
            await s.submit(descend, 0)
        except RecursionError:
            pass
        else:
            raise AssertionError("no RecursionError")
        assert await s.submit(abs, -1) == 1
        assert s.stats()["workers"][0]["deaths"] == 0


@run_in_pyodide
async def test_recursion_in_c_loses_the_worker_and_nothing_else(selenium_penny):
    import penny

    def descend(depth):
        return sum(map(descend, [depth + 1]))

    async with penny.Scheduler(workers=1) as s:
        before = s.submit(abs, -1)
        fatal = s.submit(descend, 0)
        after = [s.submit(abs, -n) for n in range(20)]
        assert await before == 1
        try:
            await fatal
        except penny.errors.WorkerLost as error:
            assert "worker 0" in str(error), error
            assert "descend" in str(error), error
        else:
            raise AssertionError("no WorkerLost")
        assert [await future for future in after] == list(range(20))
        assert s.stats()["workers"][0]["deaths"] == 1


@run_in_pyodide
async def test_exits_and_interrupts_are_a_task_s_outcome(selenium_penny):
    import sys

    import penny

    def interrupt():
        raise KeyboardInterrupt("stop")

    async with penny.Scheduler(workers=1) as s:
        exits, interrupted = s.submit(sys.exit, 3), s.submit(interrupt)
        try:
            await exits
        except SystemExit as error:
            assert error.code == 3
        else:
            raise AssertionError("no SystemExit")
        try:
            await interrupted
        except KeyboardInterrupt as error:
            assert str(error) == "stop"
        else:
            raise AssertionError("no KeyboardInterrupt")
        assert await s.submit(abs, -1) == 1
        assert s.stats()["workers"][0]["deaths"] == 0


@pytest.mark.idle
@pytest.mark.parametrize(
    ("workers", "error"), [(0, "ValueError"), (-1, "ValueError"), ("x", "TypeError")]
)
def test_a_number_of_workers_that_is_none_is_refused(selenium_penny, workers, error):
    caught = selenium_penny.run(f"""
import penny

try:
    penny.Scheduler(workers={workers!r})
except Exception as error:
    caught = type(error).__name__
caught
""")
    assert caught == error
