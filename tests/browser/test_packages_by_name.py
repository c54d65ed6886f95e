"""Packages that Pyodide knows by name: tasks and programs get them, with all that they need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.servers import Server
from support.wheels import index, make_wheel

UPPER = make_wheel("upper", "def upper(text): return text.upper()\n")
GREETER = make_wheel(
    "greeter", "from upper import upper\ndef greet(name): return upper(f'hello {name}')\n"
)


@pytest.fixture(scope="module")
def page(driver: Chrome, server: Server) -> Iterator[Page]:
    """A page of a site that has both."""
    with index(server, UPPER, GREETER, depends={"greeter": ["upper"]}):
        page = Page(driver, server).open()
        yield page
        page.close()


def test_in_javascript(page: Page) -> None:
    """One worker after the other: each has loaded it by itself."""
    assert page.js("""
        const s = await Penny.scheduler({workers: 2, packages: ['greeter']});
        s.define('greet', 'import greeter, penny, time\\n'
          + 'def greet(name):\\n  time.sleep(0.01)\\n'
          + '  return [greeter.greet(name), penny.current_worker()]');
        const seen = new Map();
        while (seen.size < 2)
          for (const task of [1, 2, 3, 4].map(() => s.submit('greet', 'you'))) {
            const [said, worker] = await task;
            seen.set(worker, said);
          }
        await s.shutdown();
        return [...seen.values()];
    """) == ["HELLO YOU", "HELLO YOU"]


def test_in_a_program(page: Page) -> None:
    """In tasks by name; in the program itself as anywhere in Pyodide."""
    run = page.run("""
        import penny, pyodide_js
        with penny.Scheduler(1, packages=["greeter"]) as s:
            def greet():
                import greeter
                return greeter.greet("task"), penny.current_worker()
            print(s.submit(greet).result())
        await pyodide_js.loadPackage("greeter", messageCallback=lambda _: None)
        import greeter
        print(greeter.greet("program"))
    """)
    assert run.ok() == "('HELLO TASK', 0)\nHELLO PROGRAM\n"


def test_what_a_worker_lacks(page: Page) -> None:
    """The error of a task names the way to have it there, not Pyodide's way for the page."""
    run = page.run("""
        import penny
        with penny.Scheduler(1) as s:
            for name in ("greeter", "nowhere", "_tkinter"):
                error = s.submit(__import__, name).exception()
                notes = getattr(error, "__notes__", ())
                print(name, *[note for note in notes if "Give the" in note])
    """)
    known, unknown, none = run.ok().splitlines()
    assert "packages=['greeter']" in known
    assert "URL of a wheel" in unknown
    assert none == "_tkinter"


def test_misspelt(page: Page) -> None:
    reason = page.js("""
        const s = await Penny.scheduler({workers: 1, packages: ['greeeter']});
        return await s.submit('len', 'abc').catch(String);
    """)
    assert reason.startswith("BrokenPool: ")
    assert "greeeter" in reason


def test_no_name_at_all(page: Page) -> None:
    """Neither that nor a URL: the pool of a program breaks, and says why."""
    run = page.run("""
        import penny
        with penny.Scheduler(1, packages=["http://[nowhere/a.whl"]) as s:
            print(repr(s.submit(len, "abc").exception()))
    """)
    assert run.ok().startswith("BrokenPool(")
    assert "http://[nowhere/a.whl" in run.ok()
