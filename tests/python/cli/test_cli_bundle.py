from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from penny.bridge import packages
from penny.cli import bundle


def names(archive: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(archive)).namelist()


def test_same_files_give_the_same_bytes_in_any_order_and_at_any_time(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("b")
    (tmp_path / "a.py").write_text("a")
    first = bundle.script_folder(tmp_path).archive
    os.utime(tmp_path / "a.py", (0, 0))
    (tmp_path / "a.py").chmod(0o755)
    assert bundle.script_folder(tmp_path).archive == first
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


def test_script_folder_leaves_out_what_is_not_the_scripts(tmp_path: Path) -> None:
    for name in (
        "main.py",
        "data/words.txt",
        "data/deep/er.bin",
        ".hidden.py",
        ".git/config",
        ".venv/x.py",
        "env/pyvenv.cfg",
        "env/lib/x.py",
        "node_modules/x/index.js",
        "data/__pycache__/x.pyc",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (tmp_path / "link.txt").symlink_to(tmp_path / "data" / "words.txt")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")
    folder = bundle.script_folder(tmp_path)
    assert names(folder.archive) == ["data/deep/er.bin", "data/words.txt", "link.txt", "main.py"]
    assert folder.note is None


def test_large_folder_travels_as_its_python_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "FOLDER_LIMIT", 1 << 20)
    (tmp_path / "main.py").write_text("import helper")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "helper.py").write_text("")
    (tmp_path / "film.bin").write_bytes(bytes((1 << 20) + 1))
    folder = bundle.script_folder(tmp_path)
    assert names(folder.archive) == ["main.py", "sub/helper.py"]
    assert folder.note is not None
    assert "more than 1 MB" in folder.note


def test_search_of_a_huge_folder_ends_with_the_nearest_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "ENTRIES_LIMIT", 5)
    (tmp_path / "a").mkdir()
    for number in range(10):
        (tmp_path / "a" / f"far{number}").touch()
    for number in range(4):
        (tmp_path / f"near{number}").touch()
    folder = bundle.script_folder(tmp_path)
    assert names(folder.archive) == ["a/far0", "near0", "near1", "near2", "near3"]
    assert folder.note is not None
    assert "more than 5 files" in folder.note
