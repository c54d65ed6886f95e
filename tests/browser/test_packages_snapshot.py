"""Pools whose workers start from a snapshot in which their packages are imported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.servers import Server
from support.wheels import make_wheel, serve_downloaded

PYDANTIC = (
    "annotated_types",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
)

# Two workers at a time run `task`; what each says, and whether it was restored.
BOTH = """
const [wheels, source] = args;
const urls = wheels.map(wheel => new URL(wheel, location.href).href);
const s = await Penny.scheduler({workers: 2, packages: urls});
s.define('both', source + `
def both(flags, mine):
    flags[mine] = 1
    while not (flags[0] and flags[1]):
        penny.cancelled()
    return [penny.current_worker(), sorted(imports.imported), task()]
`.replace('def both', 'import penny\\nfrom penny.hosts import imports\\ndef both'));
const flags = s.array([2], 'int32');
const said = await Promise.all([0, 1].map(i => s.submit('both', flags, i)));
await s.shutdown();
return said.sort();
"""


@pytest.fixture(scope="module")
def page(driver: Chrome, server: Server) -> Iterator[Page]:
    page = Page(driver, server).open()
    yield page
    page.close()


def both(page: Page, wheels: list[str], task: str) -> list[Any]:
    found: list[Any] = page.js(BOTH, wheels, task)
    assert [worker for worker, _, _ in found] == [0, 1]
    return [found[0][1:], found[1][1:]]


def settle(page: Page) -> list[str]:
    """Wait until what is to be in a snapshot is. Returns what Penny has said of that."""
    page.js("const {settled} = await import('/penny/page.js'); await settled()")
    return [text for level, text in page.console() if level == "debug" and "Penny" in text]


TASK = """
import gc, json, os, random, sys, time
def task():
    import pydantic, pydantic.networks, decimal
    class Point(pydantic.BaseModel):
        x: int
        @pydantic.field_validator("x")
        @classmethod
        def small(cls, x):
            if x > 100: raise ValueError("large")
            return x
    wrong = []
    for value in ("many", 1000):
        try:
            Point(x=value)
        except pydantic.ValidationError as error:
            wrong.append(error.errors()[0]["type"])
    models = [pydantic.create_model(f"M{i}", y=(int, i)) for i in range(50)]
    total = sum(model().y for model in models)
    del models
    gc.collect()
    return [Point(x="7").x, wrong, total, Point.model_json_schema()["type"], random.random(),
            time.monotonic()]
"""


def test_pydantic(page: Page, server: Server) -> None:
    page.timeout = 120
    wheels = serve_downloaded(server, *PYDANTIC)
    plain = both(page, wheels, TASK)
    said = settle(page)
    assert "from now on workers start with" in said[-1], said[-1][-400:]
    restored = both(page, wheels, TASK)
    assert [imported for imported, _ in plain] == [[], []]
    for (imported, said), (_, expected) in zip(restored, plain, strict=True):
        assert "pydantic_core._pydantic_core" in imported
        assert said[:4] == expected[:4] == [7, ["int_parsing", "value_error"], 1225, "object"]
    (_, one), (_, other) = restored
    assert one[4] != other[4]
    assert abs(one[5] - other[5]) < 60


STAMPED = make_wheel("stamped", "import time\nBEGAN = time.time()\n")
VARIED = make_wheel("varied", "import os\nMODE = os.environ.get('VARIED_MODE', 'none')\n")
SHADOWED = make_wheel("shadowed", "WHERE = 'package'\n")


READER = make_wheel("reader", "import os\nHAS = os.path.exists('/home/pyodide/reader.toml')\n")


def test_what_can_not_be_in_a_snapshot(page: Page, server: Server) -> None:
    """Modules that read the clock, or look for a file, as they are imported: as without it."""
    for wheel, value, why in (
        (STAMPED, "stamped.BEGAN", "stamped.py reads the clock"),
        (READER, "reader.HAS", "are looked for: /home/pyodide/reader.toml"),
    ):
        server.write(*wheel)
        name = wheel[0].partition("-")[0]
        found = both(page, [wheel[0]], f"def task():\n import {name}\n return {value}")
        said = settle(page)[-1]
        assert f"{name} can't be in a snapshot: " in said
        assert why in said
        again = both(page, [wheel[0]], f"def task():\n import {name}\n return {value}")
        assert [imported for imported, _ in found + again] == [[]] * 4
        if wheel is STAMPED:
            assert len({began for _, began in found + again}) == 4


PROGRAM = """
import json, os, sys
import js, penny
from penny.hosts import imports

def varied():
    import varied
    return varied.MODE, "varied" in imports.imported

def shadowed():
    import shadowed
    return shadowed.WHERE, "shadowed" in imports.imported

told = []
urls = [f"{js.location.origin}/{wheel}" for wheel in WHEELS]
def ask(task):
    with penny.Scheduler(1, packages=urls) as s:
        told.append(s.submit(task).result())
        assert s.submit(penny.current_worker).result() == 0
"""


def test_what_has_to_be_the_same(page: Page, server: Server) -> None:
    """Variables that were read by imports, and where modules come from."""
    server.write(*VARIED)
    server.write(*SHADOWED)
    page.timeout = 120

    def told(task: str, before: str = "", **options: Any) -> Any:
        source = PROGRAM.replace("WHEELS", repr([VARIED[0], SHADOWED[0]]))
        run = page.run(f"{source}\n{before}\nask({task})\nprint(json.dumps(told))", **options)
        settle(page)
        return json.loads(run.ok().splitlines()[-1])[0]

    assert told("lambda: (varied(), shadowed())") == [["none", False], ["package", False]]
    assert told("lambda: (varied(), shadowed())") == [["none", True], ["package", True]]
    assert told("varied", "os.environ['VARIED_MODE'] = 'fast'") == ["fast", False]
    # Another one that comes before it on the path: that it is there is seen in the worker.
    files = {"shadowed.py": "WHERE = 'program'\n"}
    assert told("shadowed", files=files) == ["program", False]
