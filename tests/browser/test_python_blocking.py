"""Python on a page: where waiting is possible, and what is said where it is not."""

import textwrap

import pytest
from pytest_pyodide import run_in_pyodide


def run_plainly(selenium, code: str):
    """What `code` gives under runPython, where the page can't be suspended."""
    assert not selenium.run("from pyodide.ffi import can_run_sync; can_run_sync()")
    return selenium.run(textwrap.dedent(code))


@pytest.mark.idle
@pytest.mark.parametrize(
    "blocking",
    [
        "waiting.result()",
        "waiting.exception()",
        "list(shared.map(Gate.wait, [gate]))",
        "concurrent.futures.wait([waiting])",
        "list(concurrent.futures.as_completed([waiting]))",
        "shared.shutdown()",
    ],
)
def test_blocking_calls_under_run_python_name_the_way_out(selenium_penny, blocking):
    message = run_plainly(
        selenium_penny,
        f"""
        import concurrent.futures
        from gates import Gate
        from penny.errors import BlockingError
        from pool import shared

        gate = Gate()
        waiting = shared.submit(gate.wait)
        try:
            {blocking}
        except BlockingError as error:
            message = str(error)
        finally:
            gate.open()
        message
        """,
    )
    assert "await" in message or "async for" in message


@pytest.mark.idle
def test_with_under_run_python_fails_at_its_beginning(selenium_penny):
    message, entered = run_plainly(
        selenium_penny,
        """
        import penny

        entered = False
        try:
            with penny.Scheduler(workers=1):
                entered = True
        except penny.errors.BlockingError as error:
            message = str(error)
        [message, entered]
        """,
    )
    assert "async with" in message
    assert not entered


def test_a_done_future_gives_its_result_under_run_python(selenium_penny):
    selenium_penny.run_async("from pool import shared; f = shared.submit(abs, -1); await f")
    assert run_plainly(selenium_penny, "f.result()") == 1


@run_in_pyodide
async def test_result_suspends_the_page_where_it_can(selenium_penny):
    from gates import Gate, pass_through
    from pool import shared
    from pyodide.ffi import can_run_sync

    assert can_run_sync()
    gate = Gate()
    future = shared.submit(pass_through, gate, "through")
    await gate.reached()
    assert not future.done()
    gate.open()
    assert future.result() == "through"


@run_in_pyodide
def test_result_times_out_on_a_suspended_page(selenium_penny):
    from gates import Gate, pass_through
    from pool import shared

    gate = Gate()
    future = shared.submit(pass_through, gate)
    try:
        future.result(timeout=0.01)
    except TimeoutError:
        pass
    else:
        raise AssertionError("no TimeoutError")
    finally:
        gate.open()
    future.result()


@run_in_pyodide
def test_with_suspends_the_page_until_all_is_done(selenium_penny):
    import penny

    with penny.Scheduler(workers=1) as s:
        futures = [s.submit(abs, -n) for n in range(5)]
    assert [future.done() for future in futures] == [True] * 5


@run_in_pyodide
def test_wait_and_as_completed_suspend_the_page(selenium_penny):
    import concurrent.futures

    from pool import shared

    futures = {shared.submit(abs, -n) for n in range(5)}
    done, pending = concurrent.futures.wait(futures)
    assert (done, pending) == (futures, set())
    futures = {shared.submit(abs, -n) for n in range(5)}
    assert {f.result() for f in concurrent.futures.as_completed(futures)} == set(range(5))


@run_in_pyodide
async def test_async_with_waits_for_all_tasks(selenium_penny):
    import penny

    async with penny.Scheduler(workers=1) as s:
        futures = [s.submit(abs, -n) for n in range(5)]
        assert not any(future.done() for future in futures)
    assert [future.result() for future in futures] == [0, 1, 2, 3, 4]
