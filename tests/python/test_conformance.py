"""The scenarios of `conformance`, on every engine that there is without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import conformance
import pytest
from process_engine import FileGate, ProcessEngine

import penny
import penny.scheduler
from penny.engines.engine import Engine
from penny.engines.serial import SerialEngine

Scenario = tuple[str, conformance.Check]


def scenarios(*modules: str) -> list[Scenario]:
    return [
        (f"{module}.{name.removeprefix('check_')}", check)
        for module in modules
        for name, check in conformance.scenarios(module).items()
    ]


def serial(scenarios: list[Scenario]) -> list[Scenario]:
    """Those that need no task to run while its caller goes on."""
    return [(name, check) for name, check in scenarios if not hasattr(check, "overlapping")]


def each(scenarios: list[Scenario]) -> pytest.MarkDecorator:
    names, checks = zip(*scenarios, strict=True)
    return pytest.mark.parametrize("check", checks, ids=names)


BLOCKING = scenarios(*conformance.MODULES)
AWAITED = scenarios(conformance.AWAITED)


class Environment:
    """See `conformance.Environment`."""

    def __init__(self, engine: type[Engine], folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self.opened: list[penny.Scheduler] = []
        self.scheduler = self.open(workers=2)

    def open(self, **options: Any) -> penny.Scheduler:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(penny.scheduler, "open_engine", self._engine)
            self.opened.append(penny.Scheduler(**options))
        return self.opened[-1]

    def gate(self) -> FileGate:
        return FileGate(self._folder)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(ProcessEngine, tmp_path_factory.mktemp("gates"))
    with environment.scheduler:
        yield environment


@each(BLOCKING)
def test_with_processes(processes: Environment, check: conformance.Check) -> None:
    with conformance.watched(processes, check):
        check(processes)


@each(AWAITED)
async def test_with_processes_awaited(processes: Environment, check: conformance.Check) -> None:
    with conformance.watched(processes, check):
        await check(processes)


@each(serial(BLOCKING))
def test_serially(tmp_path: Path, check: conformance.Check) -> None:
    env = Environment(SerialEngine, tmp_path)
    with conformance.watched(env, check):
        check(env)


@each(serial(AWAITED))
async def test_serially_awaited(tmp_path: Path, check: conformance.Check) -> None:
    env = Environment(SerialEngine, tmp_path)
    with conformance.watched(env, check):
        await check(env)
