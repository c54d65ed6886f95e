"""Exceptions come back as what was raised: from tasks, coroutines and jobs that others took."""

from __future__ import annotations

import pytest
from support.pages import Run

PROGRAM = """
import dataclasses
import penny
from forkjoin import stolen
from pool import shared

class Sensor(OSError):
    def __init__(self, port, *, reading):
        super().__init__(19, "no such sensor", port)
        self.reading = reading

class Quit(SystemExit):
    def __init__(self, why, *, status):
        super().__init__(status)
        self.why = why

class Line(SyntaxError):
    def __init__(self, line, number):
        super().__init__("strange", ("config.ini", number, 1, line, number, 2))

class Text(UnicodeDecodeError):
    def __init__(self, data):
        super().__init__("ascii", data, 0, 1, "not plain")

class Stopped(StopIteration):
    def __init__(self, a, b):
        super().__init__((a, b))

class NoPlugin(ImportError):
    def __init__(self, code):
        super().__init__("no plugin", name="n", path="p", name_from="f")
        self.code = code

class Group(ExceptionGroup):
    def __new__(cls, errors, code):
        return super().__new__(cls, "some", errors)
    def __init__(self, errors, code):
        self.code = code

@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    code: int

@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FrozenSlots(LookupError):
    code: int

class Unwilling(Exception):
    def __setattr__(self, name, value):
        raise AttributeError(name)

KINDS = {
    "frozen": lambda: Frozen(5),
    "slots": lambda: FrozenSlots(code=5),
    "unwilling": lambda: Unwilling(5),
    "os": lambda: Sensor("/dev/x", reading=[7]),
    "exit": lambda: Quit("enough", status=3),
    "line": lambda: Line("a = =", 12),
    "text": lambda: Text(b"x"),
    "stop": lambda: Stopped(1, 2),
    "plugin": lambda: NoPlugin(5),
    "group": lambda: Group([Sensor("a", reading=1), KeyError("k")], 3),
    "open": lambda: open("/nowhere"),
    "name": lambda: nowhere,
    "attribute": lambda: "text".nothing,
    "compile": lambda: compile("a = = b", "f.py", "exec"),
    "decode": lambda: bytes([255]).decode(),
    "import": lambda: __import__("nowhere"),
    "js": lambda: __import__("js").JSON.parse("{"),
}

def fail(kind):
    raised = KINDS[kind]()
    if not isinstance(raised, Frozen | FrozenSlots | Unwilling):
        raised.add_note("noted")
    raise raised

async def fail_in_a_coroutine(kind):
    fail(kind)

def fail_in_a_job(kind):
    stolen(penny.spawn(fail, kind)).join()

FIELDS = (
    "errno strerror filename filename2 reading code why msg name path name_from encoding object "
    "start end reason lineno offset text end_lineno end_offset value obj message"
).split()

def looks(e):
    fields = {n: getattr(e, n) for n in FIELDS if hasattr(e, n)}
    members = [looks(m) for m in getattr(e, "exceptions", ())]
    return type(e), str(e), str(e.args), fields, str(vars(e)), members

def here(kind):
    try:
        fail(kind)
    except BaseException as error:
        return error

for kind in KINDS:
    expected = looks(here(kind))
    ways = shared.submit(fail, kind), shared.submit(fail_in_a_coroutine, kind)
    ways += (shared.submit(fail_in_a_job, kind),)
    for way, future in zip(("task", "coroutine", "job"), ways):
        error = future.exception()
        if kind == "import":  # it also says what would bring it
            assert "packages=[" in error.__dict__.pop("__notes__")[0]
        found = looks(error)
        # A StopIteration that leaves a coroutine is a RuntimeError.
        if found != expected and (kind, way) != ("stop", "coroutine"):
            print(kind, way, expected, found, sep="\\n")
print("all")

# Exceptions that contain themselves: `str` of the first two never ends.
def contain_itself(how):
    error = LookupError()
    error.args = (error,) if how == "argument" else (ValueError(error),)
    if how == "list":
        error.args = [error], 1
    raise error

async def contain_itself_in_a_coroutine(how):
    contain_itself(how)

def contain_itself_in_a_job(how):
    stolen(penny.spawn(contain_itself, how)).join()

for how in "argument", "cycle", "list":
    for function in contain_itself, contain_itself_in_a_coroutine, contain_itself_in_a_job:
        error = shared.submit(function, how).exception()
        inner = error.args[0]
        same = error in (inner, inner[0] if how == "list" else inner.args[0])
        told = "LookupError: <its __str__ failed>" in error.__cause__.text
        print(how, type(error).__name__, same, told)

def fail_twice():
    for how in "argument", "cycle":
        penny.spawn(contain_itself, how)

print(len(shared.submit(fail_twice).exception().exceptions))
print(sum(worker["deaths"] for worker in shared.stats()["workers"]))

# What is missing in a worker: the page is, other names are not there anywhere.
import js

def imports():
    from js import document

def looks_up():
    import js
    return js.localStorage

def looks_up_in_global_this():
    import js
    return js.globalThis.window

async def awaits():
    imports()

def within_another():
    try:
        imports()
    except ImportError as error:
        raise ExceptionGroup("some", [error])

def no_such_method():
    return js.Math.document

def no_such_module():
    import document

# Threads and processes: there are none.
def starts_a_thread():
    threading.Thread(target=print).start()

def has_a_pool_of_threads():
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(print)

async def has_a_timer():
    threading.Timer(1, print).start()

def starts_a_process():
    multiprocessing.Process(target=print).start()

def has_a_pool():
    multiprocessing.Pool()

def has_a_pool_of_threads_of_multiprocessing():
    multiprocessing.pool.ThreadPool()

def has_a_pool_of_processes():
    concurrent.futures.ProcessPoolExecutor()

def has_a_queue():
    multiprocessing.Queue()

def fails_otherwise():
    raise RuntimeError("thread")

import concurrent.futures, multiprocessing.pool, threading

for hint, functions in {
    "in a Web Worker": (
        imports, looks_up, looks_up_in_global_this, awaits, within_another, no_such_method,
        no_such_module,
    ),
    "penny.current_scheduler() in a task": (
        starts_a_thread, has_a_pool_of_threads, has_a_timer, starts_a_process, has_a_pool,
        has_a_pool_of_threads_of_multiprocessing, has_a_pool_of_processes, has_a_queue,
        fails_otherwise,
    ),
}.items():
    for function in functions:
        error = shared.submit(function).exception()
        error = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        notes = [note for note in getattr(error, "__notes__", ()) if hint in note]
        kind = type(error).__name__ if hint == "in a Web Worker" else ""  # else it's the library's
        print(*filter(None, (function.__name__, kind)), len(notes))
try:
    starts_a_thread()
except RuntimeError:
    from js import document
"""


