"""The memory snapshot that workers start from, kept in the user's cache.

A page in a headless browser makes it (web/run/snapshot.html), in a few seconds. Not Node: a
snapshot freezes what Pyodide found out about its engine, and one made where stack switching is
missing, as in Node 20, leaves every page without it (`run_sync` fails). The file's name is a hash
of everything that goes into it, so it is never stale. Without a browser there is none, and workers
start more slowly.

`penny snapshot` makes it ahead of time.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import os
import secrets
import sys
import tempfile
from pathlib import Path

from aiohttp import web

from penny.cli import bundle
from penny.cli.browser import Browser, BrowserProcess, find_browser
from penny.cli.errors import EX_SOFTWARE, CommandError
from penny.cli.pyodide import PYODIDE_VERSION, cache_folder, find_pyodide
from penny.cli.server import application, serving
from penny.cli.site import Site, web_folder

MAKER = web_folder() / "penny" / "boot" / "pyodide.js"
"""Says what is imported, and how."""

KEPT = 4
"""Snapshots that the cache keeps, the newest; each has 31 MB."""

MAKING = 120.0
"""Seconds within which the page must have made it; it normally needs five."""


def snapshot(options: argparse.Namespace) -> int:
    """`penny snapshot`: make it, and print where it is.

    Raises:
        CommandError: it can't be made.
    """
    browser = find_browser(options.on)
    print(make_snapshot(bundle.python_packages(), find_pyodide(options.pyodide), browser))
    return 0


def snapshot_name(python: bytes) -> str:
    """Return the file name of the snapshot that holds the packages in python.zip `python`."""
    key = hashlib.sha256()
    for part in (python, PYODIDE_VERSION.encode(), MAKER.read_bytes()):
        key.update(hashlib.sha256(part).digest())
    return f"snapshot-{key.hexdigest()[:16]}.bin"


def find_snapshot(python: bytes, pyodide: Path, browser: Browser | None = None) -> Path | None:
    """Return the snapshot for `python` and the files in `pyodide`, made now if it is not there.

    If it can't be made, says so on stderr, with the reason, and returns None.
    """
    try:
        return make_snapshot(python, pyodide, browser)
    except (CommandError, OSError) as error:
        print(
            f"penny: workers will start more slowly, without a memory snapshot: {error}",
            file=sys.stderr,
        )
        return None


def make_snapshot(python: bytes, pyodide: Path, browser: Browser | None = None) -> Path:
    """Return the snapshot for `python` and the files in `pyodide`, made now if it is not there.

    Args:
        python: python.zip.
        pyodide: The folder of Pyodide's files.
        browser: What makes it; Chromium if not given.

    Raises:
        CommandError: there is no browser, or the packages could not be imported in it.
    """
    folder = cache_folder()
    target = folder / snapshot_name(python)
    if target.is_file():
        os.utime(target)  # the newest are kept, and using one makes it new
        return target
    browser = browser or find_browser()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="making-") as scratch:
        made = Path(scratch) / target.name
        asyncio.run(_make(Site(pyodide=pyodide, python=python, run=True), browser, made))
        made.replace(target)
    _forget_old(folder)
    return target


async def _make(site: Site, browser: Browser, target: Path) -> None:
    """Have a page of `site` make the snapshot, and write it to `target`."""
    # A future and not an exception in the handler: that one would only reach the page.
    outcome: asyncio.Future[CommandError | None] = asyncio.get_running_loop().create_future()
    token = secrets.token_urlsafe(16)  # keeps other pages of the user's out

    def settle(error: CommandError | None) -> None:
        if not outcome.done():
            outcome.set_result(error)

    async def take(request: web.Request) -> web.Response:
        if not secrets.compare_digest(request.query.get("token", ""), token):
            raise web.HTTPForbidden(text="This snapshot belongs to another page.\n")
        if "X-Failed" in request.headers:
            settle(CommandError(await request.text()))
        else:
            with target.open("wb") as file:
                async for piece in request.content.iter_any():
                    file.write(piece)
            settle(None)
        return web.Response()

    def on_exit(status: int) -> None:
        said = f"{browser.executable} ended with status {status}\n{process.last_words}"
        settle(CommandError(said.rstrip(), EX_SOFTWARE))

    app = application(site, routes=[web.put("/run/snapshot", take)])
    async with serving(app, port=0) as url:
        process = BrowserProcess(browser, f"{url}run/snapshot.html?token={token}", on_exit)
        async with process:
            try:
                error = await asyncio.wait_for(outcome, MAKING)
            except TimeoutError:
                said = f"{browser.executable} did not make it within {MAKING:.0f} s"
                error = CommandError(said, EX_SOFTWARE)
    if error is not None:
        raise error


def compressed(snapshot: Path) -> bytes:
    """Return the snapshot for a site that goes over a network: a fifth of its size, by gzip."""
    return gzip.compress(snapshot.read_bytes(), compresslevel=6, mtime=0)


def _forget_old(folder: Path) -> None:
    snapshots = sorted(folder.glob("snapshot-*.bin"), key=lambda path: path.stat().st_mtime)
    for path in snapshots[:-KEPT]:
        path.unlink(missing_ok=True)
