"""RESULTS.md and its plots: what benchmarks/report.py makes of figures."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import plots
import pytest
import report
from figures import Figure

RUN = {"date": "2026-11-26T12:00:00+00:00", "commit": "abc1234"}

LINES = {
    "kind": "lines",
    "title": "Speedup",
    "x": {"label": "workers", "log": False},
    "y": {"label": "speedup", "log": False},
    "series": {"matmul": [[1, 1.0], [2, 1.9]], "ideal": [[1, 1], [2, 2]]},
    "dashed": ["ideal"],
    "note": "Two cores, so two workers.",
}

BARS = {
    "kind": "bars",
    "title": "A task",
    "y": {"label": "µs", "log": True},
    "series": {"Penny": 12.0, "Comlink": 38.5},
}


def everything(*figures: Figure, **rest: Any) -> dict[str, Any]:
    """What latest.json holds after a run that measured `figures`."""
    environment = RUN | {"processor": "EPYC", "cores": 2, "workerpool": "10.0.3"}
    results = [figure.as_json() | RUN for figure in figures]
    return {"environment": environment, "results": results, **rest}


def compared(who: str, value: float, operation: str = "submit", **more: Any) -> Figure:
    raw = {"compared": {"operation": operation, "who": who, **more}}
    return Figure(f"peers/{operation}-{who}", value, None, False, raw, "µs")


def rows(page: str) -> list[list[str]]:
    """The cells of all tables."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("|")
    ]


def test_a_row_says_what_was_measured_and_whether_the_bound_is_kept() -> None:
    page = report.markdown(
        everything(
            Figure("first/boot", 0.1234, 0.25, False, {}, about="Four workers."),
            Figure("first/speedup", 1.5, 1.9, True, {}),
            Figure("first/size", 12345.6, None, False, {}, "bytes"),
        ),
        [],
    )
    assert ["`first/boot`", "Four workers.", "0.123", "≤ 0.25", "yes"] in rows(page)
    assert ["`first/speedup`", "", "1.5", "≥ 1.9", "**no**"] in rows(page)
    assert ["`first/size`", "", "12,346 bytes", "", ""] in rows(page)
    assert "1 of 2 bounds are kept." in page
    assert "* `first/speedup` is 1.5, the bound is ≥ 1.9." in page


def test_the_environment_is_on_the_page() -> None:
    page = report.markdown(everything(), [])
    assert ["workerpool", "10.0.3"] in rows(page)
    assert ["commit", "abc1234"] in rows(page)


def test_those_compared_are_columns_and_what_nobody_has_is_a_dash() -> None:
    page = report.markdown(
        everything(
            compared("Penny", 12), compared("Comlink", 38.47), compared("Penny", 0.3, "spawn")
        ),
        [],
    )
    assert ["µs", "Penny", "Comlink"] in rows(page)
    assert ["submit", "12", "38.5"] in rows(page)
    assert ["spawn", "0.3", "—"] in rows(page)


def test_what_penny_is_worse_at_is_said_in_words() -> None:
    page = report.markdown(
        everything(compared("Penny", 12), compared("Comlink", 38), compared("workerpool", 8)), []
    )
    assert "* submit: 12 µs with Penny, 8 µs with workerpool, a factor of 1.5." in page
    assert "with Comlink" not in page


def test_a_baseline_is_no_peer() -> None:
    page = report.markdown(
        everything(
            compared("Penny", 12),
            compared("call", 0.5, baseline=True),
            compared("Penny", 0.4, "spawn"),
            compared("call", 0.1, "spawn", baseline=True),
        ),
        [],
    )
    assert "* what a call does: a task costs 4 to 24 times as much." in page
    assert "with call" not in page


def test_where_more_is_better_less_is_said_in_words() -> None:
    figures = [
        Figure(f"peers/{who}", value, None, True, {"compared": {"operation": "rate", "who": who}})
        for who, value in (("Penny", 50), ("Comlink", 100), ("workerpool", 25))
    ]
    page = report.markdown(everything(*figures), [])
    assert "* rate: 50 with Penny, 100 with Comlink, a factor of 2." in page
    assert "with workerpool" not in page


