from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from penny.bridge import packages
from penny.cli import bundle


def names(archive: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(archive)).namelist()


def test_same_files_give_the_same_bytes_in_any_order() -> None:
    assert bundle.pack({"b": b"1", "a": b"2"}) == bundle.pack({"a": b"2", "b": b"1"})


def test_python_packages_hold_what_pyodide_imports_and_no_more() -> None:
    archive = bundle.python_packages()
    assert archive == bundle.python_packages()
    found = names(archive)
    assert {"penny/__init__.py", "penny/scheduler.py", "cloudpickle/__init__.py"} <= set(found)
    assert all(name.endswith(".py") for name in found)
    assert not [name for name in found if name.startswith(("penny/cli", "penny/wasm_core"))]


def test_python_packages_can_be_imported(tmp_path: Path) -> None:
    archive = tmp_path / "python.zip"
    archive.write_bytes(bundle.python_packages())
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import penny, cloudpickle;"
        "print(penny.__file__); print(cloudpickle.__file__)"
    )
    printed = subprocess.check_output([sys.executable, "-I", "-c", program, archive], text=True)
    assert printed.split() == [
        f"{archive}/penny/__init__.py",
        f"{archive}/cloudpickle/__init__.py",
    ]


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PACKAGES", ("not_a_package_of_anybody",))
    with pytest.raises(ModuleNotFoundError, match="not_a_package_of_anybody"):
        bundle.python_packages()
