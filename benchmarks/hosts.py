"""Figures of Penny where others host it: how much a page has to fetch."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import web
from figures import Figure, Pages

from penny.cli.prose import lean_packages
from penny.cli.pyodide import find_pyodide
from penny.cli.server import application, background
from penny.cli.site import Site

PYODIDE = "/penny/pyodide/"
"""What lies there is Pyodide's own."""

PAGE = '<!doctype html><link rel="icon" href="data:,"><script src="penny.js"></script>'

FIRST_RESULT = """
const done = arguments[arguments.length - 1];
(async () => {
  const s = await Penny.scheduler({workers: 1});
  const found = await s.submit('operator.add', 40, 2);
  await s.shutdown();
  return found;
})().then(done, error => done(String(error?.stack ?? error)));
"""


def fetched(pages: Pages) -> Iterator[Figure]:
    """What a built site's page and its worker fetch before the first result, by gzip.

    Without Pyodide, and the memory snapshot, which is Pyodide with Penny imported.
    """
    paths: set[str] = set()

    @web.middleware
    async def noting(request: web.Request, handler: Any) -> web.StreamResponse:
        paths.add(request.path)
        response: web.StreamResponse = await handler(request)
        return response

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "index.html").write_text(PAGE)
        site = Site(
            pyodide=find_pyodide(None), folder=Path(folder), python=lean_packages(), small=True
        )
        app = application(site)
        app.middlewares.append(noting)
        with background(app) as url:
            pages.driver.get(url)
            answer = pages.driver.execute_async_script(FIRST_RESULT)
    if answer != 42:
        raise RuntimeError(str(answer))
    sizes = {}
    for path in paths:
        content = site.find(path)
        if content is not None and path != "/" and not path.startswith(PYODIDE):
            data = content if isinstance(content, bytes) else content.read_bytes()
            sizes[path] = len(gzip.compress(data, 9)) / 1000
    yield Figure("hosts/fetched", sum(sizes.values()), 250, False, {"kilobytes": sizes}, unit="KB")


SUITES = {"hosts/fetched": fetched}
