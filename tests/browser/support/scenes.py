"""Scenes: what the tests of a module look at is played side by side, on one page.

A test says by a mark what shall happen, and asks by a fixture what came of it:

    @pytest.mark.scene("return 6 * 7")                  the body of an async function in JavaScript;
    def test_multiply(outcome): ...                     what it returned

    @pytest.mark.program("print(6 * 7)", on="page")     Python for Penny.run, options of Page.run;
    def test_print(run): ...                            its Run

    @pytest.mark.part("print(6 * 7)")                   for Python that needs no host worker of its
    def test_part(printed): ...                         own: parts are one program; its stdout

Whatever starts a worker takes its time, much of it waiting. So all scenes of a module are played
before its first test that asks, `AT_ONCE` of them at a time. Programs on the page take turns.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import pytest

from support.pages import Page, Run, program

AT_ONCE = 6
"""Scenes that are played at a time; most have two workers, which wait most of the time."""

SECONDS = 50.0
"""After which a scene counts as hanging; all take far less."""

# Leaves a promise for each scene in `scenes`. One that does not end fails, and the others go on.
_PLAY = """
const [sources, atOnce, seconds] = args;
const AsyncFunction = (async () => {}).constructor;
const limit = () => new Promise((_, reject) => setTimeout(() => reject(new Error(
  `the scene does not end; programs have printed ${JSON.stringify([...__printing])}`)),
  seconds * 1000));
globalThis.scenes = [];
const waiting = sources.entries();
const playInTurn = async () => {
  for (const [number, [source, values]] of waiting) {
    scenes[number] = Promise.race([new AsyncFunction('args', source)(values), limit()]);
    await scenes[number].catch(() => {}); // that is for the test
  }
};
await Promise.all(Array.from({length: atOnce}, playInTurn));
"""


class Scenes:
    """The scenes of some tests, played on a page. Tests with equal marks share one."""

    def __init__(self, page: Page, tests: Iterable[pytest.Function]) -> None:
        self._page = page
        sources: list[tuple[str, list[Any]]] = []
        self._numbers: dict[str, int] = {}
        """Position of its scene, by the test's id."""
        tests = list(tests)
        parts = {t.nodeid: m.args[0] for t in tests if (m := t.get_closest_marker("part"))}
        idle = [test.nodeid for test in tests if test.get_closest_marker("idle")]
        for test in tests:
            source = _source(test, parts, idle)
            if source is None:
                continue
            if source not in sources:
                sources.append(source)
            self._numbers[test.nodeid] = sources.index(source)
        rounds = math.ceil(len(sources) / AT_ONCE)
        page.timeout = (rounds + 1) * SECONDS
        page.js(_PLAY, sources, AT_ONCE, SECONDS)

    def outcome(self, test: pytest.Item) -> Any:
        """What the scene of a test returned.

        Raises:
            JavaScriptError: what it threw.
        """
        return self._page.js("return await scenes[args[0]]", self._numbers[test.nodeid])

    def run(self, test: pytest.Item) -> Run:
        """What the program of a test did."""
        return Run.of(self.outcome(test))

    def printed(self, test: pytest.Item) -> str:
        """What the part of a test has printed; fails with its traceback if it raised something."""
        lines = self.run(test).stdout.splitlines()
        parts = {name: (printed, failure) for name, printed, failure in map(json.loads, lines)}
        printed, failure = parts[test.nodeid]
        assert not failure, failure
        return printed


def _source(
    test: pytest.Function, parts: dict[str, str], idle: list[str]
) -> tuple[str, list[Any]] | None:
    """The scene of a test, if it has one: the body of an async function, and its `args`."""
    if mark := test.get_closest_marker("scene"):
        source, *args = mark.args
        return source, args
    if mark := test.get_closest_marker("program"):
        parameters = test.callspec.params if hasattr(test, "callspec") else {}
        where = {"on": parameters["on"]} if "on" in parameters else {}
        return program(*mark.args, **where, **mark.kwargs)
    if test.nodeid in parts:
        return program(f"from parts import play\nawait play({parts!r}, {idle!r})")
    return None
