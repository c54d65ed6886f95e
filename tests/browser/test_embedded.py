"""The wheel in a Pyodide that no page of Penny's has prepared: `import penny` is all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.processes import live_workers, wait_until
from support.strangers import Stranger, build_wheel, repack

PROGRAM = """
import asyncio, io, json, sys
import penny

factor = 3
told = {}

def here(x):
    return penny.current_worker(), factor * x

def wrong(key):
    print("about to fail", flush=True)
    return {}[key]

def meet(flags, mine):
    flags[mine] = 1 + penny.current_worker()
    while not (flags[0] and flags[1]):  # so the two run at a time
        penny.cancelled()
    return penny.current_worker()

def pair(flags):
    job = penny.spawn(meet, flags, 1)
    return [meet(flags, 0), job.join()]

def fill(array, row):
    with array.block(row) as cells:
        for i in range(len(cells)):
            cells[i] = 10 * row + i
    return penny.current_worker()

def endless(flags):
    flags[0] = 1
    while True:
        pass

async def coroutine(x):
    await asyncio.sleep(0)
    return penny.current_worker(), x

cell = io.StringIO()
stdout, sys.stdout = sys.stdout, cell
try:
    async with penny.Scheduler(workers=2) as s:
        told["map"] = [r async for r in s.imap(here, range(6))]
        offset = 5
        told["closure"] = await s.submit(lambda x: (penny.current_worker(), x + offset), 1)
        try:
            await s.submit(wrong, "no such key")
        except KeyError as error:
            told["error"] = [error.args[0], str(error.__cause__)]
        flags = penny.SharedArray((2,), "int32")
        told["spawn"] = await s.submit(pair, flags)
        table = penny.SharedArray((2, 3), "int32")
        told["ran"] = [await s.submit(fill, table, row) for row in range(2)]
        told["array"] = table.read().tolist()
        started = penny.SharedArray((1,), "int32")
        running = s.submit(endless, started)
        while not started[0]:
            await asyncio.sleep(0)
        told["cancelled"] = running.cancel(running=True)
        try:
            await running
        except asyncio.CancelledError:
            told["ended"] = "cancelled"
        told["coroutine"] = await s.submit(coroutine, 7)
        await s.submit(print, "printed by a task")
finally:
    sys.stdout = stdout
told["printed"] = cell.getvalue()
json.dumps(told)
"""


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


class Kernel:
    """A Pyodide with the wheels, on a page or in a worker of it, as notebooks have one."""

    def __init__(self, page: Page, wheels: list[str], *, worker: str | None) -> None:
        self.page = page
        self._ask = "return await kernel.execute(args[0])"
        if worker:
            self._ask = "return await ask({cell: args[0]})"
            page.js(
                """
                const [script, ...wheels] = args;
                const kernel = new Worker(script, {type: 'module', name: 'kernel'});
                globalThis.restart = () => kernel.terminate();
                globalThis.tell = message => kernel.postMessage(message);
                globalThis.ask = message => new Promise((resolve, reject) => {
                  kernel.onmessage = ({data: {error, value}}) =>
                    error ? reject(new Error(error)) : resolve(value);
                  kernel.onerror = event => reject(new Error(event.message));
                  kernel.postMessage(message);
                });
                await ask({wheels});
                """,
                worker,
                *wheels,
            )
        else:
            page.js(
                "globalThis.kernel = await import('/kernel.mjs'); await kernel.start(args)", *wheels
            )

    def run(self, cell: str) -> Any:
        """The value of the cell's last expression."""
        return self.page.js(self._ask, cell)

    def workers(self) -> list[str]:
        """Names of those that were started until now."""
        names: list[str] = json.loads(self.run("import js; js.JSON.stringify(js.started)"))
        return names


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
def told(kernel: Kernel) -> dict[str, Any]:
    """What the program has found out."""
    found: dict[str, Any] = json.loads(kernel.run(PROGRAM))
    return found


def test_map(told: dict[str, Any]) -> None:
    assert [value for _, value in told["map"]] == [0, 3, 6, 9, 12, 15]
    assert {worker for worker, _ in told["map"]} <= {0, 1}


def test_closure(told: dict[str, Any]) -> None:
    worker, value = told["closure"]
    assert worker in (0, 1) and value == 6


def test_error(told: dict[str, Any]) -> None:
    """As itself, with the worker's traceback."""
    assert told["error"][0] == "no such key"
    assert re.search(r"in worker [01]\n", told["error"][1]) and "in wrong" in told["error"][1]


def test_spawn(told: dict[str, Any]) -> None:
    """The job ran while its parent did."""
    assert sorted(told["spawn"]) == [0, 1]


def test_shared_array(told: dict[str, Any]) -> None:
    assert set(told["ran"]) <= {0, 1}
    assert told["array"] == [[0, 1, 2], [10, 11, 12]]


def test_cancel(told: dict[str, Any]) -> None:
    assert (told["cancelled"], told["ended"]) == (True, "cancelled")


def test_coroutine(told: dict[str, Any]) -> None:
    assert told["coroutine"] == [64, 7]


def test_output_appears_where_the_client_prints(told: dict[str, Any]) -> None:
    assert told["printed"] == "about to fail\nprinted by a task\n"


@pytest.mark.usefixtures("told")
def test_workers_go_with_the_scheduler(kernel: Kernel) -> None:
    wait_until(
        kernel.page,
        lambda: not [name for name in live_workers(kernel.page) if name.startswith("penny")],
        "workers are left",
    )


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


# -- A worker that can't be suspended: what it started would not begin while it blocks -------------


TOO_EARLY = """
import penny
try:
    early = penny.Scheduler(workers=1).submit(penny.current_worker).result()
except penny.BlockingError as error:
    early = str(error)
early
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
    assert "in a cell before" in run(TOO_EARLY)
    told, before, after = json.loads(run(IN_CELLS))
    assert len(told) == 8 and {worker for worker, _ in told} <= {0, 1}
    assert before < told[0][1] < after  # the clocks are one
    assert blocking_kernel.workers() == ["penny keeper"]


def test_all_else_works_beside_a_keeper(blocking_kernel: Kernel) -> None:
    told = json.loads(blocking_kernel.run(PROGRAM))
    assert {worker for worker, _ in told["map"]} <= {0, 1}
    assert told["error"][0] == "no such key"
    assert sorted(told["spawn"]) == [0, 1]
    assert (told["cancelled"], told["ended"]) == (True, "cancelled")
    assert told["coroutine"] == [64, 7]
    assert told["printed"] == "about to fail\nprinted by a task\n"


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
