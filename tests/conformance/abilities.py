"""Arrays and kernels: on engines that can, they work; those that can't refuse them, by name, where
they are submitted, and lose nothing."""

from __future__ import annotations

import functools
import operator
from typing import Any

import penny
from conformance import Environment, abilities, overlapping, raises

TWICE = b"".join(
    [
        b"\0asm\x01\0\0\0",
        b"\x00\x0f\x08dylink.0\x01\x04\0\0\0\0",  # position-independent, and without data
        b"\x01\x06\x01\x60\x01\x7f\x01\x7f",  # the type (i32) -> i32
        b"\x02\x12\x01\x03env\x06memory\x02\x03\x01\x80\x80\x04",  # the shared memory
        b"\x03\x02\x01\x00",
        b"\x07\x09\x01\x05twice\x00\x00",
        b"\x0a\x09\x01\x07\x00\x20\x00\x41\x01\x74\x0b",  # n << 1
        b"\x00\x1a\x05pennytwice(i32 n) -> i32\n",
    ]
)
"""A module of kernels as `penny kernel build` makes them, of one function."""


def store(array: penny.SharedArray, value: int) -> int:
    array[0] = value
    return value


def store_in_first(arrays: list[penny.SharedArray], value: int) -> int:
    return store(arrays[0], value)


def made(value: int) -> penny.SharedArray:
    array = penny.SharedArray(3, "int32")
    array[0] = value
    return array


def made_and_shared_inside(value: int) -> int:
    array = penny.SharedArray(3, "int32")
    penny.current_scheduler().submit(store, array, value).result()
    return int(array[0])


class WithArray(Exception):
    pass


def fail_with_array() -> None:
    raise WithArray("why", penny.SharedArray(3))


def call_it(function: Any, n: int) -> int:
    return function(n)  # type: ignore[no-any-return]


def apply(kernels: list[Any], n: int) -> int:
    return kernels[0](n)  # type: ignore[no-any-return]


class Unreadable:
    """Pickles, and can't be unpickled."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


def unreadable() -> Unreadable:
    return Unreadable()


def check_an_array_is_shared_or_refused(env: Environment) -> None:
    s = env.scheduler
    array = penny.SharedArray(3, "int32", scheduler=s)
    calls = [
        lambda value: s.submit(store, array, value).result(),
        lambda value: s.submit(store, array, value=value).result(),
        lambda value: s.submit(store_in_first, [array], value).result(),
        lambda value: s.submit(functools.partial(store, array), value).result(),
        lambda value: s.submit(lambda: store(array, value)).result(),
        lambda value: list(s.map(store, [array], [value])),
        lambda value: list(s.map(store, [array], [value], chunksize=2)),
        lambda value: s.parallel_map(functools.partial(store, array), [value]).result(),
        lambda value: s.options(timeout=60).submit(store, array, value).result(),
    ]
    for value, call in enumerate(calls, start=1):
        if abilities(env).shares_arrays:
            call(value)
            assert array[0] == value
        else:
            with raises(penny.PickleError, f"the engine {s._engine.name!r}") as caught:
                call(value)
            assert "a.read()" in str(caught[0])
            assert array[0] == 0
    array[0] = 77
    assert s.submit(bytes, array.read()).result()[0] == 77, "a copy travels everywhere"


def check_an_array_as_a_result(env: Environment) -> None:
    future = env.scheduler.submit(made, 5)
    if abilities(env).shares_arrays:
        assert future.result()[0] == 5
    else:
        error = future.exception(timeout=60)
        assert isinstance(error, penny.PickleError), error
        assert f"the engine {env.scheduler._engine.name!r}" in str(error)
        assert "result" in str(error)


def check_an_array_within_a_task(env: Environment) -> None:
    assert env.scheduler.submit(made_and_shared_inside, 6).result() == 6


def check_an_exception_that_has_an_array(env: Environment) -> None:
    error = env.scheduler.submit(fail_with_array).exception(timeout=60)
    assert type(error) is WithArray and error.args[0] == "why"


@overlapping
def check_a_result_that_cannot_be_read_fails_its_future(env: Environment) -> None:
    future = env.scheduler.submit(unreadable)
    assert env.scheduler.submit(abs, -1).result(timeout=60) == 1
    error = future.exception(timeout=60)
    assert type(error) is ValueError and "no number" in str(error), error
    assert "unreadable" in error.__notes__[0]


def check_a_kernel_runs_or_is_refused(env: Environment) -> None:
    s = env.scheduler
    k = penny.Kernels(TWICE)
    calls = [
        lambda: s.submit(k.twice, 21).result(),
        lambda: s.submit(k.twice, n=21).result(),
        lambda: s.submit(functools.partial(k.twice, 21)).result(),
        lambda: s.submit(functools.partial(k.twice, n=21)).result(),
        lambda: s.options(timeout=60).submit(k.twice, 21).result(),
        lambda: next(s.map(k.twice, [21])),
        lambda: next(s.map(k.twice, [21, 22], chunksize=2)),
        lambda: s.submit(operator.call, k.twice, 21).result(),
        lambda: s.submit(call_it, k.twice, 21).result(),
        lambda: s.submit(call_it, function=k.twice, n=21).result(),
        lambda: s.parallel_for(k.twice, 3).result() or 42,
        lambda: s.parallel_map(k.twice, [21]).result()[0],
    ]
    for call in calls:
        if abilities(env).runs_kernels:
            assert call() == 42
        else:
            with raises(RuntimeError, f"kernel twice can't run on the engine {s._engine.name!r}"):
                call()
    for arguments in (), (1, 2), ("text",):
        with raises(TypeError, "kernel twice"):
            s.submit(k.twice, *arguments)
    assert s.submit(abs, -1).result() == 1


def check_a_kernel_deep_in_a_value(env: Environment) -> None:
    future = env.scheduler.submit(apply, [penny.Kernels(TWICE).twice], 21)
    if abilities(env).runs_kernels:
        assert future.result() == 42
    else:
        error = future.exception(timeout=60)
        assert type(error) is RuntimeError and "kernel twice" in str(error), error
