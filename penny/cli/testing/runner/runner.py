"""Runs tests inside of an engine, one after the other, as `plugin.py` asks by stdin.

`penny run --on …` runs it. It lies alone in its folder, since what is beside a script goes along.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib
import inspect
import io
import json
import os
import pickle
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from typing import Any

SIGN = "\x1epenny:"


def main() -> None:
    """Answer requests until there are no more."""
    out = sys.stdout
    packages = json.loads(sys.stdin.readline())["pytest"]
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(packages))) as archive:
        # As if it was installed: so workers have it, too.
        archive.extractall(sysconfig.get_path("purelib"))
    importlib.invalidate_caches()
    for line in sys.stdin:
        print(SIGN + json.dumps(run(json.loads(line))), file=out, flush=True)


def run(request: dict[str, Any]) -> dict[str, str]:
    """Run a test.

    Returns:
        `outcome`: passed, failed or skipped; `said`: why; `stdout` and `stderr`: what it printed.
    """
    import pytest

    path = request["path"]
    if not os.path.exists(path):  # of the machine's folders not all are here
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(request["source"])
    for entry in request["sys.path"]:
        if entry not in sys.path and os.path.isdir(entry) and "site-packages" not in entry:
            sys.path.append(entry)
    inside = _inside(request["fixtures"])
    before = set(sys.modules)
    words = [
        *("-q", "--no-header", "--no-summary", "--noconftest", "--runxfail", "--capture=sys"),
        *("-p", "no:cacheprovider", "--import-mode=importlib"),
        *("--rootdir", request["root"], "-c", os.devnull),
        f"{path}::{request['test']}",
    ]
    with contextlib.redirect_stdout(io.StringIO()):  # what is shown is shown outside
        pytest.main(words, plugins=[inside])
    for name in set(sys.modules) - before:  # the next test's module is its own
        if getattr(sys.modules[name], "__file__", None) == path:
            del sys.modules[name]
    answer: dict[str, str] = inside.answer
    return answer


def _inside(fixtures: dict[str, str]) -> Any:
    import pytest

    import penny

    class Inside:
        """Gives a test the values of its fixtures, and keeps what comes of it."""

        def __init__(self) -> None:
            said = "the test was not found where it was to run"
            self.answer = {"outcome": "failed", "said": said, "stdout": "", "stderr": ""}

        @pytest.fixture
        def penny_scheduler(self) -> Iterator[Any]:
            with penny.Scheduler() as scheduler:
                yield scheduler

        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(self, pyfuncitem: Any) -> bool | None:
            if not inspect.iscoroutinefunction(pyfuncitem.obj):
                return None
            names = pyfuncitem._fixtureinfo.argnames
            asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
            return True

        def pytest_configure(self, config: Any) -> None:
            config.addinivalue_line("markers", "penny: the test runs here")

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                self.answer = {**self.answer, "said": report.longreprtext}

        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.when != "call" and report.passed:
                return
            said = report.longreprtext
            if report.skipped and isinstance(report.longrepr, tuple):
                said = report.longrepr[2].removeprefix("Skipped: ")
            self.answer = {
                "outcome": report.outcome,
                "said": said,
                "stdout": report.capstdout,
                "stderr": report.capstderr,
            }

    for name, data in fixtures.items():
        value = pickle.loads(base64.b64decode(data))
        setattr(Inside, name, pytest.fixture(name=name)(_giving(value)))
    return Inside()


def _giving(value: Any) -> Any:
    def given(self: Any) -> Any:
        return value

    return given


if __name__ == "__main__":
    main()
