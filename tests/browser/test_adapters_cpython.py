"""CPython's own tests of `multiprocessing.Pool`, of the Python that runs pytest, in the browser."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.servers import Server
from support.wheels import make_wheel

pytestmark = pytest.mark.adapters

CLASSES = "_TestPool", "_TestPoolWorkerErrors", "_TestPoolWorkerLifetime"

# What these tests take from their module.
NAMES = {
    *CLASSES,
    "CountedObject",
    "SayWhenError",
    "TimingWrapper",
    "exception_throwing_generator",
    "identity",
    "mul",
    "raise_large_valuerror",
    "raising",
    "sqr",
    "unpickleable_result",
}

NOT_HERE = {
    "test_map_unplicklable": "what can't travel is a PickleError, which says where it is",
    "test_resource_warning": "a pool that is forgotten leaves nothing that runs",
    "test_unpickleable_result": "a result that can't travel is a PickleError, too",
    "test_pool_worker_lifetime": "looks at the pool's list of processes",
    "test_pool_worker_lifetime_early_close": "likewise",
    "test_worker_finalization_via_atexit_handler_of_multiprocessing": "runs Python as a command",
}

SOURCE = """
import contextlib, gc, io, itertools, json, sys, threading, time, unittest, weakref
import penny.multiprocessing as multiprocessing
import warnings
from unittest import mock

DELTA = 0.1
TIMEOUT1, TIMEOUT2 = 0.82, 0.35

class support:
    SHORT_TIMEOUT, LONG_TIMEOUT = 30, 300

    @staticmethod
    def gc_collect():
        gc.collect()

    @staticmethod
    def captured_stderr():
        return contextlib.redirect_stderr(io.StringIO())

class test:
    support = support

class BaseTestCase(unittest.TestCase):
    TYPE = "processes"
    ALLOWED_TYPES = ("processes",)
    Pool = staticmethod(multiprocessing.Pool)

    def assertTimingAlmostEqual(self, a, b):
        self.assertLess(abs(a - b), 1)

{source}
"""

PROGRAM = """
import json, unittest
import js, pyodide_js
await pyodide_js.loadPackage(f"{js.location.origin}/WHEEL", messageCallback=lambda _: None)
import pool_tests
suite = unittest.TestSuite()
for case in CLASSES:
    case = getattr(pool_tests, case)
    for name in unittest.TestLoader().getTestCaseNames(case):
        if name not in NOT_HERE:
            suite.addTest(case(name))
result = unittest.TestResult()
suite.run(result)
print(json.dumps([result.testsRun, [[t.id(), e] for t, e in result.failures + result.errors]]))
"""


def test_pools(driver: Chrome, server: Server) -> None:
    """All but those named above."""
    found = importlib.util.find_spec("test._test_multiprocessing")
    assert found is not None and found.origin is not None
    text = Path(found.origin).read_text()
    pieces = [
        ast.get_source_segment(text, node) or ""
        for node in ast.parse(text).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in NAMES
    ]
    assert len(pieces) == len(NAMES)
    source = "\n\n".join(pieces)
    assert all(f"def {name}(" in source for name in NOT_HERE)
    name, wheel = make_wheel("pool_tests", SOURCE.replace("{source}", source))
    server.write(name, wheel)
    page = Page(driver, server).open()
    given = f"WHEEL = {name!r}\nCLASSES = {CLASSES}\nNOT_HERE = {[*NOT_HERE]}\n"
    run = page.run(given + PROGRAM.replace("/WHEEL", "/{WHEEL}"))
    page.close()
    count, failed = json.loads(run.stdout.splitlines()[-1])
    assert not failed, "\n".join(f"{name}\n{error}" for name, error in failed)
    assert count >= 25
