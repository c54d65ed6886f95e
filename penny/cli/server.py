"""The development server: a site over HTTP, with the headers of cross-origin isolation.

Workers share memory only on a page that is cross-origin isolated: its response must say so, and
so must those of its workers. There are two ways. Document-Isolation-Policy isolates the page alone:
its popups and what it embeds from elsewhere go on working, and so does the page in a frame of
another; Chromium has it. The others have Cross-Origin-Opener-Policy and -Embedder-Policy, whose
`credentialless` lets images and scripts from elsewhere in, which Safari does not know.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from aiohttp import web

from penny.cli.errors import CommandError
from penny.cli.site import Site

ISOLATION_HEADERS = {
    "Document-Isolation-Policy": "isolate-and-credentialless",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""What isolates a page in every browser, for servers that know only one answer. The last lets other
pages use what is here."""

DOCUMENT_ISOLATION = 137
"""The first version of Chromium, on a desktop, with Document-Isolation-Policy."""


def isolation_headers(user_agent: str, destination: str) -> dict[str, str]:
    """Return the headers that isolate a page in one browser, the least intrusive that it knows.

    Args:
        user_agent: The request's `User-Agent`.
        destination: Its `Sec-Fetch-Dest`: `document` for a page that is in no frame.
    """
    chromium = re.search(r"Chrom(?:e|ium)/(\d+)", user_agent)
    mobile = "Android" in user_agent
    embedder = "credentialless" if chromium or "Firefox/" in user_agent else "require-corp"
    headers = dict(ISOLATION_HEADERS, **{"Cross-Origin-Embedder-Policy": embedder})
    if chromium and int(chromium[1]) >= DOCUMENT_ISOLATION and not mobile:
        del headers["Cross-Origin-Opener-Policy"]
        # In a frame of a page that has such a policy, it is wanted; and by workers there.
        if destination == "document":
            del headers["Cross-Origin-Embedder-Policy"]
    else:
        del headers["Document-Isolation-Policy"]
    return headers


DEFAULT_PORT = 8000

PORTS_TRIED = 100
"""Ports tried from `DEFAULT_PORT` on, where the user names none."""

# Spelt out, since Python's table depends on files of the operating system. Browsers refuse a module
# script or a streamed WebAssembly module that comes as anything else.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".py": "text/x-python; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".whl": "application/zip",
    ".zip": "application/zip",
}


def content_type(path: str) -> str:
    """Return the media type of a file by its name."""
    return _TYPES.get(PurePosixPath(path).suffix.lower(), "application/octet-stream")


def application(
    site: Site, *, routes: Iterable[web.RouteDef] = (), isolated: bool = True
) -> web.Application:
    """Return a web application that serves `site`.

    Args:
        site: What is served.
        routes: What answers before the site does.
        isolated: Whether to send the headers of cross-origin isolation. Without them it is a
            server like most, with which to see what a page does there.
    """
    app = web.Application()

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        if isolated:
            asked = request.headers
            response.headers.update(
                isolation_headers(asked.get("User-Agent", ""), asked.get("Sec-Fetch-Dest", ""))
            )
            response.headers["Vary"] = "User-Agent, Sec-Fetch-Dest"
        # Not "don't keep it" but "ask each time": answered by 304 where nothing has changed.
        response.headers["Cache-Control"] = "no-cache"

    async def get(request: web.Request) -> web.StreamResponse:
        path = request.path
        content = site.find(path)
        if content is None:
            if site.find(f"{path}/") is not None:
                raise web.HTTPPermanentRedirect(f"{request.rel_url.raw_path}/")
            raise web.HTTPNotFound(text=f"There is no {path} on this site.\n")
        kind = content_type(path if not path.endswith("/") else "index.html")
        if isinstance(content, bytes):
            etag = hashlib.sha256(content).hexdigest()[:32]
            if any(known.value in (etag, "*") for known in request.if_none_match or ()):
                return web.Response(status=304, headers={"ETag": f'"{etag}"'})
            headers = {"Content-Type": kind, "ETag": f'"{etag}"'}
            return web.Response(body=content, headers=headers)
        return web.FileResponse(content, headers={"Content-Type": kind})

    app.on_response_prepare.append(add_headers)
    app.router.add_routes([*routes, web.get("/{path:.*}", get)])
    return app


@contextlib.asynccontextmanager
async def serving(
    app: web.Application, *, host: str = "127.0.0.1", port: int | None = None
) -> AsyncIterator[str]:
    """Serve `app` inside the block, whose value is the URL of its `/`.

    Args:
        app: The application.
        host: The address to listen on.
        port: The port; 0 for any free one; None for `DEFAULT_PORT` or the next free one.

    Raises:
        CommandError: the port or the address can't be had.
    """
    listener = _listen(host, _default_ports() if port is None else [port])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    try:
        await runner.setup()
        await web.SockSite(runner, listener).start()
        yield url_of(host, listener.getsockname()[1])
    finally:
        await runner.cleanup()
        listener.close()


@contextlib.contextmanager
def background(
    app: web.Application, *, host: str = "127.0.0.1", port: int | None = 0
) -> Iterator[str]:
    """Serve `app` on a thread of its own: `serving` for callers without an event loop."""
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()
    result: list[str | BaseException] = []

    async def serve() -> None:
        try:
            async with serving(app, host=host, port=port) as url:
                result.append(url)
                ready.set()
                await done.wait()
        except BaseException as error:
            result.append(error)
            ready.set()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    ready.wait()
    try:
        if isinstance(result[0], BaseException):
            raise result[0]
        yield result[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def url_of(host: str, port: int) -> str:
    """Return a URL at which a browser on this machine reaches a server on `host`."""
    if host in ("", "0.0.0.0", "::"):
        host = "localhost"  # isolation needs a secure context: https, or this very name
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _default_ports() -> Sequence[int]:
    return range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED)


def _listen(host: str, ports: Sequence[int]) -> socket.socket:
    """Return a listening socket on the first of `ports` that is free."""
    failure: OSError | None = None
    for port in ports:
        try:
            family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0][0]
            return socket.create_server((host, port), family=family, backlog=128)
        except (OSError, OverflowError) as error:
            failure = error if isinstance(error, OSError) else OSError(str(error))
            if not isinstance(error, OSError) or isinstance(error, socket.gaierror):
                break
    assert failure is not None
    raise CommandError(f"can't listen on {host} port {ports[0]}: {failure.strerror or failure}")
