"""A pool that can't start says so on whatever waits for it. Nothing hangs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from support.pages import JavaScriptError, Page
from support.processes import wait_for_no_workers, wait_until
from support.servers import Server

MODULE = "/penny/pyodide/pyodide.asm.wasm"

# What pending submissions are rejected with, as "name: message".
PENDING = """
const reason = promise =>
  promise.then(() => 'resolved', ({name, message}) => `${name}: ${message}`);
const s = await Penny.scheduler({workers: 2});
const reasons = await Promise.all([1, 2, 3].map(() => reason(s.submit('len', 'abc'))));
"""


@pytest.fixture(scope="module")
def bare_page(driver: Chrome, server: Server) -> Iterator[Page]:
    """A page that has not loaded the runtime: it asks for what is missing, each time anew."""
    page = Page(driver, server).open()
    yield page
    page.close()


def assert_all_name(path: str, reasons: list[str]) -> None:
    assert len(reasons) == 3
    for reason in reasons:
        assert reason.startswith("BrokenPool: ")
        assert path in reason


@pytest.mark.parametrize(
    "path",
    [
        "/penny/pyodide/pyodide-lock.json",  # first: once it is there, it is not asked for again
        MODULE,
        "/penny/pyodide/python_stdlib.zip",
    ],
)
def test_missing_file_of_the_runtime(bare_page: Page, server: Server, path: str) -> None:
    with server.answering(path, status=404):
        assert_all_name(path, bare_page.js(PENDING + "return reasons"))


def test_missing_python_package(page: Page, server: Server) -> None:
    path = "/penny/python.zip"
    with server.answering(path, status=404):
        assert_all_name(path, page.js(PENDING + "return reasons"))


@pytest.mark.parametrize(
    "path",
    [
        "/penny/pyodide/pyodide.mjs",
        "/penny/pyodide/pyodide.asm.mjs",
        "/penny/worker.js",
    ],
)
def test_missing_script_of_workers(shared_page: Page, server: Server, path: str) -> None:
    with server.answering(path, status=404):
        assert_all_name(path, shared_page.js(PENDING + "return reasons"))


def test_blocked_fetch(bare_page: Page, server: Server) -> None:
    with server.answering(MODULE, abort=True):
        reasons = bare_page.js(PENDING + "return reasons")
    assert all(reason.startswith("BrokenPool: ") and MODULE in reason for reason in reasons)


@pytest.mark.parametrize("path", ["/penny/core.wasm", "/penny/manifest.json"])
def test_missing_file_without_which_there_is_no_scheduler(
    page: Page, server: Server, path: str
) -> None:
    with server.answering(path, status=404), pytest.raises(JavaScriptError) as caught:
        page.js("await Penny.scheduler()")
    assert path in caught.value.message


def test_damaged_core(page: Page, server: Server) -> None:
    with (
        server.answering("/penny/core.wasm", body=b"\0asm\1\0\0\0garbage"),
        pytest.raises(JavaScriptError) as caught,
    ):
        page.js("await Penny.scheduler()")
    assert caught.value.name == "CompileError"


def test_later_submissions(bare_page: Page, server: Server) -> None:
    with server.answering(MODULE, status=404):
        later = bare_page.js(PENDING + "return await reason(s.submit('len', 'abc'))")
    assert later.startswith("BrokenPool: ")
    assert MODULE in later


def test_first_submission_comes_later(bare_page: Page, server: Server) -> None:
    """Nobody waited when the pool broke."""
    with server.answering(MODULE, status=404):
        later = bare_page.js("""
            const s = await Penny.scheduler({workers: 1});
            await new Promise(resolve => s.addEventListener('worker', ({detail}) => {
              if (detail.state === 'stopped') resolve();
            }));
            return await s.submit('len', 'abc').catch(error => error.name);
        """)
    assert later == "BrokenPool"


def test_more_submissions_than_slots(bare_page: Page, server: Server) -> None:
    """Also those that wait on the page have ended."""
    with server.answering(MODULE, status=404):
        names = bare_page.js("""
            const s = await Penny.scheduler({workers: 1});
            const names = await Promise.all(Array.from({length: 20_000}, (_, i) =>
              s.submit('abs', i).catch(error => error.name)));
            return [[...new Set(names)], s.stats().pending];
        """)
    assert names == [["BrokenPool"], 0]


@pytest.mark.parametrize("options", ["", "{now: true}"])
def test_shutdown(bare_page: Page, server: Server, options: str) -> None:
    with server.answering(MODULE, status=404):
        bare_page.js(PENDING + f"await s.shutdown({options})")
    wait_for_no_workers(bare_page)


def test_shutdown_with_submissions_pending(bare_page: Page, server: Server) -> None:
    """It waits for them, and they end."""
    with server.answering(MODULE, status=404):
        name = bare_page.js("""
            const s = await Penny.scheduler({workers: 1});
            const name = s.submit('len', 'abc').catch(error => error.name);
            await s.shutdown();
            return await name;
        """)
    assert name == "BrokenPool"


def test_no_worker_is_left(page: Page, server: Server) -> None:
    with server.answering("/penny/pyodide/pyodide.asm.mjs", status=404):
        page.js(PENDING)
    wait_for_no_workers(page)


def test_next_scheduler_tries_again(page: Page, server: Server) -> None:
    with server.answering(MODULE, status=404):
        page.js(PENDING)
    assert (
        page.js("""
        const s = await Penny.scheduler({workers: 1});
        return await s.submit('len', 'abc');
    """)
        == 3
    )


def test_package_that_cannot_be_loaded(shared_page: Page) -> None:
    """It is loaded once, for all workers: none is started anew for want of it."""
    starts, reason = shared_page.js("""
        const s = await Penny.scheduler({workers: 1, packages: ['./missing-1-py3-none-any.whl']});
        let starts = 0;
        s.addEventListener('worker', ({detail}) => { if (detail.state === 'starting') starts++; });
        const {name, message} = await s.submit('len', 'abc').catch(error => error);
        return [starts, `${name}: ${message}`];
    """)
    assert starts == 1
    assert reason.startswith("BrokenPool: ")
    assert len(reason.splitlines()) == 1
    assert "missing-1-py3-none-any.whl" in reason


def test_worker_that_is_ready_and_cannot_run(page: Page, server: Server) -> None:
    """Each would die like the first: that counts as a failed start, too."""
    path = "/penny/ports/worker_port.js"
    start = "core.exports.worker_start(worker);"
    source = server.content(path).decode()
    assert start in source
    with server.answering(path, body=source.replace(start, "throw new Error('no loop here');")):
        states, reason = page.js("""
            const s = await Penny.scheduler({workers: 1});
            const states = [];
            s.addEventListener('worker', ({detail}) => states.push(detail.state));
            const {name, message} = await s.submit('len', 'abc').catch(error => error);
            return [states, `${name}: ${message}`];
        """)
    assert states == [*["starting", "ready", "lost"] * 3, "stopped"]
    assert reason.startswith("BrokenPool: ")
    assert "no loop here" in reason


# -- Python ----------------------------------------------------------------------------------------

PENDING_IN_PYTHON = """
import concurrent.futures, penny
s = penny.Scheduler(2)
futures = [s.submit(len, "abc") for _ in range(3)]
for future in futures:
    try:
        await future
    except concurrent.futures.BrokenExecutor as error:
        print(type(error).__name__, error)
