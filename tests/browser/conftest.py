"""Fixtures of the browser tests. One headless Chromium serves the session, its pages are tabs.

    def test_add(page):                      # a fresh page with penny.js, closed after the test
        assert page.js("const s = await Penny.scheduler({workers: 1});"
                       "return await s.submit('operator.add', ...args)", 40, 2) == 42

    def test_result_blocks(shared_page):     # the same page for all tests: faster
        run = shared_page.run('''
            import penny
            with penny.Scheduler() as s:
                print(s.submit(pow, 2, 10).result())
        ''')
        assert run.ok() == "1024\\n"          # status 0, nothing on stderr

    @pytest.mark.program("print(6 * 7)")     # beside those of the module's other tests: faster yet
    def test_print(run):
        assert run.ok() == "42\\n"

    @pytest.mark.scene("return 6 * 7")       # the same for JavaScript
    def test_multiply(outcome):
        assert outcome == 42

    def test_missing(page, server):          # a fault while Penny starts
        with server.answering("/penny/core.wasm", status=404): ...

    def test_own_page(new_page, server):     # a page of one's own
        server.write("hello.html", "<script src=penny.js></script>…")
        page = new_page("hello.html")

    def test_not_isolated(new_page, plain_server):
        page = new_page(server=plain_server)

    @run_in_pyodide                          # by pytest-pyodide, on a page's own Pyodide, where
    async def test_await(selenium_penny):    # Penny.install(pyodide) was called
        import penny
        async with penny.Scheduler(workers=1) as s:
            assert await s.submit(pow, 2, 10) == 1024

`Page` and `Run` are in support/pages.py, marks in support/scenes.py, `Server` (`server`,
`plain_server`) in support/servers.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome
from support import pyodide_page
from support.browsers import start_browser
from support.pages import BLANK, BLANK_HTML, Page, Run
from support.scenes import Scenes
from support.servers import Server, make_servers


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "scene(javascript, *args): what `outcome` is of")
    config.addinivalue_line("markers", "program(python, **options): what `run` is of")
    config.addinivalue_line("markers", "part(python): what `printed` is of")
    config.addinivalue_line("markers", "idle: a part, or run in Pyodide, and no worker needed")
    config.addinivalue_line("markers", "adapters: other libraries, for `make test-adapters`")
    config.addinivalue_line("markers", "embedding: pages and apps, for `make test-embedding`")
    config.addinivalue_line("markers", "stress: takes long, for `make stress`")
    config.addinivalue_line("markers", "soak: takes minutes, for `make soak`")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Both servers; ask for `server` or `plain_server` instead."""
    folder = tmp_path_factory.mktemp("site")
    isolated, plain = make_servers(folder)
    with isolated.serving(), plain.serving():
        isolated.write(BLANK, BLANK_HTML)
        yield isolated, plain


@pytest.fixture(scope="session")
def server(servers: tuple[Server, Server]) -> Server:
    """The server that sends the headers of cross-origin isolation."""
    return servers[0]


@pytest.fixture(scope="session")
def plain_server(servers: tuple[Server, Server]) -> Server:
    """The same without the headers, as most servers are."""
    return servers[1]


@pytest.fixture(scope="session")
def driver() -> Iterator[Chrome]:
    """The browser. Pages are made by the fixtures below."""
    driver = start_browser()
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def new_page(driver: Chrome, server: Server) -> Iterator[Callable[..., Page]]:
    """`new_page(path="blank.html", server=server)` opens a page; all are closed after the test."""
    pages: list[Page] = []

    def open_page(path: str = BLANK, server: Server = server) -> Page:
        page = Page(driver, server)
        pages.append(page)
        return page.open(path)

    yield open_page
    for page in pages:
        page.close()


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A fresh page of the isolated server, with penny.js."""
    return new_page()


@pytest.fixture(scope="session")
def _shared_pages() -> list[Page]:
    return []


@pytest.fixture
def shared_page(driver: Chrome, server: Server, _shared_pages: list[Page]) -> Page:
    """A page like `page`, one for all tests: Penny's files are loaded once.

    For tests that leave nothing behind that could disturb another. One that hangs gets the page
    replaced.
    """
    while _shared_pages and _shared_pages[-1].hung:
        _shared_pages.pop().close()
    if not _shared_pages:
        _shared_pages.append(Page(driver, server).open())
    return _shared_pages[-1]


@pytest.fixture(scope="module")
def scenes(request: pytest.FixtureRequest, driver: Chrome, server: Server) -> Iterator[Scenes]:
    """The scenes of this module's tests; ask for `outcome`, `run` or `printed` instead."""
    page = Page(driver, server).open()
    yield Scenes(
        page, [test for test in request.session.items if request.node in test.iter_parents()]
    )
    page.close()


@pytest.fixture
def outcome(request: pytest.FixtureRequest, scenes: Scenes) -> Any:
    """What the test's scene returned."""
    return scenes.outcome(request.node)


@pytest.fixture
def run(request: pytest.FixtureRequest, scenes: Scenes) -> Run:
    """What the test's program did."""
    return scenes.run(request.node)


@pytest.fixture
def printed(request: pytest.FixtureRequest, scenes: Scenes) -> str:
    """What the test's part has printed."""
    return scenes.printed(request.node)


@pytest.fixture(params=["host", "page"])
def on(request: pytest.FixtureRequest) -> str:
    """Where the test's program runs: a test that uses this is run for both."""
    where: str = request.param
    return where


@pytest.fixture(scope="session")
def penny_pyodide(server: Server) -> Iterator[pyodide_page.PennyRunner]:
    """What `selenium_penny` gives, for the session."""
    runner = pyodide_page.start(server)
    try:
        yield runner
    finally:
        runner.quit()


@pytest.fixture
def selenium_penny(
    request: pytest.FixtureRequest, penny_pyodide: pyodide_page.PennyRunner
) -> Iterator[pyodide_page.PennyRunner]:
    """A page with Pyodide of its own, into which Penny was installed, for `run_in_pyodide`.

    One for all tests, which share its Python: its modules, its `__main__`. `run(code)` runs Python
    by `runPython`, `run_async(code)` by `runPythonAsync`, both in `__main__`; `run_js(code)` runs
    JavaScript. In Python, `from pool import shared` gives a Scheduler of 2 workers that stays, and
    `from gates import Gate` what tasks can wait at.

    A test in which no worker runs a task fails, unless it is marked `idle`.
    """
    before = penny_pyodide.run("import watch; watch.install(); watch.tasks_run()")
    yield penny_pyodide
    if not request.node.get_closest_marker("idle"):
        assert penny_pyodide.run("watch.tasks_run()") > before, "no worker has run a task"
