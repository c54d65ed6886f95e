"""One clock for the page, host worker, workers, their successors, and the coroutines' worker."""

from __future__ import annotations

import pytest
from pytest_pyodide import run_in_pyodide
from support.pages import Run

# What a clock says there lies between what it says here before and afterwards, however long tasks
# wait. Workers' own clocks differ from the page's by seconds.
COMPARE = """
import asyncio, time
import penny

def read():
    nanoseconds = time.monotonic_ns(), time.perf_counter_ns()
    c = time.clock_gettime(time.CLOCK_MONOTONIC)
    return [time.monotonic(), time.perf_counter(), *(ns / 1e9 for ns in nanoseconds), c]

def there():
    return penny.current_worker(), read()

async def there_in_a_loop():
    clock = asyncio.get_running_loop().time()
    return penny.current_worker(), [clock, *read()[1:]]

async def compared(scheduler, function):
    before = read()
    worker, found = await scheduler.submit(function)
    after = read()
    precision = 0.001
    one = all(b - precision <= f <= a + precision for b, f, a in zip(before, found, after))
    return worker, one or (before, found, after)

def descend(depth):
    return sum(map(descend, [depth]))

async def main():
    async with penny.Scheduler(workers=1) as s:
        print(await compared(s, there))
        print(await compared(s, there_in_a_loop))
        try:
            await s.submit(descend, 0)
        except penny.WorkerLost:
            print(await compared(s, there))
        began = time.monotonic()
        try:
            await s.options(timeout=0.5).submit(lambda: [None for _ in iter(int, 1)])
        except TimeoutError:
            print(0.45 <= time.monotonic() - began <= 10)
"""

AS_ONE = "(0, True)\n(64, True)\n(0, True)\nTrue\n"


@pytest.mark.program(f"{COMPARE}\nawait main()")
def test_a_program_and_its_workers(run: Run, on: str) -> None:
    assert run.stdout.endswith(AS_ONE)
    assert run.status == 0


def test_workers_follow_a_page_with_a_pyodide_of_its_own(selenium_penny):
    printed = selenium_penny.run_async(
        f"import io, contextlib\n{COMPARE}\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out:\n    await main()\nout.getvalue()"
    )
    assert printed == AS_ONE


@pytest.mark.idle
@run_in_pyodide
async def test_a_page_s_own_clock_stays_the_browser_s(selenium_penny):
    import time

    import js

    before = js.performance.now()
    assert before - 1 <= time.monotonic() * 1000 <= js.performance.now() + 1
