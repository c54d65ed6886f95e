"""Where Penny is embedded: the table of docs/embedding.md, a row a test.

Each page runs the same: a task for JavaScript, and in a host worker a task that imports what only
the standard library's archive has, and the program that all hosts run.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.support.wait import WebDriverWait
from support import browsers
from support.pages import Page
from support.servers import Server

from penny.cli.server import background

pytestmark = pytest.mark.embedding

PATIENCE = 50.0
"""Seconds: a page boots two Pythons or three."""

HERE = Path(__file__).parent

PROGRAM = (
    (HERE.parent / "hosts" / "program.py").read_text()
    + """
def task(text):
    import csv
    return next(csv.reader([text])), penny.current_worker()
with penny.Scheduler(1) as s:
    print(s.submit(task, "a,b").result())
await program()
"""
)
PRINTED = "(['a', 'b'], 0)\nabout to fail\nprinted by a task\nthe program has ended\n"

# A script of the page's own: policies may forbid what the driver evaluates.
SCRIPT = (
    f"const PROGRAM = {json.dumps(PROGRAM)};"
    + """
(async () => {
  let printed = '';
  try {
    await globalThis.loaded; // of the page, where it imports penny.js
    await Penny.ready;
    const s = await Penny.scheduler({workers: 1});
    s.define('where', 'import penny\\ndef where(): return penny.current_worker()');
    printed += `worker ${await s.submit('where')}\\n`;
    await s.shutdown();
    await Penny.run(PROGRAM, {output: (_, text) => { printed += text; }});
  } catch (error) {
    printed += error;
  }
  globalThis.outcome = printed;
  parent.postMessage({outcome: printed}, '*'); // where it is in a frame
})();
"""
)
WORKS = f"worker 0\n{PRINTED}"

ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
TAG = '<script src="penny.js"></script>'


def policy(*directives: str) -> dict[str, str]:
    return ISOLATED | {"Content-Security-Policy": "; ".join(directives)}


OWN = ("script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'")

# Of pages on a server that sends nothing else: the headers of all its answers, and the tag.
ROWS: dict[str, tuple[dict[str, str], str]] = {
    "COOP and COEP require-corp": (ISOLATED, TAG),
    "COOP and COEP credentialless": (
        ISOLATED | {"Cross-Origin-Embedder-Policy": "credentialless"},
        TAG,
    ),
    "Document-Isolation-Policy": (
        {"Document-Isolation-Policy": "isolate-and-credentialless"},
        TAG,
    ),
    "no headers, data-isolate": ({}, '<script src="penny.js" data-isolate></script>'),
    "imported by a module": (
        ISOLATED,
        "<script>globalThis.loaded = import('./penny.js');</script>",
    ),
    "CSP: script-src, worker-src": (policy(*OWN), TAG),
    "CSP: default-src 'none'": (policy("default-src 'none'", "connect-src 'self'", *OWN), TAG),
    "CSP: nonce and strict-dynamic": (
        policy("script-src 'nonce-abc' 'strict-dynamic' 'wasm-unsafe-eval'"),
        TAG.replace(" src", ' nonce="abc" src'),
    ),
    "CSP: Trusted Types": (policy(*OWN, "require-trusted-types-for 'script'"), TAG),
    "CSP: Trusted Types, trusted-types penny": (
        policy(*OWN, "require-trusted-types-for 'script'", "trusted-types penny"),
        TAG,
    ),
}

# What does not work, and what it says.
REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "CSP: Trusted Types without penny": (
        policy(*OWN, "require-trusted-types-for 'script'", "trusted-types other"),
        "trusted-types penny",
    ),
    "CSP: without 'wasm-unsafe-eval'": (policy("script-src 'self'"), "script-src|CSP"),
    "CSP: worker-src 'none'": (policy(*OWN[:1], "worker-src 'none'"), "worker-src"),
}

DOCUMENT_ISOLATION = pytest.mark.skipif(
    browsers.NAME != "chromium", reason="Chromium has Document-Isolation-Policy"
)


@pytest.fixture
def plain(plain_server: Server) -> Iterator[Server]:
    yield plain_server
    plain_server.headers.clear()


def outcome(page: Page) -> str:
    look = "return globalThis.outcome"
    try:
        # While the page loads anew there is none to ask.
        WebDriverWait(page.driver, PATIENCE, 0.05, [WebDriverException]).until(
            lambda _: page.driver.execute_script(look)
        )
    except TimeoutException:
        pytest.fail(f"it hangs; the console has {page.console()}")
    found: str = page.driver.execute_script(look)
    return found


def visit(new_page: Callable[..., Page], server: Server, tag: str, path: str = "embed") -> str:
    server.write("embed.js", SCRIPT)
    script = '<script src="embed.js"></script>'
    if "nonce" in tag:
        script = script.replace(" src", ' nonce="abc" src')
    icon = '<link rel="icon" href="data:,">'
    server.write(f"{path}.html", f"<!doctype html>{icon}{tag}{script}")
    page = new_page(f"{path}.html", server=server)
    said = outcome(page)
    if "data-isolate" in tag:
        page.js("for (const r of await navigator.serviceWorker.getRegistrations()) r.unregister();")
    return said


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, marks=DOCUMENT_ISOLATION if row.startswith("Document") else ())
        for row in ROWS
    ],
)
def test_works(new_page: Callable[..., Page], plain: Server, row: str) -> None:
    plain.headers[""], tag = ROWS[row]
    assert visit(new_page, plain, tag) == WORKS


@pytest.mark.parametrize("row", REFUSED)
def test_is_refused(new_page: Callable[..., Page], plain: Server, row: str) -> None:
    if "Trusted" in row and browsers.NAME != "chromium":
        pytest.skip("what Firefox says of Trusted Types is not known")
    plain.headers[""], said = REFUSED[row]
    found = visit(new_page, plain, TAG)
    assert any(text in found for text in said.split("|")), found


# Of frames: the headers of the page around it, those of the frame, and its tag.
DIP = {"Document-Isolation-Policy": "isolate-and-credentialless"}
FRAMES: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "a frame of the same origin": (ISOLATED, ISOLATED, '<iframe src="embed.html"></iframe>'),
    "a frame of another origin": (
        ISOLATED,
        ISOLATED | {"Cross-Origin-Resource-Policy": "cross-origin"},
        '<iframe src="{other}embed.html" allow="cross-origin-isolated"></iframe>',
    ),
    "a frame on a page that is not isolated": (
        {},
        DIP,
        '<iframe src="{other}embed.html"></iframe>',
    ),
}


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=DOCUMENT_ISOLATION if DIP in FRAMES[row] else ()) for row in FRAMES],
)
def test_frame(new_page: Callable[..., Page], plain: Server, row: str) -> None:
    around, plain.headers[""], tag = FRAMES[row]
    plain.write("embed.js", SCRIPT)
    plain.write("embed.html", f'<!doctype html>{TAG}<script src="embed.js"></script>')
    listening = "addEventListener('message', e => { globalThis.outcome ??= e.data.outcome; });"
    html = f'<!doctype html><link rel="icon" href="data:,"><script>{listening}</script>{tag}'
    if "{other}" in tag:
        html = html.replace("{other}", plain.url)

        async def answer(_: web.Request) -> web.Response:
            return web.Response(text=html, headers=around, content_type="text/html")

        elsewhere = web.Application()
        elsewhere.router.add_get("/", answer)
        with background(elsewhere) as url:
            assert outcome(new_page(url, server=plain)) == WORKS
    else:
        plain.write("around.html", html)
        assert outcome(new_page("around.html", server=plain)) == WORKS


@pytest.mark.parametrize("how", ["classic", "integrity", "module"])
def test_another_origin(
    new_page: Callable[..., Page], server: Server, plain: Server, how: str
) -> None:
    plain.headers[""] = {
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    url = f"{plain.url}penny.js"
    digest = base64.b64encode(hashlib.sha384(plain.content("/penny.js")).digest()).decode()
    tag = {
        "classic": f'<script src="{url}"></script>',
        "integrity": f'<script src="{url}" crossorigin integrity="sha384-{digest}"></script>',
        "module": f"<script>globalThis.loaded = import('{url}');</script>",
    }[how]
    assert visit(new_page, server, tag) == WORKS


def test_small_server(new_page: Callable[..., Page], plain: Server) -> None:
    """It knows no WebAssembly; it unpacks .gz files on the way, or has the browser do so."""
    octets = {"Content-Type": "application/octet-stream"}
    plain.headers.update({"": ISOLATED, "core.wasm": octets, "pyodide.asm.wasm": octets})
    plain.headers["snapshot.bin.gz"] = {"Content-Encoding": "gzip"}
    manifest = json.loads(plain.content("/penny/manifest.json")) | {"snapshot": "snapshot.bin.gz"}
    packed = gzip.compress(plain.content(plain.snapshot), compresslevel=1)
    with (
        plain.answering("/penny/manifest.json", body=json.dumps(manifest)),
        plain.answering("/penny/snapshot.bin.gz", body=packed),
    ):
        plain.write("embed.js", SCRIPT)
        plain.write("small.html", f'<!doctype html>{TAG}<script src="embed.js"></script>')
        page = new_page("small.html", server=plain)
        assert outcome(page) == WORKS
        assert [text for level, text in page.console() if level == "warn"] == []


def test_table_is_tested() -> None:
    """Each row here is one of the page's, and each of the page's names its test."""
    text = (Path(__file__).parents[2] / "docs" / "embedding.md").read_text()
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    tests = {row for row in rows if row in {*ROWS, *REFUSED, *FRAMES}}
    assert tests == {*ROWS, *REFUSED, *FRAMES}
