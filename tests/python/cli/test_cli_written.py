from __future__ import annotations

from pathlib import Path

import pytest

from penny.cli.written import WrittenFiles


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_what_is_not_kept_is_named_in_a_line(here: Path) -> None:
    written = WrittenFiles([here], keep=False)
    assert written.finish() == ""
    written.take(f"{here}/out.txt", None, None)
    assert written.finish() == (
        "out.txt was written in the browser only, and is gone: `penny run --write` keeps it"
    )
    for number in range(9):
        written.take(f"{here}/res/{number}.txt", number % 2, None)
    written.take(f"{here}/out.txt", 1, None)
    said = written.finish()
    assert said.startswith("out.txt, res/0.txt, res/1.txt, res/2.txt and 6 more files were written")
    assert said.endswith("keeps them")
    assert list(here.iterdir()) == []


def test_what_is_kept_lies_where_it_was_written(here: Path) -> None:
    written = WrittenFiles([here], keep=True)
    (here / "old.txt").write_text("longer than what comes")
    written.take(f"{here}/new/deep/x.bin", 3, b"\xff")
    written.take(f"{here}/old.txt", None, b"new")
    assert written.finish() == ""
    assert (here / "new" / "deep" / "x.bin").read_bytes() == b"\xff"
    assert (here / "old.txt").read_text() == "new"


def test_nothing_is_written_elsewhere(here: Path) -> None:
    (here / "link").symlink_to(here.parent)
    written = WrittenFiles([here], keep=True)
    written.take(f"{here}/../up.txt", None, b"x")
    written.take(f"{here}/link/up.txt", None, b"x")
    written.take("/elsewhere.txt", 1, None)
    said = written.finish()
    assert "/elsewhere.txt, " in said and "--mount DIR --write" in said
    assert not (here.parent / "up.txt").exists()
    assert not Path("/elsewhere.txt").exists()


def test_what_several_have_written_differently_is_all_kept(here: Path) -> None:
    written = WrittenFiles([here], keep=True)
    for worker, text in ((0, b"0"), (1, b"1")):
        written.take(f"{here}/log.txt", worker, text)
        written.take(f"{here}/same.txt", worker, b"same")
        written.take(f"{here}/mine.txt", worker, b"same")
    written.take(f"{here}/mine.txt", None, b"mine")
    said = written.finish()
    assert said.startswith("log.txt and mine.txt were written by more than one, and differently")
    assert {path.name: path.read_text() for path in here.iterdir()} == {
        "log.txt.worker0": "0",
        "log.txt.worker1": "1",
        "mine.txt": "mine",
        "mine.txt.worker0": "same",
        "mine.txt.worker1": "same",
        "same.txt": "same",
    }


def test_what_cannot_be_written_is_said(here: Path) -> None:
    (here / "file").write_text("")
    written = WrittenFiles([here], keep=True)
    written.take(f"{here}/file/x.txt", None, b"")
    assert written.finish().startswith("can't write file/x.txt: ")
