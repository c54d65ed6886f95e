"""Pages that are not cross-origin isolated, and the service worker that isolates them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver import Chrome
from support.pages import JavaScriptError, Page
from support.processes import wait_until
from support.servers import Server

# What is missing, and the ways to have it.
ADVICE = (
    "Cross-Origin-Opener-Policy: same-origin",
    "Cross-Origin-Embedder-Policy: require-corp",
    "data-isolate",
    "penny serve",
)

HTML = """\
<!doctype html>
<link rel="icon" href="data:,">
<script src="penny.js" {attributes}></script>
<pre id="out"></pre>
<script type="text/python" data-penny data-output="out">
import penny
with penny.Scheduler(1) as s:
    print(s.submit(pow, 2, 10).result())
</script>
"""


@pytest.fixture(scope="module")
def plain_page(driver: Chrome, plain_server: Server) -> Iterator[Page]:
    """A page from a server that sends no isolation headers."""
    page = Page(driver, plain_server).open()
    assert not page.js("return crossOriginIsolated")
    yield page
    page.close()


def assert_helpful(message: str) -> None:
    assert "not cross-origin isolated" in message
    for text in ADVICE:
        assert text in message


@pytest.mark.parametrize(
    "call",
    ["Penny.scheduler()", "Penny.install({})", "Penny.run('')", "Penny.run('', {on: 'page'})"],
)
def test_javascript(plain_page: Page, call: str) -> None:
    with pytest.raises(JavaScriptError) as caught:
        plain_page.js(f"await {call}")
    assert caught.value.name == "IsolationError"
    assert_helpful(caught.value.message)


def test_nothing_but_the_reason_is_loaded(
    new_page: Callable[..., Page], plain_server: Server
) -> None:
    plain_server.requests.clear()
    with pytest.raises(JavaScriptError):
        new_page(server=plain_server).js("await Penny.scheduler()")
    assert [p for p in plain_server.requests if not p.endswith((".html", ".js"))] == []


def test_python(plain_page: Page) -> None:
    """Python on the page, that has the package from somewhere."""
    message = plain_page.js("""
        const {loadPyodide} = await import('/penny/pyodide/pyodide.mjs');
        const pyodide = await loadPyodide();
        const zip = await (await fetch('/penny/python.zip')).arrayBuffer();
        pyodide.FS.writeFile('/lib/python.zip', new Uint8Array(zip));
        return pyodide.runPython(`
            import sys
            sys.path.append("/lib/python.zip")
            import penny
            try:
                penny.Scheduler()
            except penny.IsolationError as error:
                message = str(error)
            message
        `);
    """)
    assert_helpful(message)


def test_python_element(new_page: Callable[..., Page], plain_server: Server) -> None:
    """The element that would show its output shows the error; the console has it, too."""
    plain_server.write("plain.html", HTML.format(attributes=""))
    page = new_page("plain.html", server=plain_server)
    wait_until(page, lambda: page.js("return out.textContent"), "the error is not shown")
    assert_helpful(page.js("return out.textContent"))
    wait_until(page, lambda: page.console(), "the error is not reported")
    assert [level for level, _ in page.console()] == ["uncaught"]


@pytest.fixture(scope="module")
def isolating_page(driver: Chrome, plain_server: Server) -> Iterator[Page]:
    """A page of the server without headers; isolate.html, beside it, has data-isolate."""
    plain_server.write("isolate.html", HTML.format(attributes="data-isolate"))
    page = Page(driver, plain_server).open()
    yield page
    unregister(page)
    page.close()


def unregister(page: Page) -> None:
    """Remove the service worker, which isolates other pages of the server, too."""
    page.js("""
        for (const registration of await navigator.serviceWorker.getRegistrations())
          await registration.unregister();
    """)


def open_isolating(page: Page) -> list[object]:
    """Visit it; gives whether it is isolated, and what it shows."""
    page.open("isolate.html")
    # While it loads anew there may be no such element.
    shown = "return document.getElementById('out')?.textContent"
    wait_until(page, lambda: page.driver.execute_script(shown), "the page shows nothing")
    found: list[object] = page.js("return [crossOriginIsolated, out.textContent]")
    return found


@pytest.fixture(scope="module")
def first_visit(isolating_page: Page) -> list[object]:
    return open_isolating(isolating_page)


def test_service_worker(first_visit: list[object]) -> None:
    """The first visit loads the page twice; then it is isolated and runs."""
    assert first_visit == [True, "1024\n"]


@pytest.mark.usefixtures("first_visit")
def test_second_visit_with_a_service_worker(isolating_page: Page, plain_server: Server) -> None:
    plain_server.requests.clear()
    assert open_isolating(isolating_page) == [True, "1024\n"]
    assert plain_server.requests.count("/isolate.html") == 1


def test_service_worker_that_does_not_help(isolating_page: Page, plain_server: Server) -> None:
    """Something else is in the way: the page loads anew only once, and says what is wrong."""
    unregister(isolating_page)
    isolating_page.open()
    isolating_page.js("sessionStorage.setItem('penny-isolate', '1')")
    plain_server.requests.clear()
    isolated, shown = open_isolating(isolating_page)
    assert not isolated
    assert_helpful(str(shown))
    assert plain_server.requests.count("/isolate.html") == 1


def test_no_service_worker_where_the_page_is_isolated(
    new_page: Callable[..., Page], server: Server
) -> None:
    server.write("isolate.html", HTML.format(attributes="data-isolate"))
    page = new_page("isolate.html")
    wait_until(page, lambda: page.js("return out.textContent"), "the page shows nothing")
    assert page.js("return (await navigator.serviceWorker.getRegistrations()).length") == 0
