from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from penny.cli import server
from penny.cli.errors import CommandError
from penny.cli.server import ISOLATION_HEADERS, application, background, content_type, url_of
from penny.cli.site import Site

ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "cross-origin",
}

BY_ITSELF = {"Document-Isolation-Policy": "isolate-and-credentialless"}
CREDENTIALLESS = {"Cross-Origin-Embedder-Policy": "credentialless"}
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
BROWSERS = {
    "Chromium": f"{AGENT}HeadlessChrome/156.0.0.0 Safari/537.36",
    "older": f"{AGENT}Chrome/136.0.0.0 Safari/537.36",
    "Android": f"{AGENT}Android 16; Chrome/156.0.0.0 Mobile Safari/537.36",
    "Firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
    "Safari": f"{AGENT}Version/26.0 Safari/605.1.15",
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    package = tmp_path / "penny"
    editor = "web/bundled/playground/editor.js"
    for name in ("penny/wasm_core/core.wasm", "web/penny.js", "web/penny/page.js", editor):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    folder = tmp_path / "folder"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "index.html").write_text("docs")
    (folder / "größe 1.txt").write_text("size")
    (folder / "packed.bin.gz").write_bytes(b"\x1f\x8b...")
    (tmp_path / "secret.txt").write_text("secret")
    return Site(pyodide=tmp_path / "pyodide", folder=folder, python=b"zip", package=package)


@pytest.fixture
def url(site: Site) -> Iterator[str]:
    with background(application(site)) as url:
        yield url


class Answer:
    def __init__(self, url: str, path: str, method: str = "GET", **headers: str) -> None:
        # http.client sends the path as it is, dots and all.
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        connection.close()


def has_isolation(answer: Answer) -> bool:
    return all(answer.headers[name] == value for name, value in ISOLATION.items())


def test_isolation_headers_of_servers_with_one_answer() -> None:
    assert ISOLATION_HEADERS == ISOLATION | BY_ITSELF


@pytest.mark.parametrize(
    ("browser", "destination", "headers"),
    [
        ("Chromium", "document", BY_ITSELF),
        ("Chromium", "iframe", BY_ITSELF | CREDENTIALLESS),
        ("Chromium", "worker", BY_ITSELF | CREDENTIALLESS),
        ("older", "document", ISOLATION | CREDENTIALLESS),
        ("Android", "document", ISOLATION | CREDENTIALLESS),
        ("Firefox", "iframe", ISOLATION | CREDENTIALLESS),
        ("Safari", "document", ISOLATION),
    ],
)
def test_each_browser_gets_what_it_knows(
    url: str, browser: str, destination: str, headers: dict[str, str]
) -> None:
    asked = {"User-Agent": BROWSERS[browser], "Sec-Fetch-Dest": destination}
    answer = Answer(url, "/docs/", **asked)
    names = ISOLATION | BY_ITSELF
    sent = {name: answer.headers[name] for name in names if name in answer.headers}
    assert sent == headers | {"Cross-Origin-Resource-Policy": "cross-origin"}
    assert answer.headers["Vary"] == "User-Agent, Sec-Fetch-Dest"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/penny.js", 200),
        ("/penny/core.wasm", 200),
        ("/penny/python.zip", 200),
        ("/penny/manifest.json", 200),
        ("/docs", 308),
        ("/nothing", 404),
    ],
)
def test_every_answer_has_the_headers(url: str, path: str, status: int) -> None:
    answer = Answer(url, path)
    assert answer.status == status
    assert has_isolation(answer)
    assert answer.headers["Cache-Control"] == "no-cache"


def test_other_methods_change_nothing(url: str) -> None:
    assert Answer(url, "/penny.js", "HEAD").status == 200
    assert Answer(url, "/penny.js", "HEAD").body == b""
    posted = Answer(url, "/penny.js", "POST")
    assert posted.status == 405
    assert has_isolation(posted)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.wasm", "application/wasm"),
        ("a.whl", "application/zip"),
        ("a.zip", "application/zip"),
        ("a.json", "application/json"),
        ("A.HTML", "text/html; charset=utf-8"),
        ("a.bin", "application/octet-stream"),
        ("a.bin.gz", "application/gzip"),
        ("a", "application/octet-stream"),
    ],
)
def test_media_types(name: str, kind: str) -> None:
    assert content_type(name) == kind


def test_media_types_are_sent(url: str) -> None:
    assert Answer(url, "/penny/core.wasm").headers["Content-Type"] == "application/wasm"
    assert Answer(url, "/docs/").headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", ["/packed.bin.gz", "/packed.bin"])
def test_compressed_files_stay_as_they_are(url: str, path: str) -> None:
    answer = Answer(url, path, **{"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] is None
    assert answer.body.startswith(b"\x1f\x8b") == (answer.status == 200)
    assert answer.status == (200 if path.endswith(".gz") else 404)


@pytest.mark.parametrize("path", ["/penny.js", "/penny/manifest.json"])
def test_reload_of_what_has_not_changed_is_cheap(url: str, path: str) -> None:
    first = Answer(url, path)
    again = Answer(url, path, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert has_isolation(again)
    assert Answer(url, path, **{"If-None-Match": '"other"'}).body == first.body


def test_changed_file_is_sent_again(url: str, tmp_path: Path) -> None:
    first = Answer(url, "/docs/")
    (tmp_path / "folder" / "docs" / "index.html").write_text("changed docs")
    again = Answer(url, "/docs/", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (200, b"changed docs")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/docs/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/docs/%2e%2e/%2e%2e/secret.txt",
        "//secret.txt",
        "/..%5csecret.txt",
        "/docs%00/index.html",
    ],
)
def test_nothing_outside_is_served(url: str, path: str) -> None:
    answer = Answer(url, path)
    assert answer.status in (400, 404)
    assert answer.body != b"secret"


def test_missing_file_is_named(url: str) -> None:
    assert Answer(url, "/no/such.py?x=1").body == b"There is no /no/such.py on this site.\n"


def test_folder_gets_its_slash(url: str) -> None:
    assert Answer(url, "/docs").headers["Location"] == "/docs/"
    assert Answer(url, "//docs").status == 404


def test_names_beyond_ascii(url: str) -> None:
    assert Answer(url, "/gr%C3%B6%C3%9Fe%201.txt").body == b"size"


def test_without_isolation(site: Site) -> None:
    with background(application(site, isolated=False)) as url:
        answer = Answer(url, "/penny.js")
    assert answer.status == 200
    assert not any(name in answer.headers for name in ISOLATION | BY_ITSELF)


def test_only_this_machine_by_default(url: str) -> None:
    assert urlsplit(url).hostname == "127.0.0.1"


def test_taken_port(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        used = pytest.raises(CommandError, match=f"port {port}: Address already in use")
        with used, background(application(site), port=port):
            pass
        # Unnamed, the next free one is taken.
        monkeypatch.setattr(server, "DEFAULT_PORT", port)
        with background(application(site), port=None) as url:
            assert port < (urlsplit(url).port or 0) < port + server.PORTS_TRIED


def test_unknown_host(site: Site) -> None:
    refused = pytest.raises(CommandError, match=r"can't listen on 192\.0\.2\.1 port 0")
    with refused, background(application(site), host="192.0.2.1", port=0):
        pass


def test_url_is_a_secure_context() -> None:
    assert url_of("127.0.0.1", 80) == "http://127.0.0.1:80/"
    assert url_of("0.0.0.0", 80) == "http://localhost:80/"
    assert url_of("::1", 80) == "http://[::1]:80/"
