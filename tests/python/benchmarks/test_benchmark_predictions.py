"""docs/simulation.md: its tables are those of the figures that are committed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import predictions
import pytest
import report


@pytest.fixture
def result() -> dict[str, Any]:
    results = json.loads(report.LATEST.read_text())["results"]
    found: dict[str, Any] = next(r for r in results if r["name"] == "scaling/simulation")
    return found


@pytest.fixture
def page(tmp_path: Path) -> Path:
    copy = tmp_path / "simulation.md"
    copy.write_text(predictions.PAGE.read_text())
    return copy


def test_the_page_is_of_the_committed_figures(result: dict[str, Any], page: Path) -> None:
    before = page.read_text()
    predictions.write(result, page)
    assert page.read_text() == before


def test_another_run_replaces_all_of_it(result: dict[str, Any], page: Path) -> None:
    result["date"] = "2031-02-03T04:05:06+00:00"
    raw = result["raw"]
    raw["costs_us"]["wake"] = 1234.5
    raw["plot"]["series"]["12 queens"][-1][1] = 63.21
    raw["errors"]["uts"]["speedup_of_2"] = -0.5
    predictions.write(result, page)
    text = page.read_text()
    assert "Costs measured on 2031-02-03 (" in text
    assert "| what the job takes longer then | 1,234 |" in text
    assert "| 63.2 |" in text
    assert "| -50 % |" in text
    assert text.count("<!-- table: ") == 3
    predictions.write(result, page)
    assert page.read_text() == text


def test_a_page_without_a_place_is_an_error(result: dict[str, Any], page: Path) -> None:
    page.write_text(page.read_text().replace("<!-- table: checked -->", ""))
    with pytest.raises(ValueError, match="0 places for the table 'checked'"):
        predictions.write(result, page)
