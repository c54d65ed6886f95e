"""Coroutine tasks: many side by side, in a worker of their own."""

from __future__ import annotations

from typing import Any

import pytest
from support.pages import Run

TASKS = """
    import asyncio
    import penny
    from forkjoin import outcome, stolen
    from gates import Gate
    from pool import shared

    async def nap(seconds, value=None):
        await asyncio.sleep(seconds)
        return value

    async def endless(gate, ended=None):
        try:
            gate.open()
            await asyncio.Future()
        finally:
            if ended is not None:
                ended.open()
"""


def part(source: str) -> pytest.MarkDecorator:
    return pytest.mark.part(TASKS + source)


@part("""
    naps = [shared.submit(nap, 0.2, n) for n in range(1000)]
    computed = [shared.submit(abs, -n) for n in range(100)]
    print([future.result() for future in computed] == list(range(100)))
    print([future.result() for future in naps] == list(range(1000)))
""")
def test_a_thousand_at_a_time(printed: str) -> None:
    """They sleep side by side, the other workers compute meanwhile."""
    assert printed == "True\nTrue\n"


@pytest.mark.idle
@part("""
    async def together(n):
        # All have begun before the first one goes on: more than there are workers.
        started.append(n)
        while len(started) < 50:
            await asyncio.sleep(0)
        return penny.current_worker()

    started = []
    print({f.result() for f in [shared.submit(together, n) for n in range(50)]})
""")
def test_they_share_a_worker(printed: str) -> None:
    """And its globals; it is none of those that compute."""
    assert printed == "{64}\n"


@pytest.mark.idle
@part("""
    async def mark():
        marks.append(1)
        return len(marks)

    async def cancel_all():
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    marks = []
    print(shared.submit(mark).result())
    print(shared.submit(cancel_all).result())
    print(shared.submit(mark).result())
""")
def test_one_that_cancels_all_tasks_ends_no_worker(printed: str) -> None:
    assert printed == "1\nNone\n2\n"


@pytest.mark.idle
@part("""
    class Caller:
        def __init__(self, base):
            self.base = base

        async def add(self, n, *, times=1):
            await asyncio.sleep(0)
            return self.base + n * times

        async def __call__(self, n):
            return await self.add(n, times=2)

    import functools
    large = b"x" * 300_000
    add = Caller(1).add
    print(shared.submit(add, 2).result(), shared.submit(add, 2, times=3).result())
    print(shared.submit(functools.partial(nap, 0), "value").result())
    print(shared.submit(nap, 0, large).result() == large)
    print(*shared.map(nap, [0] * 3, "abc"), *shared.map(nap, [0] * 5, "abcde", chunksize=2))
""")
def test_all_sorts_of_coroutine_functions(printed: str) -> None:
    """Methods, partials, keywords, large values, map with and without chunks."""
    assert printed.splitlines() == [
        "3 7",
        "value",
        "True",
        "a b c a b c d e",
    ]


@pytest.mark.idle
@part("""
    async def load(url):
        from pyodide.http import pyfetch
        response = await pyfetch(url)
        return response.status, await response.string()

    async def promise():
        from js import Promise
        return await Promise.resolve(42)

    status, text = shared.submit(load, "/blank.html").result()
    print(status, "penny.js" in text, shared.submit(promise).result())
""")
def test_they_await_javascript(printed: str) -> None:
    """A fetch of the page's own file, a promise."""
    assert printed == "200 True 42\n"


@part("""
    def square(x):
        return x * x

    def fail(n):
        raise ValueError(n)

    async def ask():
        s = penny.current_scheduler()
        one = await s.submit(square, 3)
        both = await asyncio.gather(s.submit(square, 4), s.submit(nap, 0, "nap"))
        some = [r async for r in s.imap(square, range(5))]
        try:
            await s.submit(fail, 1)
        except ValueError as error:
            failed = repr(error)
        completed = {await f async for f in s.as_completed([s.submit(square, n) for n in range(3)])}
        return one, both, some, failed, completed, await s.parallel_map(square, range(3)), s.workers

    print(*shared.submit(ask).result())
""")
def test_they_await_futures(printed: str) -> None:
    """Of their own scheduler: what they submit runs in the other workers."""
    assert printed == "9 [16, 'nap'] [0, 1, 4, 9, 16] ValueError(1) {0, 1, 4} [0, 1, 4] 2\n"


@part("""
    def square(x):
        return x * x

    async def block():
        gate = Gate()
        try:
            return penny.current_scheduler().submit(gate.wait).result()
        finally:
            gate.open()

    async def spawn():
        return penny.spawn(square, 3).join(), penny.parallel_map(square, range(3))

    print(type(outcome(shared.submit(block))).__name__)
    print(shared.submit(spawn).result())
""")
def test_what_they_can_not_do(printed: str) -> None:
    """Block, since others would have to wait, too. What they spawn runs at once."""
    assert printed == "BlockingError\n(9, [0, 1, 4])\n"


