"""Servers of Penny's own site, whose answers a test can change."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from penny.cli import bundle
from penny.cli.pyodide import find_pyodide
from penny.cli.server import application, background, content_type
from penny.cli.site import Site
from penny.cli.snapshot import find_snapshot

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class _Answer:
    status: int
    body: str | bytes
    released: threading.Event | None
    abort: bool


class _Gate:
    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()


class Server:
    """One server; `isolated` or not. `url` ends in `/`.

    `folder` is scratch space that is served at the top: tests add files to it (`write`). Of the
    same name, Penny's own come first. Below /gates/ are those of support/in_pyodide/gates.py.
    """

    def __init__(self, site: Site, folder: Path, *, isolated: bool, snapshot: str) -> None:
        self.folder = folder
        self.isolated = isolated
        self.snapshot = snapshot
        """URL path of the prebuilt memory snapshot."""
        self.requests: list[str] = []
        """Paths asked for, in order. Clear it before what you want to observe."""
        self.headers: dict[str, dict[str, str]] = {}
        """Headers of the answers to paths that end so."""
        self.url = ""
        self._site = site
        self._answers: dict[str, _Answer] = {}
        self._gates: defaultdict[str, _Gate] = defaultdict(_Gate)

    @contextlib.contextmanager
    def serving(self) -> Iterator[Server]:
        app = application(self._site, isolated=self.isolated)
        app.middlewares.append(self._middleware())
        app.on_response_prepare.append(self._add_headers)
        with background(app) as self.url:
            yield self

    def write(self, path: str, content: str | bytes) -> str:
        """Add a file, or replace it. Returns its URL."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.url + path

    def content(self, path: str) -> bytes:
        """What the site serves at a URL path, such as /penny/manifest.json."""
        content = self._site.find(path)
        assert content is not None, f"the site has no {path}"
        return content if isinstance(content, bytes) else content.read_bytes()

    @contextlib.contextmanager
    def answering(
        self, path: str, *, status: int = 200, body: str | bytes = b"", abort: bool = False
    ) -> Iterator[None]:
        """Inside the block, answer a URL path (`/penny/core.wasm`) otherwise than the site does.

        Args:
            path: The path, with its leading slash.
            status: The response's status: 404 for a missing file, 500 for a server in trouble.
            body: The response's body.
            abort: Close the connection without a response: `fetch` fails, as where it is blocked.
        """
        with self._with_answer(path, _Answer(status, body, None, abort)):
            yield

    @contextlib.contextmanager
    def holding(self, path: str) -> Iterator[Callable[[], None]]:
        """Inside the block, keep who asks for a path waiting. The value ends the waiting sooner."""
        released = threading.Event()
        with self._with_answer(path, _Answer(200, b"", released, False)):
            try:
                yield released.set
            finally:
                released.set()

    @contextlib.contextmanager
    def without_snapshot(self) -> Iterator[None]:
        """Inside the block, the manifest names no prebuilt snapshot."""
        manifest = json.loads(self.content("/penny/manifest.json")) | {"snapshot": None}
        with self.answering("/penny/manifest.json", body=json.dumps(manifest)):
            yield

    @contextlib.contextmanager
    def _with_answer(self, path: str, answer: _Answer) -> Iterator[None]:
        assert path.startswith("/")
        assert path not in self._answers, f"{path} is changed already"
        self._answers[path] = answer
        try:
            yield
        finally:
            del self._answers[path]

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        for path, headers in self.headers.items():
            if request.path.endswith(path):
                response.headers.update(headers)

    def _middleware(self) -> Any:
        @web.middleware
        async def answer_otherwise(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith("/gates/"):
                return await self._at_gate(request)
            self.requests.append(request.path)
            answer = self._answers.get(request.path)
            if answer is None:
                return await handler(request)
            if answer.released is not None:
                await asyncio.to_thread(answer.released.wait)
                return await handler(request)
            if answer.abort:
                assert request.transport is not None
                request.transport.abort()
            return web.Response(
                status=answer.status,
                body=answer.body,
                headers={"Content-Type": content_type(request.path)},
            )

        return answer_otherwise

    async def _at_gate(self, request: web.Request) -> web.Response:
        _, _, name, *reached = request.path.split("/")
        gate = self._gates[name]
        if reached:
            await gate.reached.wait()
        else:
            gate.reached.set()
            if request.method == "POST":
                gate.open.set()
            await gate.open.wait()
        return web.Response(status=204)


def make_servers(folder: Path) -> tuple[Server, Server]:
    """An isolated server and one that is not, of the same site and the same scratch folder."""
    pyodide = find_pyodide()
    python = bundle.python_packages()
    snapshot = find_snapshot(python, pyodide)
    assert snapshot is not None, "the tests need the prebuilt snapshot: `make build`"
    site = Site(pyodide=pyodide, folder=folder, snapshot=snapshot, python=python)
    path = f"/penny/{snapshot.name}"
    return (
        Server(site, folder, isolated=True, snapshot=path),
        Server(site, folder, isolated=False, snapshot=path),
    )
