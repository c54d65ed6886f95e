"""Packages that Pyodide knows by name: tasks and programs get them, with all that they need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.servers import Server
from support.wheels import downloaded, index, make_wheel

MICROPIP, PACKAGING = downloaded("micropip"), downloaded("packaging")
SHOUTER = make_wheel(
    "shouter",
    "from greeter import greet\ndef shout(name): return greet(name) + '!'\n",
    "greeter>=1",
)
UPPER = make_wheel("upper", "def upper(text): return text.upper()\n")
GREETER = make_wheel(
    "greeter", "from upper import upper\ndef greet(name): return upper(f'hello {name}')\n"
)


@pytest.fixture(scope="module")
def page(driver: Chrome, server: Server) -> Iterator[Page]:
    """A page of a site that has both."""
    depends = {"greeter": ["upper"], "micropip": ["packaging"]}
    server.write(*SHOUTER)
    with index(server, UPPER, GREETER, MICROPIP, PACKAGING, depends=depends):
        page = Page(driver, server).open()
        yield page
        page.close()


def test_in_javascript(page: Page, server: Server) -> None:
    """One worker after the other has it, and it was fetched once, for both and for later ones."""
    server.requests.clear()
    for _ in range(2):
        in_javascript(page)
    wheels = [path.rpartition("/")[2] for path in server.requests if path.endswith(".whl")]
    assert sorted(wheels) == sorted([UPPER[0], GREETER[0]])


def in_javascript(page: Page) -> None:
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


def test_requirements(page: Page) -> None:
    """A requirement, and what a wheel requires, are found; a version that is not is an error."""
    run = page.run(f"""
        import js, penny
        wheel = f"{{js.location.origin}}/{SHOUTER[0]}"
        def shout():
            import shouter
            return penny.current_worker(), shouter.shout("you")
        with penny.Scheduler(1, packages=[wheel]) as s:
            print(s.submit(shout).result())
        def greet():
            import greeter
            return penny.current_worker(), greeter.greet("you")
        with penny.Scheduler(1, packages=["greeter>=1"]) as s:
            print(s.submit(greet).result())
        with penny.Scheduler(1, packages=[wheel, "greeter>=2"]) as s:
            error = s.submit(shout).exception()
            print(type(error).__name__, len(str(error).splitlines()), error)
    """)
    shouted, greeted, error = run.ok().splitlines()
    assert (shouted, greeted) == ("(0, 'HELLO YOU!')", "(0, 'HELLO YOU')")
    assert error.startswith("BrokenPool 1 ")
    assert "greeter>=2" in error


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
