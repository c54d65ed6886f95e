"""Links of pages lead somewhere, files that pages and sources name exist, no room is forgotten."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOREIGN = {"node_modules", "build", "dist", "__pycache__"}
TREES = ["penny", "web/penny", "penny/wasm_core"]

# What pages name though it is no file of this repository: a site's manifest, what C lacks, what is
# Pyodide's, JupyterLite's.
ELSEWHERE = {"manifest.json", "math.h", "pyodide.mjs", "jupyter_lite_config.json"}

LINK = re.compile(r"\[[^]\n]*\]\(([^)\s]+)\)")
NAME = re.compile(r"`([\w./-]+\.(?:py|js|mjs|c|h|pml|md|toml|cjs|json))`")
TREE = r"(?:docs|examples|models|penny|scripts|tests|wasm_core|web)"
SOURCE = re.compile(TREE + r"(?:/[\w.]+)+\.(?:py|js|mjs|c|h|pml|md)\b")


def files() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [each for each in folders if each not in FOREIGN and each[0] != "."]
        yield from (Path(folder, name).relative_to(ROOT) for name in names)


FILES = sorted(files())
PAGES = [str(each) for each in FILES if each.suffix == ".md"]
SOURCES = [each for each in FILES if each.suffix in {".py", ".js", ".mjs", ".c", ".h", ".pml"}]
SOURCES = [each for each in SOURCES if each.parent != Path("web/bundled")]  # these are built
ENDS = {"/".join(each.parts[-n:]) for each in FILES for n in range(1, len(each.parts) + 1)}


def prose(page: str) -> str:
    """A page without the code in it."""
    return re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What links may name of a page: its headings, as GitHub writes them."""
    headings = re.findall(r"^#+ +(.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in LINK.findall(prose(page)):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    named = set(NAME.findall(prose(page))) - ELSEWHERE
    assert {each for each in named if each.removeprefix("./") not in ENDS} == set()


def test_files_that_sources_name_exist() -> None:
    missing = {
        (str(file), name)
        for file in SOURCES
        if file.parts[0] in {"examples", "models", "penny", "scripts", "web"}
        for name in SOURCE.findall((ROOT / file).read_text())
        if name not in ENDS
    }
    assert missing == set()


def test_every_room_is_in_the_table_of_the_architecture() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    table = [row.split("|")[2:5] for row in page.splitlines() if row.startswith("| ")]
    for column, tree in enumerate(TREES):
        named = " ".join(row[column] for row in table if len(row) == 3)
        for folder in (ROOT / tree).iterdir():
            if folder.is_dir() and folder.name not in {"__pycache__", "wasm_core"}:
                assert f"`{folder.name}/" in named, f"{tree}/{folder.name}"
