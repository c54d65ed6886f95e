"""What a page costs: its workers, its process's time and memory. Linux's /proc tells."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from selenium.webdriver.support.wait import WebDriverWait

from support.pages import Page

PATIENCE = 20.0
"""Seconds after which something that was to come about has not."""


def wait_until(page: Page, condition: Callable[[], object], otherwise: str) -> None:
    """Wait for what the browser or a server sees, not the page: `condition` is looked at again and
    again until it is true. Fails, with `otherwise`, after PATIENCE seconds.
    """
    WebDriverWait(page.driver, PATIENCE, 0.02).until(lambda _: condition(), otherwise)


def live_workers(page: Page) -> list[str]:
    """Names of the workers that the page has now, sorted."""
    page.js("")  # the driver looks at this page now
    target = page.driver.current_window_handle  # is also the id that the protocol knows it by
    found = page.driver.execute_cdp_cmd("Target.getTargets", {"filter": [{"type": "worker"}]})
    return sorted(t["title"] for t in found["targetInfos"] if t.get("parentId") == target)


def held_lives(page: Page) -> int:
    """How many workers of Penny's the page's origin has, by the locks that they hold: also those
    that were started by a worker, which the protocol for developers does not list.
    """
    held: int = page.js("""
        const {held} = await navigator.locks.query();
        return held.filter(({name}) => name.startsWith('penny-')).length;
    """)
    return held


def wait_for_no_workers(page: Page) -> None:
    """Workers that were terminated are gone some milliseconds later."""
    wait_until(page, lambda: not live_workers(page), "the page keeps workers")


@dataclass(frozen=True)
class Renderer:
    """The process of a page, which is also that of its workers."""

    pid: int

    @classmethod
    def of(cls, page: Page) -> Renderer:
        """Chromium does not tell which it is: the one that is busy when the page is."""
        candidates = [Renderer(pid) for pid in _renderers(page)]
        before = [candidate.cpu_seconds() for candidate in candidates]
        page.js("const end = performance.now() + 250; while (performance.now() < end);")
        spent = [c.cpu_seconds() - b for c, b in zip(candidates, before, strict=True)]
        return candidates[spent.index(max(spent))]

    def cpu_seconds(self) -> float:
        """Time of all processors that all its threads have used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        user, system = int(fields[11]), int(fields[12])
        return (user + system) / os.sysconf("SC_CLK_TCK")

    def script_seconds(self) -> float:
        """The same, of the threads that run scripts: the page's and its workers'.

        Without the browser's thread pool, where V8 goes on compiling what has been run, in its own
        time.
        """
        ticks = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
            if not name.startswith("ThreadPool"):
                fields = rest.split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        """Memory that it alone occupies, and what it has put into shared memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return sum(
            int(kilobytes) * 1024
            for kilobytes in re.findall(r"^Rss(?:Anon|Shmem):\s+(\d+) kB$", status, re.MULTILINE)
        )


def _renderers(page: Page) -> list[int]:
    """Processes of the browser that run pages."""
    process = page.driver.service.process
    assert process is not None
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue
        children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [process.pid]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"--type=renderer" in command:
            found.append(pid)
    return found
