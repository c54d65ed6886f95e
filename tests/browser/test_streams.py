"""Output as it is flushed, input, the script's surroundings and files in its tasks."""

from __future__ import annotations

from typing import Any

import pytest
from support.pages import Run

# -- output ----------------------------------------------------------------------------------------


@pytest.mark.program("""
    import sys
    import penny

    def bar(n):
        for i in range(n):
            print(f"\\r{i + 1}/{n}", end="", flush=True)
        print(" done")

    def dots(n):
        for _ in range(n):
            sys.stderr.write(".")
            sys.stderr.flush()

    def half():
        print("half", end="")

    async def half_a_coroutine():
        print("half of a coroutine", end="")

    def both():
        print("out", end="")
        print("err", end="", file=sys.stderr)
        print(" rest")

    def on_top():
        penny.current_scheduler().submit(half).result()
        print(" below")

    with penny.Scheduler(workers=1) as s:
        s.submit(bar, 2).result()
        s.submit(dots, 2).result()
        print("after the dots")
        for f in half, half_a_coroutine, both, on_top:
            s.submit(f).result()
            print("after", f.__name__)
        for i in range(50):
            s.submit(half).result()
            print(i)
        print("the end", end="")
""")
def test_output_comes_as_it_is_flushed_and_before_the_result(run: Run) -> None:
    pieces = [(text, worker) for _, text, worker in run.output]
    assert pieces[:14] == [
        ("\r1/2", 0),
        ("\r2/2", 0),
        (" done\n", 0),
        (".", 0),
        (".", 0),
        ("after the dots\n", None),
        ("half", 0),
        ("after half\n", None),
        ("half of a coroutine", 64),
        ("after half_a_coroutine\n", None),
        ("out", 0),
        ("err", 0),
        (" rest\n", 0),
        ("after both\n", None),
    ]
    assert pieces[14:16] == [("half below\n", 0), ("after on_top\n", None)]
    assert pieces[16:] == [
        *(piece for i in range(50) for piece in (("half", 0), (f"{i}\n", None))),
        ("the end", None),
    ]
    assert run.stderr == "..err"


@pytest.mark.scene(
    """
    const kept = {stdout: [], stderr: []};
    const status = await Penny.run(args[0], {
      workers: 1,
      output: (stream, text, worker, bytes) => kept[stream].push([text, ...bytes]),
    });
    const text = kept.stdout.map(([text]) => text).join('');
    const bytes = kept.stdout.flatMap(([, ...bytes]) => bytes);
    return {status, text, bytes: bytes.slice(0, 300), size: bytes.length};
    """,
    """
import os, sys
import penny
def write():
    sys.stdout.buffer.write(bytes(range(256)))
    euro = "€".encode()
    for byte in euro:
        sys.stdout.buffer.write(bytes([byte]))
        sys.stdout.flush()
    os.write(1, b"direct")
    sys.stdout.write("x" * 3_000_000 + "\\n")
    sys.stdout.close()
with penny.Scheduler() as s:
    s.submit(write).result()
    s.submit(print, "closed by no task").result()
""",
)
def test_bytes_arrive_as_they_were_written(outcome: Any) -> None:
    assert outcome["status"] == 0
    assert bytes(outcome["bytes"][:265]) == bytes(range(256)) + "€".encode() + b"direct"
    assert outcome["size"] == 265 + 3_000_001 + len("closed by no task\n")
    assert outcome["text"].endswith("x\nclosed by no task\n")
    assert "\ufffd€direct" in outcome["text"]


# -- input -----------------------------------------------------------------------------------------

ADVICE = "a task can't read from stdin: read in the script, and pass what came to the task"