@pytest.mark.idle
@part("""
    async def fail(error):
        await asyncio.sleep(0)
        raise error

    errors = ValueError("x"), KeyboardInterrupt("y"), SystemExit(3), asyncio.CancelledError()
    for error in errors:
        print(repr(outcome(shared.submit(fail, error))))
    error = outcome(shared.submit(fail, ValueError("x")))
    print("in fail" in str(error.__cause__), error.__cause__.worker)
    print(shared.submit(nap, 0, "goes on").result())
""")
def test_exceptions(printed: str) -> None:
    """All are outcomes of the task, none ends the worker."""
    assert printed.splitlines() == [
        "ValueError('x')",
        "KeyboardInterrupt('y')",
        "SystemExit(3)",
        "CancelledError()",
        "True 64",
        "goes on",
    ]


@pytest.mark.idle
@part("""
    async def by_callback(cleaned):
        asyncio.get_running_loop().call_later(0.01, exec, "raise SystemExit(3)")
        try:
            await asyncio.Future()
        finally:
            cleaned.open()

    async def by_task():
        async def leave():
            raise KeyboardInterrupt("k")

        task = asyncio.create_task(leave())
        try:
            await asyncio.Future()
        except asyncio.CancelledError:
            return "swallowed"

    bystander = shared.submit(nap, 0.2, "goes on")
    cleaned = Gate()
    print(repr(outcome(shared.submit(by_callback, cleaned))))
    cleaned.wait()
    print(repr(outcome(shared.submit(by_task))))
    print(bystander.result())
""")
def test_an_exit_in_a_callback_ends_its_task(printed: str) -> None:
    """As it ends asyncio.run."""
    assert printed.splitlines() == ["SystemExit(3)", "KeyboardInterrupt('k')", "goes on"]


@pytest.mark.idle
@part("""
    gate, ended = Gate(), Gate()
    future = shared.submit(endless, gate, ended)
    gate.wait()
    print(future.cancel(), future.cancel(running=True), repr(outcome(future)), future.cancelled())
    ended.wait()

    async def catches(gate):
        try:
            await endless(gate)
        except asyncio.CancelledError:
            return "caught"

    gate = Gate()
    future = shared.submit(catches, gate)
    gate.wait()
    print(future.cancel(running=True), future.result())

    many = [shared.submit(endless, Gate()) for _ in range(50)]
    while not all(future.running() for future in many):
        pass
    print(all(future.cancel(running=True) for future in many), {repr(outcome(f)) for f in many})
    print(repr(outcome(shared.options(timeout=0.05).submit(endless, Gate()))))
""")
def test_cancelling_them(printed: str) -> None:
    """As asyncio cancels a task."""
    assert printed.splitlines() == [
        "False True CancelledError() True",
        "True caught",
        "True {'CancelledError()'}",
        "TimeoutError('__main__.endless took longer than its timeout of 0.05 s')",
    ]


@part("""
    def task(n):
        s = penny.current_scheduler()
        return [future.result() for future in [s.submit(nap, 0.01, i) for i in range(n)]]

    def deep(n):
        if n:
            return stolen(penny.spawn(deep, n - 1)).join()
        return penny.current_scheduler().submit(nap, 0, "from below").result()

    print(shared.submit(task, 20).result() == list(range(20)), shared.submit(deep, 3).result())
""")
def test_tasks_submit_them(printed: str) -> None:
    """And wait for them as for any other."""
    assert printed == "True from below\n"


@pytest.mark.program(
    """
    import asyncio
    import penny

    async def nap(seconds, value):
        await asyncio.sleep(seconds)
        return value

    async with penny.Scheduler(workers=1) as s:
        print(await asyncio.gather(*(s.submit(nap, 0.01, n) for n in range(10))))
        print([r async for r in s.imap(nap, [0, 0], "ab")])
    """,
    on="page",
)
def test_from_the_page(run: Run) -> None:
    assert run.ok() == "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n['a', 'b']\n"


@pytest.mark.scene("""
    const s = await Penny.scheduler({workers: 1});
    s.define('wait', `async def wait(value):
        import asyncio
        await asyncio.Future()`);
    const waiting = s.submit('wait', 1).then(String, ({message}) => message);
    const one = await s.submit('abs', -1);
    await s.shutdown({now: true});
    return [await waiting, one];
""")
def test_from_javascript(outcome: Any) -> None:
    """One that waits is in nobody's way, and does not outlive its scheduler."""
    message, one = outcome
    assert message == "the scheduler was shut down"
    assert one == 1
