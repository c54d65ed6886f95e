"""What scripts/core_floors.py says of objects that call each other as they should not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts/core_floors.py"


def check(folder: Path, **files: str) -> tuple[int, str]:
    """Of files by "room__name", with what nm prints of each."""
    nm = folder / "nm"
    nm.write_text('#!/bin/sh\ncat "$1"\n')
    os.chmod(nm, 0o700)
    paths = []
    for name, symbols in files.items():
        path = folder / f"{name.replace('__', '/')}.o"
        path.parent.mkdir(exist_ok=True)
        path.write_text(symbols)
        paths.append(path)
    command = [sys.executable, SCRIPT, nm, *paths]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout


def test_downward(tmp_path):
    status, said = check(
        tmp_path,
        jobs__joining="00000001 T worker_join\n         U park\n         U clock_ms\n",
        sleep__parking="00000001 T park\n00000002 t helper\n         U look\n",
        sleep__work="00000001 T look\n",
    )
    assert (status, said) == (0, "3 files of the core, 2 arrows, all downward\n")


@pytest.mark.parametrize("room", ["kernels", "pool"])
def test_upward(tmp_path, room):
    status, said = check(
        tmp_path,
        jobs__joining="         U promote_oldest\n",
        **{f"{room}__promotion": "00000001 T promote_oldest\n"},
    )
    assert status == 1
    assert said == (f"jobs/joining.c calls promote_oldest of {room}/promotion.c, not below it\n")


def test_rooms_of_one_floor(tmp_path):
    status, said = check(
        tmp_path,
        memory__heap="         U deque_pop\n",
        queues__deque="00000001 T deque_pop\n",
    )
    assert status == 1 and "memory/heap.c calls deque_pop" in said


def test_a_circle(tmp_path):
    status, said = check(
        tmp_path,
        sleep__waking="00000001 T wake\n         U ring\n",
        sleep__doorbell="00000001 T ring\n         U announce\n",
        sleep__announcing="00000001 T announce\n         U wake\n",
        sleep__latch="         U wake\n",
    )
    assert status == 1
    assert said == "in a circle: sleep/announcing.c, sleep/doorbell.c, sleep/waking.c\n"


def test_a_file_in_no_room(tmp_path):
    assert check(tmp_path, attic__old="") == (1, "attic/old is in no room\n")
