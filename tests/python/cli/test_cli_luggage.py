from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from penny.cli import luggage
from penny.cli.errors import CommandError
from penny.cli.luggage import Luggage, pack_up


def names(packed: Luggage, folder: Path) -> list[str]:
    """What of a folder is inside."""
    prefix = f"{str(folder).lstrip('/')}/"
    with zipfile.ZipFile(io.BytesIO(packed.archive)) as archive:
        return [n.removeprefix(prefix) for n in archive.namelist() if n.startswith(prefix)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a script's folder `sub` and others."""
    for name in ("in.txt", "sub/main.py", "sub/data/words.txt", "other/deep/x.txt", ".hidden/y"):
        file = tmp_path / "here" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (tmp_path / "here" / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def pack(here: Path, *arguments: str, mounts: list[str] | None = None) -> Luggage:
    return pack_up(here / "sub", here / "sub" / "main.py", arguments, mounts or [])


def test_files_have_their_paths_here(here: Path) -> None:
    packed = pack(here)
    files = {"in.txt", "sub/main.py", "sub/data/words.txt", "other/deep/x.txt", "empty/"}
    assert set(names(packed, here)) >= files
    assert not any("hidden" in name for name in names(packed, here))
    assert packed.folders == [str(here / "sub"), str(here)]
    assert (packed.partial, packed.notes) == ([], [])
    assert pack(here).archive == packed.archive


def test_of_a_large_current_directory_what_is_named_travels(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(luggage, "HERE_LIMIT", 5)
    assert "in.txt" not in names(pack(here), here)
    packed = pack(here, "--from=in.txt", "other", "/dev/null", "nothing", "a\0b", "x" * 5000)
    inside = names(packed, here)
    assert {"in.txt", "other/deep/x.txt", "sub/data/words.txt"} <= set(inside)
    assert "empty/" not in inside
    assert packed.partial == [str(here)]
    assert packed.notes == []
    assert names(pack(here, ".hidden/y"), here / ".hidden") == ["y"]


def test_a_named_folder_that_is_large_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(luggage, "HERE_LIMIT", 5)
    (here / "other" / "film.bin").write_bytes(bytes(2000))
    monkeypatch.setattr(luggage, "FOLDER_LIMIT", 1000)
    packed = pack(here, "other")
    assert "other/film.bin" not in names(packed, here)
    assert f"--mount {here / 'other'}" in packed.notes[0]
    assert "other/film.bin" in names(pack(here, "other", mounts=["other"]), here)


def test_mounts_that_cannot_be(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, said in (("nowhere", "does not exist"), ("in.txt", "is not a folder")):
        with pytest.raises(CommandError, match=f"--mount {name}: it {said}") as caught:
            pack(here, mounts=[name])
        assert caught.value.status == 2
    monkeypatch.setattr(luggage, "MOUNT_LIMIT", 5)
    with pytest.raises(CommandError, match="too much for a browser"):
        pack(here, mounts=["other"])


def test_what_is_not_the_script_s_stays_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    monkeypatch.chdir(tmp_path)
    packed = pack_up(tmp_path, None, [], [])
    files = [name for name in names(packed, tmp_path) if not name.endswith("/")]
    assert files == ["data/deep/er.bin", "data/words.txt", "link.txt", "main.py"]
    assert packed.notes == []


def test_large_folder_travels_as_its_python_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(luggage, "FOLDER_LIMIT", 1 << 20)
    (tmp_path / "main.py").write_text("import helper")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "helper.py").write_text("")
    (tmp_path / "film.bin").write_bytes(bytes((1 << 20) + 1))
    monkeypatch.chdir(tmp_path)
    packed = pack_up(tmp_path, None, [], [])
    assert names(packed, tmp_path) == ["main.py", "sub/", "sub/helper.py"]
    assert "more than 1 MB" in packed.notes[0]
    assert packed.partial == [str(tmp_path)]
    assert "film.bin" in names(pack_up(tmp_path, None, ["film.bin"], []), tmp_path)


def test_search_of_a_huge_folder_ends_with_the_nearest_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(luggage, "ENTRIES_LIMIT", 6)
    (tmp_path / "a").mkdir()
    for number in range(10):
        (tmp_path / "a" / f"far{number}").touch()
    for number in range(4):
        (tmp_path / f"near{number}").touch()
    monkeypatch.chdir(tmp_path)
    packed = pack_up(tmp_path, None, [], [])
    assert names(packed, tmp_path) == ["a/", "a/far0", "near0", "near1", "near2", "near3"]
    assert "more than 6 files" in packed.notes[0]
