from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from penny.cli import WORKERS_MAX, main, parser, run
from penny.cli.errors import CommandError
from penny.cli.site import penny_version


def test_what_follows_the_script_is_the_scripts() -> None:
    line = ["run", "--workers", "2", "s.py", "--workers", "3", "--page", "-x", "--", "--help"]
    options = parser().parse_args(line)
    assert options.script == "s.py"
    assert options.args == ["--workers", "3", "--page", "-x", "--", "--help"]
    assert (options.workers, options.page) == (2, False)


def test_defaults_of_run() -> None:
    options = parser().parse_args(["run", "-"])
    assert (options.script, options.args) == ("-", [])
    assert (options.workers, options.on, options.page) == (None, "chromium", False)
    assert (options.pyodide, options.snapshot) == (None, True)


def test_defaults_of_serve_and_build() -> None:
    options = parser().parse_args(["serve"])
    assert (options.dir, options.host, options.port, options.open) == (
        None,
        "127.0.0.1",
        None,
        False,
    )
    options = parser().parse_args(["build", "out", "--no-snapshot"])
    assert (options.dir, options.force, options.snapshot) == ("out", False, False)


def test_defaults_of_bench() -> None:
    options = parser().parse_args(["bench"])
    assert (options.workers, options.rounds, options.on) == (2, 7, "chromium")
    assert (options.json, options.snapshot) == (None, True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["bench", "--rounds", "0"], "0 is not at least 1"),
        (["bench", "--workers", "x"], "x"),
        ([], "COMMAND"),
        (["fly"], "fly"),
        (["run"], "script"),
        (["run", "--workers", "0", "s.py"], "0 is not at least 1"),
        (["run", "--workers", "-1", "s.py"], "-1 is not at least 1"),
        (["run", "--workers", "many", "s.py"], "'many' is not a number"),
        (["run", "--workers", "65", "s.py"], "65 is more than 64"),
        (["serve", "--port", "http", "s.py"], "'http' is not a number"),
        (["serve", "--port", "65536"], "65536 is not between 0 and 65535"),
        (["build"], "DIR"),
    ],
)
def test_usage_errors(line: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_as_many_workers_as_the_core_has() -> None:
    sizes = Path(run.__file__).parents[1] / "wasm_core" / "sizes.h"
    assert f"WORKERS_MAX = {WORKERS_MAX}," in sizes.read_text()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert not ended.value.code
    assert capsys.readouterr().out == f"penny {penny_version()}\n"


def test_error_is_a_sentence_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_options: object) -> int:
        raise CommandError("no luck", 69)

    monkeypatch.setattr(run, "run", fail)
    assert main(["run", "s.py"]) == 69
    assert capsys.readouterr().err == "penny: no luck\n"


def test_ctrl_c_outside_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run", interrupt)
    assert main(["run", "s.py"]) == 130


def test_serve_of_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "/nowhere/at/all"]) == 2
    assert "/nowhere/at/all is not a folder" in capsys.readouterr().err


def test_as_a_module() -> None:
    printed = subprocess.check_output([sys.executable, "-m", "penny.cli", "--version"], text=True)
    assert printed == f"penny {penny_version()}\n"
