"""The scenarios on every engine that there is without a browser.

The pool runs them in tests/browser/test_python_conformance.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from executor_engine import ExecutorEngine

import conformance
import penny
from conformance.process_engine import FileGate, ProcessEngine
from penny import lowlevel
from penny.engines.serial import SerialEngine

ENGINES: dict[str, type[lowlevel.Engine]] = {
    "serial": SerialEngine,
    "processes": ProcessEngine,
    "executor": ExecutorEngine,  # that of docs/engines.md
}


def scenarios(*modules: str) -> list[Any]:
    """Each with each engine that can play it."""
    return [
        pytest.param(name, check, id=f"{name}-{module}.{title.removeprefix('check_')}")
        for name, engine in ENGINES.items()
        for module in modules
        for title, check in conformance.scenarios(module).items()
        if conformance.can_play(check, engine.abilities)
    ]


class Environment:
    """See `conformance.Environment`."""

    def __init__(self, engine: str, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self.opened: list[penny.Scheduler] = []
        self.scheduler = self.open(workers=2)

    def open(self, **options: Any) -> penny.Scheduler:
        self.opened.append(penny.Scheduler(**options, engine=self._engine))
        return self.opened[-1]

    def gate(self) -> FileGate:
        return FileGate(self._folder)


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Environment]]:
    """One of each engine, opened when a scenario asks for it."""
    for name, engine in ENGINES.items():
        if name not in lowlevel.engine_names():
            lowlevel.register_engine(name, engine)

    class Environments(dict[str, Environment]):
        def __missing__(self, name: str) -> Environment:
            self[name] = Environment(name, tmp_path_factory.mktemp(name))
            return self[name]

    opened = Environments()
    yield opened
    for environment in opened.values():
        environment.scheduler.shutdown()


@pytest.mark.parametrize(("engine", "check"), scenarios(*conformance.MODULES))
def test_scenario(
    environments: dict[str, Environment], engine: str, check: conformance.Check
) -> None:
    environment = environments[engine]
    with conformance.watched(environment, check):
        check(environment)


@pytest.mark.parametrize(("engine", "check"), scenarios(conformance.AWAITED))
async def test_awaited_scenario(
    environments: dict[str, Environment], engine: str, check: conformance.Check
) -> None:
    environment = environments[engine]
    with conformance.watched(environment, check):
        await check(environment)
