"""Python on a page: many calls at once, in order and as they complete."""

from pytest_pyodide import run_in_pyodide


@run_in_pyodide
async def test_imap_gives_results_in_order(selenium_penny):
    from pool import shared

    words = ["a", "bb", "", "ccc"] * 50
    assert [n async for n in shared.imap(len, words)] == [len(word) for word in words]


@run_in_pyodide
async def test_imap_sends_chunks_as_one_task_each(selenium_penny):
    from pool import shared

    def tasks_run():
        return sum(worker["run"] for worker in shared.stats()["workers"])

    before = tasks_run()
    results = [n async for n in shared.imap(abs, range(-50, 0), chunksize=20)]
    assert results == list(range(50, 0, -1))
    assert tasks_run() - before == 3


@run_in_pyodide
async def test_imap_consumes_no_more_than_its_buffer(selenium_penny):
    from pool import shared

    taken = 0

    def numbers():
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = shared.imap(abs, numbers(), buffersize=3)
    assert [await anext(results) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert taken == 7
    await results.aclose()


@run_in_pyodide
async def test_imap_takes_asynchronous_iterables(selenium_penny):
    import asyncio

    from pool import shared

    async def numbers():
        for n in range(10):
            await asyncio.sleep(0)
            yield n

    assert [n async for n in shared.imap(lambda n: n * n, numbers())] == [n * n for n in range(10)]


@run_in_pyodide
async def test_imap_raises_what_a_call_raises_and_consumes_no_more(selenium_penny):
    from pool import shared

    numbers = iter([1, 0, 2, 3])
    results = []
    try:
        async for result in shared.imap(lambda n: 1 // n, numbers, buffersize=2):
            results.append(result)
    except ZeroDivisionError:
        pass
    else:
        raise AssertionError("no ZeroDivisionError")
    assert results == [1]
    assert list(numbers) == [3]


@run_in_pyodide
async def test_as_completed_gives_futures_as_they_come(selenium_penny):
    from gates import Gate, pass_through
    from pool import shared

    gate = Gate()
    slow = shared.submit(pass_through, gate, "slow")
    quick = shared.submit(str, "quick")
    order = []
    async for future in shared.as_completed([slow, quick]):
        order.append(future.result())
        gate.open()
    assert order == ["quick", "slow"]


@run_in_pyodide
async def test_as_completed_times_out(selenium_penny):
    from gates import Gate, pass_through
    from pool import shared

    gate = Gate()
    slow = shared.submit(pass_through, gate)
    try:
        async for _ in shared.as_completed([slow], timeout=0.01):
            raise AssertionError("it can't be done")
    except TimeoutError:
        pass
    else:
        raise AssertionError("no TimeoutError")
    finally:
        gate.open()
    await slow


@run_in_pyodide
async def test_map_gives_results_in_order_however_it_is_cut(selenium_penny):
    # map() blocks: the page is suspended, which Chromium can.
    from pool import shared

    expected = [a * b for a, b in zip(range(100), range(100, 200), strict=True)]
    for sizes in ({}, {"chunksize": 7}, {"buffersize": 3}, {"chunksize": 7, "buffersize": 2}):
        results = shared.map(lambda a, b: a * b, range(100), range(100, 200), **sizes)
        assert list(results) == expected, sizes


@run_in_pyodide
async def test_map_raises_where_the_failing_call_stands(selenium_penny):
    from pool import shared

    results = shared.map(lambda n: 1 // n, [1, 0, 2])
    assert next(results) == 1
    try:
        next(results)
    except ZeroDivisionError:
        pass
    else:
        raise AssertionError("no ZeroDivisionError")
