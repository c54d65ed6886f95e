"""SharedFiles: a folder in all workers, whose bytes lie in shared memory once."""

from __future__ import annotations

import json

import pytest
from support.pages import Page

PROGRAM = """
import gc, json, mmap, os, pathlib
import penny

os.makedirs("data/deep")
CONTENTS = {"a.txt": b"first", "deep/b.bin": bytes(range(256)) * 4096, "empty": b""}
for name, content in CONTENTS.items():
    pathlib.Path("data", name).write_bytes(content)
os.makedirs("none")

def look(files, flags=None, mine=0):
    if flags is not None:
        flags[mine] = 1
        while not (flags[0] and flags[1]):  # so the two run at a time
            penny.cancelled()
    refused = []
    for change in (lambda path: open(path, "r+"), os.remove, lambda path: open(path + ".new", "w")):
        try:
            change(os.path.join(files, "a.txt"))
        except PermissionError:
            refused.append(True)
    with open(os.path.join(files, "deep", "b.bin"), "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        middle = list(mapped[1000:1003])
    root = pathlib.Path(files)
    import pyodide_js
    bytes_of = pyodide_js.FS.lookupPath(os.path.join(files, "deep", "b.bin")).node.contents
    return [penny.current_worker(), (root / "a.txt").read_text(), middle, len(refused),
            sorted(str(each.relative_to(root)) for each in root.rglob("*")),
            int(os.stat(root / "a.txt").st_mtime), os.fspath(files) != os.path.abspath("data"),
            str(bytes_of.buffer.constructor.name)]

def by_name():
    return look(DATA)[:2]

def again(files):
    return penny.spawn(by_name).join(), files

def leave(files):
    global kept
    kept = open(os.path.join(files, "a.txt"))
    return penny.current_worker(), os.fspath(files)

def left(folder):
    gc.collect()
    return penny.current_worker(), os.path.exists(folder), kept.read()

told = {}
with penny.Scheduler(WORKERS, engine=ENGINE) as s:
    DATA = penny.SharedFiles("data")
    pathlib.Path("data", "a.txt").write_text("later")
    os.utime("data/a.txt", (1, 1))
    calls = [(DATA,)]
    if SHARES:
        flags = penny.SharedArray((2,), "int32")
        calls = [(DATA, flags, i) for i in range(2)]
    told["seen"] = sorted(task.result() for task in [s.submit(look, *each) for each in calls])
    told["global"] = s.submit(by_name).result()[1]
    found, back = s.submit(again, DATA).result()
    told["again"] = found[1], back is DATA
    told["none"] = s.submit(os.listdir, penny.SharedFiles("none")).result()
    told["bytes"] = DATA.nbytes

with penny.Scheduler(1, engine=ENGINE) as s:
    files = penny.SharedFiles("data")
    where = s.submit(leave, files).result()[1]
    if SHARES:
        told["used"] = s.stats()["heap"]["used"] > files.nbytes
        del files
    told["left"] = s.submit(left, where).result()
    if SHARES:
        gc.collect()
        s.submit(left, where).result()
        told["freed"] = s.stats()["heap"]["used"] < DATA.nbytes
    try:
        penny.SharedFiles("nowhere")
    except FileNotFoundError as error:
        told["nowhere"] = error.filename
print(json.dumps(told))
"""

NAMES = ["a.txt", "deep", "deep/b.bin", "empty"]


@pytest.mark.parametrize(("engine", "workers"), [("pool", 2), ("messages", 1)])
def test_all_workers_read_them(shared_page: Page, engine: str, workers: int) -> None:
    """As they were when it was made, read-only; by argument, global, and in jobs."""
    shares = engine == "pool"
    head = f"WORKERS = {workers}; ENGINE = {engine!r}; SHARES = {shares}\n"
    told = json.loads(shared_page.run(head + PROGRAM).ok())
    for number, seen in enumerate(told["seen"]):
        worker, text, middle, refused, names, changed, elsewhere, buffer = seen
        assert (worker, text, middle, names) == (number, "first", [232, 233, 234], NAMES)
        assert changed > 1
        assert (refused, elsewhere) == (3, True)
        assert buffer == ("SharedArrayBuffer" if shares else "ArrayBuffer")
    assert len(told["seen"]) == workers
    assert told["global"] == "first"
    assert told["again"] == ["first", True]
    assert told["none"] == []
    assert told["bytes"] == 5 + 256 * 4096
    # Who has opened one reads on, after its bytes were given back.
    assert told["left"] == [0, False, "later"]
    if shares:
        assert told["used"]
        assert told["freed"]
    assert told["nowhere"].endswith("nowhere")
