"""joblib's Parallel on workers: what comes back, in which order, and where it ran."""

from __future__ import annotations

import json
from typing import Any

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.servers import Server
from support.wheels import serve_downloaded

pytestmark = pytest.mark.adapters

PROGRAM = """
import json, multiprocessing, time
import js, pyodide_js
origin = str(js.location.origin)
await pyodide_js.loadPackage([f"{origin}/{p}" for p in WHEELS], messageCallback=lambda _: None)
import joblib, penny
from joblib import Parallel, delayed, parallel_config

def where(i):
    until = time.perf_counter() + 0.01
    while time.perf_counter() < until:
        pass
    return i, penny.current_worker()

def fails(i):
    if i == 5:
        raise KeyError(i)
    return i

def nested(n):
    found = Parallel(n_jobs=2)(delayed(pow)(i, 2) for i in range(n))
    return sum(found), len(Parallel()(delayed(where)(i) for i in range(2)))

def change(big, i):
    first = big[0]
    big[0] = "changed"
    return first, len(big)

def look(a, b):
    return a is b, penny.current_worker()

def kept(data, i):
    where(i)
    from penny.adapters import recurring
    return [*recurring._copies][-1:], len(data), penny.current_worker()

def meet(flags, mine):
    flags[mine] = 1
    while not (flags[0] and flags[1]):  # so both workers are up
        penny.cancelled()

told = {"before": "penny" in joblib.parallel.BACKENDS}
import penny.joblib
numbers = range(50)
with parallel_config(backend="penny"):
    from penny.adapters.common import scheduler
    flags = penny.SharedArray(2, "int32", scheduler=scheduler())
    Parallel(n_jobs=2)(delayed(meet)(flags, mine) for mine in range(2))
    told["where"] = Parallel()(delayed(where)(i) for i in numbers)
    told["generator"] = list(Parallel(n_jobs=2, return_as="generator")(
        delayed(where)(i) for i in numbers))
    told["unordered"] = list(Parallel(n_jobs=2, return_as="generator_unordered")(
        delayed(where)(i) for i in numbers))
    told["one at a time"] = Parallel(n_jobs=1)(delayed(where)(i) for i in range(2))
    told["sharedmem"] = Parallel(n_jobs=2, require="sharedmem")(
        delayed(where)(i) for i in range(2))
    try:
        Parallel()(delayed(fails)(i) for i in range(20))
    except KeyError as error:
        told["error"] = [error.args[0], type(error.__cause__).__name__]
    try:
        Parallel(n_jobs=2)(delayed(id)(g) for g in [(i for i in ())])
    except penny.PickleError as error:
        told["pickle"] = str(error)
    try:
        Parallel(n_jobs=2, timeout=0.1)(delayed(time.sleep)(60) for _ in range(3))
    except multiprocessing.TimeoutError:
        told["timeout"] = True
    told["nested"] = Parallel(n_jobs=2)(delayed(nested)(5) for _ in range(3))
    big = ["kept"] + list(range(5000))
    one = Parallel(n_jobs=2, batch_size=1)
    told["change"] = one(delayed(change)(big, i) for i in range(6))
    told["identity"] = one(delayed(look)(big, big) for _ in range(4))
    payload = bytes(2_000_000)
    told["kept"] = one(delayed(kept)(payload, i) for i in range(8))
    before = sum(w["run"] for w in penny.adapters.common.scheduler().stats()["workers"])
    Parallel(n_jobs=2)(delayed(pow)(i, 2) for i in range(20_000))
    after = sum(w["run"] for w in penny.adapters.common.scheduler().stats()["workers"])
    told["tasks"] = after - before

told["default before"] = Parallel(n_jobs=2)(delayed(where)(i) for i in range(2))
penny.joblib.register(default=True)
told["default"] = Parallel(n_jobs=2)(delayed(where)(i) for i in numbers)
told["loky"] = Parallel(n_jobs=2, backend="loky")(delayed(where)(i) for i in numbers)
told["no number"] = Parallel()(delayed(where)(i) for i in range(2))
told["threads"] = Parallel(n_jobs=2, prefer="threads")(delayed(where)(i) for i in range(2))
told["cpus"] = joblib.cpu_count()
penny.joblib.unregister()
told["default after"] = Parallel(n_jobs=2)(delayed(where)(i) for i in range(2))
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(driver: Chrome, server: Server) -> dict[str, Any]:
    """What the program has found."""
    page = Page(driver, server).open()
    wheels = serve_downloaded(server, "joblib")
    stdout = page.run(f"WHEELS = {wheels!r}\n{PROGRAM}").ok()
    page.close()
    found: dict[str, Any] = json.loads(stdout)
    return found


NUMBERS = list(range(50))


@pytest.mark.parametrize("kind", ["where", "generator", "default", "loky"])
def test_in_order_and_on_both_workers(told, kind):
    assert [number for number, _ in told[kind]] == NUMBERS
    assert {worker for _, worker in told[kind]} == {0, 1}


def test_unordered(told):
    assert sorted(number for number, _ in told["unordered"]) == NUMBERS
    assert {worker for _, worker in told["unordered"]} == {0, 1}


@pytest.mark.parametrize(
    "kind",
    ["one at a time", "sharedmem", "default before", "no number", "threads", "default after"],
)
def test_on_the_caller(told, kind):
    """What shares objects with its caller, and what was not asked to be parallel."""
    assert told[kind] == [[0, None], [1, None]]


def test_errors(told):
    assert told["error"] == [5, "RemoteTraceback"]
    assert "generator" in told["pickle"]
    assert told["timeout"]


def test_nested(told):
    assert told["nested"] == [[30, 2]] * 3


def test_an_argument_that_recurs_is_each_calls_own(told):
    assert told["change"] == [["kept", 5001]] * 6
    assert told["identity"] == [[True, worker] for _, worker in told["identity"]]
    assert {worker for _, worker in told["identity"]} <= {0, 1}


def test_an_argument_that_recurs_is_kept_by_workers(told):
    # The first one may have gone with its task: nobody knew then that it comes again.
    keys = {tuple(key) for [key], _, _ in told["kept"][1:]}
    assert len(keys) == 1
    assert {worker for _, size, worker in told["kept"] if size == 2_000_000} == {0, 1}


def test_small_calls_travel_together(told):
    assert told["tasks"] < 1000


def test_default(told):
    assert not told["before"]
    assert told["cpus"] == 2
