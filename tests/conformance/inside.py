"""The scheduler inside its own tasks: `penny.current_scheduler()`."""

from __future__ import annotations

import concurrent.futures
import time

import penny
from conformance import Environment, idle, raises


def fib(n: int) -> int:
    if n < 2:
        return n
    s = penny.current_scheduler()
    first = s.submit(fib, n - 1)
    return s.submit(fib, n - 2).result() + first.result()


def squares(n: int) -> list[int]:
    return list(penny.current_scheduler().map(pow, range(n), [2] * n))


def chunked_squares(n: int) -> list[int]:
    return list(penny.current_scheduler().map(pow, range(n), [2] * n, chunksize=7, buffersize=2))


def failing() -> str:
    future = penny.current_scheduler().submit(divmod, 1, 0)
    assert type(future.exception()) is ZeroDivisionError
    with raises(ZeroDivisionError):
        future.result()
    return "caught"


def failing_unnoticed() -> str:
    penny.current_scheduler().submit(divmod, 1, 0)
    return "returned"


def waiting() -> tuple[int, int]:
    s = penny.current_scheduler()
    futures = [s.submit(abs, -n) for n in range(10)]
    done, pending = concurrent.futures.wait(futures)
    assert done == set(futures) and not pending
    futures = [s.submit(abs, -n) for n in range(10)]
    completed = {future.result() for future in concurrent.futures.as_completed(futures)}
    assert completed == set(range(10))
    done, _ = concurrent.futures.wait(
        [s.submit(abs, -1), s.submit(abs, -2)], return_when=concurrent.futures.FIRST_COMPLETED
    )
    assert done
    return len(completed), len(done | pending)


def calling_back() -> list:
    calls: list = []
    future = penny.current_scheduler().submit(abs, -3)
    future.add_done_callback(lambda f: calls.append(f.result()))
    future.result()
    future.add_done_callback(lambda f: calls.append("at once"))
    return calls


def leaving_work(path_free_note: list) -> str:
    s = penny.current_scheduler()
    for n in range(5):
        s.submit(abs, -n).add_done_callback(lambda f: path_free_note.append(f.result()))
    return "returned"


def with_options() -> list:
    s = penny.current_scheduler()
    return [
        s.options(timeout=60).submit(abs, -1).result(),
        s.options(priority="interactive").submit(abs, -2).result(),
        list(s.options(timeout=60, priority="batch").map(abs, [-3, -4])),
        s.submit(int, "77", base=8).result(),
    ]


@penny.task(name="conformance.double")
def double(n: int) -> int:
    return 2 * n


def by_name() -> int:
    return penny.current_scheduler().new_task("conformance.double", [21]).result()


def polling() -> int:
    s = penny.current_scheduler()
    future = s.options(timeout=60).submit(abs, -1)
    assert future.result(timeout=60) == 1
    return future.result(timeout=0)


@idle
def check_outside_of_tasks_there_is_none(env: Environment) -> None:
    with raises(RuntimeError, "penny.Scheduler()"):
        penny.current_scheduler()
    assert penny.current_worker() is None


def check_tasks_submit_and_wait(env: Environment) -> None:
    assert env.scheduler.submit(fib, 10).result() == 55


def check_tasks_map(env: Environment) -> None:
    expected = [n * n for n in range(50)]
    assert env.scheduler.submit(squares, 50).result() == expected
    assert env.scheduler.submit(chunked_squares, 50).result() == expected


def check_failures_inside(env: Environment) -> None:
    assert env.scheduler.submit(failing).result() == "caught"
    assert env.scheduler.submit(failing_unnoticed).result() == "returned"


def check_waiting_inside(env: Environment) -> None:
    assert env.scheduler.submit(waiting).result()[0] == 10


def check_callbacks_inside(env: Environment) -> None:
    assert env.scheduler.submit(calling_back).result() == [3, "at once"]


def check_what_is_left_is_done_before_the_task_ends(env: Environment) -> None:
    assert env.scheduler.submit(leaving_work, []).result() == "returned"


def check_options_inside(env: Environment) -> None:
    assert env.scheduler.submit(with_options).result() == [1, 2, [3, 4], 63]


def check_named_tasks_inside(env: Environment) -> None:
    assert env.scheduler.submit(by_name).result() == 42


def check_polling_inside(env: Environment) -> None:
    assert env.scheduler.submit(polling).result() == 1


def check_many_tasks_with_tasks_inside(env: Environment) -> None:
    began = time.monotonic()
    assert list(env.scheduler.map(fib, [8] * 10)) == [21] * 10
    assert time.monotonic() - began < 60


def check_parallel_loops(env: Environment) -> None:
    s = env.scheduler
    assert s.parallel_map(abs, range(-100, 0)).result() == list(range(100, 0, -1))
    assert s.parallel_map(abs, iter([-1, -2])).result() == [1, 2]
    assert s.parallel_for(abs, 10).result() is None
    assert s.parallel_reduce(abs, range(-100, 1), max, 0).result() == 100
    assert s.parallel_sort([3, 1, 2], reverse=True).result() == [3, 2, 1]
    assert s.options(timeout=60).parallel_map(abs, [-1]).result() == [1]
