"""A program in a host worker or on the page: its output, its end, its files and packages."""

from __future__ import annotations

from typing import Any

import pytest
from _pytest.mark import ParameterSet
from support.pages import Run
from support.servers import Server
from support.wheels import make_wheel


def ending(end: str, status: int, stderr: str = "") -> ParameterSet:
    program = f"import sys\nprint('before')\n{end}"
    return pytest.param(status, stderr, marks=pytest.mark.program(program), id=end)


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    ("status", "stderr"),
    [
        ending("pass", 0),
        ending("sys.exit()", 0),
        ending("sys.exit(0)", 0),
        ending("sys.exit(7)", 7),
        ending("sys.exit(-1)", 255),
        ending("sys.exit('text')", 1, "text\n"),
        ending("raise SystemExit(3)", 3),
    ],
)
def test_exit_status(run: Run, status: int, stderr: str) -> None:
    assert (run.status, run.stdout, run.stderr) == (status, "before\n", stderr)


# In a host only: on a page, where Python lives on, it would be so for the next program.
@pytest.mark.parametrize(
    ("status", "stderr"),
    [
        ending("sys.stderr = None", 0),
        ending("import io\nsys.stdout = io.StringIO()\nsys.stdout.close()", 0),
        ending("sys.stdout = sys.stderr = None\nsys.exit(4)", 4),
    ],
)
def test_exit_status_without_streams(run: Run, status: int, stderr: str) -> None:
    assert (run.status, run.stdout, run.stderr) == (status, "before\n", stderr)


@pytest.mark.program("""
    import io, sys

    class Broken(io.StringIO):
        def flush(self):
            raise OSError("no space")

    print("before")
    sys.stdout = Broken()
""")
def test_output_that_is_lost_is_said(run: Run) -> None:
    assert (run.status, run.stdout) == (120, "before\n")
    assert run.stderr.endswith("OSError: no space\n")


@pytest.mark.usefixtures("on")
@pytest.mark.program(
    """\
    def fail():
        raise ValueError("no such thing")  # here

    fail()
    """,
    filename="failing.py",
)
def test_an_uncaught_exception_is_printed_with_its_source(run: Run) -> None:
    assert run.status == 1
    assert run.stdout == ""
    assert run.stderr.splitlines() == [
        "Traceback (most recent call last):",
        '  File "failing.py", line 4, in <module>',
        "    fail()",
        "    ~~~~^^",
        '  File "failing.py", line 2, in fail',
        '    raise ValueError("no such thing")  # here',
        "    " + "^" * 33,
        "ValueError: no such thing",
    ]


FAILING_TASK = """\
import penny

def fail():
    raise ValueError("no such thing")  # in the worker

with penny.Scheduler(1) as s:
    s.submit(fail).result()  # in the host
"""


@pytest.mark.program(FAILING_TASK, filename="failing.py", files={"failing.py": FAILING_TASK})
def test_an_exception_from_a_task_is_printed_with_both_tracebacks(run: Run) -> None:
    assert run.status == 1
    assert 'raise ValueError("no such thing")  # in the worker' in run.stderr
    assert "s.submit(fail).result()  # in the host" in run.stderr
    assert run.stderr.endswith("ValueError: no such thing\n")


@pytest.mark.program(
    "x = 1\ny = = 2\n",
    filename="wrong.py",
)
def test_a_syntax_error_shows_the_line(run: Run) -> None:
    assert run.status == 1
    assert run.stderr.splitlines() == [
        '  File "wrong.py", line 2',
        "    y = = 2",
        "        ^",
        "SyntaxError: invalid syntax",
    ]


@pytest.mark.usefixtures("on")
@pytest.mark.program("""
    import asyncio
    import penny

    await asyncio.sleep(0)
    async with penny.Scheduler() as s:
        print(await s.submit(abs, -1))
""")
def test_top_level_await(run: Run) -> None:
    assert run.ok() == "1\n"


@pytest.mark.usefixtures("on")
@pytest.mark.program("""
    import penny

    s = penny.Scheduler()
    for n in range(20):
        s.submit(abs, -n).add_done_callback(lambda future: print(future.result()))
    print("end")
""")
def test_the_end_waits_for_what_was_submitted(run: Run) -> None:
    first, *results = run.ok().splitlines()
    assert first == "end"
    assert sorted(map(int, results)) == list(range(20))


EXITS = """\
import asyncio
import sys

import penny

loop = asyncio.get_running_loop()

async def leave(error):
    raise error

async def endless():
    try:
        await asyncio.sleep(1000)
    finally:
        print("cleaned")

child = loop.create_task(endless())
"""


