"""What a package may not do as it is imported into a snapshot from which others start."""

from __future__ import annotations

import decimal
import json
import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penny.hosts import imports
from penny.mirror import frozen

Import = Callable[[str], dict[str, Any]]


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Import]:
    """`imported(source)` imports a module with that, as for a snapshot."""
    monkeypatch.setattr(frozen, "variables", {})
    monkeypatch.setattr(imports, "imported", [])
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def import_it(source: str) -> dict[str, Any]:
        name = f"imported_for_all_{len(list(tmp_path.iterdir()))}"
        (tmp_path / f"{name}.py").write_text(source)
        outcome: dict[str, Any] = json.loads(imports.import_all(json.dumps([name])))
        return outcome

    environment, path = dict(os.environ), list(sys.path)
    with warnings.catch_warnings(), decimal.localcontext():
        state = random.getstate()
        yield import_it
        random.setstate(state)
    logging.getLogger().setLevel(logging.WARNING)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.startswith("imported_for_all"):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import time\nBEGAN = time.time()", "reads the clock"),
        ("from time import monotonic as clock\nBEGAN = clock()", "reads the clock"),
        ("import datetime\nTODAY = datetime.date.today()", "reads the clock"),
        ("from datetime import datetime\nNOW = datetime.now()", "reads the clock"),
        ("import os\nTOKEN = os.urandom(8)", "takes random bytes"),
        ("import uuid\nME = uuid.uuid4()", "takes random bytes"),
        ("import secrets\nTOKEN = secrets.token_hex()", "takes random bytes"),
        ("import random\nME = random.random()", "random numbers"),
        ("import random\nrandom.seed(42)", "random numbers"),
        ("import random\nOWN = random.Random()", "new generator"),
        ("import os\nHERE = os.getcwd()", "current directory"),
        ("import os\nME = os.getpid()", "its process"),
        ("import os\nos.environ['PENNY_TEST_NEW'] = 'x'", "change variables"),
        ("import sys\nsys.path.append('/nowhere')", "change variables"),
        ("import warnings\nwarnings.simplefilter('ignore')", "settings of warnings"),
        ("import decimal\ndecimal.getcontext().prec = 3", "settings of decimal"),
        ("import logging\nlogging.getLogger().setLevel(10)", "settings of logging"),
        ("import os\nALL = dict(os.environ)", "all variables"),
        ("import sys\nOUT = sys.stdout", "sys.stdout or sys.stderr is kept"),
        ("import logging\nHANDLER = logging.StreamHandler()", "is kept"),
        ("import nowhere_at_all", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit"),
    ],
)
def test_refused(imported: Import, source: str, why: str) -> None:
    assert why in imported(source)["refused"]


def test_allowed(imported: Import) -> None:
    """What is the same in all workers; functions that do such things when they are called."""
    source = """
import functools, logging, os, random, re, time
logging.getLogger("imported.for.all").setLevel(logging.WARNING)
class Base: pass
LINE = re.compile("a+")
@functools.lru_cache
def now(): return time.time(), os.urandom(3), random.random()
"""
    assert imported(source) == {"refused": "", "variables": {}}


def test_variables(imported: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read of the environment has to be the same where a task is submitted."""
    monkeypatch.setenv("PENNY_TEST_A", "one")
    source = """
import os
os.environ["PENNY_TEST_A"]
os.getenv("PENNY_TEST_B")
"PENNY_TEST_C" in os.environ
"""
    read = {"PENNY_TEST_A": "one", "PENNY_TEST_B": None, "PENNY_TEST_C": None}
    assert imported(source) == {"refused": "", "variables": read}
    assert frozen.variables == read
    frozen.check({"PENNY_TEST_A": "one", "OTHER": "x"})
    for other in ({"PENNY_TEST_A": "two"}, {}, {"PENNY_TEST_A": "one", "PENNY_TEST_C": ""}):
        with pytest.raises(ImportError, match="before the Scheduler is opened"):
            frozen.check(other)
