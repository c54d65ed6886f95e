"""Pythons that die: the coroutines' one, a program's own. It is heard of wherever it happens.

Most end in no error event: Pyodide's event loop has nobody to hand on what a callback throws.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver import Chrome
from support.pages import Page, Run
from support.processes import wait_for_no_workers, wait_until
from support.servers import Server

# -- The async worker's ----------------------------------------------------------------------------

COROUTINES = """
    import asyncio, ctypes, os, signal, sys, traceback
    import penny

    async def where():
        return penny.current_worker()
"""

# Has it die in each way beside two coroutines, which else would wait for ever; then a later one
# has to run.
DEATHS = (
    COROUTINES
    + """
    async def wait():
        sys.begun = getattr(sys, "begun", 0) + 1
        await asyncio.Event().wait()

    class Deadly:
        def __del__(self):
            os._exit(3)

    def leave(*_):
        os._exit(3)

    def deep(n):
        return sum(map(deep, [n - 1])) if n else 0

    async def die(way):
        import js
        from pyodide.ffi import create_once_callable

        while getattr(sys, "begun", 0) < 2:
            await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        match way:
            case "exit":
                os._exit(3)
            case "trap":
                ctypes.string_at(0xFFFFFFF0, 100)
            case "stack":
                sys.setrecursionlimit(10**6)
                deep(5000)
            case "signal":
                loop.call_soon(os.kill, os.getpid(), signal.SIGTERM)
            case "promise":
                js.Promise.resolve(1).then(create_once_callable(leave))
            case "finalizer":
                loop.call_soon(Deadly)
            case "closed":
                js.close()
            case "completion":
                penny.current_scheduler().submit(abs, -1).add_done_callback(leave)
        await asyncio.Event().wait()

    async with penny.Scheduler(workers=1) as s:
        for way, limit in WAYS:
            tasks = [s.submit(wait), s.submit(wait), s.options(timeout=limit).submit(die, way)]
            said = []
            for task in reversed(tasks):
                try:
                    await task
                except penny.WorkerLost as error:
                    said.append("lost" if "worker 64" in str(error) else str(error))
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)  # the others would go on for ever
            print(way, *said, await s.submit(where), await s.submit(abs, -2))
"""
)

WAYS = ["exit", "trap", "stack", "signal", "promise", "finalizer", "closed", "completion"]


@pytest.fixture(scope="module")
def coroutine_deaths(driver: Chrome, server: Server) -> Iterator[Run]:
    page = Page(driver, server).open()
    page.timeout = 240.0
    ways = [(way, None) for way in WAYS] + [("exit", 60)]
    yield page.run_long(textwrap.dedent(DEATHS).replace("WAYS", repr(ways)), workers=1)
    page.close()


@pytest.mark.parametrize("way", WAYS)
def test_coroutine_that_dies(coroutine_deaths: Run, way: str) -> None:
    """All that ran there are lost, once; its successor runs what comes later."""
    assert f"{way} lost lost lost 64 2" in coroutine_deaths.stdout.splitlines()


def test_coroutine_with_a_limit_that_dies(coroutine_deaths: Run) -> None:
    assert coroutine_deaths.status == 0
    assert coroutine_deaths.stdout.endswith("exit lost lost lost 64 2\n")


@pytest.mark.program(f"""{COROUTINES}
    async def harmless():
        import js

        async def fail():
            raise ValueError("harmless")

        def raises():
            raise ValueError("harmless")

        sys.mark = "mine"
        js.Promise.reject("harmless")
        js.eval("Promise.reject(new WebAssembly.RuntimeError('harmless'))")
        js.eval("setTimeout(() => {{ throw new RangeError('harmless, too') }})")
        asyncio.get_running_loop().call_soon(raises)
        asyncio.create_task(fail())
        await asyncio.sleep(0.02)

    async def mark():
        return sys.mark

    async with penny.Scheduler(workers=1) as s:
        await s.submit(harmless)
        print(await s.submit(mark))
""")
def test_rejections_and_errors_of_a_coroutine_kill_nothing(run: Run) -> None:
    assert (run.status, run.stdout) == (0, "mine\n")
    assert "harmless, too" in run.stderr


@pytest.mark.program(f"""{COROUTINES}
    async def held():
        try:
            sys.stdout.write("begun\\n")
            await asyncio.Event().wait()
        finally:
            os._exit(3)

    async with penny.Scheduler(workers=1) as s:
        for _ in range(2):
            task = s.submit(held)
            while not task.running():
                await asyncio.sleep(0)
            task.cancel(running=True)
            try:
                await task
            except asyncio.CancelledError:
                print("cancelled")
            print("later", await s.submit(where))
""")
def test_coroutine_that_dies_of_its_cancel(run: Run) -> None:
    said = [line for line in run.stdout.splitlines() if line != "begun"]
    assert (run.status, said) == (0, ["cancelled", "later 64"] * 2)


@pytest.mark.program(f"""{COROUTINES}
    import time

    def work(n):
        time.sleep(0.01)
        return bytes(1000 * n)

    async def submits():
        s = penny.current_scheduler()
        first, *_ = [s.submit(work, n) for n in range(300)]
        await first
        os._exit(3)

    async with penny.Scheduler(workers=1) as s:
        await s.submit(where)
        for _ in range(2):
            try:
                await s.submit(submits)
            except penny.WorkerLost:
                print("lost")
            print("later", await s.submit(where), await s.submit(abs, -2))
        while (used := s.stats()["heap"]["used"]) > 100_000:
            await asyncio.sleep(0.01)
        print(s.stats()["pending"])
