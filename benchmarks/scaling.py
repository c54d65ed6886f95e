"""The figures of scaling: programs on 1, 2 and 4 workers, and what idle workers and a start cost.

More workers than the machine has cores can't be faster than as many as it has; that they are not
slower is what the longest pools show.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator

import psutil
from figures import Figure, Pages, Raw, ratio
from selenium import webdriver

SIZES = (1, 2, 4)
"""Workers; the same in web/scaling.js."""

CORES = os.cpu_count()
ON_CORES = f"measured on {CORES} cores: where there are more workers, they share them"

Times = dict[str, list[float]]
"""Milliseconds of each round by the number of workers, as a word; `unconnected`: scaling.js."""


# -- Programs --------------------------------------------------------------------------------------


def speedups(times: Times) -> list[list[float]]:
    """Pairs of a number of workers, and the speedup over one."""
    return [[size, ratio(times["1"], times[str(size)])] for size in SIZES]


def scaled(name: str, title: str, programs: dict[str, Times]) -> Iterator[Figure]:
    """A figure for each program, the speedup of two workers; and one of them all, with a plot."""
    series = {}
    for program, times in programs.items():
        series[program] = speedups(times)
        raw: Raw = {"ms": times, "speedup": series[program], "cores": CORES}
        if "unconnected" in times:  # these do twice the work
            alone = [2 * one for one in times["1"]]
            raw["unconnected_speedup"] = ratio(alone, times["unconnected"])
        yield Figure(f"scaling/{name}-{program}", dict(series[program])[2], None, True, raw)
    plot = {
        "kind": "lines",
        "title": title,
        "x": {"label": "workers", "log": True},
        "y": {"label": "speedup over one worker", "log": True},
        "series": series | {"ideal": [[size, size] for size in SIZES]},
        "note": ON_CORES,
    }
    mean = statistics.geometric_mean(dict(points)[2] for points in series.values())
    yield Figure(f"scaling/{name}", mean, None, True, {"plot": plot})


def python(pages: Pages) -> Iterator[Figure]:
    """Fork-join in Python with a spawn at every call, and the index of the standard library."""
    programs: dict[str, Times] = pages.call("scaling.js", "pythonTimes")
    programs["stdlib-index"] = pages.call("scaling.js", "stdlibIndexTimes")
    yield from scaled("python", "Python on 1, 2 and 4 workers", programs)


def kernels(pages: Pages) -> Iterator[Figure]:
    """Kernels in C; of the trees T1 and T3 of UTS every node."""
    programs: dict[str, Times] = pages.call("scaling.js", "kernelTimes")
    named = {program.replace("_", "-"): times for program, times in programs.items()}
    yield from scaled("kernels", "Kernels on 1, 2 and 4 workers", named)


# -- Idle workers, and starting --------------------------------------------------------------------


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


IDLE_SIZES = (0, 1, 2, 4, 8)
IDLE_SECONDS = 2.0
IDLE_WINDOWS = 5
IDLE_SETTLE = 3.0
"""Seconds until the engine has compiled what has run."""


def idle_cpu(pages: Pages) -> Iterator[Figure]:
    """CPU time that a pool takes which has nothing to do, beside that of an empty page."""
    browser = Browser(pages.driver)
    loads: dict[str, list[float]] = {}
    for size in IDLE_SIZES:
        pages.call("scaling_start.js", "idle", args=[size])
        time.sleep(IDLE_SETTLE)
        loads[str(size)] = [browser.load(IDLE_SECONDS) for _ in range(IDLE_WINDOWS)]
    points = [[size, statistics.median(loads[str(size)])] for size in IDLE_SIZES]
    plot = {
        "kind": "lines",
        "title": "CPU use of idle workers",
        "x": {"label": "workers", "log": False},
        "y": {"label": "% of a core, the whole browser", "log": False},
        "series": {"browser": points},
        "note": f"medians of {IDLE_WINDOWS} windows of {IDLE_SECONDS:g} s; "
        "with 0 workers it is an empty page",
    }
    value = points[-1][1] - points[0][1]
    raw = {"percent_by_workers": loads, "plot": plot}
    yield Figure("scaling/idle-cpu", value, None, False, raw, "% of a core")


START_SIZES = (1, 2, 4, 8)
START_ROUNDS = 5


def start(pages: Pages) -> Iterator[Figure]:
    """Time and memory until workers are ready: Penny's from shared parts, others by loadPyodide.

    Memory is what the browser's processes have then beyond those of the same page before.
    """
    browser = Browser(pages.driver)
    times: dict[str, Times] = {}
    memory: dict[str, Times] = {}
    for round_ in range(START_ROUNDS + 1):
        for kind in ("shared", "plain"):
            for size in START_SIZES:
                pages.call("scaling_start.js", "nothing")
                pages.driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
                before = browser.pss_mb()
                milliseconds = pages.call("scaling_start.js", kind, args=[size])
                if round_ == 0:  # it fills the browser's caches
                    continue
                times.setdefault(kind, {}).setdefault(str(size), []).append(milliseconds)
                taken = browser.pss_mb() - before
                memory.setdefault(kind, {}).setdefault(str(size), []).append(taken)
    for name, measured, unit, label in (
        ("time", times, "ms", "ms until all are ready"),
        ("memory", memory, "MB", "MB"),
    ):
        series = {
            kind: [[size, statistics.median(measured[kind][str(size)])] for size in START_SIZES]
            for kind in measured
        }
        plot = {
            "kind": "lines",
            "title": f"Start-up: {name}",
            "x": {"label": "workers", "log": True},
            "y": {"label": label, "log": True},
            "series": series,
            "note": "shared: Penny's workers, from one compiled module and one snapshot; "
            "plain: workers that each call loadPyodide",
        }
        raw = {f"{unit}_by_workers": measured, "plot": plot}
        yield Figure(f"scaling/start-{name}", dict(series["shared"])[4], None, False, raw, unit)


SUITES = {
    "scaling/python": python,
    "scaling/kernels": kernels,
    "scaling/idle-cpu": idle_cpu,
    "scaling/start": start,
}
