from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path

import pytest

from penny.cli import snapshot
from penny.cli.browser import Browser
from penny.cli.errors import CommandError
from penny.cli.snapshot import compressed, find_snapshot, make_snapshot, snapshot_name

# In place of a browser: sends the packages back as a snapshot, and counts its calls beside itself.
BROWSER = """
import pathlib, sys, time, urllib.parse, urllib.request
url = sys.argv[-1]
with urllib.request.urlopen(urllib.parse.urljoin(url, "../penny/python.zip")) as answer:
    memory = b"memory of " + answer.read()
to = urllib.parse.urljoin(url, "snapshot?" + urllib.parse.urlsplit(url).query)
with open(pathlib.Path(__file__).with_name("calls"), "a") as calls:
    calls.write("x")
"""

SEND = """
urllib.request.urlopen(urllib.request.Request(to, memory, method="PUT"))
time.sleep(1000)
"""

FAIL = """
failed = {"X-Failed": "1"}
urllib.request.urlopen(urllib.request.Request(to, b"ModuleNotFoundError", failed, method="PUT"))
time.sleep(1000)
"""

GUESS = """
try:
    guess = to.rpartition("=")[0] + "=guess"
    urllib.request.urlopen(urllib.request.Request(guess, memory, method="PUT"))
except urllib.error.HTTPError as error:
    sys.exit(f"status {error.code} for a guess")
"""


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """A stand-in for a browser, and an empty cache."""
    monkeypatch.setattr(snapshot, "cache_folder", lambda: tmp_path / "cache")
    browser = Browser(str(tmp_path / "browser"), "chromium")
    behave(browser, SEND)
    return browser


def behave(browser: Browser, program: str) -> None:
    Path(browser.executable).write_text(f"#!{sys.executable}\n{BROWSER}{program}")
    Path(browser.executable).chmod(0o755)


def test_made_once_for_the_same_packages(browser: Browser, tmp_path: Path) -> None:
    first = make_snapshot(b"packages", tmp_path, browser)
    assert first.read_bytes() == b"memory of packages"
    assert make_snapshot(b"packages", tmp_path, browser) == first
    assert (tmp_path / "calls").read_text() == "x"
    assert os.listdir(tmp_path / "cache") == [first.name]
    large = os.urandom(4 << 20)
    assert make_snapshot(large, tmp_path, browser).read_bytes() == b"memory of " + large


def test_name_depends_on_all_that_goes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {snapshot_name(b"a"), snapshot_name(b"b")}
    maker = tmp_path / "boot.js"
    maker.write_text("other")
    monkeypatch.setattr(snapshot, "MAKER", maker)
    names.add(snapshot_name(b"a"))
    monkeypatch.setattr(snapshot, "PYODIDE_VERSION", "315.0.0")
    names.add(snapshot_name(b"a"))
    assert len(names) == 4
    assert all(name.startswith("snapshot-") and name.endswith(".bin") for name in names)


def test_newest_are_kept(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "KEPT", 2)
    paths = []
    for number in range(4):
        paths.append(make_snapshot(b"%d" % number, tmp_path, browser))
        os.utime(paths[-1], (number, number))
    assert [path.exists() for path in paths] == [False, False, True, True]


def test_without_a_browser_it_goes_on_and_says_why(
    browser: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert find_snapshot(b"packages", tmp_path) is None
    said = capsys.readouterr().err
    assert "start more slowly" in said
    assert "no chromium was found" in said


def test_failure_of_the_page_leaves_nothing(
    browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    behave(browser, FAIL)
    with pytest.raises(CommandError, match="ModuleNotFoundError"):
        make_snapshot(b"packages", tmp_path, browser)
    assert find_snapshot(b"packages", tmp_path, browser) is None
    assert "ModuleNotFoundError" in capsys.readouterr().err
    assert os.listdir(tmp_path / "cache") == []


def test_other_pages_are_kept_out(browser: Browser, tmp_path: Path) -> None:
    behave(browser, GUESS)
    with pytest.raises(CommandError, match=r"ended with status 1\nstatus 403 for a guess"):
        make_snapshot(b"packages", tmp_path, browser)


def test_page_that_never_answers(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "MAKING", 0.3)
    behave(browser, "time.sleep(1000)")
    with pytest.raises(CommandError, match="did not make it within"):
        make_snapshot(b"packages", tmp_path, browser)


def test_cache_that_cannot_be_written_is_no_obstacle(
    browser: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(snapshot, "cache_folder", lambda: tmp_path / "file" / "cache")
    assert find_snapshot(b"packages", tmp_path, browser) is None
    assert "Not a directory" in capsys.readouterr().err


def test_compressed_for_the_network(tmp_path: Path) -> None:
    (tmp_path / "snapshot.bin").write_bytes(bytes(100_000))
    packed = compressed(tmp_path / "snapshot.bin")
    assert len(packed) < 1000
    assert gzip.decompress(packed) == bytes(100_000)
    assert compressed(tmp_path / "snapshot.bin") == packed
