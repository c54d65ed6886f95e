from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import sys
import tarfile
from pathlib import Path

import pytest

from penny.cli import pyodide
from penny.cli.errors import EX_UNAVAILABLE, CommandError
from penny.cli.pyodide import FILES, INTEGRITY, PYODIDE_VERSION, find_pyodide, unpack


def fill(folder: Path, version: str = PYODIDE_VERSION) -> Path:
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text(f'const version = "{version}";')
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no checkout with node_modules to look into."""
    monkeypatch.delenv("PENNY_PYODIDE", raising=False)
    monkeypatch.setattr(pyodide, "cache_folder", lambda: tmp_path / "cache")
    module = tmp_path / "checkout" / "penny" / "cli" / "pyodide.py"
    monkeypatch.setattr(pyodide, "__file__", str(module))
    return tmp_path / "cache"


def npm_package(path: Path, version: str = PYODIDE_VERSION) -> str:
    """Write a tarball as npm packs it, and return its integrity."""
    with tarfile.open(path, "w:gz") as tar:
        for name in (*FILES, "sub/deep.js", "../../evil.js"):
            content = f'"{version}"'.encode()
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    npm = tools / "npm"
    npm.write_text(f"#!{sys.executable}\n{program}")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))


def test_order_of_places(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = fill(cache / f"pyodide-{PYODIDE_VERSION}")
    assert find_pyodide() == cached
    checkout = fill(tmp_path / "checkout" / "node_modules" / "pyodide")
    assert find_pyodide() == checkout
    from_environment = fill(tmp_path / "environment")
    monkeypatch.setenv("PENNY_PYODIDE", str(from_environment))
    assert find_pyodide() == from_environment
    given = fill(tmp_path / "given")
    assert find_pyodide(given) == given


def test_named_folder_is_binding(cache: Path, tmp_path: Path) -> None:
    fill(cache / f"pyodide-{PYODIDE_VERSION}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CommandError, match=r"does not hold Pyodide: pyodide\.mjs"):
        find_pyodide(tmp_path / "empty")
    with pytest.raises(CommandError, match="another version of Pyodide than") as raised:
        find_pyodide(fill(tmp_path / "old", "0.28.0"))
    assert raised.value.status == EX_UNAVAILABLE


def test_other_version_in_node_modules_is_passed_over(cache: Path, tmp_path: Path) -> None:
    fill(tmp_path / "checkout" / "node_modules" / "pyodide", "0.28.0")
    cached = fill(cache / f"pyodide-{PYODIDE_VERSION}")
    assert find_pyodide() == cached


def test_without_npm_the_ways_are_named(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError) as raised:
        find_pyodide()
    for way in ("--pyodide DIR", "PENNY_PYODIDE", f"npm install pyodide@{PYODIDE_VERSION}"):
        assert way in str(raised.value)


def test_fetched_once(
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    integrity = npm_package(tmp_path / "pyodide.tgz")
    monkeypatch.setattr(unpack, "__defaults__", (integrity,))
    program = f"""
import json, shutil, sys
assert sys.argv[1:] == ["pack", "pyodide@{PYODIDE_VERSION}", "--json"], sys.argv
shutil.copy({str(tmp_path / "pyodide.tgz")!r}, "x.tgz")
print(json.dumps([{{"filename": "x.tgz"}}]))
"""
    fake_npm(tmp_path, monkeypatch, program)
    folder = find_pyodide()
    assert folder == cache / f"pyodide-{PYODIDE_VERSION}"
    assert sorted(os.listdir(folder)) == sorted(FILES)
    assert os.listdir(cache) == [folder.name]
    assert "fetching Pyodide" in capsys.readouterr().err
    (tmp_path / "tools" / "npm").unlink()
    assert find_pyodide() == folder


def test_failure_of_npm_is_shown(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_npm(tmp_path, monkeypatch, "import sys; sys.exit('npm error network')")
    with pytest.raises(CommandError, match="npm error network"):
        find_pyodide()
    assert os.listdir(cache) == []


def test_tarball_with_another_checksum_is_refused(tmp_path: Path) -> None:
    npm_package(tmp_path / "pyodide.tgz")
    with pytest.raises(CommandError, match="unexpected checksum"):
        unpack((tmp_path / "pyodide.tgz").read_bytes(), tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_nothing_is_unpacked_elsewhere(tmp_path: Path) -> None:
    integrity = npm_package(tmp_path / "pyodide.tgz")
    unpack((tmp_path / "pyodide.tgz").read_bytes(), tmp_path / "a" / "b" / "target", integrity)
    unpacked = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert {path.parent.name for path in unpacked} == {"target"}
    assert {path.name for path in unpacked} == set(FILES)


def test_version_and_checksum_are_those_of_the_lock_file() -> None:
    lock = json.loads((Path(__file__).parents[3] / "package-lock.json").read_text())
    package = lock["packages"]["node_modules/pyodide"]
    assert (package["version"], package["integrity"]) == (PYODIDE_VERSION, INTEGRITY)
