from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from penny.cli import packages
from penny.cli.errors import CommandError
from penny.cli.packages import find_packages


@pytest.fixture
def pyodide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of Pyodide's with one of its packages; of `Big` and its library the lock tells."""
    monkeypatch.setattr(packages, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(packages, "CDN", f"{(tmp_path / 'elsewhere').as_uri()}/")
    folder, elsewhere = tmp_path / "pyodide", tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.mkdir()
    (folder / "here-1-py3-none-any.whl").write_bytes(b"")
    lock = {}
    for name, file, depends in (
        ("here", "here-1-py3-none-any.whl", []),
        ("pure", "pure-1-py3-none-any.whl", []),
        ("Big", "big-1-cp314-cp314-wasm.whl", ["lib-x"]),
        ("lib_x", "lib_x-1.zip", []),
    ):
        (elsewhere / file).write_bytes(name.encode())
        digest = hashlib.sha256(name.encode()).hexdigest()
        lock[name.lower()] = {
            "name": name,
            "file_name": file,
            "depends": depends,
            "sha256": digest,
        }
    (folder / "pyodide-lock.json").write_text(json.dumps({"packages": lock}))
    return folder


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for pip: a wheel for each requirement, unless one begins with "no". Its log."""
    log, program = tmp_path / "log", tmp_path / "pip.py"
    program.write_text(
        "import pathlib, sys\n"
        "asked = sys.argv[sys.argv.index('--') + 1:]\n"
        f"with open({str(log)!r}, 'a') as log: print(*sys.argv[1:], file=log)\n"
        "if asked[0].startswith('no'):\n"
        "    sys.exit('ERROR: first\\nERROR: No matching distribution found for ' + asked[0])\n"
        "folder, = (a[7:] for a in sys.argv if a.startswith('--dest='))\n"
        "for name in asked:\n"
        "    pathlib.Path(folder, name + '.whl').touch()\n"
    )
    monkeypatch.setattr(packages, "_pip", lambda: [sys.executable, str(program)])
    return log


def test_a_package_in_pyodide_s_folder_is_loaded_by_name(pyodide: Path, pip: Path) -> None:
    found = find_packages(["HERE"], pyodide)
    assert (found.load, found.files) == (["here"], {})
    assert not pip.exists()


def test_a_compiled_one_is_fetched_once_with_what_it_needs(
    pyodide: Path, pip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for said in (2, 0):
        found = find_packages(["big"], pyodide)
        assert found.load == ["Big"]
        contents = {path: file.read_bytes() for path, file in found.files.items()}
        assert contents == {
            "penny/pyodide/big-1-cp314-cp314-wasm.whl": b"Big",
            "penny/pyodide/lib_x-1.zip": b"lib_x",
        }
        assert capsys.readouterr().err.count("fetching") == said
    assert not pip.exists()


def test_a_changed_file_is_refused(pyodide: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "big-1-cp314-cp314-wasm.whl").write_bytes(b"other")
    with pytest.raises(CommandError, match="is not the file"):
        find_packages(["big"], pyodide)


def test_all_else_is_pip_s_and_kept_for_a_day(pyodide: Path, pip: Path, tmp_path: Path) -> None:
    for _ in range(2):
        found = find_packages(["pure", "x>=2"], pyodide)
        assert found.load == ["packages/pure.whl", "packages/x>=2.whl"]
        assert set(found.files) == {f"run/{name}" for name in found.load}
    assert pip.read_text().count("\n") == 1
    assert f"--platform={packages.PLATFORM}" in pip.read_text()
    (folder,) = (tmp_path / "cache" / "wheels").iterdir()
    os.utime(folder, (0, 0))
    find_packages(["x>=2", "pure"], pyodide)
    assert pip.read_text().count("\n") == 2


def test_what_is_not_to_be_had(pyodide: Path, pip: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        find_packages(["nothing"], pyodide)
    assert str(caught.value).startswith(
        "--with nothing: No matching distribution found for nothing"
    )
    assert "--pyodide" not in str(caught.value)
    assert list((tmp_path / "cache" / "wheels").iterdir()) == []
    # What there was is better than nothing, where the network is gone.
    find_packages(["x"], pyodide)
    (folder,) = (tmp_path / "cache" / "wheels").iterdir()
    os.utime(folder, (0, 0))
    (tmp_path / "pip.py").write_text("raise SystemExit('ERROR: no network')")
    assert find_packages(["x"], pyodide).load == ["packages/x.whl"]
    with pytest.raises(CommandError, match="--with y: no network"):
        find_packages(["y"], pyodide)


def test_the_platform_is_that_of_the_lock_file() -> None:
    lock = Path(__file__).parents[3] / "node_modules" / "pyodide" / "pyodide-lock.json"
    info = json.loads(lock.read_text())["info"]
    assert f"pyemscripten_{info['abi_version']}_{info['arch']}" == packages.PLATFORM
