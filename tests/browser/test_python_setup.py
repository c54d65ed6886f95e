"""Python on a page that was not set up for Penny: the errors say what is missing."""

from __future__ import annotations

from collections.abc import Callable

from support.pages import Page
from support.servers import Server

# A page's own Pyodide with the Python package `penny`, and without Penny.install.
OPEN_SCHEDULER = """
const {loadPyodide} = await import('/penny/pyodide/pyodide.mjs');
const pyodide = await loadPyodide();
const zip = await (await fetch('/penny/python.zip')).arrayBuffer();
pyodide.unpackArchive(zip, 'zip');
return pyodide.runPython(`
import penny

try:
    penny.Scheduler()
except RuntimeError as error:
    answer = f"{type(error).__name__}: {error}"
answer
`);
"""


def test_a_page_without_isolation_is_told_the_headers(
    new_page: Callable[..., Page], plain_server: Server
) -> None:
    message = new_page(server=plain_server).js(OPEN_SCHEDULER)
    assert message.startswith("IsolationError: ")
    for way_out in (
        "Cross-Origin-Opener-Policy: same-origin",
        "Cross-Origin-Embedder-Policy: require-corp",
        "data-isolate",
        "penny serve",
    ):
        assert way_out in message


def test_a_page_without_install_is_told_how(page: Page) -> None:
    message = page.js(OPEN_SCHEDULER)
    assert message.startswith("RuntimeError: ")
    assert "await Penny.install(pyodide)" in message