@pytest.mark.program("""
    import os
    import sys
    import penny

    def ask():
        return input("name? ")

    def lines():
        return list(sys.stdin)

    def read():
        return sys.stdin.read()

    def raw():
        return sys.stdin.buffer.readline()

    def stop():
        breakpoint()

    def traced():
        import pdb
        pdb.set_trace()
        return "went on"

    def get():
        import getpass
        return getpass.getpass()

    async def waits():
        return input()

    def closed():
        sys.stdin.close()
        return input()

    def descriptor():
        return os.read(0, 1)

    async def device():
        return open("/dev/stdin").read()

    def opened():
        with open(0) as file:
            return file.read()

    def opened_again():
        return open(0).read()

    def attempt(name, f, *args):
        try:
            print(name, f(*args))
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", *getattr(error, "__notes__", ()))

    with penny.Scheduler(workers=1) as s:
        for f in ask, lines, read, raw, stop, traced, get, waits, closed, read:
            attempt(f.__name__, lambda: s.submit(f).result(20))
        for f in descriptor, device, opened, opened_again:
            attempt(f.__name__, lambda: s.submit(f).result(20))
        state = s.submit(lambda: (penny.current_worker(), sys.gettrace())).result()
        print(state, s.stats()["workers"][0]["deaths"])
    attempt("script", input)
    attempt("script", breakpoint)
    os.read(0, 1)
""")
def test_whoever_reads_where_nothing_is_to_be_read_is_told_so(run: Run) -> None:
    said = run.stdout
    for name in "ask", "lines", "read", "raw", "stop", "traced", "get", "waits", "closed":
        assert f"{name}: RuntimeError: {ADVICE}" in said, said
    assert said.count(f"\nread: RuntimeError: {ADVICE}") == 2
    for name in "descriptor", "device", "opened", "opened_again":
        assert f"{name}: OSError: [Errno " in said, said
    assert said.count(f" (A{ADVICE[1:]}") == 4
    assert "(0, None) 0\n" in said
    assert said.count("script: RuntimeError: there is no stdin here: ask on the page") == 2
    assert run.stderr.splitlines()[-1].startswith("(There is no stdin here: ask on the page")


READING = """
import sys
import penny
print(repr(input("first? ")))
with penny.Scheduler(workers=1) as s:
    future = s.submit(print, "meanwhile")
    print(repr(sys.stdin.readline()), repr(sys.stdin.readline()))
    future.result()
print(repr(sys.stdin.read()), repr(sys.stdin.read()))
try:
    input()
except EOFError:
    print("the end")
"""

# Its third answer waits for what the task prints: whoever reads holds up nobody else.
READ = """
    const bytes = new TextEncoder().encode('two, €\\nth');
    const given = ['one\\n', bytes, 'ree\\n', 'x'.repeat(70000), null, undefined, ''];
    let printed = '';
    let meanwhile;
    const met = new Promise(resolve => (meanwhile = resolve));
    const status = await Penny.run(args[0], {
      on: args[1],
      output: (stream, text, worker) => {
        printed += text;
        if (worker === 0) meanwhile();
      },
      input: async size => {
        const next = given.shift();
        if (next === 'ree\\n') await met;
        await new Promise(resolve => setTimeout(resolve, 5));
        return next;
      },
    });
    return [status, printed, given];
"""

READ_SO = "first? 'one'\nmeanwhile\n'two, €\\n' 'three\\n'\n" + repr("x" * 70000) + " ''\nthe end\n"


@pytest.mark.scene(READ, READING, "host")
def test_a_script_reads_what_the_page_gives_it(outcome: Any) -> None:
    assert outcome == [0, READ_SO, []]


@pytest.mark.scene(READ, READING, "page")
def test_a_page_is_suspended_while_its_script_reads(outcome: Any) -> None:
    assert outcome == [0, READ_SO, []]


@pytest.mark.scene(
    """
    let printed = '';
    const output = (stream, text) => (printed += text);
    const input = () => { throw new Error('on purpose'); };
    const errors = [];
    addEventListener('error', event => errors.push(event.message), {once: true});
    const status = await Penny.run(args[0], {output, input});
    return [status, printed, errors];
    """,
    "try:\n    input()\nexcept OSError as error:\n    print('OSError')\n",
)
def test_an_input_that_fails_is_an_error_of_whoever_reads(outcome: Any) -> None:
    status, printed, errors = outcome
    assert (status, printed, len(errors)) == (0, "OSError\n", 1)


# -- surroundings ----------------------------------------------------------------------------------


