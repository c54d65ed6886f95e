from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

SERVE = [sys.executable, "-m", "penny.cli", "serve", "--port", "0", "--no-snapshot"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serves_until_a_signal_comes(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "index.html").write_text("mine")
    with subprocess.Popen([*SERVE, str(tmp_path)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        match = re.fullmatch(r"Serving (.*) at (http://127\.0\.0\.1:\d+/) \(Ctrl-C stops\)\n", line)
        assert match is not None
        assert match[1] == str(tmp_path)
        with urllib.request.urlopen(match[2], timeout=10) as answer:
            assert answer.read() == b"mine"
        with urllib.request.urlopen(f"{match[2]}penny.js", timeout=10) as answer:
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        server.send_signal(number)
        assert server.wait(timeout=10) == 0
