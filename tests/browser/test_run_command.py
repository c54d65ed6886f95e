"""`penny run` as users call it: a process, which starts a browser and leaves none behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from support.wheels import make_wheel

REPOSITORY = Path(__file__).parents[2]

TIMEOUT = 120
"""Seconds after which a command counts as hanging; a cold one takes two."""


PENNY_RUN = [sys.executable, "-m", "penny.cli", "run"]

WHEEL = make_wheel("stranger", "WHO = 'a stranger'\n")
OTHER = make_wheel("other", "WHO = 'another'\n")

AT_ONCE = 2
"""Commands that run at a time; each has a browser of its own."""


@dataclass(frozen=True)
class Done:
    """What a command has done. files: what was in its folder then, but for what it was given."""

    returncode: int
    stdout: str
    stderr: str
    files: dict[str, str]


Test = TypeVar("Test", bound=Callable[..., None])


@dataclass(frozen=True)
class Command:
    arguments: tuple[object, ...]
    files: Mapping[str, str | bytes]
    stdin: str | None

    def run(self) -> Done:
        """Run it in a folder with its files, to its end. It leaves no temporary files behind."""
        with temporary_folder() as folder, temporary_folder() as temporary:
            for name, content in self.files.items():
                file = Path(folder) / name
                file.parent.mkdir(exist_ok=True)
                if isinstance(content, bytes):
                    file.write_bytes(content)
                else:
                    file.write_text(content)
            done = subprocess.run(
                [*PENNY_RUN, *map(str, self.arguments)],
                cwd=folder,
                env={**os.environ, "TMPDIR": temporary},
                input=self.stdin,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
            )
            assert os.listdir(temporary) == []
            files = {
                path.relative_to(folder).as_posix(): path.read_text()
                for path in Path(folder).rglob("*")
                if path.is_file() and path.relative_to(folder).as_posix() not in self.files
            }
            return Done(done.returncode, done.stdout, done.stderr, files)


COMMANDS: dict[str, Command] = {}
"""By the name of the test that looks at what it has done."""


def command(
    *arguments: object, files: Mapping[str, str | bytes] | None = None, stdin: str | None = None
) -> Callable[[Test], Test]:
    """What the test's `done` is of: `penny run`, with these arguments."""

    def register(test: Test) -> Test:
        COMMANDS[test.__name__] = Command(arguments, files or {}, stdin)
        return test

    return register


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Done]]]:
    """All commands of the tests, running side by side: each waits a good while for its browser."""
    names = {t.originalname for t in request.session.items if request.node in t.iter_parents()}
    with ThreadPoolExecutor(AT_ONCE) as executor:
        yield {name: executor.submit(c.run) for name, c in COMMANDS.items() if name in names}


