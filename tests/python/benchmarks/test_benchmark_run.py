"""benchmarks/run.py: which suites it runs, and what it keeps when one of them fails."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pytest
import run
from figures import Figure

WHERE = {"commit": "abc1234", "date": "2026-11-26T12:00:00"}


def boot(_pages: Any) -> Iterator[Figure]:
    """Workers ready.

    More than one line.
    """
    yield Figure("first/boot", 1.0, 2.0, False, {})
    yield Figure("first/boot-again", 3.0, 2.0, False, {}, "ms", "The second time.")


def broken(_pages: Any) -> Iterator[Figure]:
    """Breaks after its first figure."""
    yield Figure("first/half", 1.0, None, False, {})
    raise RuntimeError("the page crashed\nand more")


def speedup(name: str, _pages: Any) -> Iterator[Figure]:
    """From one to two workers."""
    yield Figure(f"more/{name}", 1.9, None, True, {})


@pytest.fixture(autouse=True)
def suites(monkeypatch: pytest.MonkeyPatch) -> None:
    suites = {
        "first/broken": broken,
        "first/boot": boot,
        "more/fib": functools.partial(speedup, "fib"),
    }
    monkeypatch.setattr(run, "SUITES", suites)


def test_a_suite_that_fails_is_named_and_the_others_are_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    results, failed = run.measure(None, [], WHERE)  # type: ignore[arg-type]
    assert list(results) == ["first/half", "first/boot", "first/boot-again", "more/fib"]
    assert failed == {"first/broken": "the page crashed"}
    printed = capsys.readouterr()
    assert "FAILED: the page crashed" in printed.err
    assert "NOT KEPT" in printed.out.splitlines()[2]


def test_a_result_says_when_where_and_what() -> None:
    results, _ = run.measure(None, [], WHERE)  # type: ignore[arg-type]
    boot = results["first/boot"]
    assert (boot["commit"], boot["date"]) == (WHERE["commit"], WHERE["date"])
    assert boot["about"] == "Workers ready."
    assert results["first/boot-again"]["about"] == "The second time."
    assert results["more/fib"]["about"] == "From one to two workers."


@pytest.mark.parametrize(
    ("selected", "names"),
    [
        (["more"], ["more/fib"]),
        (["first/boot-again"], ["first/boot", "first/boot-again"]),
        (["more/fib", "first/boot"], ["first/boot", "first/boot-again", "more/fib"]),
        (["nothing"], []),
    ],
)
def test_names_select_by_their_beginning(selected: list[str], names: list[str]) -> None:
    results, failed = run.measure(None, selected, WHERE)  # type: ignore[arg-type]
    assert (list(results), failed) == (names, {})