""")
def test_what_dead_coroutines_had_submitted_is_freed(run: Run) -> None:
    assert run.ok() == "lost\nlater 64 2\n" * 2 + "0\n"


# -- A program's own -------------------------------------------------------------------------------

ENDS = {
    "os._exit(7)": (7, "status 7"),
    "os._exit(0)": (0, ""),
    "os.abort()": (134, "abort"),
    "os.kill(os.getpid(), signal.SIGTERM)": (143, "signal 15"),
    "ctypes.string_at(0xFFFFFFF0, 100)": (134, "out of bounds"),
    "loop.call_soon(os._exit, 7); await asyncio.Event().wait()": (7, "status 7"),
    "s.submit(abs, -1).add_done_callback(lambda _: os._exit(7)); await asyncio.Event().wait()": (
        7,
        "status 7",
    ),
    "atexit.register(os._exit, 7)": (7, "status 7"),
}


def dying(way: str, **options: object) -> pytest.MarkDecorator:
    return pytest.mark.program(
        f"""
        import asyncio, atexit, ctypes, os, signal
        import penny

        loop = asyncio.get_running_loop()
        s = penny.Scheduler(workers=1)
        print(await s.submit(abs, -2))
        {way}
        """,
        **options,
    )


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    ("status", "why"),
    [pytest.param(*how, marks=dying(way), id=way) for way, how in ENDS.items()],
)
def test_program_that_dies(run: Run, status: int, why: str) -> None:
    assert (run.status, run.stdout) == (status, "2\n")
    last = run.stderr.splitlines()[-1:]
    assert bool(last) == bool(why)
    for line in last:
        assert line.startswith("penny: Python ")
        assert why in line


@pytest.mark.program("""
    import js, time
    js.close()
    time.sleep(0.1)
    import asyncio
    await asyncio.Event().wait()
""")
def test_program_whose_worker_goes_without_a_word(run: Run) -> None:
    assert run.status == 137
    assert "gone" in run.stderr


@pytest.mark.usefixtures("on")
@pytest.mark.program("""
    import os, signal
    print("begins")
    os.kill(os.getpid(), signal.SIGINT)
""")
def test_interrupted_program(run: Run) -> None:
    assert (run.status, run.stdout) == (130, "begins\n")
    assert run.stderr.endswith("KeyboardInterrupt\n")


EXIT_HANDLERS = """
    import atexit, sys, weakref
    import penny

    class Thing: pass

    thing = Thing()
    weakref.finalize(thing, print, "finalizer")
    atexit.register(print, "first registered")
    atexit.register(print, "last registered")
    s = penny.Scheduler(workers=1)
    s.submit(abs, -2).add_done_callback(lambda future: print(future.result()))
"""


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    "status",
    [
        pytest.param(0, marks=pytest.mark.program(EXIT_HANDLERS)),
        pytest.param(3, marks=pytest.mark.program(EXIT_HANDLERS + "    sys.exit(3)\n")),
        pytest.param(1, marks=pytest.mark.program(EXIT_HANDLERS + "    1 / 0\n")),
    ],
)
def test_exit_handlers(run: Run, status: int) -> None:
    """After what was submitted, the last registered first; also of a second program on a page."""
    assert run.status == status
    assert run.stdout == "2\nlast registered\nfirst registered\nfinalizer\n"


@pytest.mark.parametrize("on", ["host", "page"])
def test_workers_of_a_program_that_dies_are_ended(page: Page, on: str) -> None:
    """Also one that would run for ever, and the coroutines' one."""
    run = page.run(
        """
        import asyncio, os
        import penny

        def run():
            while True:
                pass

        async def wait():
            await asyncio.Event().wait()

        s = penny.Scheduler(workers=2)
        await asyncio.gather(s.submit(abs, -1), s.submit(abs, -2))
        tasks = [s.submit(run), s.submit(wait)]
        while not all(task.running() for task in tasks):
            await asyncio.sleep(0)
        os._exit(7)
        """,
        on=on,
    )
    assert run.status == 7
    wait_for_no_workers(page)


def test_own_pyodide_of_a_page_that_dies(page: Page, server: Server) -> None:
    """The workers of what Python had opened there are ended, JavaScript's go on."""
    assert (
        page.js(
            """
        const {loadPyodide} = await import('/penny/pyodide/pyodide.mjs');
        const pyodide = await loadPyodide();
        await Penny.install(pyodide);
        const mine = await Penny.scheduler({workers: 1});
        await pyodide.runPythonAsync(`
            import penny
            s = penny.Scheduler(workers=1)
            await s.submit(abs, -1)
        `);
        pyodide.runPythonAsync('import os; os._exit(3)'); // never settles
        await new Promise(died => addEventListener('unhandledrejection', died, {once: true}));
        const three = await mine.submit('len', 'abc');
        await mine.shutdown();
        return three;
        """
        )
        == 3
    )
    wait_for_no_workers(page)


def test_script_tag_whose_program_dies(new_page: Callable[..., Page], server: Server) -> None:
    server.write(
        "dies.html",
        """<!doctype html>
        <link rel="icon" href="data:,">
        <pre id="out"></pre>
        <script src="penny.js" data-workers="1"></script>
        <script type="text/python" data-penny data-output="out">
            import os
            print("begins")
            os._exit(7)
        </script>""",
    )
    page = new_page("dies.html")
    text = "return document.getElementById('out').textContent"
    wait_until(page, lambda: "status 7" in page.js(text), "nothing is said")
    assert page.js(text).startswith("begins\npenny: Python exited at once with status 7")
    assert any(level == "error" and "status 7" in said for level, said in page.console())
    wait_for_no_workers(page)