def exits(statement: str, status: int, stderr: str = "") -> ParameterSet:
    program = f"{EXITS}{statement}\nawait endless()\nprint('on')"
    return pytest.param(status, stderr, marks=pytest.mark.program(program), id=statement)


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    ("status", "stderr"),
    [
        exits("loop.call_soon(sys.exit, 'text')", 1, "text\n"),
        exits("task = loop.create_task(leave(KeyboardInterrupt()))", 130, "KeyboardInterrupt"),
        exits(
            "s = penny.Scheduler(1)\ns.submit(abs, 1).add_done_callback(lambda _: sys.exit(5))", 5
        ),
    ],
)
def test_an_exit_in_a_callback_ends_the_program(run: Run, status: int, stderr: str) -> None:
    assert run.status == status
    assert set(run.stdout.splitlines()) == {"cleaned"}
    assert stderr in run.stderr


@pytest.mark.usefixtures("on")
@pytest.mark.program(
    EXITS
    + """
def by_callback():
    loop.call_soon(sys.exit, 3)

def by_timer():
    loop.call_later(0.01, sys.exit)

def by_task():
    global task
    task = loop.create_task(leave(SystemExit(5)))

def by_gather():
    global task
    task = asyncio.gather(endless(), leave(SystemExit(6)))

async def main(begin):
    begin()
    await endless()

for begin in by_callback, by_timer, by_task, by_gather:
    try:
        asyncio.run(main(begin))
    except SystemExit as error:
        print(begin.__name__, error.code, child.done())

async def main():
    task = loop.create_task(leave(KeyboardInterrupt()))
    try:
        await endless()
    except asyncio.CancelledError:
        return 1

try:
    asyncio.run(main())
except KeyboardInterrupt as error:
    print(repr(error), child.done())

async def main():
    sys.exit(4)

try:
    asyncio.run(main())
except SystemExit as error:
    print(error.code, child.done())
child.cancel()
await asyncio.wait([child])
"""
)
def test_an_exit_in_a_callback_ends_the_asyncio_run_that_runs(run: Run) -> None:
    assert run.status == 0
    assert run.stdout.splitlines() == [
        *["cleaned", "by_callback 3 False"],
        *["cleaned", "by_timer None False"],
        *["cleaned", "by_task 5 False"],
        *["cleaned", "cleaned", "by_gather 6 False"],
        "cleaned",
        "KeyboardInterrupt() False",
        "4 False",
        "cleaned",
    ]


@pytest.mark.usefixtures("on")
@pytest.mark.program("""
    import asyncio
    import sys

    import penny

    s = penny.Scheduler(1)

    def leave(future):
        print(future.result())
        sys.exit(6)

    s.submit(abs, -1).add_done_callback(leave)
    print("end")
""")
def test_an_exit_in_a_callback_after_the_end_is_the_status(run: Run) -> None:
    assert (run.status, run.stdout) == (6, "end\n1\n")


@pytest.mark.program("""
    import sys
    import penny

    penny.Scheduler().submit(print, "in the task")
    sys.exit(3)
""")
def test_an_exit_waits_for_what_was_submitted(run: Run) -> None:
    assert (run.status, run.stdout) == (3, "in the task\n")


@pytest.mark.usefixtures("on")
@pytest.mark.program("""
    import sys

    print("no newline", end="", flush=True)
    print(" and more")
    print("to stderr", file=sys.stderr)
    print("ünïcödé €😀")
    sys.stdout.write("last words")
""")
def test_output_comes_as_it_is_printed(run: Run) -> None:
    assert run.status == 0
    assert run.stdout == "no newline and more\nünïcödé €😀\nlast words"
    assert run.stderr == "to stderr\n"
    assert {worker for _, _, worker in run.output} == {None}
    pieces = [text for _, text, _ in run.output]
    assert pieces[0] == "no newline"
    assert "".join(pieces).index("to stderr") > "".join(pieces).index("and more")


@pytest.mark.usefixtures("on")
@pytest.mark.program("""
    import sys
    import penny

    def talk(n):
        print("task", end=" ")
        print(n, "in", penny.current_worker())
        print("to stderr", file=sys.stderr)

    async with penny.Scheduler(workers=2) as s:
        for future in [s.submit(talk, n) for n in range(10)]:
            await future
""")
def test_tasks_print_whole_lines_with_their_worker(run: Run) -> None:
    assert run.status == 0
    said = [(text, worker) for stream, text, worker in run.output if stream == "stdout"]
    assert sorted(text.split(" in ")[0] for text, _ in said) == [f"task {n}" for n in range(10)]
    assert [text for text, _ in said] == [f"{text.split(' in ')[0]} in {w}\n" for text, w in said]
    assert run.stderr == "to stderr\n" * 10


