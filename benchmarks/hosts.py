"""Figures of Penny where others host it: what a page has to fetch, what a notebook costs."""

from __future__ import annotations

import contextlib
import gzip
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import web
from figures import Figure, Pages, ratio

from penny.cli.prose import lean_packages
from penny.cli.pyodide import find_pyodide
from penny.cli.server import application, background
from penny.cli.site import Site

ROOT = Path(__file__).resolve().parents[1]

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
        python, apart = lean_packages()
        site = Site(
            pyodide=find_pyodide(None), folder=Path(folder), python=python, apart=apart, small=True
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


STARTING = """
import time, penny

def meet(flags, mine):
    flags[mine] = 1
    while not (flags[0] and flags[1]):
        time.sleep(0.001)

began = time.perf_counter()
s = penny.Scheduler(workers=2)
flags = penny.SharedArray((2,), "int32")
for future in [s.submit(meet, flags, mine) for mine in range(2)]:
    future.result()
print(1000 * (time.perf_counter() - began))
s.shutdown()
"""
"""Prints the ms from the Scheduler's first line until both its workers have run a task."""

MAPPING = """
import time, penny

def busy(x):
    end = time.perf_counter() + 0.001
    while time.perf_counter() < end:
        pass
    return penny.current_worker()

with penny.Scheduler(workers=2) as s:
    list(s.map(busy, range(500)))
    began = time.perf_counter()
    ran = list(s.map(busy, range(2_000)))
    print(1000 * (time.perf_counter() - began))
assert set(ran) == {0, 1}, set(ran)
"""
"""Prints the ms of the second map."""

STARTING_ON_SITE = """
const began = performance.now();
const s = await Penny.scheduler({workers: 2});
let ready = 0;
await new Promise((resolve, reject) => s.addEventListener('worker', ({detail}) => {
  if (detail.state === 'lost') reject(new Error(detail.error));
  if (detail.state === 'ready' && ++ready === 2) resolve();
}));
const ms = performance.now() - began;
await s.shutdown();
return ms;
"""
"""The same on a page that has just been loaded, where nothing of Penny's is in memory either, as it
would be for a program: its own Python has been started from the snapshot."""

RUN = """
const printed = [];
const status = await Penny.run(args[0], {output: (stream, text) => printed.push(text)});
if (status) throw new Error(printed.join(''));
return printed.join('');
"""


def notebook(pages: Pages) -> Iterator[Figure]:
    """The same program in a cell of JupyterLite, beside a site that `penny build` has made."""
    with open_notebook(pages) as (there, site):
        starts: dict[str, list[float]] = {"notebook": [], "site": []}
        maps: dict[str, list[float]] = {"notebook": [], "site": []}
        for round_ in range(7):
            there.restart()
            there.outputs("%pip install penny-runtime")
            there.outputs("import penny")
            site.open("index.html")
            for program, on_site, times in (
                (STARTING, (STARTING_ON_SITE,), starts),
                (MAPPING, (RUN, MAPPING), maps),
            ):
                measured = {
                    "notebook": float(there.printed(program)),
                    "site": float(site.js(*on_site)),
                }
                for who, ms in measured.items():
                    if round_ > 0:  # the first makes the snapshot, and fills caches
                        times[who].append(ms)
    for name, bound, times, about in (
        ("map", 1.15, maps, "A map of 2,000 tasks of 1 ms on 2 workers"),
        ("start", 1.3, starts, "2 workers ready, not for the first time"),
    ):
        about = f"{about}, in a notebook of JupyterLite, beside a built site."
        value = ratio(times["notebook"], times["site"])
        yield Figure(f"hosts/notebook-{name}", value, bound, False, {"ms": times}, about=about)


@contextlib.contextmanager
def open_notebook(pages: Pages) -> Iterator[tuple[Any, Any]]:
    """A notebook, and a page of a built site: `lite.Notebook` and `Page`, which tests have, too."""
    subprocess.run(["make", "--silent", "build/hosts/.installed"], cwd=ROOT, check=True)
    # Here, since the tests' modules are nothing for the other figures.
    sys.path += [str(ROOT / "tests" / folder) for folder in ("browser", "hosts")]
    import lite
    from support.pages import Page
    from support.strangers import Stranger, build_wheel, repack

    from penny.cli import main as penny

    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        folder = Path(temporary)
        wheels = [build_wheel(folder), repack("cloudpickle", folder)]
        jupyterlite, pyodide = lite.build(folder, wheels)
        assert penny(["build", str(folder / "site")]) == 0
        (folder / "site" / "index.html").write_text(PAGE)
        places = {
            "notebook": Stranger(jupyterlite, folders={"/pyodide/": pyodide}),
            "site": Stranger(folder / "site"),
        }
        tabs: dict[str, Page] = {}
        for who, place in places.items():
            tabs[who] = Page(pages.driver, stack.enter_context(place.serving()))  # type: ignore[arg-type]
            stack.callback(tabs[who].close)
            tabs[who].timeout = 300
        yield lite.Notebook(tabs["notebook"]), tabs["site"]


SUITES = {"hosts/fetched": fetched, "hosts/notebook": notebook}
