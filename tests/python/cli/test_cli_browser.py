from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from penny.cli import browser
from penny.cli.browser import Browser, find_browser
from penny.cli.errors import EX_UNAVAILABLE, CommandError

URL = "http://127.0.0.1:1/run/"


def install(folder: Path, *names: str, content: str = "#!/bin/sh\n") -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(content)
        (folder / name).chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder on the PATH; empty."""
    (tmp_path / "tools").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    return tmp_path / "tools"


def test_browsers_by_name_and_path(tools: Path, tmp_path: Path) -> None:
    install(tools, "google-chrome", "firefox-esr")
    assert find_browser() == Browser(f"{tools}/google-chrome", "chromium")
    assert find_browser("firefox") == Browser(f"{tools}/firefox-esr", "firefox")
    install(tools, "chromium-browser")
    assert find_browser() == Browser(f"{tools}/chromium-browser", "chromium")
    install(tools, "chromium")
    assert find_browser("chromium") == Browser(f"{tools}/chromium", "chromium")
    install(tmp_path / "opt", "firefox-nightly", "brave")
    nightly = str(tmp_path / "opt" / "firefox-nightly")
    assert find_browser(nightly) == Browser(nightly, "firefox")
    assert find_browser(str(tmp_path / "opt" / "brave")).kind == "chromium"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("chromium", "apt install chromium"),
        ("firefox", "apt install firefox-esr"),
        ("/opt/none", "--on takes"),
    ],
)
def test_missing_browser_names_the_remedy(tools: Path, name: str, said: str) -> None:
    with pytest.raises(CommandError, match=said) as raised:
        find_browser(name)
    assert raised.value.status == EX_UNAVAILABLE


def chromium_flags(tmp_path: Path) -> set[str]:
    command = Browser("/usr/bin/chromium", "chromium").command(URL, tmp_path)
    assert (command[0], command[-1]) == ("/usr/bin/chromium", URL)
    return set(command[1:-1])


def test_chromium_is_headless_private_and_quiet(tmp_path: Path) -> None:
    assert chromium_flags(tmp_path) >= {
        "--headless=new",
        f"--user-data-dir={tmp_path}/profile",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    }


@pytest.mark.parametrize(("user", "without_sandbox"), [(0, True), (1000, False)])
def test_sandbox_is_given_up_by_root_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, without_sandbox: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert ("--no-sandbox" in chromium_flags(tmp_path)) == without_sandbox


@pytest.mark.parametrize(("free", "avoided"), [(64 << 20, True), (8 << 30, False)])
def test_small_shared_memory_is_avoided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, avoided: bool
) -> None:
    monkeypatch.setattr(browser, "_free_shared_memory", lambda: free)
    assert ("--disable-dev-shm-usage" in chromium_flags(tmp_path)) == avoided


def test_firefox_command_and_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser.tempfile, "tempdir", str(tmp_path))
    firefox = Browser("/usr/bin/firefox", "firefox")
    folder = firefox.private_folder()
    assert folder.parent == tmp_path
    profile = folder / "profile"
    assert firefox.command(URL, folder) == [
        "/usr/bin/firefox",
        "--headless",
        "--no-remote",
        "--profile",
        str(profile),
        URL,
    ]
    assert 'user_pref("app.update.enabled", false);' in (profile / "user.js").read_text()


def test_snap_gets_a_folder_that_it_can_see(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(browser.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(browser, "LONGEST_TEMPORARY", len(str(tmp_path)))
    visible = tmp_path / "snap" / "chromium" / "common"
    visible.mkdir(parents=True)
    install(tools, "chromium-browser", content='#!/bin/sh\nexec /snap/bin/chromium "$@"\n')
    assert find_browser().private_folder().parent == visible
    install(tools, "chromium", content="#!/bin/sh\nexec /usr/lib/chromium/chromium\n")
    assert find_browser().private_folder().parent == tmp_path
    (tools / "chromium").unlink()
    (tools / "chromium").symlink_to(sys.executable)
    assert find_browser().private_folder().parent == tmp_path


def test_long_temporary_path_is_not_for_chromium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * browser.LONGEST_TEMPORARY)
    long.mkdir()
    monkeypatch.setattr(browser.tempfile, "tempdir", str(long))
    folder = Browser("/usr/bin/chromium", "chromium").private_folder()
    folder.rmdir()
    assert folder.parent == Path("/tmp")
    assert Browser("/usr/bin/firefox", "firefox").private_folder().parent == long
