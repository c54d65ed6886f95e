"""The wheel in a Pyodide that no page of Penny's has prepared: `import penny` is all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.processes import held_lives, wait_until
from support.strangers import Kernel, Stranger, build_wheel, repack

PROGRAM = (
    (Path(__file__).parents[1] / "hosts" / "program.py").read_text()
    + """
import io, sys
cell = io.StringIO()
stdout, sys.stdout = sys.stdout, cell
try:
    await program()
finally:
    sys.stdout = stdout
cell.getvalue()
"""
)

KEPT = "return (await (await caches.open('penny')).keys()).length === 1"

BLOCKING = """
import penny
with penny.Scheduler(workers=1) as s:
    where = s.submit(penny.current_worker).result()
where
"""


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stranger, list[str]]]:
    """The server, and the wheels that it has."""
    folder = tmp_path_factory.mktemp("stranger")
    wheels = [build_wheel(folder).name, repack("cloudpickle", folder).name]
    with Stranger(folder).serving() as server:
        yield server, wheels


@pytest.fixture(scope="module")
def kernels(
    driver: Chrome, stranger: tuple[Stranger, list[str]]
) -> Iterator[tuple[Kernel, Kernel]]:
    """One on a page; and one in a worker, which starts when the first has started its own."""
    server, wheels = stranger
    page = Page(driver, server).open()  # type: ignore[arg-type]
    on_page = Kernel(page, wheels, worker=False)
    assert on_page.run(BLOCKING) == 0
    wait_until(page, lambda: page.js(KEPT), "no snapshot is kept")
    yield on_page, Kernel(page, wheels, worker=True)
    page.close()


@pytest.fixture(scope="module", params=[0, 1], ids=["page", "worker"])
def kernel(request: pytest.FixtureRequest, kernels: tuple[Kernel, Kernel]) -> Kernel:
    found: Kernel = kernels[request.param]
    return found


@pytest.fixture(scope="module")
def printed(kernel: Kernel) -> str:
    """What the program has printed: that each of its parts did what it should, and its tasks."""
    found: str = kernel.run(PROGRAM)
    return found


def test_program(printed: str) -> None:
    """What tasks print appears where the client prints."""
    assert printed == "about to fail\nprinted by a task\nthe program has ended\n"


@pytest.mark.usefixtures("printed")
def test_workers_go_with_the_scheduler(kernel: Kernel) -> None:
    page = kernel.page
    kernel.run("kept = penny.Scheduler(workers=2); await kept.submit(len, 'abc')")
    wait_until(page, lambda: held_lives(page) == 2, "the workers do not start")
    kernel.run("await kept.aclose()")
    wait_until(page, lambda: held_lives(page) == 0, "workers are left")


def test_blocking(kernel: Kernel) -> None:
    """By JSPI."""
    assert kernel.run(BLOCKING) == 0


def test_the_snapshot_is_kept(kernels: tuple[Kernel, Kernel]) -> None:
    """It is made once, at the first start of the first one."""
    for kernel in kernels:
        assert kernel.run(BLOCKING) == 0
    made, had = (kernel.workers() for kernel in kernels)
    assert made.count("penny snapshot") == 1
    assert "penny worker 0" in had and "penny snapshot" not in had