@pytest.fixture
def done(request: pytest.FixtureRequest, running: dict[str, Future[Done]]) -> Done:
    return running[request.function.__name__].result()


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    # Not pytest's: Chromium puts a socket there, whose path may have 107 bytes.
    return tempfile.TemporaryDirectory(prefix="penny-test-")


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Of the command: with a folder for temporary files that is its own."""
    with temporary_folder() as temporary:
        yield {**os.environ, "TMPDIR": temporary}


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


@command(
    "--workers",
    3,
    "script.py",
    "--workers",
    "x y",
    files={
        "helper.py": "def double(n):\n    return 2 * n\n",
        "script.py": (
            "import sys\n"
            "import helper\n"
            "import penny\n"
            "print(sys.argv[1:], file=sys.stderr)\n"
            "with penny.Scheduler() as s:\n"
            "    print(s.workers, list(s.map(helper.double, range(4))))\n"
            "sys.exit(7)\n"
        ),
    },
)
def test_a_script_runs_with_its_arguments_and_modules(done: Done) -> None:
    assert done.stdout == "3 [0, 2, 4, 6]\n"
    assert done.stderr == "['--workers', 'x y']\n"
    assert done.returncode == 7


@command(
    "script.py",
    files={
        "script.py": (
            "import penny\n"
            "def fail(n):\n"
            "    return 1 / n  # in the worker\n"
            "async with penny.Scheduler(workers=1) as s:\n"
            "    await s.submit(fail, 0)  # in the script\n"
        )
    },
)
def test_a_traceback_shows_the_script_s_lines_here_and_in_the_worker(done: Done) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert 'File "script.py", line 3, in fail\n    return 1 / n  # in the worker' in done.stderr
    assert "await s.submit(fail, 0)  # in the script" in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


@command(
    "--page",
    "script.py",
    files={
        "script.py": (
            "import js\n"
            "import penny\n"
            "async with penny.Scheduler(workers=1) as s:\n"
            "    print(js.document.title, await s.submit(abs, -1), input('name? '))\n"
        )
    },
    stdin="Ada\n",
)
def test_a_script_runs_on_the_page(done: Done) -> None:
    assert (done.returncode, done.stdout, done.stderr) == (0, "name? penny run 1 Ada\n", "")


@command("-", stdin="print('from stdin')")
def test_a_script_comes_from_standard_input(done: Done) -> None:
    assert (done.returncode, done.stdout, done.stderr) == (0, "from stdin\n", "")


@command(
    "--env",
    "PENNY_TEST=1",
    "script.py",
    files={
        "script.py": (
            "import os, sys\n"
            "import penny\n"
            "def variables():\n"
            "    return os.environ['PENNY_TEST'], os.environ.get('TMPDIR'), sys.argv\n"
            "with penny.Scheduler(workers=1) as s:\n"
            "    print(s.submit(variables).result())\n"
            "print(input(), next(sys.stdin), sys.stdin.read().count('é'), sys.stdin.isatty())\n"
            "input()\n"
        )
    },
    stdin="one\ntwo\n" + "é" * 100_000,
)
def test_a_script_reads_standard_input_and_variables_that_are_named(done: Done) -> None:
    assert done.stdout == "('1', None, ['script.py'])\none two\n 100000 False\n"
    assert done.stderr.endswith("EOFError: EOF when reading a line\n")
    assert done.returncode == 1


def test_a_script_asks_at_a_terminal_and_writes_bytes(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "import penny\n"
        "sys.stdout.buffer.write(bytes(range(256)) + b'\\n')\n"
        "with penny.Scheduler(workers=1) as s:\n"
        "    name = input('name? ')\n"
        "    s.submit(print, name, end='', flush=True).result()\n"
        "    try:\n"
        "        input('? ')\n"
        "    except EOFError:\n"
        "        print('Ctrl-D', input(), sys.stdin.isatty())\n"
    )
    master, slave = os.openpty()
    with subprocess.Popen(
        [*PENNY_RUN, str(script)], env=environment, stdin=slave, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            size = len(bytes(range(256)) + b"\nname? ")
            assert process.stdout.read(size) == bytes(range(256)) + b"\nname? "
            os.write(master, b"Ada\n")
            assert process.stdout.read(5) == b"Ada? "
            os.write(master, b"\x04")
            os.write(master, b"on\n")
            assert process.stdout.read() == b"Ctrl-D on True\n"
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()
            os.close(master)
            os.close(slave)


@command(
    "--write",
    "--workers",
    2,
    "sub/script.py",
    "--from=in.txt",
    files={
        "in.txt": "given",
        "sub/words.txt": "beside",
        "sub/helper.py": "def double(text):\n    return 2 * text\n",
        "sub/script.py": (
            "import os, sys, time\n"
            "import helper\n"
            "import penny\n"
            "here = os.path.dirname(__file__)\n"
            "def task(number):\n"
            "    worker = penny.current_worker()\n"
            "    with open(f'of{number}.txt', 'w') as file:\n"
            "        file.write(helper.double(open(os.path.join(here, 'words.txt')).read()))\n"
            "    with open('both.txt', 'w') as file:\n"
            "        file.write(str(worker))\n"
            "    return worker, os.getcwd()\n"
            "text = open(sys.argv[1].partition('=')[2]).read()\n"
            "os.mkdir('new')\n"
            "with open('new/out.txt', 'w') as file:\n"
            "    file.write(text)\n"
            "with penny.Scheduler(workers=2) as s:\n"
            "    found = set()\n"
            "    numbers = iter(range(1000))\n"
            "    while len(found) < 2:\n"
            "        found |= set(s.map(task, [next(numbers) % 2 for _ in range(8)]))\n"
            "assert {where for _, where in found} == {os.getcwd()}\n"
            "print(os.path.samefile(os.getcwd(), os.path.dirname(here)), sys.path[0] == here)\n"
        ),
    },
)
def test_paths_are_the_shell_s_and_files_come_back(done: Done) -> None:
    assert (done.returncode, done.stdout) == (0, "True True\n")
    assert done.files.pop("new/out.txt") == "given"
    assert done.files.pop("both.txt.worker0") == "0"
    assert done.files.pop("both.txt.worker1") == "1"
    assert done.files == {"of0.txt": "besidebeside", "of1.txt": "besidebeside"}
    assert done.stderr.startswith("penny: both.txt was written by more than one, and differently")
    assert done.stderr.count("\n") == 1


@command(
    "script.py",
    files={
        "script.py": (
            "import os\n"
            "import penny\n"
            "def task():\n"
            "    open('of_task.txt', 'w').close()\n"
            "    os.mkdir('sub')\n"
            "with penny.Scheduler(workers=1) as s:\n"
            "    s.submit(task).result()\n"
            "    os.mkdir('made')\n"
            "    error = s.submit(open, 'made/x', 'w').exception()\n"
            "    print(error.__notes__[0])\n"
            "with open('out.txt', 'w') as file:\n"
            "    file.write('gone')\n"
            "open('/elsewhere.txt', 'w').close()\n"
            "print('last words', flush=True)\n"
            "os._exit(4)\n"
        ),
    },
)
def test_files_that_are_not_kept_are_named_whatever_ends_the_script(done: Done) -> None:
    assert done.returncode == 4
    hint, last = done.stdout.splitlines()
    assert "os.makedirs('made', exist_ok=True)" in hint
    assert last == "last words"
    said = [line for line in done.stderr.splitlines() if "os._exit" not in line]
    assert said[0] == (
        "penny: of_task.txt and out.txt were written in the browser only, and are gone: "
        "`penny run --write` keeps them"
    )
    assert said[1].startswith("penny: /elsewhere.txt was written in the browser only")
    assert len(said) == 2
    assert done.files == {}


@command(
    "--with",
    WHEEL[0],
    "script.py",
    files={
        WHEEL[0]: WHEEL[1],
        OTHER[0]: OTHER[1],
        "script.py": (
            "# /// script\n"
            f"# dependencies = ['./{OTHER[0]}']\n"
            "# ///\n"
            "import penny\n"
            "import other, stranger\n"
            "def task():\n"
            "    import other, stranger\n"
            "    return penny.current_worker(), stranger.__file__, stranger.WHO, other.WHO\n"
            "with penny.Scheduler(workers=1) as s:\n"
            "    here = 0, stranger.__file__, stranger.WHO, other.WHO\n"
            "    print(s.submit(task).result() == here, *here[2:])\n"
            "import not_there_at_all\n"
        ),
    },
)
def test_packages_come_along(done: Done) -> None:
    """Those of the command, and those of the script's metadata."""
    assert (done.returncode, done.stdout) == (1, "True a stranger another\n")
    assert done.stderr.endswith(
        "ModuleNotFoundError: No module named 'not_there_at_all'\n"
        "(`penny run --with not-there-at-all …` brings a package along, from PyPI too.)\n"
    )


