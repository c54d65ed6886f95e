"""The mutants of `make mutants`, which takes minutes, still fit the core they are made from."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "native" / "mutants.py"


def load():
    spec = importlib.util.spec_from_file_location("native_mutants", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


MUTANTS = load().MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_text_is_there_once(mutant) -> None:
    original = (FILE.parents[2] / "penny" / "wasm_core" / mutant.file).read_text()
    assert mutant.source() != original


def test_each_has_a_row_in_the_table() -> None:
    table = (FILE.parent / "README.md").read_text()
    assert [m.name for m in MUTANTS if m.row not in table] == []
