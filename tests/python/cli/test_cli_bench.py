"""`penny bench` with a stand-in for the browser: the table, the file, and its errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penny.cli.bench import OPERATIONS, browser_of, digits
from penny.cli.pyodide import PYODIDE_VERSION

# In place of a browser: sends the messages that stand in a file, then, if none of them ended the
# command, what it was told itself. "drop" in the file: it hangs up; "guess": it guesses the token.
BROWSER = """
import asyncio, json, pathlib, sys, urllib.parse, aiohttp
url = sys.argv[-1]
query = urllib.parse.urlsplit(url).query
async def main():
    messages = json.loads(pathlib.Path(__file__).with_name("messages").read_text())
    token = "token=guess" if messages == "guess" else query
    session = urllib.parse.urljoin(url, "session?" + token)
    async with aiohttp.ClientSession() as http:
        try:
            async with http.ws_connect(session) as socket:
                order = await socket.receive_json()
                for message in messages if messages != "drop" else []:
                    await socket.send_json(message)
                if messages == "drop":
                    return
                await socket.send_json(order)
                await asyncio.Event().wait()
        except aiohttp.WSServerHandshakeError as error:
            sys.exit(f"status {error.status}")
asyncio.run(main())
"""

PAGE = {"type": "page", "agent": "Mozilla/5.0 HeadlessChrome/156.0.0.0 Safari/537.36", "cores": 8}
ROW = {
    "type": "row",
    "operation": "submit-await",
    "us": {"penny": [44.04, 40.0, 1234.0], "message": [61.0, 2000.0, 61.0], "serial": [0.3512] * 3},
}
SPAWN = {
    "type": "row",
    "operation": "spawn-join",
    "us": {"penny": [0.4] * 3, "serial": [0.0412] * 3},
}
DONE = {"type": "done"}

Bench = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Run `penny bench`; its page sends these messages. Returns status, stdout and stderr."""
    (tmp_path / "page.py").write_text(BROWSER)
    (tmp_path / "browser").write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path}/page.py "$@"\n')
    (tmp_path / "browser").chmod(0o755)
    (tmp_path / "tmp").mkdir()

    def bench(messages: Any, *options: str) -> tuple[int, str, str]:
        (tmp_path / "messages").write_text(json.dumps(messages))
        command = [sys.executable, "-m", "penny.cli", "bench", "--no-snapshot"]
        done = subprocess.run(
            [*command, "--on", str(tmp_path / "browser"), *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        )
        assert os.listdir(tmp_path / "tmp") == []
        return done.returncode, done.stdout, done.stderr

    return bench


def test_table_has_the_machine_medians_and_dashes(bench: Bench) -> None:
    status, out, err = bench([PAGE, ROW, SPAWN, DONE], "--workers", "3", "--rounds", "3")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"Chromium 156, Pyodide {PYODIDE_VERSION}, Penny ")
    assert "8 cores" in lines[1]
    assert lines[2] == "3 workers, median of 3 rounds"
    assert lines[4].split("  ")[0] == "µs per task"
    assert lines[4].endswith("Penny   postMessage pool   plain call")
    assert lines[5].startswith(OPERATIONS["submit-await"])
    assert lines[5].split()[-3:] == ["44", "61", "0.351"]
    assert lines[6].startswith(OPERATIONS["spawn-join"])
    assert lines[6].split()[-3:] == ["0.4", "—", "0.0412"]
    assert len({len(line) for line in lines[4:7]}) == 1  # columns


def test_file_has_every_sample(bench: Bench, tmp_path: Path) -> None:
    assert bench([PAGE, ROW, DONE], "--json", "out.json")[0] == 0
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["environment"]["browser"] == "Chromium 156"
    assert (written["environment"]["cores"], written["environment"]["workers"]) == (8, 2)
    assert written["unit"] == "µs"
    assert written["results"][0] == {
        "operation": "submit-await",
        "who": "penny",
        "median": 44.04,
        "samples": [44.04, 40.0, 1234.0],
    }


def test_what_the_page_is_told(bench: Bench) -> None:
    status, _, err = bench([], "--workers", "3", "--rounds", "4")
    assert status == 70
    assert "unknown message: {'workers': 3, 'rounds': 4}" in err


def test_failure_of_the_page_is_said_and_no_file_is_written(bench: Bench, tmp_path: Path) -> None:
    failed = {"type": "error", "message": "IsolationError: not isolated"}
    status, _, err = bench([PAGE, failed], "--json", "out.json")
    assert (status, err) == (70, "penny: IsolationError: not isolated\n")
    assert not (tmp_path / "out.json").exists()


def test_lost_connection(bench: Bench) -> None:
    status, _, err = bench("drop")
    assert status == 70
    assert "the connection to the page was lost" in err


def test_other_pages_are_kept_out(bench: Bench) -> None:
    status, _, err = bench("guess")
    assert status == 70
    assert "status 403" in err


@pytest.mark.parametrize("file", ["missing/out.json", "tmp"])
def test_file_that_can_not_be_written_is_an_error_before_anything_is_measured(
    bench: Bench, file: str
) -> None:
    status, out, err = bench([PAGE, ROW, DONE], "--json", file)
    assert (status, out) == (2, "")
    assert f"can't write '{file}'" in err


def test_no_browser(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "penny.cli", "bench", "--on", "firefox"],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert done.returncode == 69
    assert "apt install firefox-esr" in done.stderr


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (PAGE["agent"], "Chromium 156"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", "Firefox 153.0"),
        ("Ladybird", "Ladybird"),
    ],
)
def test_browser_by_what_it_calls_itself(agent: str, name: str) -> None:
    assert browser_of(agent) == name


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04123, "0.0412"), (9.999, "10"), (44.04, "44"), (123.4, "123"), (12345.6, "12,346")],
)
def test_three_digits(value: float, text: str) -> None:
    assert digits(value) == text
