"""Measures Penny's figures in headless Chromium and writes benchmarks/latest.json.

    .venv/bin/python benchmarks/run.py [name …]

Each figure is a ratio of two things measured in turn in the same run: the median of the ratios pair
by pair. Names given on the command line select figures by their beginning; the others keep what the
file has of them.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from penny.cli import bundle
from penny.cli.browser import chromium_flags, find_browser
from penny.cli.pyodide import PYODIDE_VERSION, find_pyodide
from penny.cli.server import application, background
from penny.cli.site import Site
from penny.cli.snapshot import make_snapshot

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "benchmarks" / "latest.json"

SUITE_TIMEOUT = 600
"""Seconds that one page's measurements may take."""

Raw = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """One measured number and the bound that it has to keep."""

    name: str
    value: float
    bound: float
    at_least: bool
    raw: Raw

    def as_json(self) -> Raw:
        ok = self.value >= self.bound if self.at_least else self.value <= self.bound
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "bound": self.bound,
            "better": "higher" if self.at_least else "lower",
            "ok": ok,
            "raw": self.raw,
        }


def ratio(over: list[float], under: list[float]) -> float:
    """The median of the ratios pair by pair: a machine whose speed drifts moves both of a pair."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


class Pages:
    """A browser, and the benchmark pages in it.

    Args:
        sites: URL of the page, by kind of site.
    """

    def __init__(self, driver: webdriver.Chrome, sites: dict[str, str]) -> None:
        self.driver = driver
        self._sites = sites

    def call(self, module: str, function: str, site: str = "prebuilt") -> Any:
        """Load the page anew and return what a module's function resolves to."""
        self.driver.get(self._sites[site])
        answer = self.driver.execute_async_script(
            """
            const [module, name, done] = arguments;
            import(new URL(module, location.href).href)
              .then(functions => functions[name]())
              .then(value => done({value}), error => done({error: String(error?.stack ?? error)}));
            """,
            module,
            function,
        )
        if "error" in answer:
            raise RuntimeError(f"{module}: {function}: {answer['error']}")
        return answer["value"]


# -- The first figures: what runs at all -----------------------------------------------------------


def boot(pages: Pages) -> Iterator[Figure]:
    """Four workers ready."""
    runs: dict[str, list[float]] = {"plain": [], "prebuilt": [], "unbuilt": []}
    for round_ in range(6):
        for kind, times in runs.items():
            site = "unbuilt" if kind == "unbuilt" else "prebuilt"
            time = pages.call("boot.js", "plain" if kind == "plain" else "penny", site)
            if round_ > 0:  # the first fills the browser's caches
                times.append(time)
    for name, kind, bound in (
        ("first/boot-4", "prebuilt", 0.25),
        ("first/boot-4-unbuilt", "unbuilt", 0.7),
    ):
        raw = {"ms": runs[kind], "plain_ms": runs["plain"]}
        yield Figure(name, ratio(runs[kind], runs["plain"]), bound, False, raw)


def tasks(pages: Pages) -> Iterator[Figure]:
    """What a task costs beside a Comlink pool."""
    for function, label, bulk_bound, one_bound in (
        ("fromJavaScript", "js", 0.35, 0.8),
        ("fromPython", "python", 0.5, 1.0),
    ):
        measured = pages.call("tasks.js", function)
        for kind, bound, count in (
            ("bulk", bulk_bound, measured["tasks"]),
            ("one", one_bound, measured["calls"]),
        ):
            times = measured[kind]
            raw = {
                f"{who}_us_per_task": [t * 1000 / count for t in times[who]]
                for who in ("penny", "comlink")
            }
            value = ratio(times["penny"], times["comlink"])
            yield Figure(f"first/{label}-{kind}", value, bound, False, raw)


