"""Tests of what runs Penny besides browsers: Node, or `PENNY_TEST_ENGINE=bun`, `deno`, a path.

They play scenes of the browser tests, by the npm package that `make test-hosts-js` builds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "build" / "npm" / "node.js"

sys.path.insert(0, str(ROOT / "tests" / "browser"))  # for support.faults, and the scenes


def _engine() -> list[str]:
    assert PACKAGE.is_file(), "make test-hosts-js builds the package"
    engine = os.environ.get("PENNY_TEST_ENGINE", "node")
    return [engine, "run", "--allow-all"] if Path(engine).name == "deno" else [engine]


@pytest.fixture
def engine() -> list[str]:
    """The command `penny` of the package, there."""
    return [*_engine(), str(PACKAGE.with_name("penny.js"))]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Any]:
    """`play(source, *args)` runs JavaScript where `Penny` is the package; returns what it does.

    For one program: what `source` returns has to be JSON. Its tasks' current directory is one in
    which they may write.
    """

    def run(source: str, *args: Any) -> Any:
        program = tmp_path / "scene.mjs"
        program.write_text(f"""
            import * as penny from {json.dumps(PACKAGE.as_uri())};
            const folder = {json.dumps(str(tmp_path))};
            const machine = {{folders: [{{path: folder, write: true}}], directory: folder}};
            const scheduler = options => penny.scheduler({{...options, machine}});
            const Penny = {{...penny, scheduler}};
            const args = {json.dumps(args)};
            const outcome = await (async () => {{ {source} }})();
            process.stdout.write('\\n' + JSON.stringify(outcome) + '\\n', () => process.exit(0));
        """)
        ran = subprocess.run([*_engine(), program], capture_output=True, text=True, timeout=500)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return json.loads(ran.stdout.splitlines()[-1])

    return run


def pytest_configure(config: pytest.Config) -> None:
    # Of the browser's tests, whose scenes are imported.
    for mark in ("stress: takes long", "program(python): what `run` is of"):
        config.addinivalue_line("markers", mark)
