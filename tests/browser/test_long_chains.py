"""Long chains of objects are freed: in tasks, in coroutines, in the program itself.

Each of these ended the interpreter that dropped it, before Pyodide got its guard (pyodide_wasm.py).
"""

from __future__ import annotations

import pytest
from support.pages import Page

LINKS = (
    *("list", "tuple", "dict", "attribute", "closure", "generator"),
    *("context", "cause", "group"),
)

CHAINS = """
import gc
import penny

LONG = 10_000

class Node:
    pass

class Last(Exception):
    freed = 0
    def __del__(self):
        Last.freed += 1

def attribute(rest):
    node = Node()
    node.rest = rest
    return node

def generator(rest):
    def values():
        yield
        yield rest
    running = values()
    next(running)
    return running

def error(link):
    def chained(rest):
        error = ValueError()
        setattr(error, link, rest)
        return error
    return chained

LINKS = {
    "list": lambda rest: [rest],
    "tuple": lambda rest: (rest,),
    "dict": lambda rest: {0: rest},
    "attribute": attribute,
    "closure": lambda rest: lambda: rest,
    "generator": generator,
    "context": error("__context__"),
    "cause": error("__cause__"),
    "group": lambda rest: ExceptionGroup("group", [rest]),
}

def chain(kind, length=LONG):
    first = Last()
    for _ in range(length):
        first = LINKS[kind](first)
    return first

def drops(kind):
    before = Last.freed
    first = chain(kind)
    del first
    return kind, Last.freed - before

def descend(depth, last):
    return last() if depth == 0 else descend(depth - 1, last)

def keeps(raised_at, caught_at, depth):
    # An error from deep in the stack, and with it all frames below.
    import sys
    def fails():
        raise Last
    def catches():
        try:
            descend(caught_at - raised_at, fails)
        except Last as error:
            kept.append(error)
            kept.append(sys._getframe())
    kept = []
    before = Last.freed
    descend(depth - caught_at, catches)
    kept.clear()
    return raised_at, Last.freed - before

def wraps(how, depth):
    # At each level, the error of the next one is a part of the error.
    if depth == 0:
        raise Last
    try:
        wraps(how, depth - 1)
    except Exception as error:
        if how == "group":
            raise ExceptionGroup("group", [error])
        raise ValueError from error

def dropped(how):
    before = Last.freed
    try:
        wraps(how, 4000)
    except Exception:
        pass
    return how, Last.freed - before

def everything():
    return [
        *map(drops, LINKS),
        keeps(0, 0, 4000), keeps(1, 1000, 4000),
        dropped("group"), dropped("cause"),
    ]

async def awaited():
    return [*map(drops, LINKS), keeps(0, 0, 500)]

def raises(kind):
    raise chain(kind)

def in_a_job(kind):
    try:
        penny.spawn(raises, kind).join()
    except Exception as error:
        return type(error).__name__
"""


@pytest.mark.parametrize("on", ["host", "page"])
def test_long_chains_are_freed_at_once(shared_page: Page, on: str) -> None:
    printed = shared_page.run(
        CHAINS
        + """
async def program():
    async with penny.Scheduler(workers=1) as s:
        print(await s.submit(everything))
        print(await s.submit(awaited))
        for kind in ("context", "cause", "group"):
            print(await s.submit(in_a_job, kind))
            try:
                await s.submit(raises, kind)
            except Exception as error:
                print(type(error).__name__)
        print(await s.submit(abs, -1))
        print(sum(worker["deaths"] for worker in s.stats()["workers"]))
    gc.collect()  # errors that came from tasks, with a Last at the end of each
    print([*map(drops, LINKS)])

await program()
""",
        on=on,
    ).ok()
    lines = printed.splitlines()
    freed = [(kind, 1) for kind in LINKS]
    assert eval(lines[0]) == [*freed, (0, 1), (1, 1), ("group", 1), ("cause", 1)]
    assert eval(lines[1]) == [*freed, (0, 1)]
    assert lines[2:6] == ["ValueError"] * 4
    assert lines[6] == "ExceptionGroup"
    assert lines[8:10] == ["1", "0"]
    assert eval(lines[10]) == freed
