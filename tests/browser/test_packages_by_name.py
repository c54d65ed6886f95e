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
CLASHES = [
    make_wheel("upper", "", version="2.0"),
    make_wheel("small", "", "upper<1"),
    make_wheel("one", "", "pin==1.0"),
    make_wheel("two", "", "pin==2.0"),
    make_wheel("pin", ""),
]


@pytest.fixture(scope="module")
def page(driver: Chrome, server: Server) -> Iterator[Page]:
    """A page of a site that has both."""
    depends = {"greeter": ["upper"], "micropip": ["packaging"]}
    for wheel in (SHOUTER, *CLASHES):
        server.write(*wheel)
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
        for engine in ("pool", "messages"):
            with penny.Scheduler(1, packages=["greeter"], engine=engine) as s:
                def greet():
                    import greeter
                    return greeter.greet("task"), penny.current_worker()
                print(s.submit(greet).result())
        await pyodide_js.loadPackage("greeter", messageCallback=lambda _: None)
        import greeter
        print(greeter.greet("program"))
    """)
    assert run.ok() == "('HELLO TASK', 0)\n('HELLO TASK', 0)\nHELLO PROGRAM\n"


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


def test_what_a_worker_lacks_and_the_program_has(page: Page) -> None:
    """The error of a task says of which distribution it is, and what the program has."""
    run = page.run("""
        import penny, pyodide_js
        await pyodide_js.loadPackage(["upper", "micropip"], messageCallback=lambda _: None)
        def noted(packages, name):
            with penny.Scheduler(1, packages=packages) as s:
                print(*s.submit(__import__, name).exception().__notes__)
        noted(None, "upper")
        noted("same", "micropip")
        noted("same", "greeter")
    """)
    upper, micropip, greeter = run.ok().splitlines()
    assert "of upper 1.0, which is installed where the task was submitted" in upper
    assert "packages=['micropip']" in micropip
    assert (
        f"(micropip {MICROPIP[0].split('-')[1]}, packaging {PACKAGING[0].split('-')[1]}, upper 1.0)"
        in greeter
    )


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


def test_what_does_not_go_together(page: Page) -> None:
    """Nothing is replaced: the error names both sides."""
    run = page.run(f"""
        import js, penny, pyodide_js
        upper, small, one, two, pin = [
            f"{{js.location.origin}}/{{file}}" for file in {[file for file, _ in CLASHES]!r}
        ]
        await pyodide_js.loadPackage(["upper"], messageCallback=lambda _: None)
        fit = ["upper<2"], [pin, pin]
        for packages in (["upper==2.1"], [upper], [small], [one, two, pin], *fit):
            with penny.Scheduler(1, packages=packages) as s:
                print(str(s.submit(penny.current_worker).exception()).rpartition("Error: ")[2])
        def upper_of():
            import pin
            from importlib.metadata import version
            return penny.current_worker(), version("upper")
        with penny.Scheduler(1, packages=["upper>=1", pin]) as s:
            print(*s.submit(upper_of).result())
    """)
    said = run.ok().splitlines()
    opened = "installed where the Scheduler is opened"
    assert said[0] == f"packages upper==2.1: upper 1.0 is {opened}"
    assert said[1].endswith(f"upper-2.0-py3-none-any.whl is upper 2.0, and upper 1.0 is {opened}")
    assert said[2] == f"packages upper<1 (which small 1.0 needs): upper 1.0 is {opened}"
    assert said[3] == (
        "packages pin==2.0 (which two 1.0 needs): pin 1.0 is what others get, and they want "
        "pin==1.0 (which one 1.0 needs)"
    )
    assert said[4:] == ["None", "None", "0 1.0"]


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
