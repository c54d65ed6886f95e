"""The plug-in for pytest: `@pytest.mark.penny(on="node")` runs a test's body inside of an engine.

The test is collected here, and its fixtures are set up here. Then an engine's process, one for all
tests with the same marks, runs pytest once more, on Pyodide, for this test alone, with the values
of the fixtures (`runner.py`): so asserts are rewritten there, and what it says is shown here.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.metadata
import io
import json
import os
import pickle
import queue
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

__all__ = [
    "penny_scheduler",
    "pytest_configure",
    "pytest_pyfunc_call",
    "pytest_unconfigure",
]

RUNNER = Path(__file__).with_name("runner") / "runner.py"

SIGN = "\x1epenny:"
"""How a line of the runner's begins that is an answer, and nothing that a test prints."""

PYTEST = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
"""Distributions that pytest needs, pure Python all of them: the engine gets those that run here."""

PATIENCE = 300.0
"""Seconds that a test has, unless its mark says otherwise; with the start of the engine."""


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest know of the mark."""
    config.addinivalue_line(
        "markers",
        "penny(on='node', workers=2, packages=(), timeout=300): run the test's body there, on "
        "Pyodide: on node, deno, bun, chromium or firefox, as `penny run --on` does",
    )
    config.stash[_ENGINES] = {}


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the engines."""
    for engine in config.stash.get(_ENGINES, {}).values():
        engine.end()


@pytest.fixture
def penny_scheduler(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A Scheduler: where the test's body runs, in Node or a browser; else one of this Python."""
    if request.node.get_closest_marker("penny") is not None:
        yield None  # the runner has one
        return
    import penny  # not each project that has it uses it

    with penny.Scheduler() as scheduler:
        yield scheduler


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test inside, if it is marked so."""
    mark = pyfuncitem.get_closest_marker("penny")
    if mark is None:
        return None
    place = Place.of(mark)
    engines = pyfuncitem.config.stash[_ENGINES]
    engine = engines.get(place)
    if engine is None:
        engine = engines[place] = Engine(place)
    request, patience = _request(pyfuncitem), mark.kwargs.get("timeout", PATIENCE)
    problem = None
    try:
        answer = engine.ask(request, patience)
    except EngineError as error:
        problem = f"{error}\n(penny, on {place.on})"
    if problem is not None:  # the next test has another one
        engines.pop(place).end()
        pytest.fail(problem, pytrace=False)
    for stream in "stdout", "stderr":
        print(answer[stream], end="", file=getattr(sys, stream))
    if answer["outcome"] == "skipped":
        pytest.skip(answer["said"])
    if answer["outcome"] == "failed":
        pytest.fail(f"{answer['said']}\n(penny, on {place.on})", pytrace=False)
    return True


class Place(NamedTuple):
    """Where tests run."""

    on: str
    workers: int
    packages: tuple[str, ...]

    @classmethod
    def of(cls, mark: pytest.Mark) -> Place:
        """What a mark names. Raises UsageError."""
        unknown = mark.kwargs.keys() - {"on", "workers", "packages", "timeout"}
        if unknown or len(mark.args) > 1:
            raise pytest.UsageError(
                "pytest.mark.penny takes on=, workers=, packages= and timeout=, and not "
                f"{', '.join(map(repr, sorted(unknown) or mark.args[1:]))}"
            )
        packages = mark.kwargs.get("packages", ())
        if isinstance(packages, str):
            raise pytest.UsageError("packages= of pytest.mark.penny is a list of names")
        on = mark.args[0] if mark.args else mark.kwargs.get("on", "node")
        return cls(on, mark.kwargs.get("workers", 2), tuple(packages))


def _request(item: pytest.Function) -> dict[str, Any]:
    """What the runner is to know of a test."""
    used = {name for mark in item.iter_markers("usefixtures") for name in mark.args}
    values = {name: pickle.dumps(None) for name in used if not _is_pytests(item, name)}
    for name in item._fixtureinfo.argnames:
        if name in _parameters(item) or _is_pytests(item, name):
            continue
        data, why = _pickled(item.funcargs[name])
        if data is None:
            pytest.fail(
                f"the fixture {name!r} can't go to where the test runs: {why}. Give it plain "
                "values, or make it in the test",
                pytrace=False,
            )
        values[name] = data
    path = item.path
    return {
        "path": str(path),
        "source": path.read_text(encoding="utf-8"),
        "root": str(item.config.rootpath),
        "sys.path": [entry for entry in sys.path if entry],
        "test": item.nodeid.partition("::")[2],
        "fixtures": {name: base64.b64encode(data).decode() for name, data in values.items()},
    }


def _pickled(value: object) -> tuple[bytes | None, str]:
    try:
        return pickle.dumps(value, 5), ""
    except Exception as error:
        return None, str(error)


def _parameters(item: pytest.Function) -> set[str]:
    callspec = getattr(item, "callspec", None)
    return set() if callspec is None else set(callspec.params)


def _is_pytests(item: pytest.Function, name: str) -> bool:
    """Whether a fixture is one that pytest has there, too, or this plug-in."""
    definitions = item._fixtureinfo.name2fixturedefs.get(name, ())
    module = definitions[-1].func.__module__ if definitions else "_pytest."
    return module.startswith("_pytest.") or module == __name__


# -- The engine's process ------------------------------------------------------------------------


class EngineError(Exception):
    """The engine did not answer; says why."""


class Engine:
    """A process that runs tests, one after the other."""

    def __init__(self, place: Place) -> None:
        command = [sys.executable, "-m", "penny.cli", "run", "--on", place.on]
        command += ["--workers", str(place.workers)]
        for package in place.packages:
            command += ["--with", package]
        self._process = subprocess.Popen(
            [*command, str(RUNNER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._errors: list[str] = []
        for read in self._read, self._read_errors:
            threading.Thread(target=read, daemon=True).start()
        self._write({"pytest": base64.b64encode(_pytest_zip()).decode()})

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._errors.append(line)

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # whoever waits for an answer hears of its end
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def ask(self, message: dict[str, Any], patience: float) -> dict[str, Any]:
        """Have a test run. Raises EngineError."""
        self._errors.clear()
        self._write(message)
        printed = ""
        while True:
            try:
                line = self._lines.get(timeout=patience)
            except queue.Empty:
                raise EngineError(f"the test did not end within {patience:g} s") from None
            if line is None:
                said = "".join(self._errors).strip() or f"status {self._process.wait()}"
                raise EngineError(f"the engine has ended: {said}")
            before, sign, answer = line.partition(SIGN)
            printed += before
            if sign:
                found: dict[str, Any] = json.loads(answer)
                found["stdout"] = printed + found["stdout"]
                found["stderr"] = "".join(self._errors) + found["stderr"]
                return found

    def end(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


_ENGINES = pytest.StashKey[dict[Place, Engine]]()


def _pytest_zip() -> bytes:
    """The pytest that runs here, as an archive to import from."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in PYTEST:
            for file in importlib.metadata.files(name) or ():
                inside, path = file.as_posix(), Path(str(file.locate()))
                if inside.startswith("..") or file.suffix == ".pyc" or not path.is_file():
                    continue
                archive.write(path, inside)
    return data.getvalue()
