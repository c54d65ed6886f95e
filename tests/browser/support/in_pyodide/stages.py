"""Tasks that can stop at some stage of their lives, for whoever ends their worker there.

Each takes `halts`: where it is true the task says "halted" there and goes no further; else it goes
through the same stages, and ends. What it sends and returns is large: of that, nothing may be left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from gates import Gate

import penny

T = TypeVar("T")

SIZE = 100_000


def nap(seconds: float) -> None:
    """Like time.sleep, which in Pyodide keeps a processor busy."""
    from js import Atomics, Int32Array, SharedArrayBuffer

    Atomics.wait(Int32Array.new(SharedArrayBuffer.new(4)), 0, 0, seconds * 1000)


def say(what: str) -> None:
    print(what, flush=True)


def halt(halts: bool) -> None:
    if halts:
        say("halted")
        nap(1e6)


def square(i: int, payload: bytes) -> list[Any]:
    """Right only if its payload is what was sent."""
    assert payload == bytes([i % 251]) * len(payload), "a payload was overwritten"
    return [i * i, len(payload)]


def where() -> int | None:
    nap(0.02)
    return penny.current_worker()


class Pickled:
    """Halts where it is pickled."""

    def __init__(self, halts: bool) -> None:
        self.halts = halts

    def __reduce__(self) -> tuple[Any, ...]:
        halt(self.halts)
        return bytes, (SIZE,)


class Unpickled:
    """Halts where it is unpickled."""

    def __init__(self, halts: bool) -> None:
        self.halts = halts

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.halts,)


def _unpickled(halts: bool) -> int:
    halt(halts)
    return 7


class Function:
    """A function that halts where it is pickled, or where it is unpickled."""

    def __init__(self, *, pickled: bool = False, unpickled: bool = False) -> None:
        self.pickled = pickled
        self.unpickled = unpickled

    def __call__(self, *data: Any) -> int:
        return len(data)

    def __reduce__(self) -> tuple[Any, ...]:
        halt(self.pickled)
        return _function, (self.unpickled,)


def _function(unpickled: bool) -> Function:
    halt(unpickled)
    return Function()


def stolen(job: penny.Job[T]) -> penny.Job[T]:
    """The job, once another worker has begun it. Meanwhile this one runs Python and answers."""
    while not job.begun():
        pass
    return job


def outcome(call: Callable[[], T]) -> T | str:
    try:
        return call()
    except penny.WorkerLost:
        return "WorkerLost"


def count(*data: Any) -> int:
    return len(data)


def until_cancelled(halts: bool) -> str:
    while halts:
        pass
    return "ended"


# -- Stages of the task itself ---------------------------------------------------------------------


def runs(halts: bool) -> bytes:
    halt(halts)
    return bytes(SIZE)


def holds_arrays(given: penny.SharedArray, halts: bool) -> penny.SharedArray:
    own = penny.SharedArray((50_000,), "int32")
    own[0] = given[0]
    halt(halts)
    return own


def returns_more_than_there_is_room_for(size: int) -> bytes:
    say("returns")
    return bytes(size)


# -- Stages of a job's thief -----------------------------------------------------------------------


def has_a_job_run(halts: bool) -> Any:
    return outcome(stolen(penny.spawn(runs, halts)).join)


def _returns_what_halts_first(halts: bool) -> list[Any]:
    return [bytes(SIZE), Pickled(halts)]


def has_an_outcome_pickled(halts: bool) -> Any:
    return outcome(lambda: len(stolen(penny.spawn(_returns_what_halts_first, halts)).join()))


def has_arguments_read(halts: bool) -> Any:
    return outcome(stolen(penny.spawn(count, Unpickled(halts), bytes(1000))).join)


def has_large_arguments_read(halts: bool) -> Any:
    return outcome(stolen(penny.spawn(count, bytes(SIZE), Unpickled(halts), bytes(SIZE))).join)


def has_a_function_loaded(halts: bool) -> Any:
    return outcome(stolen(penny.spawn(Function(unpickled=halts), bytes(SIZE))).join)


def is_cancelled(halts: bool, runs: Gate) -> str:
    try:
        runs.open()
        while True:
            pass
    finally:
        halt(halts)


def cancels_a_job(halts: bool) -> str:
    runs = Gate()
    with penny.scope() as scope:
        stolen(scope.spawn(is_cancelled, halts, runs))
        runs.wait()  # or it might be cancelled before its `try`
        scope.cancel()
    return "went on"


# -- Stages of a job's owner -----------------------------------------------------------------------


def pickles_arguments(halts: bool) -> int:
    return stolen(penny.spawn(count, bytes(SIZE), Pickled(halts))).join()


def pickles_a_function(halts: bool) -> int:
    return stolen(penny.spawn(Function(pickled=halts), bytes(SIZE))).join()


def owns_jobs(halts: bool) -> int:
    """One that another has begun, and more that nobody has."""
    jobs: list[penny.Job[Any]] = [stolen(penny.spawn(until_cancelled, halts))]
    jobs += [penny.spawn(bytes, SIZE) for _ in range(5)]
    halt(halts)
    return len([job.join() for job in jobs])


def waits_for_a_job(halts: bool) -> str:
    job = stolen(penny.spawn(until_cancelled, halts))
    if halts:
        say("halted")
    return job.join()


def waits_below_a_job_of_its(halts: bool) -> int:
    return stolen(penny.spawn(_gives_back, halts)).join()


def _gives_back(halts: bool) -> int:
    return len(stolen(penny.spawn(runs, halts)).join())  # by the worker that waits for this


def _returns_what_halts(halts: bool) -> list[Any]:
    return [bytes(SIZE), Unpickled(halts)]


def reads_an_outcome(halts: bool) -> int:
    return len(stolen(penny.spawn(_returns_what_halts, halts)).join())


def maps(halts: bool) -> Any:
    return outcome(lambda: len(penny.parallel_map(_mapped, [False] * 3000 + [halts])))


def _mapped(halts: bool) -> bytes:
    halt(halts)
    return bytes(10)


# -- On top of others ------------------------------------------------------------------------------


def urges(halts: bool) -> Any:
    """An interactive task, which a worker takes on top of its batch task: maybe this one."""
    urgent = penny.current_scheduler().options(priority="interactive").submit(runs, halts)
    if halts:
        nap(0.5)  # an answer to its own doorbell comes before, or not
    return outcome(lambda: len(urgent.result()))


def spins_until(flag: penny.SharedArray) -> str:
    say("spins")
    while not flag[0]:
        pass
    return "ended"


# -- Coroutines ------------------------------------------------------------------------------------


async def sleeps(halts: bool, data: bytes) -> int:
    import asyncio

    if halts:
        say("halted")
        await asyncio.sleep(1e6)
    return len(data)


def awaits(halts: bool) -> list[Any]:
    futures = [penny.current_scheduler().submit(sleeps, halts, bytes(SIZE)) for _ in range(3)]
    return [outcome(future.result) for future in futures]
