"""The tables of docs/simulation.md: one run's costs, what follows from them, what could be checked.

    .venv/bin/python benchmarks/predictions.py [latest.json]

prints what the costs in that file predict, by the model as it is now. run.py writes the tables
after each run that measured the simulation.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import simulation
from figures import Raw
from report import LATEST, table

from penny.cli.bench import digits

PAGE = Path(__file__).resolve().parents[1] / "docs" / "simulation.md"

COSTS = {
    "spawn": ("spawn, and join of a job that nobody took", "a loop of them, without the loop"),
    "promotion": (
        "the victim's, for a job",
        "time until `publish` returns, beside a worker that spins",
    ),
    "steal": ("claim, unpickling, handing in", "from then until the job has ended"),
    "request": (
        "from the ring to the promotion",
        "the latency of a steal by request, without the two above",
    ),
    "notify": (
        "the waker's, for a wake-up",
        "what `publish` takes longer beside a worker that sleeps",
    ),
    "wake": (
        "from there until the woken one looks around",
        "what the job takes longer then",
    ),
}
"""What the costs are, and how they are measured (scaling.py), by their names in the simulation."""


def write(result: Raw, page: Path = PAGE) -> None:
    """Put the tables of a run into the page.

    Args:
        result: What latest.json has of `scaling/simulation`.
        page: Has a comment `<!-- table: costs -->` before the table to be replaced, and likewise
            of `predicted` and `checked`.

    Raises:
        ValueError: It has not.
    """
    raw = result["raw"]
    text = page.read_text()
    for name, made in (
        ("costs", _costs(raw["costs_us"])),
        ("predicted", _predicted(raw["plot"]["series"], raw["greatest_possible"])),
        ("checked", _checked(raw["plot"]["series"], raw["errors"])),
    ):
        text, found = re.subn(
            rf"(<!-- table: {name} -->\n\n)(?:\|.*\n)*", lambda m, made=made: m[1] + made, text
        )
        if found != 1:
            raise ValueError(f"{page} has {found} places for the table {name!r}, not one")
    text = re.sub(r"Costs measured on [-0-9]+ ", f"Costs measured on {result['date'][:10]} ", text)
    page.write_text(text)


def _costs(costs: dict[str, float]) -> str:
    call = ["`call`", "a call of the program", "the serial program in a worker, over its calls"]
    return table(
        ["cost", "what it is", "how it is measured", "µs"],
        [[*call, "by program"]]
        + [[f"`{name}`", *COSTS[name], digits(costs[name])] for name in COSTS],
    )


def _predicted(series: dict[str, list[list[float]]], ideal: dict[str, float]) -> str:
    rows = []
    for name, greatest in ideal.items():
        label = simulation.LABELS.get(name, name)
        speedups = [f"{speedup:#.3g}" for _, speedup in series[label]]
        rows.append([label, f"{greatest:,.0f}", *speedups])
    return table(["program", "T₁/T∞", *map(str, simulation.WORKERS)], rows)


def _checked(series: dict[str, list[list[float]]], errors: dict[str, Raw]) -> str:
    rows = []
    for name, error in errors.items():
        label = simulation.LABELS[name]
        two = dict(map(tuple, series[label]))[2]
        rows.append(
            [
                label,
                f"{100 * error['time_of_1']:+.0f} %",
                f"{two:.2f}",
                f"{error['measured_speedup_of_2']:.2f}",
                f"{100 * error['speedup_of_2']:+.0f} %",
            ]
        )
    return table(
        [
            "program",
            "1 worker, error of the time",
            "2 workers, speedup predicted",
            "measured",
            "error",
        ],
        rows,
    )


def main(path: Path) -> None:
    """Predict anew from what was measured, and print the table."""
    results = {each["name"]: each for each in json.loads(path.read_text())["results"]}
    raw = results["scaling/simulation"]["raw"]
    predicted = simulation.predictions(raw["costs_us"], raw["serial_ms"])
    series = {simulation.LABELS.get(name, name): p.speedups() for name, p in predicted.items()}
    print(_predicted(series, {name: p.ideal for name, p in predicted.items()}), end="")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Predicts speedups from measured costs.")
    parser.add_argument("results", nargs="?", type=Path, default=LATEST)
    main(parser.parse_args().results)
