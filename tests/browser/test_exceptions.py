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
        found = looks(future.exception())
        # A StopIteration that leaves a coroutine is a RuntimeError.
        if found != expected and (kind, way) != ("stop", "coroutine"):
            print(kind, way, expected, found, sep="\\n")
print("all")

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

for function in (
    imports, looks_up, looks_up_in_global_this, awaits, within_another, no_such_method,
    no_such_module,
):
    error = shared.submit(function).exception()
    error = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
    notes = [note for note in getattr(error, "__notes__", ()) if "in a Web Worker" in note]
    print(function.__name__, type(error).__name__, len(notes))
from js import document
"""


@pytest.fixture
def lines(run: Run) -> list[str]:
    return run.stdout.splitlines()


@pytest.mark.program(PROGRAM)
def test_exceptions_come_back_as_what_was_raised(lines: list[str]) -> None:
    assert lines[0] == "all"


@pytest.mark.program(PROGRAM)
def test_what_belongs_to_the_page_is_missed_in_words(run: Run, lines: list[str]) -> None:
    assert lines[1:] == [
        "imports ImportError 1",
        "looks_up AttributeError 1",
        "looks_up_in_global_this AttributeError 1",
        "awaits ImportError 1",
        "within_another ImportError 1",
        "no_such_method AttributeError 0",
        "no_such_module ModuleNotFoundError 0",
    ]
    *_, error, note = run.stderr.splitlines()
    assert error.startswith("ImportError: cannot import name 'document' from 'js'")
    assert "in a Web Worker" in note and "pass values" in note and run.status == 1
