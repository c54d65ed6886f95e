"""`penny run --on node`: the engine takes the command's place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.wheels import make_wheel

from penny.cli import main, node

SCRIPT = """
import os, sys, penny, helper
def around():
    assert penny.current_worker() in (0, 1)
    return os.getcwd(), open("data.txt").read(), helper.triple(5), os.environ["PENNY_A"]
with penny.Scheduler() as s:
    print(*s.submit(around).result(), os.environ["PENNY_B"], sys.argv[1:], sys.stdin.read())
sys.exit(5)
"""


def penny_run(*words: str, folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "penny.cli", "run", *words]
    return subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, timeout=120
    )


def test_a_script_in_a_folder_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its modules, and the files of the current directory."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "script.py").write_text(SCRIPT)
    (tmp_path / "sub" / "helper.py").write_text("def triple(n):\n    return 3 * n\n")
    (tmp_path / "data.txt").write_text("machine")
    monkeypatch.setenv("PENNY_A", "a")
    words = ["--on", "node", "--workers", "2", "--env", "PENNY_B=b", "--trace", "trace.json"]
    ran = penny_run(*words, "sub/script.py", "x", "--on", folder=tmp_path, text="typed")
    assert ran.stdout == f"{tmp_path} machine 15 a b ['x', '--on'] typed\n", ran.stderr
    assert ran.returncode == 5
    assert ran.stderr.startswith("penny: the trace is in trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert any("around" in event["name"] for event in trace["traceEvents"])


@pytest.mark.parametrize("script", ["script.py", "-"])
def test_packages(tmp_path: Path, script: str) -> None:
    """Those of the command, and those of the script's metadata, in the script and its tasks."""
    for name in ("one", "two"):
        file, content = make_wheel(name, f"WHO = '{name}'\n")
        (tmp_path / file).write_bytes(content)
    source = (
        "# /// script\n# dependencies = ['./one-1.0-py3-none-any.whl']\n# ///\n"
        "import penny, one, two\n"
        "def task():\n"
        "    import one, two\n"
        "    return penny.current_worker(), one.WHO, two.WHO\n"
        "with penny.Scheduler(1) as s:\n"
        "    print(*s.submit(task).result())\n"
    )
    (tmp_path / "script.py").write_text(source)
    ran = penny_run(
        "--on", "node", "--with", "two-1.0-py3-none-any.whl", script, folder=tmp_path, text=source
    )
    assert (ran.stdout, ran.returncode) == ("0 one two\n", 0), ran.stderr


def test_temporary_files_where_the_machines_may_not_be_changed() -> None:
    """The current directory is the machine's /tmp, which is there to be read only."""
    source = (
        "import penny, tempfile\n"
        "def task():\n"
        "    with tempfile.NamedTemporaryFile() as file:\n"
        "        return penny.current_worker(), file.write(b'abc')\n"
        "with penny.Scheduler(1) as s:\n"
        "    print(s.submit(task).result(), task())\n"
    )
    ran = penny_run("--on", "node", "-", folder=Path("/tmp"), text=source)
    assert (ran.stdout, ran.returncode) == ("(0, 3) (None, 3)\n", 0), ran.stderr


def test_a_script_that_is_missing(tmp_path: Path) -> None:
    ran = penny_run("--on", "node", "nowhere.py", folder=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "nowhere.py" in ran.stderr


@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (["--on", "/nowhere/node", "x.py"], "/nowhere/node was not found", 69),
        (["--on", "node", "--page", "x.py"], "--page is for browsers", 2),
        (["--on", "node", "--no-snapshot", "x.py"], "--no-snapshot is for browsers", 2),
    ],
)
def test_what_it_refuses(
    words: list[str], said: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *words]) == status
    assert said in capsys.readouterr().err


def test_engines_by_name_and_path() -> None:
    named = map(
        node.engine_of, ["node", "/usr/bin/bun", "deno", "C:/node.exe", "chromium", "./fox"]
    )
    assert [*named] == ["node", "bun", "deno", "node", None, None]