@pytest.fixture
def lines(run: Run) -> list[str]:
    return run.stdout.splitlines()


@pytest.mark.program(PROGRAM)
def test_exceptions_come_back_as_what_was_raised(lines: list[str]) -> None:
    assert lines[0] == "all"


@pytest.mark.program(PROGRAM)
def test_exceptions_that_contain_themselves_arrive(lines: list[str]) -> None:
    arrived = [f"{how} LookupError True True" for how in ("argument", "cycle") for _ in range(3)]
    assert lines[1:10] == [*arrived, *["list LookupError True False"] * 3]
    assert lines[10:12] == ["2", "0"]


@pytest.mark.program(PROGRAM)
def test_what_a_worker_has_not_is_missed_in_words(run: Run, lines: list[str]) -> None:
    assert lines[12:] == [
        "imports ImportError 1",
        "looks_up AttributeError 1",
        "looks_up_in_global_this AttributeError 1",
        "awaits ImportError 1",
        "within_another ImportError 1",
        "no_such_method AttributeError 0",
        "no_such_module ModuleNotFoundError 0",
        "starts_a_thread 1",
        "has_a_pool_of_threads 1",
        "has_a_timer 1",
        "starts_a_process 1",
        "has_a_pool 1",
        "has_a_pool_of_threads_of_multiprocessing 1",
        "has_a_pool_of_processes 1",
        "has_a_queue 1",
        "fails_otherwise 0",
    ]
    assert "can't start new thread\n(Python in the browser, a script as well" in run.stderr
    *_, error, note = run.stderr.splitlines()
    assert error.startswith("ImportError: cannot import name 'document' from 'js'")
    assert "in a Web Worker" in note and "pass values" in note and run.status == 1
