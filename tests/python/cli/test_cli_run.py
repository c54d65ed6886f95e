"""`penny run` with a stand-in for the browser: statuses, output, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import penny.cli.visit
from penny.cli import main

RUN = [sys.executable, "-m", "penny.cli", "run", "--no-snapshot"]

Started = subprocess.Popen[str]


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The folder of temporary files of the commands under test."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


@pytest.fixture
def start(tmp_path: Path, temporary: Path) -> Callable[..., Started]:
    """Start `penny run` on a script made of steps (see fake_browser.py)."""
    browser = tmp_path / "browser"
    fake = Path(__file__).with_name("fake_browser.py")
    browser.write_text(f'#!/bin/sh\nexec {sys.executable} {fake} "$@"\n')
    browser.chmod(0o755)
    folder = tmp_path / "scripts"
    folder.mkdir()

    def start(
        *steps: object,
        options: tuple[str, ...] = (),
        args: tuple[str, ...] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> Started:
        (folder / "script.py").write_text(json.dumps(steps))
        return subprocess.Popen(
            [*RUN, "--on", str(browser), *options, "script.py", *args],
            cwd=folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(temporary)},
        )

    return start


@pytest.fixture
def run(start: Callable[..., Started]) -> Callable[..., tuple[int, str, str]]:
    """Like `start`, to the end: return status, stdout and stderr."""

    def run(*steps: object, **options: tuple[str, ...]) -> tuple[int, str, str]:
        process = start(*steps, **options)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    return run


def alive(process: int) -> bool:
    """Whether a process runs; one that ended and was not yet waited for does not."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.mark.parametrize("status", [0, 1, 3])
def test_output_and_status_are_the_scripts(
    run: Callable[..., tuple[int, str, str]], temporary: Path, status: int
) -> None:
    steps = [
        ["write", "stdout", "one\n"],
        ["write", "stderr", "warning\n"],
        ["write", "stdout", "two, ünfinished"],
        ["exit", status],
    ]
    assert run(*steps) == (status, "one\ntwo, ünfinished", "warning\n")
    assert os.listdir(temporary) == []


