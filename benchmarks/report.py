"""Makes benchmarks/RESULTS.md and its plots of benchmarks/latest.json and history.jsonl.

    .venv/bin/python benchmarks/report.py [latest.json]

run.py does that after each run; alone it measures nothing.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import history
import plots
from figures import PENNY, Raw

from penny.cli.bench import digits

HERE = Path(__file__).resolve().parent
LATEST = HERE / "latest.json"
HISTORY = HERE / "history.jsonl"
RESULTS = "RESULTS.md"
PLOTS = "plots"

GROUPS = {
    "peers": "Beside what people use now",
    "scaling": "More workers",
    "growth": "More of everything",
    "first": "Start-up and tasks",
    "forkjoin": "Fork-join in Python",
    "kernels": "Kernels and shared arrays",
    "trace": "What traces cost",
    "hosts": "Where others host it",
    "adapters": "Other libraries on Penny's workers",
}
"""Titles of the groups (a name's part before the slash), in the page's order."""

HOW = """\
Each figure is a median over several rounds after warm-up; what is compared was measured in turn, in
the same page. A figure without a unit is a ratio. Most have a bound that they have to keep.

`make bench` measures everything anew, in headless Chromium, and writes this page, its plots,
`latest.json` (every single sample) and a line of `history.jsonl`. It takes about half an hour and
wants a machine that does nothing else. `.venv/bin/python benchmarks/run.py peers forkjoin/fib`
measures a part; the rest stays as it was. `penny bench` measures what a task costs on your own
machine.
"""


def write(everything: Raw, runs: list[Raw], folder: Path) -> None:
    """Write RESULTS.md and its plots into `folder`.

    Args:
        everything: What latest.json holds.
        runs: What history.jsonl holds, see history.py.
    """
    pictures = {
        f"{result['name'].replace('/', '-')}.svg": plots.svg(result["raw"]["plot"])
        for result in everything["results"]
        if "plot" in result["raw"]
    }
    (folder / PLOTS).mkdir(exist_ok=True)
    for old in (folder / PLOTS).glob("*.svg"):
        if old.name not in pictures:
            old.unlink()
    for name, picture in pictures.items():
        (folder / PLOTS / name).write_text(picture)
    (folder / RESULTS).write_text(markdown(everything, runs))


def markdown(everything: Raw, runs: list[Raw]) -> str:
    """The page."""
    groups: dict[str, list[Raw]] = defaultdict(list)
    for result in everything["results"]:
        groups[result["name"].partition("/")[0]].append(result)
    order = [*GROUPS, *sorted(set(groups) - set(GROUPS))]
    parts = [
        "# Results\n",
        HOW,
        _environment(everything["environment"]),
        _summary(everything, runs),
        *(_group(group, groups[group]) for group in order if group in groups),
    ]
    return "\n".join(parts)


def amount(value: float, unit: str) -> str:
    """A value and its unit."""
    return f"{digits(value)} {unit}".rstrip()


def bound(result: Raw) -> str:
    sign = "≤" if result["better"] == "lower" else "≥"
    return "" if result["bound"] is None else f"{sign} {amount(result['bound'], result['unit'])}"


def line(result: Raw) -> str:
    """A result for the terminal."""
    text = f"{result['name']:34} {amount(result['value'], result['unit']):>12}"
    kept = "" if result["bound"] is None else "ok" if result["ok"] else "NOT KEPT"
    return f"{text} {bound(result):>12} {kept}".rstrip()


def _environment(environment: Raw) -> str:
    return table(["measured", ""], [[key, str(value)] for key, value in environment.items()])


def _summary(everything: Raw, runs: list[Raw]) -> str:
    results = everything["results"]
    bounded = [result for result in results if result["bound"] is not None]
    missed = [result for result in bounded if not result["ok"]]
    lines = ["## In short\n", f"{len(bounded) - len(missed)} of {len(bounded)} bounds are kept.\n"]
    sections = {
        "Not kept": [
            f"`{r['name']}` is {amount(r['value'], r['unit'])}, the bound is {bound(r)}."
            for r in missed
        ],
        "Penny is worse than somebody else at": list(_worse_than_others(results)),
        "Worse than in earlier runs": [f"{w}." for w in history.worse(everything, runs)],
        "Not measured": [
            f"`{name}` failed: {error}" for name, error in everything.get("failed", {}).items()
        ],
    }
    for title, sentences in sections.items():
        if sentences:
            lines += [f"{title}:\n", *(f"* {sentence}" for sentence in sentences), ""]
    return "\n".join(lines)


def _compared(results: list[Raw]) -> dict[tuple[str, str], dict[str, Raw]]:
    """What was measured with several: (operation, unit) → who → result."""
    rows: dict[tuple[str, str], dict[str, Raw]] = defaultdict(dict)
    for result in results:
        if compared := result["raw"].get("compared"):
            rows[compared["operation"], result["unit"]][compared["who"]] = result
    return rows


def _worse_than_others(results: list[Raw]) -> Iterator[str]:
    beside: dict[str, list[float]] = defaultdict(list)
    for (operation, unit), row in _compared(results).items():
        if PENNY not in row:
            continue
        ours = row[PENNY]["value"]
        for who, result in row.items():
            value = result["value"]
            factor = ours / value if result["better"] == "lower" else value / ours
            if factor <= 1:
                continue
            if result["raw"]["compared"].get("baseline"):
                beside[who].append(factor)
                continue
            yield (
                f"{operation}: {amount(ours, unit)} with Penny, {amount(value, unit)} with "
                f"{who}, a factor of {amount(factor, '')}."
            )
    for who, factors in beside.items():
        least, most = digits(min(factors)), digits(max(factors))
        yield f"what a {who} does: a task costs {least} to {most} times as much."


def _group(name: str, results: list[Raw]) -> str:
    parts = [f"## {GROUPS.get(name, name.capitalize())}\n"]
    parts += _comparisons(results)
    single = [result for result in results if "compared" not in result["raw"]]
    if single:
        rows = [
            [
                f"`{result['name']}`",
                result["about"],
                amount(result["value"], result["unit"]),
                bound(result),
                "" if result["bound"] is None else "yes" if result["ok"] else "**no**",
            ]
            for result in single
        ]
        parts.append(table(["figure", "what", "value", "bound", "kept"], rows))
    for result in results:
        if plot := result["raw"].get("plot"):
            file = f"{PLOTS}/{result['name'].replace('/', '-')}.svg"
            parts.append(f"![{plot['title']}]({file})\n")
            if "note" in plot:
                parts.append(f"{plot['note']}\n")
    parts.append(_measured(results))
    return "\n".join(parts)


def _comparisons(results: list[Raw]) -> Iterator[str]:
    """For each unit a table, with a column for everybody who did anything in it, and notes."""
    rows = _compared(results)
    for unit in dict.fromkeys(unit for _, unit in rows):
        mine = {operation: row for (operation, u), row in rows.items() if u == unit}
        everybody = list(dict.fromkeys(who for row in mine.values() for who in row))
        yield table(
            [unit, *everybody],
            [
                [operation, *(amount(row[w]["value"], "") if w in row else "—" for w in everybody)]
                for operation, row in mine.items()
            ],
        )
        notes = {
            who: compared["note"]
            for row in mine.values()
            for who, result in row.items()
            if "note" in (compared := result["raw"]["compared"])
        }
        if notes:
            yield "\n".join(f"* {who}: {note}" for who, note in notes.items()) + "\n"


def _measured(results: list[Raw]) -> str:
    """When: not all figures need be of the same run."""
    runs = sorted({(result["date"][:10], result["commit"]) for result in results})
    return f"Measured {', '.join(f'on {date} at {commit}' for date, commit in runs)}.\n"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Makes RESULTS.md of what was measured.")
    parser.add_argument("latest", nargs="?", type=Path, default=LATEST)
    write(json.loads(parser.parse_args().latest.read_text()), history.read(HISTORY), HERE)
