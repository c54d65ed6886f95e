"""What is installed where a program runs is in its workers, without being named again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from support.pages import Page, Run
from support.servers import Server
from support.wheels import make_wheel, serve_downloaded

INSTALLER = ("micropip", "packaging")
PYDANTIC = (
    "annotated_types",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
)
UPPER = make_wheel("upper", "def upper(text): return text.upper()\n")
LOWER = make_wheel("lower", "def lower(text): return text.lower()\n")

PROGRAM = """
import json, os, sys
import js, penny, pyodide_js

told = {}
origin = str(js.location.origin)
urls = [f"{origin}/{path}" for path in WHEELS]
await pyodide_js.loadPackage(urls, messageCallback=lambda _: None)
import micropip, pydantic
await micropip.install(f"{origin}/upper-1.0-py3-none-any.whl")

class Point(pydantic.BaseModel):
    x: int

def meet(flags, mine):
    flags[mine] = 1
    while not (flags[0] and flags[1]):  # so the two run at a time
        penny.cancelled()
    import importlib.metadata as metadata
    import upper
    try:
        Point(x="many")
    except pydantic.ValidationError as error:
        wrong = error.errors()[0]["type"]
    try:
        open(upper.__file__, "r+")
        writable = True
    except PermissionError:
        writable = False
    try:
        metadata.version("micropip")
        machinery = True
    except metadata.PackageNotFoundError:
        machinery = False
    return [penny.current_worker(), upper.upper("you"), Point(x="7").x, wrong,
            metadata.version("pydantic_core"), writable, machinery,
            os.path.exists(pydantic.__spec__.cached),
            "_pydantic_core" in str(sys.modules["pydantic_core._pydantic_core"].__file__)]

def absent():
    try:
        import upper
    except ModuleNotFoundError as error:
        return penny.current_worker(), error.name

with penny.Scheduler(2) as s:
    flags = penny.SharedArray((2,), "int32")
    tasks = [s.submit(meet, flags, i) for i in range(2)]
    told["same"] = sorted(task.result() for task in tasks)
    told["back"] = repr(s.submit(Point, x=3).result())

with penny.Scheduler(1, packages=None) as s:
    told["none"] = s.submit(absent).result()
print(json.dumps(told))
"""

LATER = """
import json, sys, zipfile
import js, penny, pyodide_js

def both(s, task):
    \"""What it says in each worker.\"""
    flags = penny.SharedArray((2,), "int32")
    return sorted(f.result() for f in [s.submit(meet, flags, i, task) for i in range(2)])

def meet(flags, mine, task):
    flags[mine] = 1
    while not (flags[0] and flags[1]):  # so the two run at a time
        penny.cancelled()
    return [penny.current_worker(), *task()]

def first():
    sys.never_restarted = True
    try:
        import upper
    except ModuleNotFoundError as error:
        return error.name,

def again():
    import pydantic_core, upper
    return sys.never_restarted, upper.upper("you"), pydantic_core.to_json([1]).decode()

told = {}
origin = str(js.location.origin)

async def install(*paths):
    urls = [f"{origin}/{path}" for path in paths]
    await pyodide_js.loadPackage(urls, messageCallback=lambda _: None)

with penny.Scheduler(2) as s:
    told["before"] = both(s, first)
    await install(*WHEELS, UPPER)
    import upper
    told["function"] = s.submit(upper.upper, "me").result()
    told["after"] = both(s, again)

    await install(LOWER)
    import lower
    told["lower"] = s.submit(lower.lower, "ME").result()
    with open(lower.__file__, "a") as file:
        file.write("# another version")
    import importlib
    importlib.invalidate_caches()
    told["replaced"] = str(s.submit(lower.lower, "ME").exception())
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(driver: Chrome, server: Server) -> Iterator[tuple[dict, list[str]]]:
    """What a program in a host worker says, and what was fetched meanwhile."""
    wheels = serve_downloaded(server, *INSTALLER, *PYDANTIC)
    server.write(*UPPER)
    page = Page(driver, server).open()
    server.requests.clear()
    run: Run = page.run(f"WHEELS = {wheels!r}\n{PROGRAM}")
    yield json.loads(run.ok()), server.requests.copy()
    page.close()


def test_installed_later(driver: Chrome, server: Server) -> None:
    """Workers that run get it before the next task, whatever that is; and are not restarted."""
    wheels = serve_downloaded(server, "pydantic_core", "typing_extensions")
    server.write(*UPPER)
    server.write(*LOWER)
    page = Page(driver, server).open()
    run = page.run(f"WHEELS = {wheels!r}; UPPER = {UPPER[0]!r}; LOWER = {LOWER[0]!r}\n{LATER}")
    told = json.loads(run.ok())
    page.close()
    assert told["before"] == [[0, "upper"], [1, "upper"]]
    assert told["function"] == "ME"
    assert told["after"] == [[0, True, "YOU", "[1]"], [1, True, "YOU", "[1]"]]
    assert told["lower"] == "me"
    assert "open a new Scheduler" in told["replaced"]
    assert "lower.py" in told["replaced"]


def test_all_workers_have_it(told: tuple[dict, list[str]]) -> None:
    """The same versions, libraries and bytecode with them, whoever installed it; no installer."""
    for number, found in enumerate(told[0]["same"]):
        assert found == [number, "YOU", 7, "int_parsing", "2.50.5", False, False, True, True]
    assert told[0]["back"] == "Point(x=3)"


def test_nothing_is_fetched_again(told: tuple[dict, list[str]]) -> None:
    fetched = [path for path in told[1] if path.endswith(".whl")]
    assert len(fetched) == len(INSTALLER) + len(PYDANTIC) + 1
    assert len(set(fetched)) == len(fetched)


def test_none(told: tuple[dict, list[str]]) -> None:
    """`packages=None`: workers have the standard library alone."""
    assert told[0]["none"] == [0, "upper"]


OWN = """
import importlib, os, sys
import js, penny
from pyodide.http import pyfetch

