"""The wheel in a Pyodide that no page of Penny's has prepared: `import penny` is all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.processes import held_lives, wait_until
from support.strangers import Kernel, Stranger, build_wheel, repack
from support.wheels import make_wheel

pytestmark = pytest.mark.embedding

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

UPPER = make_wheel("upper", "def upper(text): return text.upper()\n")
LATER = make_wheel("later", "NUMBER = 5\n")

PACKAGES = f"""
import json, js, penny, pyodide_js
origin = str(js.location.origin)
def named():
    import upper
    return penny.current_worker(), upper.upper("you")
def installed():
    import later
    return penny.current_worker(), later.NUMBER
async with penny.Scheduler(1, packages=[f"{{origin}}/{UPPER[0]}"]) as s:
    told = [await s.submit(named)]
    await pyodide_js.loadPackage(f"{{origin}}/{LATER[0]}")
    told.append(await s.submit(installed))
json.dumps(told)
"""


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stranger, list[str]]]:
    """The server, and the wheels that it has."""
    folder = tmp_path_factory.mktemp("stranger")
    wheels = [build_wheel(folder).name, repack("cloudpickle", folder).name]
    for name, content in (UPPER, LATER):
        (folder / name).write_bytes(content)
    with Stranger(folder).serving() as server:
        yield server, wheels


@pytest.fixture(scope="module")
def kernels(
    driver: Chrome, stranger: tuple[Stranger, list[str]]
) -> Iterator[tuple[Kernel, Kernel]]:
    """One on a page; and one in a worker, which starts when the first has started its own."""
    server, wheels = stranger
    page = Page(driver, server).open()  # type: ignore[arg-type]
    on_page = Kernel(page, wheels, worker=None)
    assert on_page.run(BLOCKING) == 0
    wait_until(page, lambda: page.js(KEPT), "no snapshot is kept")
    yield on_page, Kernel(page, wheels, worker="/kernel.mjs")
    page.close()


@pytest.fixture(scope="module")
def blocking_kernel(driver: Chrome, stranger: tuple[Stranger, list[str]]) -> Iterator[Kernel]:
    """In a worker of a browser without JSPI."""
    server, wheels = stranger
    page = Page(driver, server).open()  # type: ignore[arg-type]
    yield Kernel(page, wheels, worker="/kernel.mjs?blocks")
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


def test_packages(kernel: Kernel) -> None:
    """Those that are named, and what is installed later."""
    assert json.loads(kernel.run(PACKAGES)) == [[0, "YOU"], [0, 5]]


def test_the_snapshot_is_kept(kernels: tuple[Kernel, Kernel]) -> None:
    """It is made once, at the first start of the first one."""
    for kernel in kernels:
        assert kernel.run(BLOCKING) == 0
    made, had = (kernel.workers() for kernel in kernels)
    assert made.count("penny snapshot") == 1
    assert "penny worker 0" in had and "penny snapshot" not in had


# -- A worker that can't be suspended: what it started would not begin while it blocks -------------


TOO_EARLY = """
import penny
first = penny.Scheduler(workers=1)
early = first.submit(penny.current_worker)
told = []
try:
    early.result()
except penny.BlockingError as error:
    told.append(str(error))
try:
    with penny.Scheduler(workers=1):
        told.append("entered")
except penny.BlockingError as error:
    told.append(str(error))
import json
json.dumps(told)
"""

# What starts workers is there then.
AWAITED = """
where = await early
await first.aclose()
where
"""

IN_CELLS = """
import time
def nap(n):
    print("task", n)
    time.sleep(0.05)
    return penny.current_worker(), time.monotonic()
before = time.monotonic()
with penny.Scheduler(workers=2) as s:
    told = list(s.map(nap, range(6)))
    futures = [s.submit(nap, 6), s.submit(nap, 7)]
    told += [future.result() for future in futures]
after = time.monotonic()
import json
json.dumps([told, before, after])
"""


def test_it_blocks_from_the_second_cell_on(blocking_kernel: Kernel) -> None:
    run = blocking_kernel.run
    assert run("import pyodide_js; pyodide_js._module.jspiSupported") is False
    refused, with_refused = json.loads(run(TOO_EARLY))
    assert "in a cell before" in refused and "in a cell before" in with_refused
    assert run(AWAITED) == 0
    told, before, after = json.loads(run(IN_CELLS))
    assert len(told) == 8 and {worker for worker, _ in told} <= {0, 1}
    assert before < told[0][1] < after  # the clocks are one
    assert blocking_kernel.workers() == ["penny keeper"]


def test_all_else_works_beside_a_keeper(blocking_kernel: Kernel) -> None:
    printed = blocking_kernel.run(PROGRAM)
    assert printed == "about to fail\nprinted by a task\nthe program has ended\n"
    assert json.loads(blocking_kernel.run(PACKAGES)) == [[0, "YOU"], [0, 5]]


# -- A kernel that is restarted --------------------------------------------------------------------


OCCUPIED = """
import asyncio, js, penny, time
from pyodide.ffi import to_js

def compute(flags):
    flags[0] = 1
    while True:
        pass

def sleep(flags):
    from js import Atomics, Int32Array, SharedArrayBuffer
    flags[0] = 1
    Atomics.wait(Int32Array.new(SharedArrayBuffer.new(4)), 0, 0)

idle, *pools = (penny.Scheduler(workers=1) for _ in range(3))
flags = [penny.SharedArray((1,), "int32", scheduler=s) for s in pools]
futures = [s.submit(f, a) for s, f, a in zip(pools, (compute, sleep), flags)]
await idle.submit(abs, -1)
while not all(array[0] for array in flags):
    await asyncio.sleep(0.01)
"""

# The kernel itself sleeps, and says so before.
ASLEEP = """
js.postMessage(to_js({"value": "asleep"}, dict_converter=js.Object.fromEntries))
futures[0].result()
"""

HELD = "return (await navigator.locks.query()).held.filter(l => l.name.startsWith('penny-')).length"


def test_a_kernel_that_is_restarted_leaves_no_worker(
    kernels: tuple[Kernel, Kernel], blocking_kernel: Kernel
) -> None:
    for kernel, cell in (kernels[1], "'ready'"), (blocking_kernel, ASLEEP):
        page = kernel.page
        kernel.run(OCCUPIED)
        assert kernel.run(cell) in ("ready", "asleep")
        assert page.js(HELD) == 3  # one by each worker
        page.js("restart()")
        wait_until(page, lambda page=page: page.js(HELD) == 0, "workers are left")  # type: ignore[misc]
