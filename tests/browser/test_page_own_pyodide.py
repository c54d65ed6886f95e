"""A page that has a Pyodide of its own, into which Penny is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome
from support.pages import JavaScriptError, Page
from support.processes import live_workers, wait_for_no_workers
from support.servers import Server

from penny.cli.pyodide import MAGIC_NUMBER, PYODIDE_VERSION

pytestmark = pytest.mark.embedding

LOAD = """
const {loadPyodide} = await import('/penny/pyodide/pyodide.mjs');
globalThis.pyodide = await loadPyodide();
"""


# The package alone, from a wheel for example, without what `Penny.install` adds.
WITHOUT_INSTALL = """
const zip = await (await fetch('/penny/python.zip')).arrayBuffer();
pyodide.FS.writeFile('/tmp/python.zip', new Uint8Array(zip));
return pyodide.runPython(`
    import sys
    sys.path.append("/tmp/python.zip")
    import penny
    try:
        penny.Scheduler()
    except RuntimeError as error:
        message = f"{type(error).__name__}: {error}"
    finally:
        sys.path.remove("/tmp/python.zip")
    message
`);
"""


@pytest.fixture(scope="module")
def opened(driver: Chrome, server: Server) -> Iterator[tuple[Page, str]]:
    """The page, and what `penny.Scheduler()` said on it before Penny was installed."""
    page = Page(driver, server).open()
    page.js(LOAD)
    message = page.js(WITHOUT_INSTALL)
    page.js("await Penny.install(pyodide, {workers: 2})")
    yield page, message
    page.close()


@pytest.fixture
def own_page(opened: tuple[Page, str]) -> Page:
    """A page that has loaded Pyodide by itself. In it: `pyodide`, with Penny for 2 workers."""
    return opened[0]


@pytest.fixture
def python(own_page: Page) -> Callable[[str], Any]:
    """Runs Python by `pyodide.runPythonAsync`; gives the value of its last expression."""
    return lambda source: own_page.js("return await pyodide.runPythonAsync(args[0])", source)


def test_plain_run_python(own_page: Page) -> None:
    """`runPython` can't wait; what it gives can be awaited, in JavaScript as well."""
    assert (
        own_page.js("""
        pyodide.runPython(`
            import operator, penny
            s = penny.Scheduler()
            future = s.submit(operator.add, 40, 2)
        `);
        const result = await pyodide.runPython('future');
        pyodide.runPython('s.shutdown(wait=False)');
        return result;
    """)
        == 42
    )


def test_run_python_async(python: Callable[[str], Any]) -> None:
    assert (
        python("""
        import penny
        async with penny.Scheduler() as s:
            results = [r async for r in s.imap(len, ["a", "bb", "ccc"])]
        sum(results)
    """)
        == 6
    )


def test_functions_of_the_page(python: Callable[[str], Any]) -> None:
    assert (
        python("""
        import penny
        factor = 3
        def f(x):
            return factor * x
        async with penny.Scheduler() as s:
            result = await s.submit(f, 14)
        result
    """)
        == 42
    )


def test_default_number_of_workers(python: Callable[[str], Any]) -> None:
    assert (
        python("""
        async with penny.Scheduler() as s:
            workers = s.workers
        workers
    """)
        == 2
    )


def test_output_of_tasks_goes_where_the_pyodide_prints(
    own_page: Page, python: Callable[[str], Any]
) -> None:
    python("""
        import penny
        async with penny.Scheduler(1) as s:
            await s.submit(print, "from a task")
    """)
    assert ("log", "from a task") in own_page.console()


def test_install_again(own_page: Page, python: Callable[[str], Any]) -> None:
    """Changes the options; what was opened before goes on."""
    python("import penny; before = penny.Scheduler(1); await before.submit(len, 'up')")
    own_page.js("await Penny.install(pyodide, {workers: 3})")
    try:
        assert (
            python("""
            async with penny.Scheduler() as s:
                after = s.workers
            f"{after} {await before.submit(len, 'abc')}"
        """)
            == "3 3"
        )
    finally:
        python("await before.aclose()")
        own_page.js("await Penny.install(pyodide, {workers: 2})")


def test_a_forgotten_scheduler_ends(own_page: Page, python: Callable[[str], Any]) -> None:
    """Its tasks are done first, then its workers go."""
    assert (
        python("""
        import penny
        s = penny.Scheduler()
        future = s.submit(len, "abc")
        del s
        await future
    """)
        == 3
    )
    wait_for_no_workers(own_page)


def test_workers_go_with_the_scheduler(own_page: Page, python: Callable[[str], Any]) -> None:
    python("import penny; s = penny.Scheduler(); await s.submit(len, 'abc')")
    assert live_workers(own_page) == ["penny worker 0", "penny worker 1"]
    python("await s.aclose()")
    wait_for_no_workers(own_page)


def test_without_install(opened: tuple[Page, str]) -> None:
    """The error says what the page has to do."""
    assert opened[1].startswith("RuntimeError: ")
    assert "await Penny.install(pyodide)" in opened[1]


def test_wrong_options(own_page: Page) -> None:
    with pytest.raises(JavaScriptError) as caught:
        own_page.js("await Penny.install(pyodide, {workers: 0})")
    assert caught.value.name == "RangeError"


def test_pyodide_of_another_python(own_page: Page) -> None:
    """Bytecode of one is never run by the other: neither is installed, nor do workers take any."""
    at_install, in_workers = own_page.js("""
        const {loadPyodide} = await import('/penny/pyodide/pyodide.mjs');
        const other = await loadPyodide();
        const pretend = 'import importlib.util as u; u.MAGIC_NUMBER = bytes.fromhex("f30d0d0a")';
        const own = other.runPython('import importlib.util as u; u.MAGIC_NUMBER');
        other.runPython(pretend);
        const refusal = await Penny.install(other).catch(String);
        const clean = 'import importlib.util as u; u.MAGIC_NUMBER = own';
        other.globals.set('own', own);
        other.runPython(clean);
        await Penny.install(other, {workers: 1});
        other.runPython(pretend);
        return [refusal, await other.runPythonAsync(`
            import penny
            s = penny.Scheduler()
            try:
                said = f"ran in worker {await s.submit(penny.current_worker)}"
            except penny.BrokenPool as error:
                said = str(error)
            said
        `)];
    """)
    for said in (at_install, in_workers):
        assert "PythonVersionError: this Pyodide has Python 3.14" in said
        assert "(bytecode f30d0d0a), but Penny's workers have Python 3.14" in said
        assert f"(bytecode {MAGIC_NUMBER})" in said
    assert PYODIDE_VERSION in at_install
