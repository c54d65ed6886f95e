"""What any `concurrent.futures.Executor` promises, as scenarios that run on every engine.

Our own, to the standard of CPython's tests of its executors. A scenario, a function `check_…(env)`,
asserts; `env` (an `Environment`) gives it a Scheduler. Those of one module are awaited, all
others block. `test_engines.py` runs them on CPython, on each engine that there is, and in headless
Chromium tests/browser/test_python_conformance.py, which sends these files there: they import
nothing but the standard library and penny.

Some need what not every engine can do, and say so (`@needs`). docs/conformance.md lists what cannot
hold where.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from penny import Scheduler
from penny.lowlevel import Abilities

MODULES = (
    "executors",
    "states",
    "callbacks",
    "waiting",
    "cancelling",
    "ending",
    "inside",
    "abilities",
)
"""Where the scenarios are."""

AWAITED = "awaiting"
"""The module whose scenarios are `async def`."""

Check = Callable[["Environment"], Any]


class Gate(Protocol):
    """What a task waits at, until it is opened. Pickles as itself."""

    def wait(self) -> None: ...
    def open(self) -> None: ...
    def reached(self) -> None:
        """Block until a task waits at it."""


class Environment(Protocol):
    """What a scenario runs in."""

    scheduler: Scheduler
    """With two workers. Scenarios leave nothing behind on it."""

    opened: list[Scheduler]
    """It, and all that `open` has opened."""

    def open(self, **options: Any) -> Scheduler:
        """Another one, which the scenario shuts down."""

    def gate(self) -> Gate: ...


def needs(*abilities: str) -> Callable[[Check], Check]:
    """Marks a scenario that only engines with these abilities can play. See `penny.lowlevel`."""

    def mark(check: Check) -> Check:
        check.needs = {*abilities, *getattr(check, "needs", ())}  # type: ignore[attr-defined]
        return check

    return mark


overlapping = needs("overlaps")
"""Marks a scenario that needs a task which runs while its caller goes on."""


def can_play(check: Check, abilities: Abilities) -> bool:
    """Whether an engine with these abilities can play a scenario."""
    return all(getattr(abilities, name) for name in getattr(check, "needs", ()))


def abilities(env: Environment) -> Abilities:
    """What the engine of the scenarios can do."""
    return env.scheduler._engine.abilities


def idle(check: Check) -> Check:
    """Marks a scenario in which no task has to run."""
    check.idle = True  # type: ignore[attr-defined]
    return check


def uncounted(check: Check) -> Check:
    """Marks a scenario of coroutine tasks alone, which assert themselves that they are in a worker.

    In a browser the worker that they share is none of those that `stats` counts.
    """
    return idle(check)


@contextlib.contextmanager
def watched(env: Environment, check: Check) -> Iterator[None]:
    """A block in which a scenario runs: it fails if no worker has run a task, unless `@idle`.

    What a Scheduler is asked for could come out right without one, inline. So the workers' own
    counters are looked at.
    """
    before = _tasks_run(env)
    yield
    assert hasattr(check, "idle") or _tasks_run(env) > before, "no worker has run a task"


def _tasks_run(env: Environment) -> int:
    return sum(w["run"] for s in env.opened for w in s.stats()["workers"])


def scenarios(module: str) -> dict[str, Check]:
    """The scenarios of a module, by name."""
    contents = vars(importlib.import_module(f"conformance.{module}"))
    return {name: value for name, value in contents.items() if name.startswith("check_")}


def pass_through(gate: Gate, value: object = None) -> object:
    """A task that waits at a gate and returns `value`."""
    gate.wait()
    return value


@contextlib.contextmanager
def busy(env: Environment, scheduler: Scheduler | None = None) -> Iterator[list[Any]]:
    """While it lasts, both workers run a task each, so that all others are pending.

    Gives the futures of the two tasks.
    """
    scheduler = scheduler or env.scheduler
    gates = [env.gate(), env.gate()]
    futures = [scheduler.submit(pass_through, gate, "passed") for gate in gates]
    for gate in gates:
        gate.reached()
    try:
        yield futures
    finally:
        for gate in gates:
            gate.open()
        for future in futures:
            future.result()


@contextlib.contextmanager
def raises(error: type[BaseException], words: str = "") -> Iterator[list[BaseException]]:
    """The block raises `error`, with `words` in its message. Gives a list that will hold it."""
    caught: list[BaseException] = []
    try:
        yield caught
    except error as raised:
        assert words in str(raised), f"{words!r} not in {str(raised)!r}"
        caught.append(raised)
    else:
        raise AssertionError(f"{error.__name__} not raised")
