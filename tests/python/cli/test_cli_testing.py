"""The plug-in for pytest, as somebody's project uses it: its tests run in Node, or fail there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

# README's example, which is a file of its own.
EXAMPLE = (ROOT / "README.md").read_text().split("```py\n")[1].split("```")[0]

TESTS = """
import os, sys, threading
import pytest
import penny

def triple(x):
    return penny.current_worker(), 3 * x

@pytest.fixture
def number():
    return 14

@pytest.fixture
def lock():
    return threading.Lock()

@pytest.mark.penny(on="node")
def test_a_task(penny_scheduler, number, tmp_path):
    assert sys.platform == "emscripten"
    assert penny_scheduler.submit(triple, number).result() in [(0, 42), (1, 42)]
    (tmp_path / "file").write_text("text")
    print("printed there")
    print("and this", file=sys.stderr)

@pytest.mark.penny
@pytest.mark.parametrize("a", [1, 2])
def test_differs(a):
    assert {"a": a, "b": [1, 2]} == {"a": 1, "b": [1, 2]}

class TestClass:
    @pytest.mark.penny("node")
    async def test_awaits(self, penny_scheduler):
        worker, value = await penny_scheduler.submit(triple, 2)
        assert worker in (0, 1) and value == 6
        with pytest.raises(ZeroDivisionError):
            await penny_scheduler.submit(divmod, 1, 0)

@pytest.mark.penny
def test_skipped():
    pytest.skip("for a reason")

@pytest.mark.penny
@pytest.mark.xfail(strict=True)
def test_expected_to_fail():
    assert sys.platform == "linux"

@pytest.mark.penny
def test_dies():
    os._exit(3)

@pytest.mark.penny
def test_fixture_that_cannot_go(lock):
    pass

def test_here(penny_scheduler):
    assert sys.platform != "emscripten"
    assert penny_scheduler.submit(triple, 2).result()[1] == 6

@pytest.mark.penny(of="node")
def test_misspelt():
    pass
"""


def test_a_project(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "test_readme.py").write_text(EXAMPLE)
    plugins = ["-p", "penny.cli.testing.plugin", "-p", "no:asyncio", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-v", *plugins],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    outcomes = dict(re.findall(r"^test_\w+\.py::(\S+) ([A-Z]+)", done.stdout, re.MULTILINE))
    assert outcomes == {
        "test_a_task": "PASSED",
        "test_differs[1]": "PASSED",
        "test_differs[2]": "FAILED",
        "TestClass::test_awaits": "PASSED",
        "test_skipped": "SKIPPED",
        "test_expected_to_fail": "XFAIL",
        "test_dies": "FAILED",
        "test_fixture_that_cannot_go": "FAILED",
        "test_here": "PASSED",
        "test_misspelt": "FAILED",
        "test_triple": "PASSED",
    }, done.stdout + done.stderr
    for said in (
        "printed there",
        "and this",
        "{'a': 2} != {'a': 1}",
        "for a reason",
        "Python exited at once with status 3",
        "the fixture 'lock' can't go to where the test runs",
        "takes on=, workers=, packages= and timeout=, and not 'of'",
    ):
        assert said in done.stdout, said