def test_what_the_page_is_told(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    folder = str(tmp_path / "scripts")
    (tmp_path / "scripts" / "helper.py").write_text("")
    steps = [["tell"], ["exit", 0]]
    status, out, _ = run(*steps, options=("--workers", "3"), args=("-v", "--workers", "9"))
    assert status == 0
    told = json.loads(out)
    assert told["start"] == {
        "type": "start",
        "source": json.dumps(steps),
        "filename": "script.py",
        "argv": ["script.py", "-v", "--workers", "9"],
        "workers": 3,
        "on": "host",
        "trace": False,
        "terminal": False,
        "environment": {},
        "packages": [],
        "place": {
            "directory": folder,
            "path": folder,
            "folders": [folder],
            "partial": [],
            "keep": False,
        },
    }
    assert told["names"] == [f"{folder[1:]}/helper.py", f"{folder[1:]}/script.py"]
    assert "--headless=new" in told["command"]
    told = json.loads(run(*steps, options=("--page",))[1])
    assert (told["start"]["on"], told["start"]["workers"]) == ("page", None)


def test_variables_are_passed_on_by_name(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNY_TEST", "here")
    options = ("--env", "PENNY_TEST", "--env", "A=b=c", "--env", "EMPTY=", "--env", "NOT_SET")
    told = json.loads(run(["tell"], ["exit", 0], options=options)[1])
    assert told["start"]["environment"] == {"PENNY_TEST": "here", "A": "b=c", "EMPTY": ""}


def test_only_what_the_script_asks_for_is_read(
    start: Callable[..., Started], tmp_path: Path
) -> None:
    read, write = os.pipe()
    os.write(write, b"one, two")
    process = start(["read", 3], ["read", 100], ["write", "stdout", "so far"], stdin=read)
    assert process.stdout is not None
    assert process.stdout.read(16) == "[one][, two]so f"
    # Nobody waits for stdin any more, although it is open. Whoever is next reads what comes now.
    os.write(write, b"next")
    assert os.read(read, 100) == b"next"
    process.terminate()
    process.communicate(timeout=10)
    os.close(read)
    os.close(write)


def test_a_script_ends_while_stdin_is_waited_for(start: Callable[..., Started]) -> None:
    read, write = os.pipe()
    process = start(["ask", 3], ["write", "stdout", "end"], ["exit", 4], stdin=read)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (4, "end")
    os.close(read)
    os.close(write)


def test_the_end_of_stdin(start: Callable[..., Started]) -> None:
    process = start(["read", 3], ["read", 3], ["exit", 0], stdin=subprocess.DEVNULL)
    assert process.communicate(timeout=30)[0] == "[][]"


def test_script_from_stdin(start: Callable[..., Started], tmp_path: Path) -> None:
    browser = str(tmp_path / "browser")
    done = subprocess.run(
        [*RUN, "--on", browser, "-", "x"],
        cwd=tmp_path / "scripts",
        input='[["tell"], ["exit", 0]]',
        capture_output=True,
        text=True,
        timeout=30,
    )
    told = json.loads(done.stdout)["start"]
    assert (told["filename"], told["argv"]) == ("<stdin>", ["-", "x"])


def test_text_that_the_encoding_lacks(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    status, out, _ = run(["write", "stdout", "ünfinished\n"], ["exit", 0])
    assert (status, out) == (0, "\\xfcnfinished\n")


def test_output_comes_while_the_script_runs(start: Callable[..., Started]) -> None:
    process = start(["write", "stdout", "first\n"], ["hang"])
    assert process.stdout is not None
    assert process.stdout.readline() == "first\n"
    process.terminate()
    process.communicate(timeout=10)


def test_failure_of_the_page(run: Callable[..., tuple[int, str, str]]) -> None:
    steps = [["write", "stdout", "so far\n"], ["error", "Error: could not load penny.js"]]
    assert run(*steps) == (1, "so far\n", "penny: Error: could not load penny.js\n")


def test_lost_connection(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = run(["write", "stdout", "so far\n"], ["drop"])
    assert (status, out) == (70, "so far\n")
    assert "the connection to the page was lost" in err


def test_browser_that_ends(run: Callable[..., tuple[int, str, str]], temporary: Path) -> None:
    status, _, err = run(["die", 5, "cannot open display"])
    assert status == 70
    assert "penny: " in err
    assert os.listdir(temporary) == []


@pytest.mark.parametrize("content", ["#!/bin/sh\necho no display >&2\nexit 5\n", "not a program"])
def test_browser_that_does_not_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "browser").write_text(content)
    (tmp_path / "browser").chmod(0o755)
    (tmp_path / "script.py").touch()
    done = subprocess.run(
        [*RUN, "--on", "./browser", "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 70
    assert "penny: the browser ended with status" in done.stderr
    assert "no display" in done.stderr or "Exec format error" in done.stderr


def test_page_that_is_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "browser").write_text("#!/bin/sh\nexec sleep 1000\n")
    (tmp_path / "browser").chmod(0o755)
    (tmp_path / "script.py").touch()
    monkeypatch.setattr(penny.cli.visit, "CONNECTING", 0.2)
    line = ["run", "--no-snapshot", "--on", str(tmp_path / "browser"), str(tmp_path / "script.py")]
    assert main(line) == 70
    assert "browser did not open the page within" in capfd.readouterr().err


def test_no_browser(tmp_path: Path) -> None:
    (tmp_path / "script.py").touch()
    done = subprocess.run(
        [*RUN, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert done.returncode == 69
    assert "apt install chromium" in done.stderr


@pytest.mark.parametrize(
    ("numbers", "status"),
    [
        ([signal.SIGINT, signal.SIGINT], 130),
        ([signal.SIGTERM], 143),
        ([signal.SIGHUP], 129),
        ([signal.SIGINT, signal.SIGTERM], 143),
    ],
)
def test_signals_end_browser_and_helpers(
    start: Callable[..., Started],
    tmp_path: Path,
    temporary: Path,
    numbers: list[signal.Signals],
    status: int,
) -> None:
    file = tmp_path / "processes"
    waits = [["interrupted"], ["write", "stdout", "goes on\n"]] * (len(numbers) - 1)
    process = start(
        ["stubborn"], ["helper", str(file)], ["write", "stdout", "up\n"], *waits, ["hang"]
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    browser, helper = map(int, file.read_text().split())
    assert alive(browser)
    assert alive(helper)
    *first, last = numbers
    for number in first:
        process.send_signal(number)
        assert process.stdout.readline() == "goes on\n"
    process.send_signal(last)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (status, "", "")
    wait_until(lambda: not alive(browser) and not alive(helper), 2)
    assert os.listdir(temporary) == []


def test_killed_command_leaves_no_browser(
    start: Callable[..., Started], tmp_path: Path, temporary: Path
) -> None:
    file = tmp_path / "processes"
    process = start(["helper", str(file)], ["write", "stdout", "up\n"], ["hang"])
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    browser, helper = map(int, file.read_text().split())
    process.kill()
    process.wait()
    wait_until(lambda: not alive(browser) and not alive(helper))
    wait_until(lambda: os.listdir(temporary) == [])
    process.communicate()


def test_reader_that_has_seen_enough(start: Callable[..., Started]) -> None:
    process = start(*[["write", "stdout", "x" * 1000 + "\n"]] * 200, ["hang"])
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=10) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def test_reader_that_does_not_read_holds_up_no_signal(start: Callable[..., Started]) -> None:
    process = start(*[["write", "stdout", "x" * 1000 + "\n"]] * 200, ["hang"])
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)  # long enough for the pipe to be full
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 143
    process.communicate()


def test_unreadable_scripts(tmp_path: Path) -> None:
    def attempt(script: Path) -> tuple[int, str]:
        done = subprocess.run(
            [*RUN, str(script)], capture_output=True, text=True, timeout=30, cwd=tmp_path
        )
        return done.returncode, done.stderr

    missing = tmp_path / "missing.py"
    said = f"penny: can't open file '{missing}': [Errno 2] No such file or directory\n"
    assert attempt(missing) == (2, said)
    assert attempt(tmp_path)[0] == 2
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n")
    status, said = attempt(tmp_path / "latin.py")
    assert status == 1
    assert "can't decode" in said


# -- --trace -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 1])
def test_the_trace_is_written_whatever_the_script_does(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, status: int
) -> None:
    target = tmp_path / "out.json"
    target.write_text("what was there before, which is longer than the new one")
    steps = [["tell"], ["trace", '{"traceEvents": ['], ["trace", "]}"], ["traced", 0]]
    done, out, err = run(*steps, ["exit", status], options=("--trace", str(target)))
    assert done == status
    assert json.loads(out)["start"]["trace"] is True
    assert target.read_text() == '{"traceEvents": []}'
    assert err.count("\n") == 1
    assert str(target) in err and "ui.perfetto.dev" in err and "chrome://tracing" in err


def test_dropped_events_are_said(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    steps = [["trace", "{}"], ["traced", 1234], ["exit", 0]]
    _, _, err = run(*steps, options=("--trace", str(tmp_path / "out.json")))
    assert "1234 events are missing" in err


@pytest.mark.parametrize("target", ["missing/out.json", "."])
def test_a_trace_that_cannot_be_written_is_said_before_the_script_runs(
    run: Callable[..., tuple[int, str, str]], target: str
) -> None:
    status, out, err = run(["write", "stdout", "ran\n"], ["exit", 0], options=("--trace", target))
    assert (status, out) == (2, "")
    assert err.startswith(f"penny: can't write the trace to {target}: ")


def test_a_script_is_no_trace(start: Callable[..., Started], tmp_path: Path) -> None:
    process = start(["exit", 0], options=("--trace", "script.py"))
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert "penny run --trace out.json script.py" in err
    assert json.loads((tmp_path / "scripts" / "script.py").read_text()) == [["exit", 0]]


def test_without_a_trace_no_file_is_left(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    fresh, old = tmp_path / "fresh.json", tmp_path / "old.json"
    old.write_text("old")
    for target in (fresh, old):
        status, _, err = run(["error", "broke"], options=("--trace", str(target)))
        assert status == 1 and "broke" in err
    assert not fresh.exists()
    assert old.read_text() == "old"


def test_a_full_disk(run: Callable[..., tuple[int, str, str]]) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs Linux")
    steps = [["trace", "x" * 100_000], ["traced", 0], ["hang"]]
    status, _, err = run(*steps, options=("--trace", "/dev/full"))
    assert status == 1
    assert "can't write the trace to /dev/full: No space left" in err


def test_ctrl_c_is_the_script_s_affair(start: Callable[..., Started], tmp_path: Path) -> None:
    process = start(
        ["write", "stdout", "runs\n"],
        ["interrupted"],
        ["write", "stdout", "finally\n"],
        ["wrote", str(tmp_path / "scripts" / "out.txt"), None, None],
        ["exit", 5],
    )
    assert process.stdout is not None and process.stdout.readline() == "runs\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (5, "finally\n")
    assert "penny: out.txt was written in the browser only" in err


def test_a_script_that_ctrl_c_does_not_end(
    start: Callable[..., Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(["write", "stdout", "runs\n"], ["interrupted"], ["hang"])
    assert process.stdout is not None and process.stdout.readline() == "runs\n"
    assert process.stderr is not None
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == (
        "penny: the script goes on; Ctrl-C again ends it at once\n"
    )
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    process.communicate()


def test_files_come_back_that_are_wanted(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    folder = tmp_path / "scripts"
    steps = [
        ["tell"],
        ["wrote", str(folder / "res" / "a.txt"), 1, "of a task"],
        ["wrote", str(folder / "b.txt"), None, ""],
        ["exit", 3],
    ]
    status, out, err = run(*steps, options=("--write",))
    assert (status, err) == (3, "")
    assert json.loads(out)["start"]["place"]["keep"] is True
    assert (folder / "res" / "a.txt").read_text() == "of a task"
    assert (folder / "b.txt").read_text() == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--mount", "nowhere"), "penny: --mount nowhere: it does not exist\n"),
        (("--with", "./no.whl"), "penny: --with ./no.whl: "),
    ],
)
def test_options_that_cannot_be_are_a_line(
    run: Callable[..., tuple[int, str, str]], options: tuple[str, ...], said: str
) -> None:
    status, out, err = run(["exit", 0], options=options)
    assert status != 0 and out == ""
    assert err.startswith(said) and err.count("\n") == 1


def test_ctrl_c_waits_for_the_trace(start: Callable[..., Started], tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    process = start(
        ["write", "stdout", "runs\n"],
        ["interrupted"],
        ["write", "stdout", "goes on\n"],
        ["stopped"],
        ["trace", "{}"],
        ["traced", 0],
        ["hang"],
        options=("--trace", str(target)),
    )
    assert process.stdout is not None and process.stdout.readline() == "runs\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "goes on\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert target.read_text() == "{}"
    assert "the trace is in" in err


def test_a_second_signal_waits_no_longer(start: Callable[..., Started], tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    process = start(
        ["write", "stdout", "runs\n"],
        ["stopped"],
        ["write", "stdout", "stops\n"],
        ["hang"],
        options=("--trace", str(target)),
    )
    assert process.stdout is not None and process.stdout.readline() == "runs\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "stops\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=5)
    assert process.returncode == 128 + signal.SIGTERM
    assert not target.exists()
