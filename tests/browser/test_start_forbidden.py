"""Pages whose workers can't be created: what waits for them fails, and says why. Nothing hangs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.support.wait import WebDriverWait
from support import browsers
from support.pages import Page
from support.servers import Server

pytestmark = pytest.mark.embedding

PATIENCE = 50.0
"""Seconds: each page may boot a Python or two."""

# Runs as a script of the page's own, since policies may forbid what the driver else evaluates.
SCRIPT = """
const told = promise =>
  promise.then(value => `resolved: ${value}`, ({name, message}) => `${name}: ${message}`);
const PROGRAM = `
import penny
s = penny.Scheduler(1)
futures = [s.submit(abs, -1), s.submit(abs, -2)]
for future in futures:
    try:
        await future
    except penny.errors.BrokenPool as error:
        print("BrokenPool:", error)
`;
(async () => {
  const outcome = (globalThis.sofar = {printed: ''});
  const output = (_, text) => { outcome.printed += text; };
  outcome.javascript = await told(Penny.scheduler({workers: 2}).then(async s => {
    const promises = [1, 2, 3].map(() => told(s.submit('len', 'abc')));
    const reasons = new Set(await Promise.all(promises));
    reasons.add(await told(s.submit('len', 'abc')));
    await s.shutdown();
    return [...reasons].join();
  }));
  outcome.host = await told(Penny.run(PROGRAM, {output}));
  outcome.page = await told(Penny.run(PROGRAM, {on: 'page', output}));
  globalThis.outcome = outcome;
})();
"""


def outcome(new_page: Callable[..., Page], server: Server, penny: str = "penny.js") -> Any:
    """What came of all that a page may wait for."""
    server.write("forbidden.js", SCRIPT)
    server.write(
        "forbidden.html",
        f"""<!doctype html><link rel="icon" href="data:,">
        <script src="{penny}" crossorigin></script>
        <script src="forbidden.js"></script>""",
    )
    page = new_page("forbidden.html")
    look = "return globalThis.outcome"
    try:
        WebDriverWait(page.driver, PATIENCE, 0.05).until(lambda _: page.driver.execute_script(look))
    except TimeoutException:
        pytest.fail(f"something hangs: {page.driver.execute_script('return sofar')}")
    return page.driver.execute_script(look)


def assert_broken(outcome: Any, why: str) -> None:
    assert outcome["javascript"].startswith("resolved: BrokenPool: "), outcome
    assert outcome["host"].startswith("Error: "), outcome
    assert outcome["page"] == "resolved: 0"
    lines = outcome["printed"].splitlines()
    assert [line[:12] for line in lines] == ["BrokenPool: "] * 2
    for said in (outcome["javascript"], outcome["host"], *lines):
        assert re.search(why, said), said


@pytest.fixture
def clean(server: Server, plain_server: Server) -> Any:
    yield
    server.headers.clear()
    plain_server.headers.clear()


@pytest.mark.usefixtures("clean")
def test_penny_of_another_origin_where_the_policy_forbids_it(
    new_page: Callable[..., Page], server: Server, plain_server: Server
) -> None:
    plain_server.headers[""] = {
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    policy = f"worker-src 'self' {plain_server.url}"
    server.headers["forbidden.html"] = {"Content-Security-Policy": policy}
    found = outcome(new_page, server, plain_server.url + "penny.js")
    assert_broken(found, "worker-src blob:")


@pytest.mark.usefixtures("clean")
def test_policy_without_workers(new_page: Callable[..., Page], server: Server) -> None:
    server.headers["forbidden.html"] = {"Content-Security-Policy": "worker-src 'none'"}
    assert_broken(outcome(new_page, server), "Content-Security-Policy")


@pytest.mark.usefixtures("clean")
def test_policy_of_the_page_without_webassembly(
    new_page: Callable[..., Page], server: Server
) -> None:
    server.headers["forbidden.html"] = {"Content-Security-Policy": "script-src 'self'"}
    found = outcome(new_page, server)
    for where in ("javascript", "host", "page"):
        assert re.search("Content Security Policy|CSP", found[where]), found


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    ("path", "name", "value", "why"),
    [
        (
            "/penny/worker.js",
            "Content-Security-Policy",
            "script-src 'none'",
            "/workers/[a-z]+_worker.js|/worker.js",
        ),
        ("/penny/worker.js", "Cross-Origin-Embedder-Policy", "unsafe-none", "/penny/worker.js"),
        pytest.param(
            "/penny/workers/serve.js",
            "Content-Type",
            "text/plain",
            "/penny/worker.js",
            marks=pytest.mark.skipif(
                browsers.NAME == "firefox",
                reason="Firefox tells nobody: it takes the two minutes of START_TIMEOUT",
            ),
        ),
    ],
)
def test_answers_that_forbid_the_workers(
    new_page: Callable[..., Page],
    server: Server,
    path: str,
    name: str,
    value: str,
    why: str,
) -> None:
    # A page that is isolated by itself has no policy that a worker's could be against.
    server.headers["forbidden.html"] = {
        "Document-Isolation-Policy": "none",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
    }
    server.headers[path] = {name: value}
    # Whole: a 304 would keep the headers that the browser remembers.
    with server.answering(path, body=server.content(path)):
        assert_broken(outcome(new_page, server), why)
