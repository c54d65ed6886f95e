"""Pages that are not cross-origin isolated, and the service worker that isolates them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from support import browsers
from support.pages import JavaScriptError, Page, unregister
from support.processes import wait_until
from support.servers import Server

pytestmark = pytest.mark.embedding

# What is missing, and the ways to have it.
ADVICE = (
    "Cross-Origin-Opener-Policy: same-origin",
    "Cross-Origin-Embedder-Policy: require-corp",
    "data-isolate",
    "penny serve",
)

chromium_only = pytest.mark.skipif(browsers.NAME != "chromium", reason="only Chromium can do that")

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


def test_javascript(plain_page: Page) -> None:
    """What shares memory with the page."""
    with pytest.raises(JavaScriptError) as caught:
        plain_page.js("await Penny.scheduler({engine: 'pool'})")
    assert caught.value.name == "IsolationError"
    assert_helpful(caught.value.message)


def test_nothing_but_the_reason_is_loaded(
    new_page: Callable[..., Page], plain_server: Server
) -> None:
    plain_server.requests.clear()
    with pytest.raises(JavaScriptError):
        new_page(server=plain_server).js("await Penny.scheduler({engine: 'pool'})")
    assert [p for p in plain_server.requests if not p.endswith((".html", ".js"))] == []


def test_python(plain_page: Page) -> None:
    """Who asks for the engine that shares memory; who does not gets another."""
    message = plain_page.js("""
        const {loadPyodide} = await import('/penny/pyodide/pyodide.mjs');
        const pyodide = await loadPyodide();
        await Penny.install(pyodide);
        return pyodide.runPython(`
            import penny
            try:
                penny.Scheduler(engine="pool")
            except penny.IsolationError as error:
                message = str(error)
            message
        `);
    """)
    assert_helpful(message)


def test_python_element(new_page: Callable[..., Page], plain_server: Server) -> None:
    """Its tasks go by messages."""
    plain_server.write("plain.html", HTML.format(attributes=""))
    page = new_page("plain.html", server=plain_server)
    wait_until(page, lambda: page.js("return out.textContent"), "nothing is shown")
    assert page.js("return [crossOriginIsolated, out.textContent]") == [False, "1024\n"]


@pytest.fixture(scope="module")
def isolating_page(driver: Chrome, plain_server: Server) -> Iterator[Page]:
    """A page of the server without headers; isolate.html, beside it, has data-isolate."""
    plain_server.write("isolate.html", HTML.format(attributes="data-isolate"))
    page = Page(driver, plain_server).open()
    yield page
    unregister(page)
    page.close()


def open_isolating(page: Page, path: str = "isolate.html") -> list[object]:
    """Visit it; gives whether it is isolated, and what it shows."""
    page.open(path)
    return shown(page)


def shown(page: Page) -> list[object]:
    # While it loads anew there may be no such element.
    look = "return document.getElementById('out')?.textContent"
    wait_until(page, lambda: page.driver.execute_script(look), "the page shows nothing")
    found: list[object] = page.js("return [crossOriginIsolated, out.textContent]")
    return found


def warnings(page: Page) -> str:
    """What the console warns of."""
    return "\n".join(text for level, text in page.console() if level == "warn")


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


@chromium_only
@pytest.mark.usefixtures("first_visit")
def test_hard_reload(isolating_page: Page) -> None:
    """The browser loads the page past the service worker; then it loads itself anew."""
    isolating_page.open("isolate.html")
    isolating_page.driver.execute_cdp_cmd("Page.reload", {"ignoreCache": True})
    assert shown(isolating_page) == [True, "1024\n"]


@pytest.mark.usefixtures("first_visit")
def test_second_folder(isolating_page: Page, plain_server: Server) -> None:
    """Each has a service worker of its own, and its first visit, in the same tab."""
    unregister(isolating_page)
    plain_server.write("second/penny-isolate.js", plain_server.content("/penny-isolate.js"))
    html = HTML.format(attributes='data-isolate="penny-isolate.js"')
    plain_server.write("second/isolate.html", html.replace('"penny.js"', '"/penny.js"'))
    assert open_isolating(isolating_page, "second/isolate.html") == [True, "1024\n"]
    scopes = isolating_page.js(
        "return (await navigator.serviceWorker.getRegistrations()).map(r => r.scope)"
    )
    assert scopes == [f"{plain_server.url}second/"]


@pytest.mark.usefixtures("first_visit")
def test_service_worker_that_does_not_help(isolating_page: Page, plain_server: Server) -> None:
    """Each policy is tried once, and then the page says what is wrong."""
    unregister(isolating_page)
    isolating_page.open()
    useless = (
        "oninstall = () => skipWaiting(); onactivate = event => event.waitUntil(clients.claim());"
    )
    tries = isolating_page.js("""
        const {policiesOf} = await import('/penny/hosts/browser_isolating.js');
        return policiesOf(navigator.userAgent).length;
    """)
    with plain_server.answering("/penny-isolate.js", body=useless):
        plain_server.requests.clear()
        isolated, said = open_isolating(isolating_page)
        assert plain_server.requests.count("/isolate.html") == 1 + tries
        assert [isolated, said] == [False, "1024\n"]
        assert "something else is in the way" in warnings(isolating_page)
        # Another visit does not begin again.
        isolated, said = open_isolating(isolating_page)
        assert plain_server.requests.count("/isolate.html") == 2 + tries
        assert "something else is in the way" in warnings(isolating_page)
        unregister(isolating_page)
        open_isolating(isolating_page)
        assert "was loaded past it: by a hard reload" in warnings(isolating_page)
        isolating_page.js("sessionStorage.clear()")


# Tag of penny.js → what the page says, when it has stopped trying.
HOPELESS = {
    'src="/penny.js" data-isolate="lib/penny-isolate.js"': "answers for pages below",
    'src="/penny.js" data-isolate="missing.js"': "could not be registered",
    'src="{other}penny.js" data-isolate': "has to be of the page's own origin",
}


def test_service_worker_that_cannot_be(isolating_page: Page, server: Server) -> None:
    """Nothing waits for ever: not `Penny.ready`, not an element, nor JavaScript."""
    plain_server = isolating_page.server
    unregister(isolating_page)
    plain_server.write("lib/penny-isolate.js", plain_server.content("/penny-isolate.js"))
    server.headers[""] = {"Access-Control-Allow-Origin": "*"}
    try:
        for tag, why in HOPELESS.items():
            html = HTML.format(attributes="").replace('src="penny.js"', tag)
            plain_server.write("hopeless.html", html.format(other=server.url))
            isolated, said = open_isolating(isolating_page, "hopeless.html")
            warned = warnings(isolating_page)
            assert why in warned
            if "own origin" not in why:
                assert [isolated, said] == [False, "1024\n"]
                assert "penny-isolate.js" in warned or "missing.js" in warned
            ready, ran = isolating_page.js("""
                const said = promise => promise.then(() => 'resolved', error => error.message);
                return [await said(Penny.ready), await said(Penny.scheduler({engine: 'pool'}))];
            """)
            assert ready == "resolved"
            assert why in ran
    finally:
        server.headers.clear()
    # Unless the server allows more.
    plain_server.headers["lib/penny-isolate.js"] = {"Service-Worker-Allowed": "/"}
    try:
        html = HTML.format(attributes='data-isolate="lib/penny-isolate.js"')
        plain_server.write("allowed.html", html)
        assert open_isolating(isolating_page, "allowed.html") == [True, "1024\n"]
    finally:
        plain_server.headers.clear()


def test_ready(isolating_page: Page) -> None:
    """It resolves on the page that may stay, not on the one that loads anew."""
    isolating_page.server.write(
        "ready.html",
        """<!doctype html><link rel="icon" href="data:,"><pre id="out"></pre>
        <script src="penny.js" data-isolate></script>
        <script>
        Penny.ready.then(async () => {
          const s = await Penny.scheduler({workers: 1});
          out.textContent = await s.submit('pow', 2, 10) + '\\n';
        });
        </script>""",
    )
    assert open_isolating(isolating_page, "ready.html") == [True, "1024\n"]


@chromium_only
def test_file(isolating_page: Page, tmp_path: Path) -> None:
    for name in ("penny.js", "penny-isolate.js"):
        (tmp_path / name).write_bytes(isolating_page.server.content(f"/{name}"))
    (tmp_path / "page.html").write_text(HTML.format(attributes="data-isolate"))
    assert "was opened as a file" in str(
        open_isolating(isolating_page, (tmp_path / "page.html").as_uri())[1]
    )


@chromium_only
def test_frames(isolating_page: Page, server: Server) -> None:
    """In a page of another origin, which is not isolated: Chromium isolates the frame alone.

    A frame that is not isolated runs all the same.
    """
    plain_server = isolating_page.server
    unregister(isolating_page)
    server.write("framed.html", HTML.format(attributes=""))
    plain_server.write("plain_frame.html", HTML.format(attributes=""))
    say = (
        "<script>setInterval(() => out.textContent && parent.postMessage("
        "[crossOriginIsolated, out.textContent].join(), '*'), 50)</script>"
    )
    for name in ("framed.html", "plain_frame.html"):
        file = server.folder / name
        file.write_text(file.read_text() + say)
    plain_server.write(
        "around.html",
        f"""<!doctype html><link rel="icon" href="data:,"><pre id="out"></pre>
        <iframe src="{server.url}framed.html"></iframe><iframe src="plain_frame.html"></iframe>
        <script>
        const said = new Set();
        addEventListener('message', ({{data}}) => {{
          if (data) said.add(data);
          if (said.size === 2) out.textContent = [...said].sort().join();
        }});
        </script>""",
    )
    isolated, said = open_isolating(isolating_page, "around.html")
    assert not isolated
    assert said == "false,1024\n,true,1024\n"


def test_no_service_worker_where_the_page_is_isolated(
    new_page: Callable[..., Page], server: Server
) -> None:
    server.write("isolate.html", HTML.format(attributes="data-isolate"))
    page = new_page("isolate.html")
    wait_until(page, lambda: page.js("return out.textContent"), "the page shows nothing")
    assert page.js("return (await navigator.serviceWorker.getRegistrations()).length") == 0
