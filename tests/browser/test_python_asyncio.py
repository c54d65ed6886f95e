"""Python on a page: a Scheduler and its futures among asyncio's."""

import pytest
from pytest_pyodide import run_in_pyodide


@run_in_pyodide
async def test_run_in_executor(selenium_penny):
    import asyncio

    from pool import shared

    import penny

    loop, where = asyncio.get_running_loop(), penny.current_worker
    assert where() is None
    assert await loop.run_in_executor(shared, where) in (0, 1)
    assert await loop.run_in_executor(shared.options(timeout=60), where) in (0, 1)
    assert await loop.run_in_executor(None, where) is None
    assert await asyncio.to_thread(where) is None
    loop.set_default_executor(shared)
    try:
        assert await loop.run_in_executor(None, where) in (0, 1)
        assert await asyncio.to_thread(where) in (0, 1)
        assert await asyncio.to_thread(pow, 2, 10, mod=1000) == 24
    finally:
        loop.set_default_executor(None)


@run_in_pyodide
async def test_executors_of_coroutine_tasks(selenium_penny):
    import asyncio

    from pool import shared

    import penny

    async def task():
        loop, where = asyncio.get_running_loop(), penny.current_worker
        here, s = where(), penny.current_scheduler()
        loop.set_default_executor(s)
        ran = [await loop.run_in_executor(s, where), await asyncio.to_thread(where)]
        await loop.shutdown_default_executor()  # which is not the task's to end
        ran.append(await s.submit(where))
        return here, [*map(int, ran)], await asyncio.to_thread(where) == here

    here, ran, inline = await shared.submit(task)
    assert here not in (0, 1) and set(ran) <= {0, 1} and inline


@run_in_pyodide
async def test_wrap_future(selenium_penny):
    import asyncio

    from pool import shared

    import penny

    assert await asyncio.wrap_future(shared.submit(penny.current_worker)) in (0, 1)


@run_in_pyodide
async def test_gather_futures(selenium_penny):
    import asyncio

    from pool import shared

    import penny

    def where(n):
        return n, penny.current_worker()

    futures = [asyncio.wrap_future(shared.submit(where, n)) for n in range(10)]
    given = await asyncio.gather(*futures)
    assert [n for n, _ in given] == list(range(10)) and {w for _, w in given} <= {0, 1}


@run_in_pyodide
async def test_coroutines_await_futures_side_by_side(selenium_penny):
    import asyncio

    from gates import Gate, pass_through
    from pool import shared

    gates = Gate(), Gate()

    async def awaits(n):
        return n, await shared.submit(pass_through, gates[n], n)

    both = asyncio.gather(awaits(0), awaits(1))
    await gates[0].reached()  # neither has its result when both have begun
    await gates[1].reached()
    for gate in gates:
        gate.open()
    assert await both == [(0, 0), (1, 1)]


@run_in_pyodide
async def test_several_tasks_await_one_future(selenium_penny):
    import asyncio

    from gates import Gate, pass_through
    from pool import shared

    gate = Gate()
    future = shared.submit(pass_through, gate, 1)

    async def look():
        return await future

    looks = asyncio.gather(look(), look(), look())
    await gate.reached()
    assert not future.done()
    gate.open()
    assert await looks == [1, 1, 1]


@pytest.mark.idle
@run_in_pyodide
async def test_cancelling_the_awaiting_task_withdraws_a_pending_call(selenium_penny):
    import asyncio
    import contextlib

    import penny

    async with penny.Scheduler(workers=1) as s:
        future = s.submit(abs, -1)  # no worker is up yet to take it

        async def look():
            await future

        task = asyncio.ensure_future(look())
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert future.cancelled()
    assert s.stats()["workers"][0]["run"] == 0


@run_in_pyodide
async def test_a_timeout_leaves_a_running_call_alone(selenium_penny):
    import asyncio

    from gates import Gate, pass_through
    from pool import shared

    gate = Gate()
    future = shared.submit(pass_through, gate, "done")
    await gate.reached()
    try:
        async with asyncio.timeout(0):
            await future
    except TimeoutError:
        pass
    assert future.running()
    assert not future.cancel()
    gate.open()
    assert await future == "done"


@pytest.mark.idle
@run_in_pyodide
async def test_a_cancelled_future_raises_asyncio_s_error_when_awaited(selenium_penny):
    import asyncio

    import penny

    async with penny.Scheduler(workers=1) as s:
        future = s.submit(abs, -1)
        assert future.cancel()
        try:
            await future
        except asyncio.CancelledError:
            pass
        else:
            raise AssertionError("no CancelledError")
