from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from penny.cli.build import HEADERS_FILE, check_target, write
from penny.cli.errors import CommandError
from penny.cli.pyodide import PYODIDE_VERSION
from penny.cli.site import Site, web_folder

MakeSite = Callable[..., Site]


def put(root: Path, *names: str) -> None:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)


@pytest.fixture
def make_site(tmp_path: Path) -> MakeSite:
    """Make a Site over a small checkout, in which each file's content is its name there."""
    put(
        tmp_path,
        "checkout/penny/wasm_core/core.wasm",
        "checkout/web/penny.js",
        "checkout/web/penny/page.js",
        "checkout/web/penny/notes.md",
        "checkout/web/playground/index.html",
        "checkout/web/playground/play.js",
        "checkout/web/playground/editor.js",
        "checkout/web/bundled/playground/editor.js",
        "checkout/web/bench/index.html",
        "checkout/web/run/index.html",
        "pyodide/pyodide.mjs",
        "pyodide/pyodide.d.ts",
        "pyodide/console.html",
        "snapshot-1234.bin",
        "secret.txt",
    )

    def make(**options: object) -> Site:
        return Site(
            pyodide=tmp_path / "pyodide",
            python=b"python",
            package=tmp_path / "checkout" / "penny",
            **options,  # type: ignore[arg-type]
        )

    return make


def text(site: Site, path: str) -> str | None:
    content = site.find(path)
    if content is None:
        return None
    return (content if isinstance(content, bytes) else content.read_bytes()).decode()


def test_every_url_of_a_site(make_site: MakeSite, tmp_path: Path) -> None:
    site = make_site(snapshot=tmp_path / "snapshot-1234.bin")
    assert {path: text(site, f"/{path}") for path, _ in site.files()} == {
        "index.html": "checkout/web/playground/index.html",
        "playground/play.js": "checkout/web/playground/play.js",
        "playground/editor.js": "checkout/web/bundled/playground/editor.js",
        "penny.js": "checkout/web/penny.js",
        "penny/page.js": "checkout/web/penny/page.js",
        "penny/core.wasm": "checkout/penny/wasm_core/core.wasm",
        "penny/python.zip": "python",
        "penny/snapshot-1234.bin": "snapshot-1234.bin",
        "penny/pyodide/pyodide.mjs": "pyodide/pyodide.mjs",
        "penny/manifest.json": text(site, "/penny/manifest.json"),
    }
    assert text(site, "/") == "checkout/web/playground/index.html"


def test_manifest_names_files_relative_to_itself(make_site: MakeSite, tmp_path: Path) -> None:
    site = make_site(snapshot=tmp_path / "snapshot-1234.bin")
    manifest = json.loads(text(site, "/penny/manifest.json") or "")
    assert manifest["pyodideVersion"] == PYODIDE_VERSION
    for part in ("python", "core", "snapshot"):
        assert site.find(f"/penny/{manifest[part]}") is not None
    assert site.find(f"/penny/{manifest['pyodide']}pyodide.mjs") is not None
    without = json.loads(text(make_site(), "/penny/manifest.json") or "")
    assert without["snapshot"] is None


def test_small_files(make_site: MakeSite, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"bundled.penny does not exist: .*make bundles"):
        make_site(small=True)
    put(tmp_path, "checkout/web/bundled/penny/page.js", "checkout/web/bundled/penny/parts/a-1.js")
    site = make_site(small=True)
    assert text(site, "/penny/page.js") == "checkout/web/bundled/penny/page.js"
    assert text(site, "/penny/parts/a-1.js") == "checkout/web/bundled/penny/parts/a-1.js"
    assert text(make_site(), "/penny/page.js") == "checkout/web/penny/page.js"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "penny.js",
        "//penny.js",
        "/penny//page.js",
        "/../secret.txt",
        "/penny/../../secret.txt",
        "/penny/pyodide/../../secret.txt",
        "/penny/./page.js",
        "/..",
        "/penny/..",
        "/..\\secret.txt",
        "/penny.js\0",
        "/penny/notes.md",
        "/penny/pyodide/pyodide.d.ts",
        "/penny",
        "/playground/index.html",
        "/" + "x" * 5000,
    ],
)
def test_what_is_not_on_the_site(make_site: MakeSite, path: str) -> None:
    assert make_site().find(path) is None


