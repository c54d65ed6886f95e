"""Engines without Atomics.waitAsync, such as Safari: clients hear of completions by message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.servers import Server
from support.tasks import HOLD

DELETE = "delete Atomics.waitAsync;\n"
HTML = f"""\
<!doctype html>
<link rel="icon" href="data:,">
<script>{DELETE}</script>
<script src="penny.js"></script>
"""


@pytest.fixture(scope="module")
def old_page(driver: Chrome, server: Server) -> Iterator[Page]:
    """A page without Atomics.waitAsync; in its workers, too, it goes before Penny looks for it."""
    server.write("without-wait-async.html", HTML)
    boot = "/penny/boot/pyodide.js"  # the first module that a worker evaluates
    with server.answering(boot, body=DELETE + server.content(boot).decode()):
        page = Page(driver, server).open("without-wait-async.html")
        assert not page.js("return 'waitAsync' in Atomics")
        yield page
        page.close()


def test_host_worker_has_none(old_page: Page) -> None:
    run = old_page.run("import js; print(hasattr(js.Atomics, 'waitAsync'))")
    assert run.ok() == "False\n"


def test_many_submissions_from_javascript(old_page: Page) -> None:
    assert old_page.js("""
        const s = await Penny.scheduler({workers: 2});
        const results = await Promise.all(
          Array.from({length: 20_000}, (_, i) => s.submit('abs', -i)));
        await s.shutdown();
        return results.every((result, i) => result === i);
    """)


def test_one_at_a_time_from_javascript(old_page: Page) -> None:
    """Each wake-up is announced: none is lost between a completion and the next submission."""
    assert old_page.js("""
        const s = await Penny.scheduler({workers: 2});
        let sum = 0;
        for (let i = 0; i < 1000; i++) sum += await s.submit('abs', -i);
        await s.shutdown();
        return sum;
    """) == sum(range(1000))


def test_page_python_awaits(old_page: Page) -> None:
    run = old_page.run(
        """
        import penny
        async with penny.Scheduler() as s:
            print(sum([await s.submit(abs, -i) for i in range(100)]))
            print(sum([r async for r in s.imap(abs, range(1000))]))
        """,
        on="page",
    )
    assert run.ok() == f"{sum(range(100))}\n{sum(range(1000))}\n"


def test_host_python_awaits(old_page: Page) -> None:
    run = old_page.run("""
        import penny
        async with penny.Scheduler() as s:
            print(sum([await s.submit(abs, -i) for i in range(100)]))
            print(sum([r async for r in s.imap(abs, range(1000))]))
    """)
    assert run.ok() == f"{sum(range(100))}\n{sum(range(1000))}\n"


def test_host_python_blocks(old_page: Page) -> None:
    run = old_page.run("""
        import penny
        with penny.Scheduler() as s:
            print(sum(s.submit(abs, -i).result() for i in range(100)), sum(s.map(abs, range(1000))))
    """)
    assert run.ok() == f"{sum(range(100))} {sum(range(1000))}\n"


def test_lost_task_in_javascript(old_page: Page) -> None:
    """The keeper, not a worker, makes this outcome."""
    name = old_page.js(
        """
        const s = await Penny.scheduler({workers: 1, output: () => s.pool.kill(0)});
        s.define('hold', args[0]);
        const name = await s.submit('hold').catch(error => error.name);
        await s.shutdown();
        return name;
        """,
        HOLD,
    )
    assert name == "WorkerLost"


def test_lost_task_in_host_python(old_page: Page) -> None:
    run = old_page.run("""
        import penny

        def deep(n):
            return sum(map(deep, [n - 1])) if n else 0

        async with penny.Scheduler(1) as s:
            try:
                await s.submit(deep, 5000)
            except penny.WorkerLost:
                print("lost", await s.submit(len, "abc"))
    """)
    assert run.stdout.endswith("lost 3\n")  # Pyodide's own last words come first


@pytest.mark.parametrize("on", ["host", "page"])
def test_broken_pool_in_python(old_page: Page, on: Literal["host", "page"]) -> None:
    run = old_page.run(
        """
        import penny
        async with penny.Scheduler(1, packages=["./missing-1-py3-none-any.whl"]) as s:
            try:
                await s.submit(len, "abc")
            except penny.BrokenPool:
                print("broken")
        """,
        on=on,
    )
    assert run.ok() == "broken\n"


def test_broken_pool_in_javascript(old_page: Page) -> None:
    assert (
        old_page.js("""
        const s = await Penny.scheduler({workers: 1, packages: ['./missing-1-py3-none-any.whl']});
        return await s.submit('len', 'abc').catch(error => error.name);
    """)
        == "BrokenPool"
    )
