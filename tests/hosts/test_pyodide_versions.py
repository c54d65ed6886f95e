"""The wheel in Pyodides of other versions: workers are started from the very one that is there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import NODE_MODULES, PRINTED
from selenium.webdriver import Chrome
from support.pages import Page
from support.processes import held_lives, wait_until
from support.strangers import Kernel, Stranger

from penny.cli import main as penny

PYTHONS = {"0.27": "3.12", "0.28": "3.13", "0.29": "3.13", "314.0.0": "3.14", "315": "3.15"}
"""What Python each Pyodide has."""

CELL = """
import io, sys
cell = io.StringIO()
stdout, sys.stdout = sys.stdout, cell
try:
    await program()
finally:
    sys.stdout = stdout
cell.getvalue()
"""

WORKER = """
def version():
    import sys, pyodide_js
    return penny.current_worker(), "%d.%d" % sys.version_info[:2], pyodide_js.version
async with penny.Scheduler(workers=1) as s:
    where = await s.submit(version)
import json, pyodide_js
json.dumps([where, pyodide_js.version])
"""

SOURCE = """
#include "penny.h"
PENNY_KERNEL(wide, "i64 a, i32 b, f64 c -> i64")
int64_t wide(int64_t a, int32_t b, double c) { return a ^ (b + (int64_t)(2 * c)); }
"""

WIDE = """
from pyodide.http import pyfetch
kernels = penny.Kernels(await (await pyfetch("/wide.wasm")).bytes())
async with penny.Scheduler(workers=1) as s:
    found = [await s.submit(kernels.wide, n, -7, 2.5) for n in (5, 2**62 - 1, -(2**63))]
str(found)
"""
NUMBERS = [n ^ -2 for n in (5, 2**62 - 1, -(2**63))]


@pytest.fixture(scope="module", params=PYTHONS)
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def page(
    version: str, driver: Chrome, wheels: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("stranger")
    for wheel in wheels:
        shutil.copy(wheel, folder)
    source = folder / "wide.c"
    source.write_text(SOURCE)
    assert penny(["kernel", "build", str(source), "-o", str(folder / "wide.wasm")]) == 0
    pyodide = NODE_MODULES / f"pyodide-{version}"
    with Stranger(folder, folders={"/pyodide/": pyodide}).serving() as server:
        page = Page(driver, server)  # type: ignore[arg-type]
        page.timeout = 120  # it boots four Pythons
        yield page.open()
        page.close()


@pytest.fixture(scope="module", params=["page", "worker"])
def kernel(request: pytest.FixtureRequest, page: Page, wheels: list[Path]) -> Kernel:
    return Kernel(
        page,
        [wheel.name for wheel in wheels],
        worker="/kernel.mjs" if request.param == "worker" else None,
    )


def test_program(kernel: Kernel, program: str) -> None:
    assert kernel.run(program.replace("\nawait program()\n", CELL)) == PRINTED


def test_workers_have_the_same_pyodide(kernel: Kernel, version: str) -> None:
    (worker, python, theirs), ours = json.loads(kernel.run(WORKER))
    assert worker == 0
    assert python == PYTHONS[version]
    assert theirs == ours


def test_kernels(kernel: Kernel) -> None:
    """Also where 64 bits are no type of Pyodide's own."""
    assert kernel.run(WIDE) == str(NUMBERS)


def test_workers_go_with_the_scheduler(kernel: Kernel) -> None:
    page = kernel.page
    kernel.run("kept = penny.Scheduler(workers=2); await kept.submit(len, 'abc')")
    wait_until(page, lambda: held_lives(page) == 2, "the workers do not start")
    kernel.run("await kept.aclose()")
    wait_until(page, lambda: held_lives(page) == 0, "workers are left")
