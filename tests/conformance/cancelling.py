"""`Future.cancel`, of pending calls and of running ones; time limits and priorities."""

from __future__ import annotations

import concurrent.futures
import time

import penny
from conformance import Environment, abilities, busy, needs, overlapping, pass_through, raises
from conformance.executors import until


def spin(gate) -> None:
    """A task that ends when it is told to, and not before."""
    gate.wait()
    while True:
        pass


def spin_and_return(gate) -> str:
    try:
        spin(gate)
    except penny.Cancelled as cancelled:
        return f"{cancelled}, and returned"


def spin_and_raise(gate) -> None:
    try:
        spin(gate)
    except penny.Cancelled as cancelled:
        raise LookupError("on the way out") from cancelled


def raise_cancelled() -> None:
    raise penny.Cancelled


async def sleep_for_ever(gate) -> None:
    import asyncio

    gate.wait()
    await asyncio.Event().wait()


def begun(env: Environment, function, scheduler=None):
    """The future of a task that has begun."""
    gate = env.gate()
    future = (scheduler or env.scheduler).submit(function, gate)
    gate.reached()
    gate.open()
    return future


@overlapping
def check_a_pending_call_is_withdrawn(env: Environment) -> None:
    with busy(env):
        future = env.scheduler.submit(abs, -1)
        assert future.cancel()
        assert (future.done(), future.running(), future.cancelled()) == (True, False, True)
        assert future.cancel()
        assert future.cancel(running=True)
        for ask in (future.result, future.exception):
            with raises(concurrent.futures.CancelledError):
                ask()
            with raises(concurrent.futures.CancelledError):
                ask(timeout=0)
        assert "state=cancelled" in repr(future)


@overlapping
def check_a_running_call_goes_on(env: Environment) -> None:
    with busy(env) as futures:
        for future in futures:
            assert not future.cancel()
            assert not future.cancelled()
            assert future.running()
    assert futures[0].result() == "passed"


def check_a_done_call_is_not_cancelled(env: Environment) -> None:
    for args in ((1, 1), (1, 0)):
        future = env.scheduler.submit(divmod, *args)
        future.exception()
        assert not future.cancel()
        assert not future.cancel(running=True)
        assert not future.cancelled()
        assert future.done()


@overlapping
def check_a_cancelled_call_never_runs(env: Environment) -> None:
    s = env.open(workers=2)
    with busy(env, s):
        futures = [s.submit(abs, -n) for n in range(10)]
        assert all(future.cancel() for future in futures[::2])
    assert [future.result() for future in futures[1::2]] == [1, 3, 5, 7, 9]
    s.shutdown()
    assert sum(worker["run"] for worker in s.stats()["workers"]) == 2 + 5


@overlapping
@needs("cancels")
def check_a_running_task_is_told_to_end(env: Environment) -> None:
    future = begun(env, spin)
    calls = []
    future.add_done_callback(lambda f: calls.append(f.cancelled()))
    assert future.cancel(running=True)
    with raises(concurrent.futures.CancelledError):
        future.result(timeout=30)
    assert future.cancelled() and future.done() and calls == [True]
    assert future.cancel()


@overlapping
@needs("cancels")
def check_whoever_waits_is_told_of_it(env: Environment) -> None:
    future, other = begun(env, spin), begun(env, spin)
    future.cancel(running=True)
    done, pending = concurrent.futures.wait(
        [future, other], timeout=30, return_when=concurrent.futures.FIRST_COMPLETED
    )
    assert done == {future} and pending == {other}
    other.cancel(running=True)
    assert list(concurrent.futures.as_completed([other], timeout=30)) == [other]
    assert other.cancelled()


@overlapping
@needs("interrupts")
def check_a_task_that_catches_it_has_returned(env: Environment) -> None:
    future = begun(env, spin_and_return)
    until(future.running)
    time.sleep(0.05)  # until it is past the gate
    assert future.cancel(running=True)
    assert future.result(timeout=30) == "cancelled, and returned"
    assert not future.cancelled()
    assert not future.cancel()


@overlapping
@needs("interrupts")
def check_a_task_that_raises_another_has_raised_it(env: Environment) -> None:
    future = begun(env, spin_and_raise)
    time.sleep(0.05)
    assert future.cancel(running=True)
    assert type(future.exception(timeout=30)) is LookupError


@needs("cancels")
def check_a_task_may_cancel_itself(env: Environment) -> None:
    future = env.scheduler.submit(raise_cancelled)
    with raises(concurrent.futures.CancelledError):
        future.result()
    assert future.cancelled()


@overlapping
@needs("cancels")
def check_a_worker_goes_on_after_a_cancelled_task(env: Environment) -> None:
    for _ in range(3):
        future = begun(env, spin)
        future.cancel(running=True)
        with raises(concurrent.futures.CancelledError):
            future.result(timeout=30)
        assert [env.scheduler.submit(abs, -n).result() for n in range(4)] == [0, 1, 2, 3]


@overlapping
@needs("cancels")
def check_a_time_limit(env: Environment) -> None:
    gate = env.gate()
    gate.open()
    began = time.monotonic()
    future = env.scheduler.options(timeout=0.2).submit(spin, gate)
    with raises(TimeoutError, "spin took longer than its timeout of 0.2 s") as caught:
        future.result(timeout=30)
    assert 0.15 < time.monotonic() - began < 20
    assert type(future.exception()) is TimeoutError and not future.cancelled()
    if abilities(env).interrupts:
        assert "spin" in str(caught[0].__cause__)


@overlapping
def check_time_counts_from_the_beginning_of_the_task(env: Environment) -> None:
    limited = env.scheduler.options(timeout=0.5)
    with busy(env):
        future = limited.submit(abs, -1)
        time.sleep(0.6)
    assert future.result(timeout=30) == 1


def check_a_time_limit_that_is_kept(env: Environment) -> None:
    assert env.scheduler.options(timeout=60).submit(abs, -1).result() == 1


@overlapping
@needs("prioritizes")
def check_interactive_tasks_go_first(env: Environment) -> None:
    s = env.open(workers=1)
    order: list = []
    gate = env.gate()
    first = s.submit(pass_through, gate)
    gate.reached()
    for name, submitter in (
        ("batch", s),
        ("interactive", s.options(priority="interactive")),
        ("again batch", s.options(priority="batch")),
    ):
        future = submitter.submit(abs, -1)
        future.add_done_callback(lambda f, name=name: order.append(name))
    gate.open()
    first.result()
    s.shutdown()
    assert order == ["interactive", "batch", "again batch"]


def check_options_of_all_that_submits(env: Environment) -> None:
    s = env.scheduler.options(timeout=60, priority="interactive")
    assert list(s.map(abs, range(5), chunksize=2)) == list(range(5))
    env.scheduler.register(divmod, id=77)
    assert s.new_task(77, [7, 2]).result() == (3, 1)
    assert s.options(timeout=None).submit(abs, -1).result() == 1
