"""`shutdown`, `with`, and a scheduler that is forgotten."""

from __future__ import annotations

import gc
import time

from conformance import Environment, busy, idle, overlapping, pass_through, raises


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@idle
def check_nothing_is_taken_after_shutdown(env: Environment) -> None:
    s = env.open(workers=1)
    s.register(abs, id=1)
    s.shutdown()
    for submit in (
        lambda: s.submit(abs, -1),
        lambda: s.map(abs, [1]),
        lambda: s.new_task(1, [-1]),
        lambda: s.options(timeout=1).submit(abs, -1),
    ):
        with raises(RuntimeError, "cannot schedule new futures after shutdown"):
            submit()
    s.shutdown()
    s.shutdown(wait=False, cancel_futures=True)


def check_shutdown_waits_for_all_tasks(env: Environment) -> None:
    s = env.open(workers=2)
    futures = [s.submit(nap, 0.01) for _ in range(10)]
    s.shutdown()
    assert [future._state for future in futures] == ["FINISHED"] * 10
    assert [future.result(timeout=0) for future in futures] == [0.01] * 10


def check_shutdown_waits_for_what_map_submitted(env: Environment) -> None:
    s = env.open(workers=2)
    results = s.map(nap, [0.01] * 5)
    s.shutdown()
    assert list(results) == [0.01] * 5


def check_shutdown_without_waiting(env: Environment) -> None:
    s = env.open(workers=1)
    futures = [s.submit(abs, -n) for n in range(10)]
    results = s.map(abs, range(-5, 0))
    s.shutdown(wait=False)
    assert [future.result() for future in futures] == list(range(10))
    assert list(results) == [5, 4, 3, 2, 1]


@overlapping
def check_shutdown_that_cancels(env: Environment) -> None:
    s = env.open(workers=2)
    gates = [env.gate(), env.gate()]
    running = [s.submit(pass_through, gate, "passed") for gate in gates]
    for gate in gates:
        gate.reached()
    pending = [s.submit(abs, -n) for n in range(20)]
    s.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in pending)
    for gate in gates:
        gate.open()
    assert [future.result() for future in running] == ["passed", "passed"]
    s.shutdown()


@idle
@overlapping
def check_shutdown_after_all_is_cancelled(env: Environment) -> None:
    s = env.open(workers=1)
    for _ in range(20):
        s.submit(abs, -1).cancel()
    s.shutdown()


def check_with_waits_for_all_tasks(env: Environment) -> None:
    with env.open(workers=1) as s:
        futures = [s.submit(abs, -n) for n in range(5)]
    assert [future.result(timeout=0) for future in futures] == list(range(5))
    with raises(RuntimeError, "after shutdown"):
        s.submit(abs, -1)


def check_with_passes_exceptions_on_after_the_tasks(env: Environment) -> None:
    with raises(ZeroDivisionError), env.open(workers=1) as s:
        future = s.submit(nap, 0.01)
        _ = 1 / 0
    assert future.result(timeout=0) == 0.01


def check_a_forgotten_scheduler_still_runs_its_tasks(env: Environment) -> None:
    future = env.open(workers=1).submit(nap, 0.01)
    gc.collect()
    assert future.result() == 0.01


def check_a_forgotten_scheduler_with_options(env: Environment) -> None:
    batch = env.open(workers=1).options(priority="batch")
    gc.collect()
    assert batch.submit(abs, -1).result() == 1


@overlapping
def check_one_scheduler_s_end_is_not_another_s(env: Environment) -> None:
    with busy(env) as running:
        with env.open(workers=1) as s:
            assert s.submit(abs, -1).result() == 1
        assert all(future.running() for future in running)
