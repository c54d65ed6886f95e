"""Headless browsers: finding one, its command line, and a process that leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from penny.cli.errors import EX_UNAVAILABLE, CommandError

GUARD = Path(__file__).with_name("guard.py")

SMALL_SHM = 512 << 20
"""Bytes free in /dev/shm below which Chromium must not use it; containers often have 64 MB."""

STOPPING = 10.0
"""Seconds that the guard gets to end the browser; it normally needs some tenths of one."""

LONGEST_TEMPORARY = 40
"""Letters of a temporary folder's path beyond which Chromium's socket in it would have a path
longer than the 107 that the system allows."""

LOG_KEPT = 2000
"""Bytes kept of what a browser writes to its stderr, for the message if it crashes."""

_NAMES = {
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "firefox": ("firefox", "firefox-esr"),
}

_PACKAGES = {
    "chromium": "`apt install chromium` (Debian) or `apt install chromium-browser` (Ubuntu)",
    "firefox": "`apt install firefox-esr` (Debian) or `apt install firefox` (Ubuntu)",
}

# Nothing leaves the machine by itself, nothing is asked, nothing is slowed down unseen.
_FIREFOX_PREFERENCES = """\
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("app.update.auto", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("dom.min_background_timeout_value", 4);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("toolkit.telemetry.enabled", false);
"""


@dataclass(frozen=True)
class Browser:
    """A browser on this machine."""

    executable: str
    kind: str
    """chromium or firefox: which command line it understands."""

    def command(self, url: str, folder: Path) -> list[str]:
        """Return the command that opens `url`, with `folder` as its private one."""
        build = _firefox_command if self.kind == "firefox" else chromium_flags
        return [self.executable, *build(folder), url]

    def private_folder(self) -> Path:
        """Make a folder for the browser's profile and temporary files."""
        # A snap sees neither /tmp nor hidden folders of the home, but this one.
        snap = Path.home() / "snap" / self.kind / "common"
        within = snap if snap.is_dir() and _is_snap(self.executable) else None
        if (
            within is None
            and self.kind == "chromium"
            and len(tempfile.gettempdir()) > LONGEST_TEMPORARY
        ):
            within = Path("/tmp")
        folder = Path(tempfile.mkdtemp(prefix="penny-", dir=within))
        if self.kind == "firefox":
            (folder / "profile").mkdir()
            (folder / "profile" / "user.js").write_text(_FIREFOX_PREFERENCES)
        return folder


def find_browser(name: str = "chromium") -> Browser:
    """Return the browser that `--on` names: chromium, firefox, or the path of either.

    Raises:
        CommandError: it is not installed.
    """
    if name in _NAMES:
        for command in _NAMES[name]:
            if executable := shutil.which(command):
                return Browser(executable, name)
        raise CommandError(
            f"no {name} was found (looked for {', '.join(_NAMES[name])} on the PATH).\n"
            f"Install it, for example with {_PACKAGES[name]}, or name one: --on /path/to/browser",
            EX_UNAVAILABLE,
        )
    executable = shutil.which(name)
    if executable is None:
        raise CommandError(
            f"there is no browser {name!r}: --on takes chromium, firefox, or an executable's path",
            EX_UNAVAILABLE,
        )
    kind = "firefox" if "firefox" in Path(executable).name else "chromium"
    return Browser(executable, kind)


def chromium_flags(folder: Path) -> list[str]:
    """Return the flags of a headless Chromium that keeps its profile in `folder`."""
    flags = [
        "--headless=new",
        f"--user-data-dir={folder / 'profile'}",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-gpu",
        "--disable-extensions",
        "--password-store=basic",
        # no traffic of its own
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-domain-reliability",
        "--disable-sync",
        "--metrics-recording-only",
        # no slowing down of a page that nobody looks at
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
    ]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium refuses to start its sandbox as root
    if _free_shared_memory() < SMALL_SHM:
        flags.append("--disable-dev-shm-usage")
    return flags


def _firefox_command(folder: Path) -> list[str]:
    return ["--headless", "--no-remote", "--profile", str(folder / "profile")]


def _free_shared_memory() -> int:
    try:
        shm = os.statvfs("/dev/shm")
    except OSError:  # there is none: not Linux, and Chromium does not use it
        return sys.maxsize
    return shm.f_bavail * shm.f_frsize


def _is_snap(executable: str) -> bool:
    """Whether an executable is a snap, or Ubuntu's shell script that starts one."""
    if os.path.realpath(executable) == "/usr/bin/snap" or executable.startswith("/snap/"):
        return True
    with open(executable, "rb") as file:
        start = file.read(4096)
    return start.startswith(b"#!") and b"/snap/bin/" in start


class BrowserProcess:
    """A running browser, inside `async with`; at the block's end it is gone, helpers included.

    Args:
        browser: Which one.
        url: The page to open.
        on_exit: Called once, with the exit status, if the browser ends by itself.
    """

    def __init__(self, browser: Browser, url: str, on_exit: Callable[[int], None]) -> None:
        self._browser = browser
        self._url = url
        self._on_exit = on_exit
        self._log = b""

    @property
    def last_words(self) -> str:
        """The end of what the browser wrote to its stderr."""
        return self._log.decode(errors="replace").strip()

    async def __aenter__(self) -> BrowserProcess:
        folder = self._browser.private_folder()
        # What browsers put into the temporary folder outlives a kill; so it is inside their own.
        temporary = folder / "tmp"
        temporary.mkdir()
        self._guard = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(GUARD),
            str(folder),
            *self._browser.command(self._url, folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(temporary)},
            # Out of the terminal's foreground group: Ctrl-C is for the command, which then stops.
            start_new_session=True,
        )
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._watch())]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        try:
            await asyncio.wait_for(self._guard.wait(), STOPPING)
        except TimeoutError:
            self._guard.kill()

    async def _watch(self) -> None:
        status = await self._guard.wait()
        # Its last lines may still be on their way; helpers may hold the pipe open.
        await asyncio.wait(self._tasks[:1], timeout=0.2)
        self._on_exit(status)

    async def _listen(self) -> None:
        assert self._guard.stderr is not None
        while piece := await self._guard.stderr.read(4096):
            self._log = (self._log + piece)[-LOG_KEPT:]