"""

# Runs `args[0]` until it asks for /gate, which the server holds; then it goes on in the background.
START_AND_HOLD = """
const [source, on] = args;
globalThis.printed = '';
globalThis.running = Penny.run(source, {on, output: (_, text) => { printed += text; }});
running.catch(() => {});
"""


def run_without(page: Page, server: Server, on: str, path: str, source: str) -> str:
    """Run a program while a path is missing, from the program's own start on. Gives its output."""
    with server.holding("/gate") as open_gate:
        server.requests.clear()
        page.js(START_AND_HOLD, "import js; await js.fetch('/gate')\n" + source, on)
        wait_until(page, lambda: "/gate" in server.requests, "the program does not start")
        with server.answering(path, status=404):
            open_gate()
            output: str = page.js("await running; return printed")
    return output


def test_futures_in_python(shared_page: Page, server: Server, on: str) -> None:
    lines = run_without(shared_page, server, on, "/penny/worker.js", PENDING_IN_PYTHON).splitlines()
    assert len(lines) == 3
    for line in lines:
        assert line.startswith("BrokenPool the workers could not be started: ")
        assert "/penny/worker.js" in line


def test_later_submissions_in_python(shared_page: Page, server: Server, on: str) -> None:
    source = (
        PENDING_IN_PYTHON
        + """
try:
    await s.submit(len, "abc")
except penny.BrokenPool as error:
    print("later", error)
"""
    )
    lines = run_without(shared_page, server, on, "/penny/worker.js", source).splitlines()
    assert lines[-1].startswith("later the workers could not be started: ")


def test_blocking_in_python(shared_page: Page, server: Server) -> None:
    """`result()` raises, the end of `with` returns, although its workers never were there."""
    source = """
import penny
try:
    with penny.Scheduler(2) as s:
        s.submit(len, "abc").result()
except penny.BrokenPool as error:
    print("broken")
"""
    assert run_without(shared_page, server, "host", "/penny/worker.js", source) == "broken\n"


def test_shutdown_in_python(shared_page: Page, server: Server, on: str) -> None:
    """It waits for what is pending, and that ends."""
    source = """
import penny
async with penny.Scheduler(2) as s:
    future = s.submit(len, "abc")
print(repr(future.exception())[:10])
"""
    assert run_without(shared_page, server, on, "/penny/worker.js", source) == "BrokenPool\n"


def test_program_that_cannot_start(bare_page: Page, server: Server, on: str) -> None:
    with server.answering(MODULE, status=404), pytest.raises(JavaScriptError) as caught:
        bare_page.run("print('never')", on=on)
    assert MODULE in caught.value.message
    wait_for_no_workers(bare_page)


def test_program_that_cannot_start_for_want_of_the_core(
    page: Page, server: Server, on: str
) -> None:
    path = "/penny/core.wasm"
    with server.answering(path, status=404), pytest.raises(JavaScriptError) as caught:
        page.run("print('never')", on=on)
    assert path in caught.value.message
    wait_for_no_workers(page)


def test_program_runs_once_the_file_is_there(page: Page, server: Server, on: str) -> None:
    with server.answering("/penny/python.zip", status=404), pytest.raises(JavaScriptError):
        page.run("print('never')", on=on)
    assert page.run("print('now')", on=on).ok() == "now\n"
