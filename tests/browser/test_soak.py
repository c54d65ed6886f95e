"""Ten minutes of mixed load (`make soak`, or `MINUTES=2 make soak`): see tests/stress/soak.py.

And the browser's own memory: what its processes hold at the end is not more than after the first
quarter, but for a little.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from support.pages import Page

PROGRAMS = Path(__file__).parents[1] / "stress"
MINUTES = float(os.environ.get("MINUTES", "10"))

GROWTH = 1.25
"""How much more memory the browser may hold at the end, as a factor: it collects when it likes."""


def resident(driver: Chrome) -> int:
    """Bytes that the browser's processes hold."""
    service = driver.service.process
    assert service is not None
    children: dict[int, list[int]] = {}
    pages: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            pages[int(folder.name)] = int((folder / "statm").read_text().split()[1])
        except OSError:  # it has just ended
            continue
        children.setdefault(parent, []).append(int(folder.name))
    family, found = [service.pid], 0
    while family:
        process = family.pop()
        found += pages.get(process, 0)
        family += children.get(process, [])
    return found * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.stress
@pytest.mark.soak
def test_everything_is_flat_at_the_end(page: Page, driver: Chrome) -> None:
    page.timeout = int(MINUTES * 60 * 1.5) + 120
    samples: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(MINUTES * 60 / 40):
            samples.append(resident(driver))

    watcher = threading.Thread(target=watch)
    watcher.start()
    begin = time.monotonic()
    try:
        run = page.run_long(
            (PROGRAMS / "soak.py").read_text(),
            workers=4,
            files={"trees.py": (PROGRAMS / "trees.py").read_text()},
            argv=["soak.py", "--minutes", str(MINUTES)],
        )
    finally:
        over.set()
        watcher.join()
    print(run.stdout, [f"{sample / 2**20:.0f} MiB" for sample in samples])
    assert run.status == 0, run.stdout + run.stderr
    assert time.monotonic() - begin >= MINUTES * 60 * 0.9
    # The least of a few: a moment before a collection says nothing.
    early = min(samples[10:15])
    late = min(samples[-5:])
    assert late <= early * GROWTH, f"{early / 2**20:.0f} MiB have become {late / 2**20:.0f}"
