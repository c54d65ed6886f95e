"""`penny run` as users call it: a process, which starts a browser and leaves none behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

TIMEOUT = 120
"""Seconds after which a command counts as hanging; a cold one takes two."""


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Of the command: with a folder for temporary files that is its own."""
    # Not pytest's: Chromium puts a socket there, whose path may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="penny-test-") as temporary:
        yield {**os.environ, "TMPDIR": temporary}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    folder = tmp_path / "program"
    folder.mkdir()
    return folder / "script.py"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "penny.cli", "run", *map(str, arguments)]


def run(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment, capture_output=True, text=True, timeout=TIMEOUT
    )


def processes_using(folder: str) -> list[str]:
    """Command lines of the processes that were given a folder: the browser's, all of them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if folder in line:
            found.append(line)
    return found


def test_a_script_runs_with_its_arguments_and_modules(
    script: Path, environment: dict[str, str]
) -> None:
    (script.parent / "helper.py").write_text("def double(n):\n    return 2 * n\n")
    script.write_text(
        "import sys\n"
        "import helper\n"
        "import penny\n"
        "print(sys.argv[1:], file=sys.stderr)\n"
        "with penny.Scheduler() as s:\n"
        "    print(s.workers, list(s.map(helper.double, range(4))))\n"
        "sys.exit(7)\n"
    )
    done = run(environment, "--workers", 3, script, "--workers", "x y")
    assert done.stdout == "3 [0, 2, 4, 6]\n"
    assert done.stderr == "['--workers', 'x y']\n"
    assert done.returncode == 7
    assert os.listdir(environment["TMPDIR"]) == []


def test_a_traceback_shows_the_script_s_lines_here_and_in_the_worker(
    script: Path, environment: dict[str, str]
) -> None:
    script.write_text(
        "import penny\n"
        "def fail(n):\n"
        "    return 1 / n  # in the worker\n"
        "async with penny.Scheduler(workers=1) as s:\n"
        "    await s.submit(fail, 0)  # in the script\n"
    )
    done = run(environment, script)
    assert done.returncode == 1
    assert done.stdout == ""
    assert 'File "script.py", line 3, in fail\n    return 1 / n  # in the worker' in done.stderr
    assert "await s.submit(fail, 0)  # in the script" in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_script_runs_on_the_page(script: Path, environment: dict[str, str]) -> None:
    script.write_text(
        "import js\n"
        "import penny\n"
        "async with penny.Scheduler(workers=1) as s:\n"
        "    print(js.document.title, await s.submit(abs, -1))\n"
    )
    done = run(environment, "--page", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "penny run 1\n", "")


def test_a_script_comes_from_standard_input(environment: dict[str, str]) -> None:
    done = subprocess.run(
        command("-"),
        env=environment,
        input="print('from stdin')",
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "from stdin\n", "")


def test_output_comes_while_the_script_runs_and_ctrl_c_ends_all(
    script: Path, environment: dict[str, str]
) -> None:
    script.write_text(
        "import penny\n"
        "def spin():\n"
        "    print('spinning', flush=True)\n"
        "    while True:\n"
        "        pass\n"
        "with penny.Scheduler(workers=2) as s:\n"
        "    s.submit(spin)\n"
        "    print('waiting', flush=True)\n"
    )
    with subprocess.Popen(
        command(script), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = {process.stdout.readline(), process.stdout.readline()}
            assert lines == {"spinning\n", "waiting\n"}
            assert processes_using(environment["TMPDIR"])
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT) == 130
        finally:
            process.kill()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert processes_using(environment["TMPDIR"]) == []
    assert os.listdir(environment["TMPDIR"]) == []


def test_the_main_example_indexes_the_standard_library(environment: dict[str, str]) -> None:
    done = run(environment, "--workers", 2, REPOSITORY / "examples" / "stdlib_index.py", 3)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    summary = re.fullmatch(r"(\d+) modules, (\d+) functions, [\d.]+ s", lines[0])
    assert summary is not None, lines[0]
    modules, functions = map(int, summary.groups())
    assert modules > 500
    assert functions > 10_000
    largest = lines[lines.index("The largest") + 2 :][:3]
    assert [int(line.split()[0]) for line in largest] == sorted(
        (int(line.split()[0]) for line in largest), reverse=True
    )
    workers = [line.split() for line in lines[-2:]]
    assert [worker[0] for worker in workers] == ["0", "1"]
    assert sum(int(worker[1]) for worker in workers) == modules
    assert all(int(worker[1]) > 0 for worker in workers)
