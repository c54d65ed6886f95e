"""Tags of PyScript, on the page and in a worker: the wheel among the packages of their config."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import NODE_MODULES, PRINTED, distribution
from selenium.webdriver import Chrome
from support.pages import Page
from support.strangers import HTML, Stranger

# What the program prints goes into the document, from a worker as well.
TAG = """\
<link rel="stylesheet" href="/pyscript/core.css">
<script type="module" src="/pyscript/core.js"></script>
<pre id="out"></pre>
<script type="py" {worker} config='{config}'>
import io, sys, traceback
from pyscript import document
cell = io.StringIO()
stdout, sys.stdout = sys.stdout, cell
try:
{program}
except BaseException:
    traceback.print_exc(file=cell)
finally:
    sys.stdout = stdout
out = document.getElementById("out")
out.textContent = cell.getvalue()
out.title = "done"
</script>
"""


@pytest.fixture(scope="module")
def server(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    folder = tmp_path_factory.mktemp("pyscript")
    for wheel in wheels:
        shutil.copy(wheel, folder)
    folders = {
        "/pyscript/": NODE_MODULES / "@pyscript" / "core" / "dist",
        "/pyodide/": distribution(folder / "pyodide"),
    }
    with Stranger(folder, folders=folders).serving() as server:
        yield server


@pytest.mark.parametrize("worker", ["", "worker"])
def test_program(
    driver: Chrome, server: Stranger, wheels: list[Path], program: str, worker: str
) -> None:
    config = json.dumps(
        {
            "interpreter": f"{server.url}pyodide/pyodide.mjs",
            "packages": [server.url + wheel.name for wheel in reversed(wheels)],
        }
    )
    indented = "".join(f"    {line}" for line in program.splitlines(keepends=True))
    html = HTML + TAG.format(worker=worker, config=config, program=indented)
    (server.folder / "tag.html").write_text(html)
    page = Page(driver, server)  # type: ignore[arg-type]
    page.timeout = 120  # it boots four Pythons
    try:
        page.open("tag.html")
        printed = page.js(
            """
            const out = document.getElementById('out');
            await new Promise(resolve => {
              const look = () => out.title && resolve();
              new MutationObserver(look).observe(out, {attributes: true});
              look();
            });
            return out.textContent;
            """,
            nested=bool(worker),
        )
        assert printed == PRINTED, page.console()
    finally:
        page.close()
