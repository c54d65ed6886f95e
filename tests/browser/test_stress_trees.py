"""Random trees of spawns, exceptions, cancellations, timeouts and scopes, against a serial oracle.

The program is tests/stress/trees.py. A failed run says its seed; to have the same trees again:

    PENNY_SEED=7 make stress-browser
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.pages import Page

PROGRAM = (Path(__file__).parents[1] / "stress/trees.py").read_text()


def plays(page: Page, workers: int, trees: int) -> None:
    seed = int(os.environ.get("PENNY_SEED", 1))
    options = {"--seed": seed, "--trees": trees, "--workers": workers}
    argv = ["trees.py", *(str(word) for option in options.items() for word in option)]
    run = page.run_long(PROGRAM, argv=argv)
    print(run.stdout)
    assert run.status == 0, run.stdout + run.stderr
    # "as expected" of nothing would prove nothing.
    assert f"{trees} trees" in run.stdout


def test_some_trees(page: Page) -> None:
    page.timeout = 120
    plays(page, workers=4, trees=100)


@pytest.mark.stress
@pytest.mark.parametrize("workers", [2, 4, 8])
def test_many_trees(page: Page, workers: int) -> None:
    page.timeout = 900
    plays(page, workers, trees=2500)
