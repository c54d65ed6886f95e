"""Threads killed at each stage of a task's life, as in tests/browser/test_death_stages.py."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.faults import POOL
from support.in_pyodide import FILES
from support.kernel_modules import kernel_module
from support.pages import archive
from test_death_stages import NAMES, PLAY, STAGES, WORKERS

# Those of the browser's tests are kept by their server.
GATES = b"""
import os
import uuid

class Gate:
    def __init__(self):
        self.path = f"{os.getcwd()}/{uuid.uuid4().hex}"

    def wait(self):
        from stages import nap
        while not os.path.exists(self.path):
            nap(0.002)

    def open(self):
        open(self.path, "w").close()
"""

BROWSER = Path(__file__).parents[1] / "browser"


def test_killed_at_each_stage(play: Callable[..., Any]) -> None:
    assert "gates.py" in FILES
    pool = POOL.replace(archive(FILES), archive({**FILES, "gates.py": GATES}))
    assert pool != POOL
    kernels = base64.b64encode(kernel_module(BROWSER / "kernels.c")).decode()
    outcomes = play(
        f"""
        const play = await (async () => {{ {pool} {STAGES} {PLAY} }})();
        const outcomes = {{}};
        for (const name of args[0]) {{
          process.stderr.write(name + '\\n'); // where it was, if it hangs
          outcomes[name] = await play(name);
        }}
        return outcomes;
        """,
        NAMES,
        WORKERS,
        kernels,
    )
    assert outcomes == {name: {"lost": 0, "tooManyDeaths": 0} for name in NAMES}
