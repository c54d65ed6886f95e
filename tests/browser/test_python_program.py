"""A program in a host worker or on the page: its output, its end, its files and packages."""

from __future__ import annotations

import pytest
from support.pages import Page
from support.servers import Server
from support.wheels import make_wheel


@pytest.fixture(params=["host", "page"])
def on(request: pytest.FixtureRequest) -> str:
    """Where the program runs."""
    return request.param


@pytest.mark.parametrize(
    ("end", "status", "stderr"),
    [
        ("pass", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(0)", 0, ""),
        ("sys.exit(7)", 7, ""),
        ("sys.exit(-1)", 255, ""),
        ("sys.exit('text')", 1, "text\n"),
        ("raise SystemExit(3)", 3, ""),
    ],
)
def test_exit_status(shared_page: Page, on: str, end: str, status: int, stderr: str) -> None:
    run = shared_page.run(f"import sys\nprint('before')\n{end}", on=on)
    assert (run.status, run.stdout, run.stderr) == (status, "before\n", stderr)


def test_an_uncaught_exception_is_printed_with_its_source(shared_page: Page, on: str) -> None:
    source = """\
        def fail():
            raise ValueError("no such thing")  # here

        fail()
        """
    run = shared_page.run(source, on=on, filename="failing.py")
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


def test_an_exception_from_a_task_is_printed_with_both_tracebacks(shared_page: Page) -> None:
    source = """\
import penny

def fail():
    raise ValueError("no such thing")  # in the worker

with penny.Scheduler() as s:
    s.submit(fail).result()  # in the host
"""
    run = shared_page.run(source, filename="failing.py", files={"failing.py": source})
    assert run.status == 1
    assert 'raise ValueError("no such thing")  # in the worker' in run.stderr
    assert "s.submit(fail).result()  # in the host" in run.stderr
    assert run.stderr.endswith("ValueError: no such thing\n")


def test_a_syntax_error_shows_the_line(shared_page: Page) -> None:
    run = shared_page.run("x = 1\ny = = 2\n", filename="wrong.py")
    assert run.status == 1
    assert run.stderr.splitlines() == [
        '  File "wrong.py", line 2',
        "    y = = 2",
        "        ^",
        "SyntaxError: invalid syntax",
    ]


def test_top_level_await(shared_page: Page, on: str) -> None:
    run = shared_page.run(
        """
        import asyncio
        import penny

        await asyncio.sleep(0)
        async with penny.Scheduler() as s:
            print(await s.submit(abs, -1))
        """,
        on=on,
    )
    assert run.ok() == "1\n"


def test_the_end_waits_for_what_was_submitted(shared_page: Page, on: str) -> None:
    run = shared_page.run(
        """
        import penny

        s = penny.Scheduler()
        for n in range(20):
            s.submit(abs, -n).add_done_callback(lambda future: print(future.result()))
        print("end")
        """,
        on=on,
    )
    first, *results = run.ok().splitlines()
    assert first == "end"
    assert sorted(map(int, results)) == list(range(20))


def test_an_exit_waits_for_what_was_submitted(shared_page: Page) -> None:
    run = shared_page.run("""
        import sys
        import penny

        penny.Scheduler().submit(print, "in the task")
        sys.exit(3)
    """)
    assert (run.status, run.stdout) == (3, "in the task\n")


def test_output_comes_as_it_is_printed(shared_page: Page, on: str) -> None:
    run = shared_page.run(
        """
        import sys

        print("no newline", end="", flush=True)
        print(" and more")
        print("to stderr", file=sys.stderr)
        print("ünïcödé €😀")
        sys.stdout.write("last words")
        """,
        on=on,
    )
    assert run.status == 0
    assert run.stdout == "no newline and more\nünïcödé €😀\nlast words"
    assert run.stderr == "to stderr\n"
    assert {worker for _, _, worker in run.output} == {None}
    pieces = [text for _, text, _ in run.output]
    assert pieces[0] == "no newline"
    assert "".join(pieces).index("to stderr") > "".join(pieces).index("and more")


def test_tasks_print_whole_lines_with_their_worker(shared_page: Page, on: str) -> None:
    run = shared_page.run(
        """
        import sys
        import penny

        def talk(n):
            print("task", end=" ")
            print(n, "in", penny.current_worker())
            print("to stderr", file=sys.stderr)

        async with penny.Scheduler(workers=2) as s:
            for future in [s.submit(talk, n) for n in range(10)]:
                await future
        """,
        on=on,
    )
    assert run.status == 0
    said = [(text, worker) for stream, text, worker in run.output if stream == "stdout"]
    assert sorted(text.split(" in ")[0] for text, _ in said) == [f"task {n}" for n in range(10)]
    assert [text for text, _ in said] == [f"{text.split(' in ')[0]} in {w}\n" for text, w in said]
    assert run.stderr == "to stderr\n" * 10


def test_argv_and_file_names_are_the_program_s(shared_page: Page, on: str) -> None:
    run = shared_page.run(
        "import sys; print(sys.argv, __name__, __file__)",
        on=on,
        argv=["x.py", "--flag", "ä"],
        filename="x.py",
    )
    assert run.ok() == "['x.py', '--flag', 'ä'] __main__ x.py\n"


def test_files_are_importable_and_readable_in_host_and_workers(shared_page: Page, on: str) -> None:
    run = shared_page.run(
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
        on=on,
        files={
            "helper.py": "def double(n): return 2 * n\n",
            "folder/__init__.py": "",
            "folder/inner.py": "NAME = 'inside'\n",
            "data/numbers.txt": "1 2 3",
        },
    )
    assert run.ok() == "8 42\ninside inside\n1 2 3 1 2 3\n"


def test_packages_are_loaded_into_every_worker(shared_page: Page, server: Server, on: str) -> None:
    name, wheel = make_wheel("greeter", "def greet(name): return f'hello {name}'\n")
    url = server.write(name, wheel)
    run = shared_page.run(
        f"""
        import penny
        from gates import Gate

        def greet(mine, other):
            import greeter
            mine.open()
            other.wait()
            return greeter.greet(penny.current_worker())

        async with penny.Scheduler(workers=2, packages=[{url!r}]) as s:
            one, two = Gate(), Gate()
            futures = [s.submit(greet, one, two), s.submit(greet, two, one)]
            print(sorted([await future for future in futures]))
        """,
        on=on,
    )
    assert run.ok() == "['hello 0', 'hello 1']\n"


def test_a_missing_package_breaks_the_pool_and_says_so(page: Page, on: str) -> None:
    run = page.run(
        """
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
        """,
        on=on,
    )
    assert run.ok() == "True True\n" * 3 + "True\n"


def test_a_broken_pool_ends_a_blocking_wait(page: Page) -> None:
    run = page.run("""
        import penny

        with penny.Scheduler(workers=1, packages=["/missing-1.0-py3-none-any.whl"]) as s:
            try:
                s.submit(abs, -1).result()
            except penny.errors.BrokenPool:
                print("broken")
    """)
    assert run.ok() == "broken\n"


def test_programs_run_side_by_side_and_share_nothing(page: Page) -> None:
    programs = [f"import penny\nx = globals().get('x', {n})\nprint(x)" for n in range(3)]
    outputs = page.js(
        """
        const run = async source => {
            let text = '';
            const output = (_, piece) => { text += piece; };
            return [await Penny.run(source, {output}), text];
        };
        return await Promise.all(args.map(run));
        """,
        *programs,
    )
    assert outputs == [[0, "0\n"], [0, "1\n"], [0, "2\n"]]


def test_workers_is_the_default_of_scheduler(shared_page: Page, on: str) -> None:
    run = shared_page.run("import penny; print(penny.Scheduler().workers)", workers=3, on=on)
    assert run.ok() == "3\n"


def test_each_program_on_a_page_has_its_own_options(page: Page) -> None:
    source = """
        import penny

        async with penny.Scheduler() as s:
            await s.submit(print, s.workers)
        """
    assert page.run(source, on="page", workers=1).ok() == "1\n"
    assert page.run(source, on="page", workers=2).ok() == "2\n"


def test_workers_are_as_many_as_the_machine_s_processors_by_default(shared_page: Page) -> None:
    run = shared_page.run("import penny; print(penny.Scheduler().workers)", workers=None)
    assert int(run.ok()) == shared_page.js("return navigator.hardwareConcurrency")