@pytest.mark.parametrize("command", ["run", "bench"])
def test_page_of_a_command_is_there_for_that_command_only(
    make_site: MakeSite, command: str
) -> None:
    page = text(make_site(**{command: True}), f"/{command}/")
    assert page == f"checkout/web/{command}/index.html"
    assert make_site().find(f"/{command}/") is None


def test_users_folder_beside_pennys_own_files(make_site: MakeSite, tmp_path: Path) -> None:
    put(tmp_path / "mine", "about.html", "docs/index.html", "penny/page.js", "penny/data.csv")
    put(tmp_path / "mine", "play.js", "playground/play.js")
    (tmp_path / "mine" / "link.txt").symlink_to(tmp_path / "secret.txt")
    site = make_site(folder=tmp_path / "mine")
    assert text(site, "/about.html") == "about.html"
    assert text(site, "/docs/") == "docs/index.html"
    assert text(site, "/penny/page.js") == "checkout/web/penny/page.js"
    assert text(site, "/penny/data.csv") == "penny/data.csv"
    assert text(site, "/play.js") == "play.js"
    assert text(site, "/playground/play.js") == "checkout/web/playground/play.js"
    assert text(site, "/link.txt") == "secret.txt"  # whoever put the link there meant it
    assert text(site, "/") == "checkout/web/playground/index.html"
    put(tmp_path / "mine", "index.html")
    site = make_site(folder=tmp_path / "mine")
    assert text(site, "/") == "index.html"
    assert text(site, "/playground/play.js") == "playground/play.js"


def test_web_files_of_an_installation_are_inside_the_package(tmp_path: Path) -> None:
    put(tmp_path, "web/penny.js")
    (tmp_path / "penny").mkdir()
    assert web_folder(tmp_path / "penny") == tmp_path / "web"
    put(tmp_path, "penny/web/penny.js")
    assert web_folder(tmp_path / "penny") == tmp_path / "penny" / "web"


def test_core_that_was_not_built(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"core\.wasm does not exist: build it with `make core`"):
        Site(pyodide=tmp_path, python=b"", package=tmp_path)


def test_editor_that_was_not_built(make_site: MakeSite, tmp_path: Path) -> None:
    (tmp_path / "checkout/web/bundled/playground/editor.js").unlink()
    with pytest.raises(CommandError, match=r"bundled.playground does not exist: .*make bundles"):
        make_site()
    assert text(make_site(run=True), "/run/") is not None
    put(tmp_path / "mine", "index.html")
    assert text(make_site(folder=tmp_path / "mine"), "/") == "index.html"


def test_build_writes_all_of_it(make_site: MakeSite, tmp_path: Path) -> None:
    site = make_site()
    size = write(site, tmp_path / "out")
    written = {
        file.relative_to(tmp_path / "out").as_posix(): file.read_bytes()
        for file in (tmp_path / "out").rglob("*")
        if file.is_file()
    }
    headers = written.pop(HEADERS_FILE).decode()
    assert headers.startswith("/*\n")
    assert "  Cross-Origin-Embedder-Policy: require-corp\n" in headers
    assert "  Cross-Origin-Resource-Policy: cross-origin\n" in headers
    assert {name: content.decode() for name, content in written.items()} == {
        name: text(site, f"/{name}") for name, _ in site.files()
    }
    assert size == len(headers) + sum(map(len, written.values()))


def test_build_replaces_an_earlier_build_only(make_site: MakeSite, tmp_path: Path) -> None:
    out = tmp_path / "out"
    check_target(out, force=False)
    out.mkdir()
    check_target(out, force=False)
    put(out, "precious.txt")
    with pytest.raises(CommandError, match="--force"):
        check_target(out, force=False)
    check_target(out, force=True)
    write(make_site(), out)
    put(out, "penny/old.js")
    check_target(out, force=False)
    write(make_site(), out)
    assert not (out / "penny" / "old.js").exists()
    assert (out / "precious.txt").exists()
    with pytest.raises(CommandError, match="not a folder"):
        check_target(out / "precious.txt", force=True)