def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)

sys.path.append("/own/src")
write("/own/src/helper.py", "def help(): return 'helped'")
write("/own/src/kit/__init__.py", "")
write("/own/src/kit/words.txt", "words")
write("/own/src/notes.txt", "no module")
write("/own/src/.git/hooks.py", "")

def meet(flags, mine):
    flags[mine] = 1
    while not (flags[0] and flags[1]):  # so the two run at a time
        penny.cancelled()
    import helper
    from importlib import resources
    found = sorted(os.listdir("/own/src"))
    return penny.current_worker(), helper.help(), resources.read_text("kit", "words.txt"), found

def later():
    import made
    return penny.current_worker() is not None, made.VALUE

for engine in "pool", "messages":
    with penny.Scheduler(2 if engine == "pool" else 1, engine=engine) as s:
        if engine == "pool":
            flags = penny.SharedArray((2,), "int32")
            for task in [s.submit(meet, flags, i) for i in range(2)]:
                print(task.result())
        write(f"/own/src/made.py", f"VALUE = {engine!r}")
        importlib.invalidate_caches()
        print(s.submit(later).result())
        assert "made" not in sys.modules and "helper" not in sys.modules

async def fetched(path):
    return await (await pyfetch(f"{js.location.origin}/{path}")).bytes()

def upper_of():
    from importlib.metadata import version
    import upper
    return penny.current_worker(), upper.upper("you"), version("upper")

os.chdir("/own")
with open("/own/" + UPPER, "wb") as file:
    file.write(await fetched(UPPER))
url = f"{js.location.origin}/{UPPER}"
for package in (
    f"emfs:/own/{UPPER}", f"emfs:{UPPER}", f"upper @ {url}", f"Upper@{url}",
    "emfs:/own/nowhere-1.0-py3-none-any.whl", f"lower @ {url}", "upper @ https://a.org/upper.zip",
):
    with penny.Scheduler(1, packages=[package]) as s:
        future = s.submit(upper_of)
        print(future.exception() or future.result())
"""


def test_modules_and_wheels_of_ones_own(driver: Chrome, server: Server) -> None:
    """Folders on `sys.path`, and wheels in the file system, which no installer has seen."""
    server.write(*UPPER)
    page = Page(driver, server).open()
    lines = page.run(f"UPPER = {UPPER[0]!r}\n{OWN}").ok().splitlines()
    page.close()
    assert sorted(lines[:2]) == [str((n, "helped", "words", ["helper.py", "kit"])) for n in (0, 1)]
    assert lines[2:4] == ["(True, 'pool')", "(True, 'messages')"]
    assert lines[4:8] == ["(0, 'YOU', '1.0')"] * 4
    assert "No such file" in lines[8] and "nowhere-1.0" in lines[8]
    assert "that is a wheel of upper" in lines[9]
    assert "is no wheel" in lines[10]
