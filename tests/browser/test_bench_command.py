"""`penny bench` as users call it, with one round: all of it is measured, for real."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from penny.cli.bench import OPERATIONS, WHO, digits

TIMEOUT = 300
"""Seconds; it takes half a minute where nothing else runs."""

SUBMITTED_ON_THE_PAGE = ("submit-await", "bulk", "python-submit-await", "python-bulk")


def test_every_row_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, "-m", "penny.cli", "bench", "--rounds", "1", "--json", str(file)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    written = json.loads(file.read_text())
    samples = {(r["operation"], r["who"]): r["samples"] for r in written["results"]}
    assert set(samples) == {
        *((operation, who) for operation in SUBMITTED_ON_THE_PAGE for who in WHO),
        *((operation, who) for operation in OPERATIONS for who in ("penny", "serial")),
    }
    assert all(len(times) == 1 and times[0] > 0 for times in samples.values())
    # A task goes to another thread and back, a plain call goes nowhere.
    for operation in OPERATIONS:
        assert samples[operation, "penny"] > samples[operation, "serial"]
    for (operation, who), times in samples.items():
        (line,) = (line for line in done.stdout.splitlines() if OPERATIONS[operation] in line)
        cells = line.removeprefix(OPERATIONS[operation]).split()
        assert cells[list(WHO).index(who)] == digits(statistics.median(times))