def stdlib_index(pages: Pages) -> Iterator[Figure]:
    """The main job on one and two workers, beside two unconnected ones."""
    times = pages.call("stdlib_index.js", "stdlibIndex")
    ours = [a / b for a, b in zip(times["one"], times["two"], strict=True)]
    theirs = [a / b for a, b in zip(times["plainAll"], times["plainHalves"], strict=True)]
    raw = {"ms": times, "speedup": ours, "unconnected_speedup": theirs}
    yield Figure("first/stdlib-index-speedup", ratio(ours, theirs), 0.95, True, raw)


def core_fib(pages: Pages) -> Iterator[Figure]:
    """Fork-join fib on the core alone, one thread and two."""
    times = pages.call("core_fib.js", "coreFib")
    yield Figure(
        "first/core-fib-speedup", ratio(times["one"], times["two"]), 1.9, True, {"ms": times}
    )


SUITES: dict[str, Callable[[Pages], Iterator[Figure]]] = {
    "first/boot": boot,
    "first/tasks": tasks,
    "first/stdlib-index": stdlib_index,
    "first/core-fib": core_fib,
}


# -- The browser and the pages ---------------------------------------------------------------------


def build_fib(folder: Path) -> None:
    """Compile benchmarks/core/fib.c together with the core."""
    subprocess.run(["make", "--silent", "build/benchmarks/fib.wasm"], cwd=ROOT, check=True)
    shutil.copy(ROOT / "build" / "benchmarks" / "fib.wasm", folder)


@contextlib.contextmanager
def open_pages() -> Iterator[Pages]:
    """A browser, and servers for the pages: one with a prebuilt snapshot and one without."""
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        folder = Path(temporary)
        for file in (ROOT / "benchmarks" / "web").iterdir():
            (folder / file.name).symlink_to(file)
        comlink = ROOT / "node_modules" / "comlink" / "dist" / "esm" / "comlink.mjs"
        (folder / "comlink.js").symlink_to(comlink)
        (folder / "stdlib_index.py").symlink_to(ROOT / "examples" / "stdlib_index.py")
        build_fib(folder)
        pyodide, python = find_pyodide(None), bundle.python_packages()
        sites = {
            kind: stack.enter_context(
                background(
                    application(
                        Site(pyodide=pyodide, folder=folder, snapshot=snapshot, python=python)
                    )
                )
            )
            for kind, snapshot in (
                ("prebuilt", make_snapshot(python, pyodide)),
                ("unbuilt", None),
            )
        }
        options = webdriver.ChromeOptions()
        options.binary_location = find_browser("chromium").executable
        for flag in chromium_flags(folder):
            options.add_argument(flag)
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        stack.callback(driver.quit)
        driver.set_script_timeout(SUITE_TIMEOUT)
        driver.command_executor.client_config.timeout = SUITE_TIMEOUT
        yield Pages(driver, sites)


def environment(driver: webdriver.Chrome) -> Raw:
    """What the figures were measured on."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "browser": f"{driver.capabilities['browserName']} {driver.capabilities['browserVersion']}",
        "pyodide": PYODIDE_VERSION,
        "comlink": json.loads((ROOT / "node_modules/comlink/package.json").read_text())["version"],
        "cores": os.cpu_count(),
        "machine": platform.machine(),
    }


def main(selected: list[str]) -> int:
    """Measure, print, write; 1 if a bound is not kept."""
    before: dict[str, Raw] = {}
    if selected and TARGET.exists():
        before = {r["name"]: r for r in json.loads(TARGET.read_text())["results"]}
    results: dict[str, Raw] = {}
    with open_pages() as pages:
        for name, suite in SUITES.items():
            if selected and not any(name.startswith(s) for s in selected):
                continue
            for figure in suite(pages):
                result = results[figure.name] = figure.as_json()
                sign = "≥" if figure.at_least else "≤"
                verdict = "ok" if result["ok"] else "NOT KEPT"
                print(f"{figure.name:30} {figure.value:8.3f}  {sign} {figure.bound:<6} {verdict}")
        where = environment(pages.driver)
    everything = {"environment": where, "results": list((before | results).values())}
    TARGET.write_text(json.dumps(everything, indent=1) + "\n")
    return 0 if all(result["ok"] for result in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
