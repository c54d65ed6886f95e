"""The package as a whole: what it exports, and what importing it does not do."""

from __future__ import annotations

import concurrent.futures
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import penny


def test_everything_exported_is_there_and_documented():
    for name in penny.__all__:
        assert getattr(penny, name).__doc__, name


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (penny.IsolationError, RuntimeError),
        (penny.BlockingError, RuntimeError),
        (penny.WorkerLost, RuntimeError),
        (penny.KernelError, RuntimeError),
        (penny.PickleError, pickle.PicklingError),
        (penny.BrokenPool, concurrent.futures.BrokenExecutor),
        (penny.RemoteError, RuntimeError),
    ],
)
def test_errors_are_kinds_of_well_known_ones(error, base):
    assert issubclass(error, base)


def test_importing_starts_nothing_and_loads_nothing_of_the_browser():
    code = (
        "import sys, threading, penny\n"
        "assert threading.active_count() == 1\n"
        "browser = {'js', 'penny.bridge.javascript', 'penny.engines.pool.client'}\n"
        "assert not (browser | {'multiprocessing'}) & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_errors_travel():
    error = pickle.loads(pickle.dumps(penny.KernelError("row", "trapped: unreachable")))
    assert str(error) == "kernel row: trapped: unreachable"
    assert (error.kernel, error.reason) == ("row", "trapped: unreachable")


def test_the_wheel_has_all_that_the_build_makes(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=Path(__file__).parents[3], check=True, capture_output=True)
    (wheel,) = tmp_path.iterdir()
    assert wheel.name.startswith("penny_runtime-")
    names = zipfile.ZipFile(wheel).namelist()
    assert "penny/web/bundled/embedded.js" in names and "penny/web/bundled/worker.js" in names
    assert not [name for name in names if name.startswith("penny/web/npm/")]
    assert "penny/wasm_core/include/penny.h" in names
    assert "penny/wasm_core/core.wasm" in names
    assert "penny/bridge/numbers.py" in names and "penny/web/penny/core/layout.js" in names
