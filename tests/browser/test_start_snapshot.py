"""Start-up: one compiled module, one memory snapshot for all workers; and what if there is none."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.servers import Server

MANIFEST = "/penny/manifest.json"
MODULE = "/penny/pyodide/pyodide.asm.wasm"
STDLIB = "/penny/pyodide/python_stdlib.zip"

# Whether each of some workers has in memory what only a snapshot's maker imports.
RESTORED = """
const [workers] = args;
const s = await Penny.scheduler({workers});
s.define('restored', `def restored():
    import sys, time, penny
    time.sleep(0.005)
    return penny.current_worker(), "penny.hosts.snapshot" in sys.modules`);
await new Promise(resolve => {
  let ready = 0;
  s.addEventListener('worker', ({detail: {state}}) => {
    if (state === 'ready' && ++ready === workers) resolve();
  });
});
const found = {};
while (Object.keys(found).length < workers)
  for (const [worker, restored] of await Promise.all([0, 1, 2, 3].map(() => s.submit('restored'))))
    found[worker] = restored;
await s.shutdown();
return Object.values(found);
"""


def restored(page: Page, workers: int = 1) -> list[bool]:
    found: list[bool] = page.js(RESTORED, workers)
    return found


@contextlib.contextmanager
def snapshot_named(server: Server, name: str | None, body: bytes = b"") -> Iterator[None]:
    """Inside the block, the manifest names another snapshot, with this content."""
    manifest = json.loads(server.content(MANIFEST)) | {"snapshot": name}
    with (
        server.answering(MANIFEST, body=json.dumps(manifest)),
        server.answering(f"/penny/{name}", body=body),
    ):
        yield


def warnings(page: Page) -> str:
    """What the page and its workers have warned of since this was last asked."""
    page.js("")
    return "\n".join(entry["message"] for entry in page.driver.get_log("browser"))


@dataclass
class Start:
    restored: list[bool]
    """Of each worker."""
    requests: list[str]


@pytest.fixture(scope="module")
def starts(driver: Chrome, server: Server) -> Iterator[tuple[Start, Start]]:
    """Two Schedulers on one page, of four workers and of one."""

    def start(workers: int) -> Start:
        server.requests.clear()
        return Start(restored(page, workers), server.requests.copy())

    page = Page(driver, server).open()
    yield start(4), start(1)
    page.close()


def test_all_workers_start_from_the_prebuilt_snapshot(starts: tuple[Start, Start]) -> None:
    assert starts[0].restored == [True] * 4


def test_everything_is_fetched_once(starts: tuple[Start, Start], server: Server) -> None:
    requests = starts[0].requests
    assert {path: requests.count(path) for path in (MODULE, STDLIB, server.snapshot)} == {
        MODULE: 1,
        STDLIB: 1,
        server.snapshot: 1,
    }


def test_next_scheduler_fetches_nothing_of_it_again(
    starts: tuple[Start, Start], server: Server
) -> None:
    assert starts[1].restored == [True]
    assert {MODULE, STDLIB, server.snapshot}.isdisjoint(starts[1].requests)


def test_host_worker_starts_from_the_snapshot(shared_page: Page) -> None:
    run = shared_page.run("import sys; print('penny.hosts.snapshot' in sys.modules)")
    assert run.ok() == "True\n"


def test_compressed_snapshot(page: Page, server: Server) -> None:
    body = gzip.compress(server.content(server.snapshot), compresslevel=1)
    with snapshot_named(server, "snapshot.bin.gz", body):
        assert restored(page) == [True]


def test_without_a_prebuilt_snapshot_one_is_made(page: Page, server: Server) -> None:
    """Once, for all workers."""
    with server.without_snapshot():
        server.requests.clear()
        assert restored(page, workers=2) == [True] * 2
    assert server.requests.count(MODULE) == 1
    assert server.requests.count("/penny/worker.js") == 3  # its maker and the two
    assert page.console() == []


def test_missing_snapshot(page: Page, server: Server) -> None:
    """As if there were none, with a word on the console."""
    with server.answering(server.snapshot, status=404):
        assert restored(page) == [True]
    ((level, text),) = page.console()
    assert level == "warn"
    assert "without its memory snapshot" in text
    assert server.snapshot in text


@pytest.mark.parametrize("damage", ["noise", "half"])
def test_corrupt_snapshot(page: Page, server: Server, damage: str) -> None:
    """Workers start plainly, with a word on the console."""
    snapshot = server.content(server.snapshot)
    body = os.urandom(100_000) if damage == "noise" else snapshot[: len(snapshot) // 2]
    warnings(page)
    with snapshot_named(server, "corrupt.bin", body):
        assert restored(page) == [False]
    assert "memory snapshot could not be used" in warnings(page)


def test_no_snapshot_can_be_made(page: Page, server: Server) -> None:
    """Workers start plainly, with a word on the console."""
    path = "/penny/boot/pyodide.js"
    source = server.content(path).decode()
    call = "return pyodide.makeMemorySnapshot();"
    assert call in source
    with (
        server.without_snapshot(),
        server.answering(path, body=source.replace(call, "throw new Error('not today');")),
    ):
        assert restored(page) == [False]
    ((level, text),) = page.console()
    assert level == "warn"
    assert "without a memory snapshot" in text
    assert "not today" in text


def test_random_numbers_differ_between_workers(shared_page: Page) -> None:
    """A snapshot freezes the generator's state, too."""
    draws = shared_page.js("""
        const s = await Penny.scheduler({workers: 2});
        s.define('draw', `def draw():
            import random, time, penny
            time.sleep(0.005)
            return penny.current_worker(), random.random()`);
        const draws = [];
        while (new Set(draws.map(([worker]) => worker)).size < 2 || draws.length < 20)
          draws.push(...await Promise.all([1, 2, 3, 4].map(() => s.submit('draw'))));
        await s.shutdown();
        return draws;
    """)
    assert len({number for _, number in draws}) == len(draws)


def test_random_numbers_differ_between_programs(shared_page: Page) -> None:
    program = "import random; print(random.random())"
    assert shared_page.run(program).ok() != shared_page.run(program).ok()
