"""What a submitter's pickles need: when that is taken as it was, and what of it is stored."""

from __future__ import annotations

import gc
import pickle
import sys
from types import ModuleType

import pytest

from penny.errors import PickleError
from penny.functions.forms import dumps_function, pack_function
from penny.mirror.headers import GONE, OFFERS
from penny.mirror.modules import everywhere, home_of
from penny.mirror.originals import Originals
from penny.wire.payload import LARGE


class Bundle:
    def __init__(self, table, form):
        self.place = max(table, default=0) + 1
        self.table = table
        table[self.place] = pickle.loads(form)

    def __del__(self):
        del self.table[self.place]


class Submitter:
    def __init__(self, module):
        self.module = module
        self.table: dict = {}
        self.room = True
        self.originals = Originals(lambda form: Bundle(self.table, form) if self.room else None)

    def run(self, source):
        exec(source, self.module.__dict__)

    def needs(self, name="f"):
        needs = pack_function(self.module.__dict__[name], self.originals)[2]
        self.originals.take_used()
        return needs

    def items(self, needs):
        """Of the header, by name."""
        opcodes = needs.header
        start = opcodes.index(b"\x80\x05")
        found = pickle.loads(opcodes[start:])
        return {name: (uid, version, place, form) for m, name, uid, version, place, form in found
                if m != OFFERS}  # fmt: skip


@pytest.fixture
def submitter(monkeypatch):
    module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    return Submitter(module)


def test_which_modules_workers_have(submitter):
    assert everywhere(pickle) and everywhere(sys.modules["penny.mirror.originals"])
    assert not everywhere(submitter.module) and not everywhere(ModuleType("pickle"))


def test_where_a_function_is_found(submitter):
    submitter.run("def f(): pass\nclass C:\n  def m(self): pass\ng = f\nh = lambda: 0")
    space = submitter.module.__dict__
    assert home_of(space["f"]) == ("__main__", space, "f") == home_of(space["g"])
    assert home_of(space["C"].m) == ("__main__", space, "C.m")
    assert home_of(space["h"])[2] == "h" and home_of(pickle.dumps) is None


def test_only_what_is_used_and_has_changed_is_sent(submitter):
    submitter.run("A = 1\nB = [2]\nC = 3\ndef g(): return B\ndef f(): return A, g()")
    first = submitter.needs()
    before = submitter.items(first)
    assert before.keys() == {"A", "B", "f", "g"} and first.fresh()
    assert submitter.needs() is first
    submitter.module.C = 4
    assert first.fresh()
    submitter.module.B.append(1)
    assert not first.fresh()
    after = submitter.items(submitter.needs())
    assert {name for name in after if after[name] != before[name]} == {"B"}
    submitter.run("f.__defaults__ = ()")  # the same function: the number stays
    again = submitter.items(submitter.needs())
    assert again["f"][0] == before["f"][0] and again["f"][1] > before["f"][1]


def test_a_value_that_pickles_as_before_is_the_same_definition(submitter):
    submitter.run("A = [[1]]\ndef f(): return A")
    before = submitter.items(submitter.needs())
    submitter.module.A[0] = [1]
    assert submitter.items(submitter.needs()) == before


def test_names_that_are_not_there(submitter):
    submitter.run("def f(): return LATE")
    needs = submitter.needs()
    assert submitter.items(needs)["LATE"][3] == GONE and needs.fresh()
    submitter.module.LATE = 1
    assert not needs.fresh() and submitter.items(submitter.needs())["LATE"][3] != GONE
    del submitter.module.LATE
    assert submitter.items(submitter.needs())["LATE"][0]  # workers may have it


def test_bundles_are_there_as_long_as_somebody_needs_them(submitter):
    submitter.run(f"BIG = b'x' * {LARGE}\nTABLE = list(range(200))\ndef f(): return BIG, TABLE")
    needs = submitter.needs()
    big, table = (submitter.items(needs)[name] for name in ("BIG", "TABLE"))
    assert big[2] != table[2] and big[0] in submitter.table[big[2]]
    assert list(submitter.table[big[2]]) == [big[0]]  # it has one of its own
    submitter.run("BIG = None\ndef more(): pass")
    submitter.needs()
    gc.collect()
    assert big[2] in submitter.table
    del needs
    gc.collect()
    assert big[2] not in submitter.table and table[2] in submitter.table


def test_without_room_the_header_has_it_all(submitter):
    submitter.room = False
    submitter.run("TABLE = list(range(200))\ndef f(): return TABLE")
    _, _, place, form = submitter.items(submitter.needs())["TABLE"]
    assert not place and pickle.loads(form) == list(range(200))


def test_a_failure_leaves_what_was_sent(submitter):
    submitter.run("import threading\nA = 1\ndef f(): return A")
    before = submitter.items(submitter.needs())
    submitter.module.A = (n for n in ())
    with pytest.raises(PickleError, match="global A"):
        submitter.needs()
    submitter.module.A = 1
    assert submitter.items(submitter.needs()) == before
    assert dumps_function(submitter.module.f)


def test_what_is_too_large_is_looked_at_again_when_asked(submitter):
    submitter.run("A = [[n] for n in range(5000)]\ndef f(): return A")
    needs = submitter.needs()
    submitter.module.A[7][0] = -1
    assert needs.fresh()
    submitter.originals.look_again()
    assert not needs.fresh()
    assert submitter.items(submitter.needs())["A"][0] != submitter.items(needs)["A"][0]


def test_large_values_of_other_modules_are_sent_only_if_used(submitter, monkeypatch):
    attic = ModuleType("attic")
    monkeypatch.setitem(sys.modules, "attic", attic)
    exec(
        f"""
from array import array
from types import SimpleNamespace
SIZE, NAMES = 3, ["a"]
TABLE, BYTES, ROWS = array("b", bytes({LARGE})), [bytes({LARGE})], list(range(20_000))
MODEL = SimpleNamespace(weights=[TABLE])
def key(): return SIZE
def look(): return TABLE
""",
        attic.__dict__,
    )
    submitter.run("import attic\ndef f(): return attic.key()\ndef g(): return attic.TABLE")
    needs = submitter.needs()
    offers = submitter.originals.modules["attic"].offers.value[1]
    assert {"SIZE", "NAMES", "key", "look"} <= offers.keys()
    assert not {"TABLE", "BYTES", "ROWS", "MODEL"} & offers.keys()
    assert sum(len(form) for forms in submitter.table.values() for form in forms.values()) < LARGE
    assert needs.fresh()
    submitter.needs("g")
    assert any(len(form) > LARGE for forms in submitter.table.values() for form in forms.values())
