"""The figures of earlier runs: benchmarks/history.jsonl, a line a run.

    {"date": …, "commit": …, "machine": …, "values": {name: value}}

A figure has become worse if it lies further on the bad side of the median of the last runs on the
same machine than runs usually lie apart.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from figures import Raw

RUNS = 10
"""How many runs back we look."""

FEWEST_RUNS = 3
"""Of fewer nobody can say how far apart they usually lie."""

SPREADS = 3.0
"""What is beyond so many times the median distance from the median is unusual."""

LEAST_SPREAD = 0.05
"""Part of the median: less is never called worse, however close together a few runs were."""


def entry(everything: Raw) -> Raw:
    """The line for one run, of what was measured in it."""
    where = everything["environment"]
    return {
        "date": where["date"],
        "commit": where["commit"],
        "machine": machine(where),
        "values": {
            result["name"]: result["value"]
            for result in everything["results"]
            if result["date"] == where["date"]
        },
    }


def machine(environment: Raw) -> str:
    """What makes two runs comparable."""
    return f"{environment['processor']}, {environment['cores']} cores"


def read(file: Path) -> list[Raw]:
    """All runs, oldest first; none if there is no file yet."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines() if line]


def append(file: Path, line: Raw) -> None:
    with file.open("a") as lines:
        lines.write(json.dumps(line, ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class Worse:
    """A figure that has become worse."""

    name: str
    value: float
    median: float
    usual: float
    """The distance from the median that is still usual."""
    runs: int

    def __str__(self) -> str:
        return (
            f"`{self.name}` is {self.value:.4g}; the median of the last {self.runs} runs on this "
            f"machine is {self.median:.4g}, and {self.usual:.2g} off it would be usual"
        )


def worse(everything: Raw, runs: list[Raw]) -> list[Worse]:
    """What has become worse with the last run, by what was measured before it.

    Args:
        everything: The results as latest.json has them; those of an earlier run are passed over.
        runs: The history, with or without the line of this run.
    """
    where = everything["environment"]
    before = [
        run["values"]
        for run in runs
        if run["machine"] == machine(where) and run["date"] < where["date"]
    ]
    found = []
    for result in everything["results"]:
        if result["date"] != where["date"]:
            continue
        name, value = result["name"], result["value"]
        values = [run[name] for run in before if name in run][-RUNS:]
        if len(values) < FEWEST_RUNS:
            continue
        median = statistics.median(values)
        distance = statistics.median(abs(v - median) for v in values)
        usual = max(SPREADS * distance, LEAST_SPREAD * abs(median))
        excess = value - median if result["better"] == "lower" else median - value
        if excess > usual:
            found.append(Worse(name, value, median, usual, len(values)))
    return found
