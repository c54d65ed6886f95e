"""The benchmarks' history: what it keeps, and what it calls worse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import history
import pytest

WHERE = {"date": "2026-11-26T12:00:00", "commit": "abc1234", "processor": "EPYC", "cores": 2}
BEFORE = "2026-11-25T12:00:00"


def measured(value: float, better: str = "lower", date: str = WHERE["date"]) -> dict[str, Any]:
    result = {"name": "first/boot", "value": value, "better": better, "date": date}
    return {"environment": WHERE, "results": [result]}


def runs(*values: float, machine: str = "EPYC, 2 cores", date: str = BEFORE) -> list[Any]:
    return [
        {"date": date, "commit": "old", "machine": machine, "values": {"first/boot": value}}
        for value in values
    ]


def test_a_run_is_a_line_with_what_was_measured_in_it(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    assert history.read(file) == []
    everything = measured(1.5)
    everything["results"].append(
        {"name": "first/old", "value": 9, "better": "lower", "date": BEFORE}
    )
    history.append(file, history.entry(everything))
    history.append(file, history.entry(measured(2.5)))
    assert len(file.read_text().splitlines()) == 2
    assert history.read(file) == [
        {
            "date": WHERE["date"],
            "commit": "abc1234",
            "machine": "EPYC, 2 cores",
            "values": {"first/boot": value},
        }
        for value in (1.5, 2.5)
    ]


def test_worse_is_what_lies_beyond_the_usual_spread_on_the_bad_side() -> None:
    steady = runs(1.0, 1.1, 0.9, 1.05, 0.95)  # median 1, usually 0.05 apart
    (found,) = history.worse(measured(1.2), steady)
    assert (found.name, found.value, found.median, found.runs) == ("first/boot", 1.2, 1.0, 5)
    assert found.usual == pytest.approx(0.15)
    assert "`first/boot` is 1.2" in str(found)
    assert history.worse(measured(1.14), steady) == []
    assert history.worse(measured(0.1), steady) == []


def test_for_a_speedup_less_is_worse() -> None:
    steady = runs(2.0, 2.0, 2.0)
    assert history.worse(measured(3.0, "higher"), steady) == []
    assert len(history.worse(measured(1.8, "higher"), steady)) == 1


def test_runs_that_came_out_alike_still_leave_some_room() -> None:
    assert history.worse(measured(1.04), runs(1.0, 1.0, 1.0)) == []
    assert len(history.worse(measured(1.06), runs(1.0, 1.0, 1.0))) == 1


@pytest.mark.parametrize(
    "earlier",
    [
        runs(1.0, 1.0),
        runs(1.0, 1.0, 1.0, machine="another, 8 cores"),
        runs(1.0, 1.0, 1.0, date=WHERE["date"]),
        [],
    ],
    ids=["too few", "another machine", "this very run", "none"],
)
def test_without_enough_earlier_runs_nothing_is_called_worse(earlier: list[Any]) -> None:
    assert history.worse(measured(5.0), earlier) == []


def test_what_this_run_did_not_measure_is_not_called_worse() -> None:
    assert history.worse(measured(5.0, date=BEFORE), runs(1.0, 1.0, 1.0)) == []


def test_only_the_last_runs_count() -> None:
    assert len(history.worse(measured(5.0), runs(*[5.0] * 20, *[1.0] * history.RUNS))) == 1
