"""`penny build` on Penny itself; test_cli_site.py has what a site consists of."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from penny.cli import build, main
from penny.cli.pyodide import FILES


def test_build_without_snapshot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "site"
    assert main(["build", str(target), "--no-snapshot"]) == 0
    assert f" MB to {target}" in capsys.readouterr().out
    manifest = json.loads((target / "penny" / "manifest.json").read_text())
    assert manifest["snapshot"] is None
    assert (target / "penny" / manifest["core"]).read_bytes().startswith(b"\0asm")
    for name in FILES:
        assert (target / "penny" / manifest["pyodide"] / name).is_file()
    assert (target / "index.html").is_file()
    assert not (target / "run").exists()
    assert main(["build", str(target), "--no-snapshot"]) == 0


def test_snapshot_is_shipped_compressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = tmp_path / "snapshot-1234.bin"
    snapshot.write_bytes(b"memory")
    monkeypatch.setattr(build, "find_snapshot", lambda *_: snapshot)
    assert main(["build", str(tmp_path / "site")]) == 0
    penny = tmp_path / "site" / "penny"
    manifest = json.loads((penny / "manifest.json").read_text())
    assert manifest["snapshot"] == "snapshot-1234.bin.gz"
    assert gzip.decompress((penny / manifest["snapshot"]).read_bytes()) == b"memory"


def test_other_files_are_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert main(["build", str(tmp_path), "--no-snapshot"]) == 2
    assert "--force" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    assert main(["build", str(tmp_path), "--no-snapshot", "--force"]) == 0
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
