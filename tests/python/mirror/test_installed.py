"""What is installed after a scheduler was opened, on its way to workers."""

from __future__ import annotations

import csv
import importlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from penny.bridge import javascript
from penny.mirror import installed
from penny.mirror.installed import Later, Stamp, apply

BEGAN = 1_700_000_000_123
LATER = 1_700_000_060_456


class Folder:
    """Packages, as the submitter has them and as a worker does: each in a folder of its own."""

    def __init__(self, worker: Path) -> None:
        self.worker = worker
        self.submitters: dict[str, tuple[bytes, int]] = {}

    def write(self, name: str, content: bytes, changed: int) -> None:
        self.submitters[f"{self.worker}/{name}"] = content, changed

    def files(self) -> dict[str, Stamp]:
        return {path: (len(c), changed) for path, (c, changed) in self.submitters.items()}

    def contents(self, paths: list[str]) -> bytes:
        return b"".join(self.submitters[path][0] for path in paths)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    folder = Folder(tmp_path)
    monkeypatch.setattr(installed, "files", folder.files)
    monkeypatch.setattr(javascript, "contents", folder.contents)
    return folder


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What whoever installs does in the end."""
    monkeypatch.setattr(importlib, "invalidate_caches", importlib.invalidate_caches)
    installed.watch()
    return lambda: importlib.invalidate_caches()


def test_only_what_is_new(folder: Folder, done: Callable[[], None]) -> None:
    folder.write("old.py", b"old", BEGAN)
    later = Later(folder.files())
    done()
    assert later.version() == 0  # nothing was installed
    folder.write("package/new.py", b"new", LATER)
    folder.write("package/more.py", b"", LATER)
    assert later.version() == 0  # not finished yet
    done()
    assert (later.version(), later.version()) == (1, 1)
    apply(later.form)
    assert sorted(os.listdir(folder.worker)) == ["package"]
    new = folder.worker / "package" / "new.py"
    assert new.read_bytes() == b"new"
    assert new.stat().st_mtime_ns == LATER * 1_000_000


def test_what_is_replaced_and_what_is_gone(folder: Folder, done: Callable[[], None]) -> None:
    for name in ("same.py", "changed.py", "gone.py"):
        folder.write(name, b"begun", BEGAN)
        (folder.worker / name).write_bytes(b"begun")
        os.utime(folder.worker / name, ns=(BEGAN * 1_000_000,) * 2)
    later = Later(folder.files())
    folder.write("changed.py", b"later", LATER)
    del folder.submitters[f"{folder.worker}/gone.py"]
    done()
    assert later.version() == 1
    for _ in range(2):  # as after an older submission
        apply(later.form)
        found = {path.name: path.read_bytes() for path in folder.worker.iterdir()}
        assert found == {"same.py": b"begun", "changed.py": b"later"}


def test_what_was_imported_is_not_replaced(
    folder: Folder, done: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a task had the one that was there before, without a word."""
    monkeypatch.setattr(sys, "path", [str(folder.worker), *sys.path])
    (folder.worker / "penny_test_imported.py").write_bytes(b"value = 1")
    module = importlib.import_module("penny_test_imported")
    folder.write("penny_test_imported.py", b"value = 12", LATER)
    later = Later({})
    done()
    later.version()
    with pytest.raises(ImportError, match="open a new Scheduler"):
        apply(later.form)
    assert module.value == 1
    del sys.modules["penny_test_imported"]


@pytest.mark.parametrize(
    "path", ["a/b.py", "a, b.py", 'a "b".py', '"a", b.py', "a.dist-info/RECORD"]
)
@pytest.mark.parametrize("rest", [["sha256=x_-", "12"], ["", ""]])
def test_lines_of_a_record(path: str, rest: list[str]) -> None:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([path, *rest])
    assert installed._recorded(line.getvalue()) == path