@pytest.mark.parametrize(
    ("waiting", "line"),
    [
        ("    input('up\\n')\n", "    input('up\\n')"),
        (
            "    print('up', flush=True)\n    asyncio.run(asyncio.sleep(1000))\n",
            "    asyncio.run(asyncio.sleep(1000))",
        ),
        (
            "    print('up', flush=True)\n    time.sleep(1000)\n",
            "    time.sleep(1000)",
        ),
    ],
    ids=["input", "asyncio", "sleep"],
)
def test_ctrl_c_is_a_keyboard_interrupt(
    tmp_path: Path, environment: dict[str, str], waiting: str, line: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import asyncio, sys, time, traceback\n"
        "try:\n"
        f"{waiting}"
        "except KeyboardInterrupt:\n"
        "    traceback.print_exc()\n"
        "    print('and', input(), flush=True)\n"
        "    sys.exit(5)\n"
        "finally:\n"
        "    print('finally')\n"
    )
    with subprocess.Popen(
        [*PENNY_RUN, str(script)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None and process.stdin is not None
            assert process.stdout.readline() == "up\n"
            # Stopped, so that it finds both when it goes on: the signal, and what came after it.
            for number in (signal.SIGSTOP, signal.SIGINT):
                process.send_signal(number)
            process.stdin.write("a line\n")
            process.stdin.flush()
            process.send_signal(signal.SIGCONT)
            out, err = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    assert (process.returncode, out) == (5, "and a line\nfinally\n")
    assert f"{line}\n" in err and "\nKeyboardInterrupt\n" in err


def test_output_comes_while_the_script_runs_and_ctrl_c_ends_all(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import penny\n"
        "def spin():\n"
        "    print('spinning', flush=True)\n"
        "    while True:\n"
        "        pass\n"
        "try:\n"
        "    with penny.Scheduler(workers=2) as s:\n"
        "        s.submit(spin)\n"
        "        print('waiting', flush=True)\n"
        "finally:\n"
        "    print('finally')\n"
    )
    with subprocess.Popen(
        [*PENNY_RUN, str(script)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
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
        assert process.stdout.read() == "finally\n"
        assert process.stderr is not None
        err = process.stderr.read()
        assert "with penny.Scheduler(workers=2) as s:" in err
        assert "\nKeyboardInterrupt\n" in err
    assert processes_using(environment["TMPDIR"]) == []
    assert os.listdir(environment["TMPDIR"]) == []


@command("--workers", 2, REPOSITORY / "examples" / "stdlib_index.py", 3)
def test_the_main_example_indexes_the_standard_library(done: Done) -> None:
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
