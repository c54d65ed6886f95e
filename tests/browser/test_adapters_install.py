"""Libraries' pools after `penny.install()`, in the browser: where their calls ran."""

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
import io, json, os, re, sys, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from os import cpu_count
import js, penny, pyodide_js
origin = str(js.location.origin)
await pyodide_js.loadPackage([f"{origin}/{p}" for p in WHEELS], messageCallback=lambda _: None)

def where(i):
    until = time.perf_counter() + 0.01
    while time.perf_counter() < until:
        pass
    return i, penny.current_worker()

STATE = []

def begin(name):
    STATE.append(name)

def state():
    where(0)
    return STATE, penny.current_worker()

def pair(i, j):
    return where(i + 0 * j)

def count():
    STATE.append(1)
    return len(STATE)

def meet(flags, mine):
    flags[mine] = 1
    while not (flags[0] and flags[1]):  # so both workers are up
        penny.cancelled()

def refusals():
    said = []
    for pool in (ThreadPoolExecutor, ProcessPoolExecutor):
        try:
            pool(1).submit(where, 0)
        except (RuntimeError, NotImplementedError) as error:
            said.append(type(error).__name__)
    return said

from penny.tqdm import process_map as penny_map
told = {"before": refusals(), "cpus before": cpu_count()}
early = ThreadPoolExecutor(2)
began = time.perf_counter()
installation = penny.install()
told["milliseconds"] = 1000 * (time.perf_counter() - began)
told["repr"] = repr(installation)
told["cpus"] = [os.cpu_count(), cpu_count(), os.process_cpu_count()]
with ProcessPoolExecutor() as pool:
    flags = penny.SharedArray(2, "int32")
    list(pool.map(meet, [flags, flags], [0, 1]))
    told["processes"] = list(pool.map(where, range(50)))
    told["chunks"] = list(pool.map(where, range(50), chunksize=5))
    futures = [pool.submit(where, i) for i in range(50)]
    told["completed"] = [future.result() for future in as_completed(futures)]
with ProcessPoolExecutor(2, initializer=begin, initargs=("begun",)) as pool:
    told["initializer"] = [f.result() for f in [pool.submit(state) for _ in range(20)]]
    import asyncio
    told["run_in_executor"] = await asyncio.get_running_loop().run_in_executor(pool, where, 3)
with ProcessPoolExecutor(1) as pool:
    told["one"] = [f.result() for f in [pool.submit(count) for _ in range(5)]]
shared = []
with ThreadPoolExecutor(4) as pool:
    told["threads"] = list(pool.map(where, range(4)))
    list(pool.map(shared.append, range(4)))
told["shared"] = shared
told["early"] = early.submit(where, 0).result()
import joblib
told["joblib"] = joblib.Parallel(n_jobs=2)(joblib.delayed(where)(i) for i in range(50))
from tqdm.contrib.concurrent import process_map, thread_map
bar = io.StringIO()
told["process_map"] = process_map(where, range(50), file=bar, mininterval=0)
told["bar"] = sorted(set(re.findall(r"([0-9]+)/50 ", bar.getvalue())), key=int)
told["thread_map"] = thread_map(where, range(4), file=bar)
told["penny.tqdm"] = penny_map(where, range(50), chunksize=7, file=bar, total=50)
told["last bar"] = bar.getvalue()
import multiprocessing
with multiprocessing.Pool(2, begin, ("pool",)) as pool:
    told["Pool.map"] = pool.map(where, range(50), 5)
    told["Pool.imap"] = list(pool.imap(where, range(50), 2))
    told["Pool.imap_unordered"] = list(pool.imap_unordered(where, range(50)))
    told["Pool.starmap"] = pool.starmap(pair, zip(range(50), range(50)))
    told["Pool.apply"] = pool.apply_async(state).get()
with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=2) as pool:
    told["fresh"] = [r.get() for r in [pool.apply_async(count) for _ in range(6)]]
from multiprocessing.pool import ThreadPool
with ThreadPool(2) as pool:
    told["ThreadPool"] = pool.map(where, range(4))
penny.uninstall()
told["after"] = refusals()
told["cpus after"] = cpu_count()
with penny.installed(threads="workers"), ThreadPoolExecutor(4) as pool:
    told["threads as workers"] = list(pool.map(where, range(50)))
