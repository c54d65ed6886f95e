"""The examples of README.md that are Python, by `penny run` of the npm package."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from test_readme import blocks

# What each prints, as in tests/browser/test_readme.py.
PRINTED = {
    1: "120\n[1, 2, 3]\n12\n",
    2: "6765\n4995\n998001\n6765\n",
    3: "True\ntook too long\n1024\n",
    4: "255 [155, 255, 155, 255, 155, 255]\n[255, 155, 155, 255]\n",
}

Command = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def penny_run(engine: list[str], tmp_path: Path) -> Command:
    def run(source: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "script.py").write_text(source)
        command = [*engine, "run", "--workers", "2", "script.py"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    return run


def test_awaiting_python(penny_run: Command) -> None:
    ran = penny_run(blocks("python")[0])
    printed = ran.stdout.split("\n")
    assert printed[:3] == ["49", "[0, 1, 4, 9, 16]", "42"], ran.stderr
    assert sorted(printed[3:7]) == ["1", "2", "4", "8"]
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("number", PRINTED)
def test_example(penny_run: Command, number: int) -> None:
    ran = penny_run(blocks("python")[number])
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, PRINTED[number], "")