@pytest.mark.usefixtures("on")
@pytest.mark.program(
    "import sys; print(sys.argv, __name__, __file__)",
    argv=["x.py", "--flag", "ä"],
    filename="x.py",
)
def test_argv_and_file_names_are_the_program_s(run: Run) -> None:
    assert run.ok() == "['x.py', '--flag', 'ä'] __main__ x.py\n"


@pytest.mark.usefixtures("on")
@pytest.mark.program(
    """
    from pathlib import Path
    import helper
    import penny
    from folder import inner

    def read():
        return Path("data/numbers.txt").read_text()

    async with penny.Scheduler() as s:
        print(helper.double(4), await s.submit(helper.double, 21))
        print(inner.NAME, await s.submit(lambda: inner.NAME))
        print(read(), await s.submit(read))
    """,
    files={
        "helper.py": "def double(n): return 2 * n\n",
        "folder/__init__.py": "",
        "folder/inner.py": "NAME = 'inside'\n",
        "data/numbers.txt": "1 2 3",
    },
)
def test_files_are_importable_and_readable_in_host_and_workers(run: Run) -> None:
    assert run.ok() == "8 42\ninside inside\n1 2 3 1 2 3\n"


PACKAGE, WHEEL = make_wheel("greeter", "def greet(name): return f'hello {name}'\n")


@pytest.fixture(scope="module", autouse=True)
def package(server: Server) -> None:
    server.write(PACKAGE, WHEEL)


@pytest.mark.usefixtures("on")
@pytest.mark.program(f"""
    import penny
    from gates import Gate

    def greet(mine, other):
        import greeter
        mine.open()
        other.wait()
        return greeter.greet(penny.current_worker())

    async with penny.Scheduler(workers=2, packages=["/{PACKAGE}"]) as s:
        one, two = Gate(), Gate()
        futures = [s.submit(greet, one, two), s.submit(greet, two, one)]
        print(sorted([await future for future in futures]))
""")
def test_packages_are_loaded_into_every_worker(run: Run) -> None:
    assert run.ok() == "['hello 0', 'hello 1']\n"


@pytest.mark.usefixtures("on")
@pytest.mark.program("""
    from concurrent.futures import BrokenExecutor
    import penny

    s = penny.Scheduler(workers=2, packages=["/missing-1.0-py3-none-any.whl"])
    futures = [s.submit(abs, -n) for n in range(3)]
    for future in futures:
        try:
            await future
        except penny.errors.BrokenPool as error:
            print(isinstance(error, BrokenExecutor), "missing-1.0" in str(error))
    try:
        s.submit(abs, -1)
    except BrokenExecutor as error:
        print("missing-1.0" in str(error))
    await s.aclose()
""")
def test_a_missing_package_breaks_the_pool_and_says_so(run: Run) -> None:
    assert run.ok() == "True True\n" * 3 + "True\n"


@pytest.mark.program("""
    import penny

    with penny.Scheduler(workers=1, packages=["/missing-1.0-py3-none-any.whl"]) as s:
        try:
            s.submit(abs, -1).result()
        except penny.errors.BrokenPool:
            print("broken")
""")
def test_a_broken_pool_ends_a_blocking_wait(run: Run) -> None:
    assert run.ok() == "broken\n"


@pytest.mark.scene(
    """
    const run = async source => {
      let text = '';
      const output = (_, piece) => { text += piece; };
      return [await Penny.run(source, {output}), text];
    };
    return await Promise.all(args.map(run));
    """,
    *(f"import penny\nx = globals().get('x', {n})\nprint(x)" for n in range(3)),
)
def test_programs_run_side_by_side_and_share_nothing(outcome: Any) -> None:
    assert outcome == [[0, "0\n"], [0, "1\n"], [0, "2\n"]]


@pytest.mark.usefixtures("on")
@pytest.mark.program(
    "import penny; print(penny.Scheduler().workers)",
    workers=3,
)
def test_workers_is_the_default_of_scheduler(run: Run) -> None:
    assert run.ok() == "3\n"


OWN_OPTIONS = """
    import penny

    async with penny.Scheduler() as s:
        await s.submit(print, s.workers)
"""


@pytest.mark.parametrize(
    "workers",
    [pytest.param(n, marks=pytest.mark.program(OWN_OPTIONS, workers=n, on="page")) for n in (1, 2)],
)
def test_each_program_on_a_page_has_its_own_options(run: Run, workers: int) -> None:
    assert run.ok() == f"{workers}\n"


@pytest.mark.program(
    """
    import penny
    from js import navigator

    print(penny.Scheduler().workers == navigator.hardwareConcurrency)
    """,
    workers=None,
)
def test_workers_are_as_many_as_the_machine_s_processors_by_default(run: Run) -> None:
    assert run.ok() == "True\n"