with penny.installed(), multiprocessing.Pool(2) as pool:
    slow = pool.apply_async(time.sleep, (60,))
    try:
        slow.get(0.01)
    except multiprocessing.TimeoutError:
        told["timeout"] = True
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(driver: Chrome, server: Server) -> dict[str, Any]:
    """What the program has found."""
    page = Page(driver, server).open()
    wheels = serve_downloaded(server, "joblib", "tqdm")
    stdout = page.run(f"WHEELS = {wheels!r}\n{PROGRAM}").ok()
    page.close()
    found: dict[str, Any] = json.loads(stdout)
    return found


NUMBERS = list(range(50))
BOTH = (
    "processes",
    "chunks",
    "joblib",
    "threads as workers",
    "Pool.map",
    "Pool.imap",
    "Pool.starmap",
)


@pytest.mark.parametrize("kind", BOTH)
def test_on_both_workers(told, kind):
    assert [number for number, _ in told[kind]] == NUMBERS
    assert {worker for _, worker in told[kind]} == {0, 1}


def test_as_completed(told):
    assert sorted(number for number, _ in told["completed"]) == NUMBERS
    assert {worker for _, worker in told["completed"]} == {0, 1}


def test_the_initializer_runs_once_in_each_worker(told):
    assert {worker for _, worker in told["initializer"]} == {0, 1}
    assert all(state == ["begun"] for state, _ in told["initializer"])


def test_a_pool_of_one_keeps_its_state(told):
    assert told["one"] == [1, 2, 3, 4, 5]


def test_a_pool_of_multiprocessing(told):
    assert sorted(number for number, _ in told["Pool.imap_unordered"]) == NUMBERS
    assert told["Pool.apply"][0][-1:] == ["pool"]
    assert told["timeout"]


def test_bars_move_while_tasks_run(told):
    assert len(told["bar"]) > 5
    assert told["bar"][-1] == "50"
    assert "50/50" in told["last bar"]
    assert told["thread_map"] == [[i, None] for i in range(4)]


def test_workers_that_are_replaced(told):
    """Six calls, each of which sees how many ran in its interpreter: two at most."""
    assert set(told["fresh"]) == {1, 2}
    assert told["fresh"].count(1) >= 3


def test_an_event_loops_executor(told):
    number, worker = told["run_in_executor"]
    assert number == 3
    assert worker in (0, 1)


def test_threads_are_the_caller(told):
    assert told["ThreadPool"] == [[i, None] for i in range(4)]
    assert told["threads"] == [[i, None] for i in range(4)]
    assert told["shared"] == [0, 1, 2, 3]
    assert told["early"] == [0, None]


def test_before_and_after(told):
    assert told["before"] == told["after"] == ["RuntimeError", "NotImplementedError"]
    assert told["cpus before"] == told["cpus after"] == 1
    assert told["cpus"] == [2, 2, 2]
    assert "concurrent.futures.process.ProcessPoolExecutor" in told["repr"]
    assert "__main__.cpu_count" in told["repr"]


def test_it_is_quick(told):
    assert told["milliseconds"] < 50 * 4  # the figure itself is in the benchmarks


@pytest.mark.program("""
    import json, penny, penny.multiprocessing as mp

    def begin(*given):
        global lock, flags
        lock, flags = given

    def count(value, locked, mine):
        flags[mine] = 1
        while not (flags[0] and flags[1]):  # so the two run at a time
            penny.cancelled()
        for _ in range(300):
            with lock:
                value.value += 1
            with locked.get_lock():
                locked.value += 1
        return penny.current_worker()

    def produce(q, event, mine):
        for i in range(100):
            q.put((mine, i))
        event.wait()
        return penny.current_worker()

    lock, flags = mp.Lock(), mp.RawArray("i", 2)
    value, locked = mp.RawValue("i", 0), mp.Value("d", 0.0)
    with mp.Pool(2, begin, (lock, flags)) as pool:
        workers = pool.starmap(count, [(value, locked, mine) for mine in range(2)], 1)
        q, event = mp.Queue(7), mp.Event()
        results = [pool.apply_async(produce, (q, event, mine)) for mine in range(2)]
        got = [q.get() for _ in range(200)]
        event.set()
        producers = [result.get() for result in results]
    print(json.dumps([workers, value.value, locked.value, got, producers]))
""")
def test_what_tasks_share(run):
    workers, value, locked, got, producers = json.loads(run.ok())
    assert sorted(workers) == sorted(producers) == [0, 1]
    assert value == locked == 600
    for mine in range(2):
        assert [i for who, i in got if who == mine] == [*range(100)]
