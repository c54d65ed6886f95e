"""The core's rooms lie on floors: a file calls and includes what is of its own room, or below.

    core_floors.py NM FILE…

The files are object files in folders by room, as the Makefile makes them; what they call is asked
of `NM`, so it is what the compiler saw. What is inline goes by the headers that are included. Also
says which files call each other in a circle.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

FLOORS = ["memory queues", "tables", "trace", "sleep", "tasks", "jobs", "kernels", "pool"]
"""Lowest first."""

LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms.split()}
SOURCES = Path(__file__).parents[1] / "penny" / "wasm_core"


def symbols(nm: str, path: Path) -> tuple[set[str], set[str]]:
    """What an object file defines for others, and what it wants of them."""
    rows = [row.split() for row in subprocess.check_output([nm, path], text=True).splitlines()]
    defined = {row[2] for row in rows if len(row) == 3 and row[1] in "TDBR"}
    return defined, {row[1] for row in rows if row[0] == "U"}


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def is_below(here: str, there: str) -> bool:
    return here == there or LEVEL[there] < LEVEL[here]


def in_circles(calls: dict[Path, set[Path]]) -> list[Path]:
    def reached(path: Path, seen: set[Path]) -> set[Path]:
        for each in calls[path] - seen:
            seen.add(each)
            reached(each, seen)
        return seen

    return sorted(path for path in list(calls) if path in reached(path, set()))


def main(nm: str, paths: list[Path]) -> int:
    files = {path: symbols(nm, path) for path in paths}
    wrong = [f"{name_of(path)} is in no room" for path in files if path.parent.name not in LEVEL]
    if wrong:
        print("\n".join(wrong))
        return 1
    owner = {name: path for path, (defined, _) in files.items() for name in defined}
    calls: dict[Path, set[Path]] = defaultdict(set)
    for path, (_, wanted) in files.items():
        for name in sorted(wanted & owner.keys()):
            target = owner[name]
            calls[path].add(target)
            if not is_below(path.parent.name, target.parent.name):
                wrong.append(f"{name_of(path)}.c calls {name} of {name_of(target)}.c, not below it")
    for source in sorted(SOURCES.glob("*/*.[ch]")):
        here = source.parent.name
        for there in re.findall(r'^#include "(\w+)/', source.read_text(), re.MULTILINE):
            if here in LEVEL and there in LEVEL and not is_below(here, there):
                wrong.append(f"{here}/{source.name} includes what is {there}'s, not below it")
    if circle := in_circles(calls):
        wrong.append("in a circle: " + ", ".join(f"{name_of(path)}.c" for path in circle))
    arrows = sum(map(len, calls.values()))
    print("\n".join(wrong) or f"{len(files)} files of the core, {arrows} arrows, all downward")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], [Path(each) for each in sys.argv[2:]]))