def test_a_note_on_somebody_stands_there_once() -> None:
    page = report.markdown(
        everything(
            compared("Penny", 1),
            compared("Comlink", 2, note="By hand."),
            compared("Comlink", 3, "bulk", note="By hand."),
        ),
        [],
    )
    assert page.count("* Comlink: By hand.") == 1


def test_groups_come_in_the_order_of_the_page_and_unknown_ones_last() -> None:
    names = ("zoo/x", "kernels/x", "peers/x", "aviary/x", "first/x")
    page = report.markdown(everything(*(Figure(n, 1, None, False, {}) for n in names)), [])
    titles = [line for line in page.splitlines() if line.startswith("## ")]
    assert titles == [
        "## In short",
        "## Beside what people use now",
        "## Start-up and tasks",
        "## Kernels and shared arrays",
        "## Aviary",
        "## Zoo",
    ]


def test_a_figure_of_an_earlier_run_says_so() -> None:
    both = everything(Figure("first/a", 1, None, False, {}), Figure("first/b", 1, None, False, {}))
    both["results"][0] |= {"date": "2026-11-20T08:00:00+00:00", "commit": "0ld0000"}
    assert "Measured on 2026-11-20 at 0ld0000, on 2026-11-26 at abc1234." in report.markdown(
        both, []
    )


def test_what_failed_and_what_has_become_worse_are_on_the_page() -> None:
    figure = Figure("first/boot", 2.0, None, False, {})
    earlier = [
        {
            "date": f"2026-11-0{n}",
            "commit": "",
            "machine": "EPYC, 2 cores",
            "values": {"first/boot": 1},
        }
        for n in range(1, 5)
    ]
    page = report.markdown(everything(figure, failed={"first/tasks": "no memory"}), earlier)
    assert "* `first/tasks` failed: no memory" in page
    assert "* `first/boot` is 2; the median of the last 4 runs on this machine is 1" in page


def test_plots_are_written_linked_and_removed_with_their_figure(tmp_path: Path) -> None:
    figure = Figure("scaling/matmul", 1.9, None, True, {"plot": LINES})
    report.write(everything(figure), [], tmp_path)
    page = (tmp_path / "RESULTS.md").read_text()
    assert "![Speedup](plots/scaling-matmul.svg)\n\nTwo cores, so two workers.\n" in page
    ET.parse(tmp_path / "plots" / "scaling-matmul.svg")
    report.write(everything(), [], tmp_path)
    assert list((tmp_path / "plots").iterdir()) == []


@pytest.mark.parametrize("plot", [LINES, BARS], ids=["lines", "bars"])
def test_a_plot_shows_its_names_and_comes_out_the_same_in_another_process(plot: Any) -> None:
    picture = plots.svg(plot)
    texts = [element.text for element in ET.fromstring(picture).iter() if element.text]
    for text in (plot["title"], plot["y"]["label"], *plot["series"]):
        assert text in texts
    program = "import json, sys, plots; sys.stdout.write(plots.svg(json.load(sys.stdin)))"
    again = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(plot),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(plots.__file__).parent,
        env={"PYTHONIOENCODING": "utf-8", "PYTHONHASHSEED": "7"},
    )
    assert again.stdout == picture


def test_bars_have_their_values_written_at_them() -> None:
    picture = plots.svg(BARS | {"y": {"label": "µs", "log": False}})
    texts = [element.text for element in ET.fromstring(picture).iter() if element.text]
    assert "12" in texts and "38.5" in texts


@pytest.mark.parametrize(
    ("plot", "message"),
    [
        (LINES | {"kind": "pie"}, "lines or bars, not pie"),
        (LINES | {"series": {}}, "no series"),
    ],
)
def test_a_plot_that_can_not_be_drawn_is_an_error(plot: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plots.svg(plot)
