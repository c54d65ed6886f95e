"""`penny build` on Penny itself; test_cli_site.py has what a site consists of."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from penny.cli import build, main
from penny.cli.prose import lean_packages
from penny.cli.pyodide import FILES, find_pyodide


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
    # Few files, and small ones; a debugger finds what they were made of.
    scripts = list((target / "penny").rglob("*.js"))
    assert len([each for each in scripts if "pyodide" not in each.parts]) < 50
    page = (target / "penny" / "page.js").read_text()
    assert "/**" not in page and page.endswith("//# sourceMappingURL=page.js.map\n")
    assert (target / "penny" / "page.js.map").is_file()
    assert manifest["python"] == "python.zip"
    assert (target / "penny" / "python.zip").read_bytes() == lean_packages()[0]
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


@pytest.fixture
def distribution(tmp_path: Path) -> Path:
    """Pyodide with packages: two, of which one needs the other, and one more."""
    folder = tmp_path / "distribution"
    folder.mkdir()
    for name in FILES:
        (folder / name).symlink_to(find_pyodide() / name)
    packages = {
        name: {"file_name": f"{name}-1.0-py3-none-any.whl", "depends": depends}
        for name, depends in {"one_two": ["dep"], "dep": [], "other": []}.items()
    }
    (folder / "pyodide-lock.json").unlink()
    (folder / "pyodide-lock.json").write_text(json.dumps({"packages": packages}))
    for package in packages.values():
        (folder / str(package["file_name"])).write_bytes(b"a wheel")
    return folder


def build_into(target: Path, *options: str) -> list[str]:
    """Build; gives the wheels of the site."""
    assert main(["build", str(target), "--no-snapshot", *options]) == 0
    return sorted(path.name.partition("-")[0] for path in target.rglob("*.whl"))


def test_packages(tmp_path: Path, distribution: Path) -> None:
    site, given = tmp_path / "site", ("--pyodide", str(distribution))
    assert build_into(site, *given) == ["dep", "one_two", "other"]
    assert build_into(site, *given, "--packages", "One-Two") == ["dep", "one_two"]
    assert build_into(site, *given, "--packages", "dep,other") == ["dep", "other"]


def test_wheels(tmp_path: Path, distribution: Path) -> None:
    """Those that pip finds are known by name, as Pyodide's own are; and so are their modules."""
    files = []
    for name, requires in {"new-one": "Second.One>=1; extra != 'x'", "second-one": "other"}.items():
        module = name.replace("-", "_")
        wheel = tmp_path / f"{module}-1.5-py3-none-any.whl"
        info = f"{module}-1.5.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\nRequires-Dist: {requires}\n"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{module}/__init__.py", "")
            archive.writestr(f"_{module}.cpython-314-wasm32-emscripten.so", "")
            archive.writestr(f"{info}/METADATA", metadata.replace("Requires-Dist: other\n", ""))
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        files += ["--with", str(wheel)]
    site, given = tmp_path / "site", ("--pyodide", str(distribution), "--packages", "dep")
    assert build_into(site, *given, *files) == ["dep", "new_one", "second_one"]
    lock = json.loads((site / "penny" / "pyodide" / "pyodide-lock.json").read_text())["packages"]
    assert set(lock) == {"one_two", "dep", "other", "new-one", "second-one"}
    entry = lock["new-one"]
    assert (entry["name"], entry["version"], entry["depends"]) == ("new-one", "1.5", ["second-one"])
    assert entry["imports"] == ["_new_one", "new_one"]
    content = (site / "penny" / "pyodide" / entry["file_name"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]


def test_packages_that_are_not_there(
    tmp_path: Path, distribution: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (distribution / "dep-1.0-py3-none-any.whl").unlink()
    command = ["build", str(tmp_path / "site"), "--no-snapshot", "--pyodide", str(distribution)]
    assert main([*command, "--packages", "other,three"]) == 2
    assert "no package 'three'" in capsys.readouterr().err
    assert main([*command, "--packages", "one_two"]) != 0
    said = capsys.readouterr().err
    assert "dep-1.0-py3-none-any.whl" in said
    assert "--pyodide-url https://" in said
    assert not (tmp_path / "site").exists()


def test_pyodide_from_elsewhere(
    tmp_path: Path, distribution: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site, given = tmp_path / "site", ("--pyodide", str(distribution))
    assert build_into(site, *given, "--pyodide-url", "https://cdn.example/pyodide") == []
    manifest = json.loads((site / "penny" / "manifest.json").read_text())
    assert manifest["pyodide"] == "https://cdn.example/pyodide/"
    # But for what Penny has changed of it.
    wasm = site / "penny" / manifest["pyodideWasm"]
    assert [path for path in (site / "penny" / "pyodide").iterdir()] == [wasm]
    for wrong in (
        ["--pyodide-url", "cdn.example"],
        ["--pyodide-url", "https://a/", "--packages", "dep"],
        ["--pyodide-url", "https://a/", "--with", "dep"],
    ):
        assert main(["build", str(site), "--no-snapshot", *given, *wrong]) == 2
        assert capsys.readouterr().err.startswith("penny: ")
