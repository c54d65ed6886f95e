"""A notebook of JupyterLite: `%pip install penny-runtime`, then `import penny`, is all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import lite
import pytest
from installed import PRINTED
from selenium.webdriver import Chrome
from support.pages import Page
from support.processes import held_lives, wait_until
from support.readme import blocks
from support.strangers import Stranger


@pytest.fixture(scope="session")
def server(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    folder, pyodide = lite.build(tmp_path_factory.mktemp("jupyterlite"), wheels)
    with Stranger(folder, folders={"/pyodide/": pyodide}).serving() as server:
        yield server


@pytest.fixture(scope="module")
def notebook(driver: Chrome, server: Stranger) -> Iterator[lite.Notebook]:
    page = Page(driver, server)  # type: ignore[arg-type]
    page.timeout = 120  # it boots four Pythons
    notebook = lite.Notebook(page)
    notebook.outputs("%pip install penny-runtime")
    yield notebook
    page.close()


def test_program(notebook: lite.Notebook, program: str) -> None:
    """What tasks print is below the cell that has submitted them."""
    assert notebook.printed(program) == PRINTED


def test_examples_of_the_readme(notebook: lite.Notebook) -> None:
    """Each in a cell, with what test_readme.py expects."""
    awaiting, blocking, spawning, waiting, arrays = blocks("python")[:5]
    printed = notebook.printed(awaiting).split("\n")
    assert printed[:3] == ["49", "[0, 1, 4, 9, 16]", "42"]
    assert sorted(printed[3:7]) == ["1", "2", "4", "8"]
    assert notebook.printed(blocking) == "120\n[1, 2, 3]\n12\n"
    assert notebook.printed(spawning) == "6765\n4995\n998001\n6765\n"
    assert notebook.printed(waiting) == "True\ntook too long\n1024\n"
    assert notebook.printed(arrays) == "255 [155, 255, 155, 255, 155, 255]\n[255, 155, 155, 255]\n"


def test_a_restart_leaves_no_worker(notebook: lite.Notebook) -> None:
    page = notebook.page
    notebook.outputs(
        "import penny; kept = penny.Scheduler(workers=2); await kept.submit(len, 'abc')"
    )
    wait_until(page, lambda: held_lives(page) == 2, "the workers do not start")
    notebook.restart()
    wait_until(page, lambda: held_lives(page) == 0, "workers are left")