@pytest.mark.program(
    """
    import os
    import sys
    import penny

    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "library"))
    os.environ["MODE"] = "fast"
    import geometry

    def see():
        mode, folder = os.environ.get("MODE"), os.path.basename(os.getcwd())
        return penny.current_worker(), mode, folder, sys.argv, os.path.exists("geometry.py")

    def settle():
        os.environ["MINE"] = "of a task"
        os.chdir("/tmp")

    def settled():
        return os.environ.get("MINE"), os.getcwd()

    with penny.Scheduler(workers=1) as s:
        print(s.submit(geometry.area, 3, 4).result())
        print(s.submit(lambda rectangle: rectangle.w, geometry.Rect(3, 4)).result())
        print(s.submit(see).result())
        os.chdir("library")
        sys.argv[1:] = ["more"]
        print(s.submit(see).result())
        s.submit(settle).result()
        os.environ["MODE"] = "slow"
        print(s.submit(settled).result(), s.submit(see).result()[:3])
        del os.environ["MODE"]
        os.makedirs("new/one")
        os.chdir("new/one")
        print(s.submit(settled).result(), s.submit(see).result()[:3])
        print(__file__)
    """,
    files={
        "library/geometry.py": (
            "class Rect:\n"
            "    def __init__(self, w, h):\n"
            "        self.w, self.h = w, h\n"
            "def area(w, h):\n"
            "    import penny\n"
            "    assert penny.current_worker() == 0\n"
            "    return w * h\n"
        ),
        "script.py": "",
    },
    argv=["script.py", "one"],
)
def test_a_task_s_surroundings_are_the_script_s(run: Run) -> None:
    assert run.ok().splitlines() == [
        "12",
        "3",
        "(0, 'fast', 'pyodide', ['script.py', 'one'], False)",
        "(0, 'fast', 'library', ['script.py', 'more'], True)",
        "('of a task', '/tmp') (0, 'slow', 'tmp')",
        "('of a task', '/home/pyodide/library/new/one') (0, None, 'one')",
        "/home/pyodide/script.py",
    ]


@pytest.mark.program("""
    import csv
    import decimal
    import logging
    import sys
    import warnings
    import penny

    class Shout(logging.Formatter):
        def format(self, record):
            return super().format(record).upper()

    decimal.getcontext().prec = 5
    logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
    logging.root.handlers[0].setFormatter(Shout("%(name)s: %(message)s"))
    logging.getLogger("quiet").disabled = True
    warnings.simplefilter("error")
    sys.setrecursionlimit(20_000)
    csv.field_size_limit(99)

    def see():
        logging.getLogger("loud").debug("by %s", penny.current_worker())
        logging.getLogger("quiet").error("not seen")
        try:
            warnings.warn("odd")
            raised = False
        except UserWarning:
            raised = True
        limits = sys.getrecursionlimit(), csv.field_size_limit()
        return penny.current_worker(), str(decimal.Decimal(1) / 7), raised, *limits

    async def see_while_waiting():
        return see()

    def settle():
        decimal.getcontext().prec = 3

    with penny.Scheduler(workers=1) as s:
        for task in see, see_while_waiting:
            print(s.submit(task).result())
        s.submit(settle).result()
        logging.root.setLevel(logging.ERROR)
        print(s.submit(see).result())
        decimal.getcontext().prec = 28
        warnings.simplefilter("ignore")
        for task in see, see_while_waiting:
            print(s.submit(task).result())
""")
def test_a_task_finds_what_the_script_has_set_in_the_standard_library(run: Run) -> None:
    lines = run.ok().splitlines()
    seventh = "0.1428571428571428571428571429"
    assert lines == [
        "LOUD: BY 0",
        "(0, '0.14286', True, 20000, 99)",
        "LOUD: BY 64",
        "(64, '0.14286', True, 20000, 99)",
        "(0, '0.143', True, 20000, 99)",
        f"(0, '{seventh}', False, 20000, 99)",
        f"(64, '{seventh}', False, 20000, 99)",
    ]


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.program(
    """
    import os
    import penny

    def read(name):
        assert penny.current_worker() == 0
        with open(name) as file:
            return file.read()

    def attempt(name):
        try:
            print(s.submit(read, name).result())
        except FileNotFoundError as error:
            print(error, getattr(error, "__notes__", None))

    with open("written.txt", "w") as file:
        file.write("by the script")
    with penny.Scheduler(workers=1) as s:
        attempt("beside.txt")
        attempt("written.txt")
        attempt(os.path.abspath("written.txt"))
        attempt("nowhere.txt")
    """,
    files={"beside.txt": "what lies beside the script"},
)
def test_a_task_reads_what_lies_beside_the_script_and_is_told_of_other_files(run: Run) -> None:
    beside, written, absolute, nowhere = run.ok().splitlines()
    assert beside == "what lies beside the script"
    assert "('written.txt' exists where the task was submitted, but" in written
    assert "('/home/pyodide/written.txt' exists where the task was submitted, but" in absolute
    assert nowhere.endswith("'nowhere.txt' None")
