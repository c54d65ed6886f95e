"""SharedFiles on plain Python, where files are everybody's."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

import penny


def test_files_are_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("here")
    files = penny.SharedFiles(tmp_path)
    assert (os.fspath(files), files.nbytes) == (str(tmp_path), 4)
    assert repr(files) == f"<SharedFiles {str(tmp_path)!r}: 1 files, 4 bytes>"
    assert os.fspath(pickle.loads(pickle.dumps(files))) == str(tmp_path)
    with penny.Scheduler(1) as s:
        assert s.submit(os.listdir, files).result() == ["sub"]
    with pytest.raises(FileNotFoundError):
        penny.SharedFiles(tmp_path / "nowhere")
