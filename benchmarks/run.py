"""Measures Penny's figures in headless Chromium and writes benchmarks/latest.json.

    .venv/bin/python benchmarks/run.py [--output FILE] [name …]

Nearly each figure is a ratio of two things measured in turn in the same run: the median of the
ratios pair by pair. Names given on the command line select figures by their beginning; the others
keep what the file has of them.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import arrays
import first
import forkjoin
import growth
import kernels
import scaling
from figures import Figure, Pages, Raw
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from penny.cli import bundle
from penny.cli import main as penny
from penny.cli.browser import chromium_flags, find_browser
from penny.cli.pyodide import PYODIDE_VERSION, find_pyodide
from penny.cli.server import application, background
from penny.cli.site import Site
from penny.cli.snapshot import make_snapshot

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "benchmarks" / "latest.json"

SUITE_TIMEOUT = 1800
"""Seconds that one page's measurements may take."""

SUITES: dict[str, Callable[[Pages], Iterator[Figure]]] = (
    first.SUITES | forkjoin.SUITES | arrays.SUITES | kernels.SUITES | scaling.SUITES | growth.SUITES
)


def build_wasm(folder: Path) -> None:
    """Compile benchmarks/core/fib.c together with the core, and modules of kernels."""
    for name in ("fib.wasm", "kernels.wasm"):
        subprocess.run(["make", "--silent", f"build/benchmarks/{name}"], cwd=ROOT, check=True)
        shutil.copy(ROOT / "build" / "benchmarks" / name, folder)
    source = str(ROOT / "benchmarks" / "core" / "handover.c")
    assert penny(["kernel", "build", source, "-o", f"{folder}/handover.wasm"]) == 0


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
        build_wasm(folder)
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


def main(selected: list[str], target: Path) -> int:
    """Measure, print, write; 1 if a bound is not kept."""
    before: dict[str, Raw] = {}
    if selected and target.exists():
        before = {r["name"]: r for r in json.loads(target.read_text())["results"]}
    results: dict[str, Raw] = {}
    with open_pages() as pages:
        where = environment(pages.driver)
        for name, suite in SUITES.items():
            if selected and not any(name.startswith(s) or s.startswith(name) for s in selected):
                continue
            for figure in suite(pages):
                # Not all figures need be of the same run.
                measured = {"commit": where["commit"], "date": where["date"]}
                result = results[figure.name] = figure.as_json() | measured
                line = f"{figure.name:30} {figure.value:8.3f} {figure.unit}"
                if figure.bound is not None:
                    sign = "≥" if figure.at_least else "≤"
                    line += f" {sign} {figure.bound:<6} {'ok' if result['ok'] else 'NOT KEPT'}"
                print(line, flush=True)
    everything = {"environment": where, "results": list((before | results).values())}
    target.write_text(json.dumps(everything, indent=1) + "\n")
    return 0 if all(result["ok"] for result in results.values()) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measures Penny's figures.")
    parser.add_argument("names", nargs="*", help="beginnings of names; none: all figures")
    parser.add_argument("--output", type=Path, default=TARGET, help="instead of %(default)s")
    arguments = parser.parse_args()
    sys.exit(main(arguments.names, arguments.output))
