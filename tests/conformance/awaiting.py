"""A Scheduler and its futures among asyncio's; and coroutine tasks. All of it is awaited."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools

import penny
from conformance import Environment, needs, overlapping, pass_through, raises, uncounted


async def slow_double(n: int, seconds: float = 0) -> int:
    assert penny.current_worker() is not None
    await asyncio.sleep(seconds)
    return 2 * n


async def fail_slowly() -> None:
    assert penny.current_worker() is not None
    await asyncio.sleep(0)
    raise LookupError("in the coroutine")


async def forward(n: int) -> int:
    return await penny.current_scheduler().submit(abs, n)


def here(value: int) -> tuple[int, int | None]:
    return value, penny.current_worker()


class Doubler:
    async def __call__(self, n: int) -> int:
        return await slow_double(n)

    async def method(self, n: int) -> int:
        return await slow_double(n)


async def check_run_in_executor(env: Environment) -> None:
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(env.scheduler, pow, 2, 10) == 1024
    with raises(ZeroDivisionError):
        await loop.run_in_executor(env.scheduler, divmod, 1, 0)
    call = functools.partial(int, "77", base=8)
    assert await loop.run_in_executor(env.scheduler, call) == 63
    interactive = env.scheduler.options(priority="interactive")
    assert await loop.run_in_executor(interactive, abs, -1) == 1
    # It was not the caller who ran them: that is no worker.
    where, workers = penny.current_worker, range(env.scheduler.workers)
    assert where() is None
    assert await loop.run_in_executor(env.scheduler, where) in workers
    assert await loop.run_in_executor(interactive, where) in workers


async def check_many_run_in_executor(env: Environment) -> None:
    loop = asyncio.get_running_loop()
    calls = [loop.run_in_executor(env.scheduler, here, n) for n in range(50)]
    given = await asyncio.gather(*calls)
    assert [n for n, _ in given] == list(range(50))
    assert {worker for _, worker in given} <= set(range(env.scheduler.workers))


@overlapping
async def check_run_in_executor_returns_while_the_call_runs(env: Environment) -> None:
    loop, gate = asyncio.get_running_loop(), env.gate()
    call = loop.run_in_executor(env.scheduler, pass_through, gate, "passed")
    await asyncio.sleep(0)
    assert not call.done()
    gate.open()
    assert await call == "passed"


async def check_wrap_future(env: Environment) -> None:
    assert await asyncio.wrap_future(env.scheduler.submit(pow, 2, 10)) == 1024
    with raises(ZeroDivisionError):
        await asyncio.wrap_future(env.scheduler.submit(divmod, 1, 0))
    done = env.scheduler.submit(abs, -1)
    await done
    assert await asyncio.wrap_future(done) == 1


async def check_asyncio_as_completed_and_wait(env: Environment) -> None:
    wrapped = [asyncio.wrap_future(env.scheduler.submit(abs, -n)) for n in range(5)]
    assert {await each for each in asyncio.as_completed(wrapped)} == set(range(5))
    done, pending = await asyncio.wait(wrapped, timeout=30)
    assert done == set(wrapped) and not pending


async def check_await(env: Environment) -> None:
    future = env.scheduler.submit(abs, -1)
    assert await future == 1 and await future == 1
    with raises(ZeroDivisionError):
        await env.scheduler.submit(divmod, 1, 0)
    futures = [env.scheduler.submit(abs, -n) for n in range(20)]
    assert await asyncio.gather(*futures) == list(range(20))


@overlapping
async def check_cancelling_a_wrapped_future_withdraws_a_pending_call(env: Environment) -> None:
    gates, running = await all_busy(env)
    pending = env.scheduler.submit(abs, -1)
    wrapped = asyncio.wrap_future(pending)
    wrapped.cancel()
    with raises(asyncio.CancelledError):
        await wrapped
    await asyncio.sleep(0)  # asyncio passes it on in the next turn
    assert pending.cancelled()
    other = env.scheduler.submit(abs, -1)
    with raises(TimeoutError):
        await asyncio.wait_for(other, 0.02)
    assert other.cancelled()
    for gate in gates:
        gate.open()
    assert await asyncio.gather(*running) == ["passed", "passed"]


@overlapping
async def check_cancelling_a_wrapped_future_leaves_a_running_call(env: Environment) -> None:
    gates, running = await all_busy(env)
    wrapped = asyncio.wrap_future(running[0])
    wrapped.cancel()
    with raises(asyncio.CancelledError):
        await wrapped
    assert running[0].running()
    for gate in gates:
        gate.open()
    assert await asyncio.gather(*running) == ["passed", "passed"]


@overlapping
async def check_a_cancelled_future_raises_asyncio_s_error(env: Environment) -> None:
    gates, running = await all_busy(env)
    future = env.scheduler.submit(abs, -1)
    wrapped = asyncio.wrap_future(future)
    assert future.cancel()
    with raises(asyncio.CancelledError):
        await future
    with raises(asyncio.CancelledError):
        await wrapped
    for gate in gates:
        gate.open()
    await asyncio.gather(*running)


@overlapping
@needs("cancels")
async def check_a_running_task_is_told_to_end(env: Environment) -> None:
    gate = env.gate()
    future = env.scheduler.submit(pass_through_and_spin, gate)
    gate.open()
    await begun(future)
    assert future.cancel(running=True)
    with raises(asyncio.CancelledError):
        await future
    assert future.cancelled()


@overlapping
@needs("cancels")
async def check_a_time_limit(env: Environment) -> None:
    gate = env.gate()
    gate.open()
    future = env.scheduler.options(timeout=0.1).submit(pass_through_and_spin, gate)
    with raises(TimeoutError, "longer than its timeout of 0.1 s"):
        await future


@uncounted
async def check_coroutine_tasks(env: Environment) -> None:
    s = env.scheduler
    assert await s.submit(slow_double, 21) == 42
    assert await s.submit(functools.partial(slow_double, seconds=0.01), 21) == 42
    assert await s.submit(Doubler(), 21) == 42
    assert await s.submit(Doubler().method, n=21) == 42
    with raises(LookupError, "in the coroutine"):
        await s.submit(fail_slowly)


@uncounted
async def check_coroutine_tasks_wait_side_by_side(env: Environment) -> None:
    futures = [env.scheduler.submit(slow_double, n, 0.01) for n in range(20)]
    assert await asyncio.gather(*futures) == [2 * n for n in range(20)]


@uncounted
async def check_coroutine_tasks_of_imap(env: Environment) -> None:
    for chunksize in (1, 4):
        results = env.scheduler.imap(slow_double, range(10), chunksize=chunksize)
        assert [result async for result in results] == [2 * n for n in range(10)]


async def check_coroutine_tasks_submit(env: Environment) -> None:
    assert await env.scheduler.submit(forward, -7) == 7


@uncounted
@overlapping
@needs("cancels")
async def check_a_coroutine_task_is_told_to_end(env: Environment) -> None:
    future = env.scheduler.submit(slow_double, 1, 60)
    await begun(future)
    assert not future.cancel()
    assert future.cancel(running=True)
    with raises(asyncio.CancelledError):
        await future


@uncounted
@needs("cancels")
async def check_a_coroutine_task_s_time_limit(env: Environment) -> None:
    future = env.scheduler.options(timeout=0.1).submit(slow_double, 1, 60)
    with raises(TimeoutError, "slow_double took longer than its timeout of 0.1 s"):
        await future


async def check_blocking_functions_of_what_is_done(env: Environment) -> None:
    future = env.scheduler.submit(abs, -1)
    await future
    assert future.result() == 1
    assert concurrent.futures.wait([future]) == ({future}, set())
    assert list(concurrent.futures.as_completed([future])) == [future]


def pass_through_and_spin(gate) -> None:
    gate.wait()
    while True:
        pass


async def begun(future: penny.Future) -> None:
    while not future.running():
        await asyncio.sleep(0.005)


async def all_busy(env: Environment):
    """Both workers run a task: its gates, its futures."""
    gates = [env.gate(), env.gate()]
    futures = [env.scheduler.submit(pass_through, gate, "passed") for gate in gates]
    for future in futures:
        await begun(future)
    return gates, futures
