"""The figures of scaling: programs on 1, 2 and 4 workers, and what idle workers and a start cost.

More workers than the machine has cores can't be faster than as many as it has; that they are not
slower is what the longest pools show.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Iterator

import simulation
from browser import Browser
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


def scaled(name: str, language: str, programs: dict[str, Times]) -> Iterator[Figure]:
    """A figure for each program, the speedup of two workers; and one of them all, with a plot."""
    series = {}
    for program, times in programs.items():
        series[program] = speedups(times)
        raw: Raw = {"ms": times, "speedup": series[program], "cores": CORES}
        if "unconnected" in times:  # these do twice the work
            alone = [2 * one for one in times["1"]]
            raw["unconnected_speedup"] = ratio(alone, times["unconnected"])
        value, about = dict(series[program])[2], f"Two workers over one: {program}, {language}"
        yield Figure(f"scaling/{name}-{program}", value, None, True, raw, about=about)
    plot = {
        "kind": "lines",
        "title": f"Programs on 1, 2 and 4 workers, {language}",
        "x": {"label": "workers", "log": False},
        "y": {"label": "speedup over one worker", "log": False},
        "dashed": ["ideal"],
        "series": series | {"ideal": [[size, size] for size in SIZES]},
        "note": ON_CORES,
    }
    mean = statistics.geometric_mean(dict(points)[2] for points in series.values())
    about = f"Two workers over one: the geometric mean of these programs, {language}"
    yield Figure(f"scaling/{name}", mean, None, True, {"plot": plot}, about=about)


def python(pages: Pages) -> Iterator[Figure]:
    """Fork-join in Python with a spawn at every call: the speedup of two workers."""
    programs: dict[str, Times] = pages.call("scaling.js", "pythonTimes")
    yield from scaled("python", "Python", programs)
    costs = costs_us(pages.call("scaling.js", "costs"))
    for name, value in costs.items():
        about = f"A cost that feeds the simulation: {name}, see docs/simulation.md"
        yield Figure(f"scaling/cost-{name}", value, None, False, {}, "µs", about)
    yield simulated(programs, costs)


def costs_us(measured: Raw) -> dict[str, float]:
    """What the simulation is fed with, in µs, by the names that it has there."""
    loop, _, spawned = (
        statistics.median(samples) * 1000 / measured["turns"]
        for samples in zip(*measured["rounds"], strict=True)
    )
    latency = statistics.median(measured["latencies"])
    promotion, steal = map(statistics.median, zip(*measured["awake"], strict=True))
    waking, woken = map(statistics.median, zip(*measured["asleep"], strict=True))
    return {
        "spawn": spawned - loop,
        "promotion": promotion,
        "steal": steal,
        # What is left of a steal by request.
        "request": max(latency - promotion - steal, 0.0),
        "notify": max(waking - promotion, 0.0),
        "wake": max(woken - steal, 0.0),
    }


def simulated(programs: dict[str, Times], costs: dict[str, float]) -> Figure:
    """What the simulation predicts for more cores than there are, and how far off it is here.

    The value is the largest error of a predicted speedup of two workers. The machine itself may
    not do twice as much on two cores as on one, and the model knows nothing of that: so what two
    workers take is compared with what two unconnected ones take for twice the work.
    """
    serial = {name: statistics.median(times["serial"]) for name, times in programs.items()}
    predicted = simulation.predictions(costs, serial)
    errors: Raw = {}
    for name, times in programs.items():
        one = predicted[name].seconds[1] * 1000 / statistics.median(times["1"])
        measured = ratio(times["unconnected"], times["2"])
        two = dict(predicted[name].speedups())[2]
        errors[name] = {
            "time_of_1": one - 1,
            "speedup_of_2": two / measured - 1,
            "measured_speedup_of_2": measured,
        }
    plot = {
        "kind": "lines",
        "title": "Predicted speedup, a core for each worker",
        "x": {"label": "workers", "log": True},
        "y": {"label": "speedup over one worker", "log": True},
        "series": {
            simulation.LABELS.get(name, name): each.speedups() for name, each in predicted.items()
        }
        | {"ideal": [[workers, workers] for workers in simulation.WORKERS]},
        "dashed": ["ideal"],
        "note": "by the model of docs/simulation.md, fed with the costs measured in the same run",
    }
    raw = {
        "costs_us": costs,
        "serial_ms": serial,
        "errors": errors,
        "greatest_possible": {name: each.ideal for name, each in predicted.items()},
        "plot": plot,
    }
    worst = max(abs(error["speedup_of_2"]) for error in errors.values())
    about = "The largest error of the simulation's speedups of two workers"
    return Figure("scaling/simulation", 100 * worst, None, False, raw, "%", about)


def stdlib_index(pages: Pages) -> Iterator[Figure]:
    """The index of the standard library, a task a module: the speedup of two workers."""
    times: Times = pages.call("scaling.js", "stdlibIndexTimes")
    raw = {"ms": times, "speedup": speedups(times), "cores": CORES}
    yield Figure("scaling/stdlib-index", ratio(times["1"], times["2"]), None, True, raw)


def kernels(pages: Pages) -> Iterator[Figure]:
    """Kernels in C, of the trees T1 and T3 of UTS every node: the speedup of two workers."""
    programs: dict[str, Times] = pages.call("scaling.js", "kernelTimes")
    named = {program.replace("_", "-"): times for program, times in programs.items()}
    yield from scaled("kernels", "kernels in C", named)


# -- Idle workers, and starting --------------------------------------------------------------------


@contextlib.contextmanager
def new_tab(driver: webdriver.Chrome) -> Iterator[None]:
    """A tab of its own, whose process has seen nothing yet; what was kept for others stays out."""
    before = driver.current_window_handle
    driver.switch_to.new_window("tab")
    try:
        yield
    finally:
        driver.close()
        driver.switch_to.window(before)


IDLE_SIZES = (0, 1, 2, 4, 8)
IDLE_SECONDS = 2.0
IDLE_WINDOWS = 5
IDLE_SETTLE = 3.0
"""Seconds until the engine has compiled what has run."""


def idle_cpu(pages: Pages) -> Iterator[Figure]:
    """CPU time of the whole browser while a pool of 8 workers has nothing to do."""
    browser = Browser(pages.driver)
    loads: dict[str, list[float]] = {}
    for size in IDLE_SIZES:
        with new_tab(pages.driver):
            pages.call("scaling_start.js", "idle", args=[size])
            time.sleep(IDLE_SETTLE)
            loads[str(size)] = [browser.load(IDLE_SECONDS) for _ in range(IDLE_WINDOWS)]
    # The clock of /proc ticks every 10 ms: a mean tells more than the median of a few ticks.
    points = [[size, statistics.fmean(loads[str(size)])] for size in IDLE_SIZES]
    plot = {
        "kind": "lines",
        "title": "CPU use of idle workers",
        "x": {"label": "workers", "log": False},
        "y": {"label": "% of a core, the whole browser", "log": False},
        "series": {"browser": points},
        "note": f"means of {IDLE_WINDOWS} windows of {IDLE_SECONDS:g} s; "
        "with 0 workers it is an empty page",
    }
    value = points[-1][1]
    raw = {"percent_by_workers": loads, "plot": plot}
    yield Figure("scaling/idle-cpu", value, None, False, raw, "% of a core")


START_SIZES = (1, 2, 4, 8)
START_ROUNDS = 5


def start(pages: Pages) -> Iterator[Figure]:
    """Time and memory until workers are ready: Penny's from shared parts, others by loadPyodide.

    Memory is what the browser's processes have then beyond those of the same page before.
    """
    browser = Browser(pages.driver)
    pages.call("scaling_start.js", "nothing")  # what was there before goes
    times: dict[str, Times] = {}
    memory: dict[str, Times] = {}
    for round_ in range(START_ROUNDS + 1):
        for kind in ("shared", "plain"):
            # The first round fills the browser's caches.
            for size in START_SIZES if round_ else START_SIZES[:1]:
                with new_tab(pages.driver):
                    pages.call("scaling_start.js", "nothing")
                    before = browser.pss_mb()
                    milliseconds = pages.call("scaling_start.js", kind, args=[size])
                    taken = browser.pss_mb() - before
                if round_ > 0:
                    times.setdefault(kind, {}).setdefault(str(size), []).append(milliseconds)
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
        value, about = dict(series["shared"])[4], f"{name} until four of Penny's workers are ready"
        yield Figure(f"scaling/start-{name}", value, None, False, raw, unit, about.capitalize())


SUITES = {
    "scaling/python": python,
    "scaling/stdlib-index": stdlib_index,
    "scaling/kernels": kernels,
    "scaling/idle-cpu": idle_cpu,
    "scaling/start": start,
}
