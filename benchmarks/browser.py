"""The processes of a browser: what they use, and on which processors."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

import psutil
from selenium import webdriver


class Browser:
    """What the processes of a browser use, all together."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = psutil.Process(driver.service.process.pid)

    def _sum(self, measure: str) -> float:
        total = 0.0
        for process in self._driver.children(recursive=True):
            try:
                if measure == "pss":
                    total += process.memory_full_info().pss
                else:
                    times = process.cpu_times()
                    total += times.user + times.system
            except psutil.NoSuchProcess:  # it has just ended
                continue
        return total

    def pss_mb(self) -> float:
        """Memory in 10⁶ bytes; what processes share counts once."""
        return self._sum("pss") / 1e6

    def load(self, seconds: float) -> float:
        """Its use of the processors over so many seconds from now on, in % of one core."""
        before, began = self._sum("cpu"), time.perf_counter()
        time.sleep(seconds)
        after, ended = self._sum("cpu"), time.perf_counter()
        return 100 * (after - before) / (ended - began)

    @contextlib.contextmanager
    def on_one_processor(self) -> Iterator[None]:
        """Keep all its threads on one processor, also those that they start meanwhile."""
        processors = os.sched_getaffinity(0)
        self._keep_on({min(processors)})
        try:
            yield
        finally:
            self._keep_on(processors)

    def _keep_on(self, processors: set[int]) -> None:
        for process in self._driver.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                for thread in process.threads():
                    with contextlib.suppress(ProcessLookupError):
                        os.sched_setaffinity(thread.id, processors)
