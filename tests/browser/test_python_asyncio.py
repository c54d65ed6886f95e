"""Python on a page: a Scheduler and its futures among asyncio's."""

from pytest_pyodide import run_in_pyodide


@run_in_pyodide
async def test_run_in_executor(selenium_penny):
    import asyncio

    from pool import shared

    assert await asyncio.get_running_loop().run_in_executor(shared, pow, 2, 10) == 1024


@run_in_pyodide
async def test_wrap_future(selenium_penny):
    import asyncio

    from pool import shared

    assert await asyncio.wrap_future(shared.submit(pow, 2, 10)) == 1024


@run_in_pyodide
async def test_gather_futures(selenium_penny):
    import asyncio

    from pool import shared

    futures = [asyncio.wrap_future(shared.submit(abs, -n)) for n in range(10)]
    assert await asyncio.gather(*futures) == list(range(10))


@run_in_pyodide
async def test_coroutines_await_futures_side_by_side(selenium_penny):
    import asyncio

    from pool import shared

    async def double(n):
        return 2 * await shared.submit(abs, n)

    assert await asyncio.gather(*map(double, range(10))) == list(range(0, 20, 2))


@run_in_pyodide
async def test_several_tasks_await_one_future(selenium_penny):
    import asyncio

    from pool import shared

    future = shared.submit(abs, -1)

    async def look():
        return await future

    assert await asyncio.gather(look(), look(), look()) == [1, 1, 1]


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
