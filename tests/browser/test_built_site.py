"""What `penny build` writes, on a server that knows files only."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.strangers import HTML, Folders

import penny
from penny.cli import main
from penny.cli.server import application, background

FETCHED = """
return performance.getEntriesByType('resource').map(({name}) => new URL(name).pathname)
  .filter(path => /^[/]penny[/](?!pyodide[/]).*[.]js$/.test(path));
"""

PROGRAM = """
import penny
with penny.Scheduler(workers=1) as s:
    print(s.submit(penny.current_worker).result())
import inspect
print(inspect.getdoc(penny.Scheduler.map))
"""


@pytest.fixture(scope="module")
def built_page(driver: Chrome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    site = tmp_path_factory.mktemp("built")
    assert main(["build", str(site), "--no-snapshot"]) == 0
    (site / "blank.html").write_text(f"{HTML}<script src=penny.js></script>")
    with background(application(Folders({"/": site}), isolated=True)) as url:  # type: ignore[arg-type]
        page = Page(driver, SimpleNamespace(url=url))  # type: ignore[arg-type]
        yield page.open("blank.html")
        page.close()


def test_tasks_of_javascript_fetch_a_few_small_files(built_page: Page) -> None:
    assert (
        built_page.js("""
        await using s = await Penny.scheduler({workers: 1});
        return await s.submit('penny.current_worker');
    """)
        == 0
    )
    fetched = built_page.js(FETCHED)
    assert "/penny/page.js" in fetched
    others = [path for path in fetched if not path.startswith("/penny/parts/")]
    assert set(others) <= {"/penny/page.js", "/penny/worker.js"}
    assert not [path for path in fetched if "program" in path], "no program has run"


def test_a_program_has_its_help(built_page: Page) -> None:
    printed = built_page.js(
        """
        const printed = [];
        const status = await Penny.run(args[0], {output: (stream, text) => printed.push(text)});
        return [status, printed.join('')];
        """,
        PROGRAM,
    )
    assert printed == [0, f"0\n{inspect.cleandoc(penny.Scheduler.map.__doc__ or '')}\n"]


def test_a_pyodide_of_the_page(built_page: Page) -> None:
    assert (
        built_page.js("""
        const {loadPyodide} = await import('/penny/pyodide/pyodide.mjs');
        const pyodide = await loadPyodide();
        await Penny.install(pyodide);
        return await pyodide.runPythonAsync(`
            import penny
            async with penny.Scheduler(workers=1) as s:
                where = await s.submit(penny.current_worker)
            where
        `);
    """)
        == 0
    )


def test_a_page_that_isolates_itself(built_page: Page) -> None:
    """What penny.js imports before all else lies where it looks."""
    assert (
        built_page.js("""
        const {isolate} = await import('/penny/hosts/browser_isolating.js');
        return typeof isolate;
    """)
        == "function"
    )


ADAPTERS = """
import os, sys, penny

def of_task():
    from penny.adapters.common import __name__ as name
    return name, penny.current_worker()

assert not os.path.isdir("/lib/penny-modules")
with penny.Scheduler(1) as s:
    penny.install()
    print(sys.modules["penny.adapters.installation"].__file__)
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(1) as pool:
        print(pool.submit(of_task).result())
    penny.uninstall()
"""


def test_what_few_need_is_fetched_when_it_is_imported(built_page: Page) -> None:
    run = built_page.run(ADAPTERS)
    place, (said) = run.ok().splitlines()
    assert place == "/lib/penny-modules/penny/adapters/installation.py"
    assert said == "('penny.adapters.common', 0)"
