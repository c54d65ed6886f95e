"""The package as a whole: what it exports, and what importing it does not do."""

from __future__ import annotations

import concurrent.futures
import pickle
import subprocess
import sys

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
        "assert not {'js', 'penny._bridge', 'penny.engines.shared', 'multiprocessing'}"
        " & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
