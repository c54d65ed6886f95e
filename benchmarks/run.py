"""Measures Penny's figures in headless Chromium and writes down what came out.

    .venv/bin/python benchmarks/run.py [--output FILE] [name …]

latest.json gets all samples, RESULTS.md and its plots what they say (report.py), history.jsonl one
line (history.py); what has become worse than in earlier runs is printed. Nearly each figure is a
ratio of two things measured in turn in the same run: the median of the ratios pair by pair. Names
given on the command line select figures by their beginning; the others keep what latest.json has of
them.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import functools
import inspect
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import adapters
import arrays
import first
import forkjoin
import growth
import history
import hosts
import kernels
import messages
import packages
import peers
import predictions
import report
import scaling
import traces
from figures import Figure, Pages, Raw
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from penny.cli import bundle, machine
from penny.cli import main as penny
from penny.cli.browser import chromium_flags, find_browser
from penny.cli.pyodide import PYODIDE_VERSION, find_pyodide
from penny.cli.server import application, background
from penny.cli.site import Site
from penny.cli.snapshot import make_snapshot

ROOT = Path(__file__).resolve().parents[1]

PEERS = ("comlink", "workerpool", "multithreading")
"""npm packages that Penny is compared with."""

PEER_FILES = {
    "comlink.js": "comlink/dist/esm/comlink.mjs",
    "workerpool.js": "workerpool/dist/workerpool.js",
    "node_modules/multithreading": "multithreading",
}
"""What of them is served beside benchmarks/web, by its name there."""

SUITE_TIMEOUT = 1800
"""Seconds that one page's measurements may take."""

SUITES: dict[str, Callable[[Pages], Iterator[Figure]]] = (
    first.SUITES
    | forkjoin.SUITES
    | arrays.SUITES
    | kernels.SUITES
    | messages.SUITES
    | scaling.SUITES
    | growth.SUITES
    | packages.SUITES
    | adapters.SUITES
    | peers.SUITES
    | traces.SUITES
    | hosts.SUITES
)


def build_wasm(folder: Path) -> None:
    """Compile benchmarks/core/fib.c together with the core, modules of kernels, and pthreads."""
    targets = [
        f"build/benchmarks/{name}" for name in ("fib.wasm", "kernels.wasm", "pthreads_fib.js")
    ]
    subprocess.run(["make", "--silent", *targets], cwd=ROOT, check=True)
    shutil.copytree(ROOT / "build" / "benchmarks", folder, dirs_exist_ok=True)
    source = str(ROOT / "benchmarks" / "core" / "handover.c")
    assert penny(["kernel", "build", source, "-o", f"{folder}/handover.wasm"]) == 0


@contextlib.contextmanager
def open_pages() -> Iterator[Pages]:
    """A browser, and servers for the pages: one with a prebuilt snapshot and one without."""
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        folder = Path(temporary)
        for file in (ROOT / "benchmarks" / "web").iterdir():
            (folder / file.name).symlink_to(file)
        for name, where in PEER_FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).symlink_to(ROOT / "node_modules" / where)
        (folder / "stdlib_index.py").symlink_to(ROOT / "examples" / "stdlib_index.py")
        build_wasm(folder)
        subprocess.run(["make", "--silent", "wheels"], cwd=ROOT, check=True)
        (folder / "wheels").symlink_to(ROOT / "build" / "wheels")
        wheels = {
            file.name.partition("-")[0]: f"wheels/{file.name}"
            for file in (folder / "wheels").glob("*.whl")
        }
        pyodide, python = find_pyodide(None), bundle.python_packages()
        sites = {
            kind: stack.enter_context(
                background(
                    application(
                        Site(
                            pyodide=pyodide,
                            folder=folder,
                            snapshot=snapshot,
                            python=python,
                            bench=True,
                        )
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
        options.add_argument("--js-flags=--expose-gc")  # tasks.js has garbage collected in between
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        stack.callback(driver.quit)
        driver.set_script_timeout(SUITE_TIMEOUT)
        driver.command_executor.client_config.timeout = SUITE_TIMEOUT
        yield Pages(driver, sites, wheels)


def environment(driver: webdriver.Chrome) -> Raw:
    """What the figures were measured on."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": said("git", "describe", "--always", "--dirty"),
        "browser": f"{driver.capabilities['browserName']} {driver.capabilities['browserVersion']}",
        "pyodide": PYODIDE_VERSION,
        **{package: npm_version(package) for package in PEERS},
        "emcc": said("emcc", "-dumpversion"),
        "g++": said("g++", "-dumpfullversion"),
        "tbb": said("pkg-config", "--modversion", "tbb"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": machine.processor(),
        "cores": machine.cores(),
    }


def npm_version(package: str) -> str:
    description = ROOT / "node_modules" / package / "package.json"
    return str(json.loads(description.read_text())["version"])


def said(*command: str) -> str:
    """What a program says; "none" if it is not there or knows nothing."""
    if shutil.which(command[0]) is None:
        return "none"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "none"


def measure(pages: Pages, selected: list[str], where: Raw) -> tuple[dict[str, Raw], dict[str, str]]:
    """Run the suites and print their figures.

    Returns:
        The results by name, and by name the errors of suites that failed: the others are
        measured all the same.
    """
    results: dict[str, Raw] = {}
    failed: dict[str, str] = {}
    # Not all figures need be of the same run.
    run = {"commit": where["commit"], "date": where["date"]}
    for name, suite in SUITES.items():
        if selected and not any(name.startswith(s) or s.startswith(name) for s in selected):
            continue
        function = suite.func if isinstance(suite, functools.partial) else suite
        about = (inspect.getdoc(function) or "").partition("\n")[0]
        try:
            for figure in suite(pages):
                result = figure.as_json()
                results[figure.name] = result | run | {"about": figure.about or about}
                print(report.line(result), flush=True)
        except KeyboardInterrupt:
            failed[name] = "interrupted, as were those that follow"
            break
        except Exception as error:  # whatever a page, a compiler or a library may do
            failed[name] = str(error).partition("\n")[0]
            print(f"{name:30} FAILED: {error}", file=sys.stderr, flush=True)
    return results, failed


def main(selected: list[str], output: Path | None) -> int:
    """Measure, print, write; 1 if a bound is not kept or a suite failed."""
    target = output or report.LATEST
    with open_pages() as pages:
        where = environment(pages.driver)
        results, failed = measure(pages, selected, where)
    before: dict[str, Raw] = {}
    if (selected or failed) and target.exists():
        before = {r["name"]: r for r in json.loads(target.read_text())["results"]}
    everything = {
        "environment": where,
        "results": list((before | results).values()),
        "failed": failed,
    }
    target.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
    if output is None:
        runs = history.read(report.HISTORY)
        history.append(report.HISTORY, history.entry(everything))
        report.write(everything, runs, report.HERE)
        if "scaling/simulation" in results:
            predictions.write(results["scaling/simulation"])
        for worse in history.worse(everything, runs):
            print(f"WORSE: {worse}")
    return 0 if not failed and all(result["ok"] for result in results.values()) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measures Penny's figures.")
    parser.add_argument("names", nargs="*", help="beginnings of names; none: all figures")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write the results only there: no report, no history",
    )
    arguments = parser.parse_args()
    sys.exit(main(arguments.names, arguments.output))
