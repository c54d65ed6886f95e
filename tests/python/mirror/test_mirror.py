"""What tasks of a script see of its module, in workers that are processes."""

from __future__ import annotations

import math
import pickle
import sys
from types import ModuleType

import pytest
from mirror_pool import Script
from wasm_writer import module

from penny.errors import PickleError


@pytest.fixture
def script(monkeypatch):
    made = Script()
    monkeypatch.setitem(sys.modules, "__main__", made.module)
    yield made
    made.close()


# -- What the submitter changes ------------------------------------------------------------------


def test_functions_share_the_globals_of_their_module(script):
    script.run("""
        table = None
        calls = 0
        def load(n):
            global table
            table = [i * i for i in range(n)]
        def look(i):
            global calls
            calls += 1
            return table[i]
        def count():
            return calls
    """)
    script.call("load", 10)
    assert [script.call("look", i) for i in (1, 2, 3)] == [1, 4, 9]
    script.records.renew(script.look)
    assert script.call("look", 4) == 16
    assert script.call("count") == 4
    assert script.call("count", worker=1) == 0


@pytest.mark.parametrize("kept", ["3", "[3]", "bytes(200) + b'3'"])
def test_each_submission_sees_the_values_of_its_moment_in_any_order(script, kept):
    script.run("def see(): return factor")
    waiting = []
    for k in range(4):
        script.run(f"factor = {kept} * {k}")
        waiting.append((script.put("see"), script.factor))
    for i in (2, 0, 3, 1, 2):
        for worker in (0, 1):
            assert waiting[i][0].run(worker) == waiting[i][1]


def test_a_deleted_name_is_gone_and_may_come_back(script):
    script.run("limit = 5\ndef see(): return limit")
    before = script.put("see")
    assert before.run() == 5
    del script.module.limit
    after = script.put("see")
    with pytest.raises(NameError):
        after.run()
    assert before.run() == 5
    script.run("limit = 6")
    assert script.call("see") == 6
    with pytest.raises(NameError):
        after.run(1)


def test_what_only_tasks_have_set_is_not_deleted(script):
    script.run("""
        def set_it():
            global mine
            mine = 1
        def see():
            return mine
    """)
    script.call("set_it")
    assert script.call("see") == 1
    script.run("def other(): return mine")
    assert script.call("other") == 1


def test_a_redefined_helper_and_class_take_effect(script):
    script.run("""
        def helper(): return 1
        class Shape:
            def area(self): return helper()
        class Square(Shape): pass
        def area(s): return s.area(), type(s) is Square
    """)
    old = script.Square()
    waiting = script.put("area", old)
    assert script.call("area", script.Square()) == (1, True)
    script.run("def helper(): return 2")
    assert script.call("area", script.Square()) == (2, True)
    script.run("""
        class Shape:
            def area(self): return helper() * 10
        class Square(Shape): pass
    """)
    assert script.call("area", script.Square()) == (20, True)
    assert script.call("area", old) == (2, False)  # an object of the old class
    assert waiting.run() == (1, True)
    assert script.call("area", script.Square()) == (20, True)


CHANGES = [
    ("import collections; state = collections.OrderedDict(a=1, b=2)", "state.move_to_end('a')"),
    ("import decimal; state = decimal.Context(prec=3)", "state.prec = 4"),
    ("import itertools; state = itertools.count(3)", "next(state)"),
    ("state = {'a': [1]}", "state['a'].append(2)"),
    ("state = [[[]]]", "state[0][0].append(1)"),
    ("import collections; state = collections.Counter()", "state['x'] += 1"),
    ("import collections; state = collections.deque([1], 3)", "state.append(2)"),
    ("class C: pass\nstate = C(); state.x = 1", "state.x = 2"),
    ("class C:\n    __slots__ = ('x',)\nstate = C(); state.x = 1", "state.x = 2"),
    ("import functools; state = functools.partial(max, [1])", "state.args[0].append(2)"),
    ("import io; state = io.BytesIO(b'a')", "state.seek(0, 2); state.write(b'b')"),
    ("import array; state = array.array('i', [1])", "state[0] = 2"),
    ("state = bytearray(b'a')", "state[0] = 66"),
    ("state = {1}", "state.add(2)"),
    ("def f():\n    n = [1]\n    return lambda: n\nstate = [f()]", "state[0]().append(2)"),
    ("def f(x=[]): return x\nstate = {'f': f}", "f().append(1)"),
    ("def f():\n    class L: a = 1\n    return L\nstate = (f(),)", "state[0].a = 2"),
    ("class C:\n    def m(self): return 1\nstate = C().m", "state.__self__.x = 1"),
    ("import types; state = types.SimpleNamespace(a=[1])", "state.a.append(2)"),
]


@pytest.mark.parametrize(("made", "change"), CHANGES)
def test_changes_within_a_value_are_noticed(script, made, change):
    script.run(made)
    script.run("def see(): return show(state)")
    script.run("""
        import pickle
        def show(s):
            if type(s).__name__ in ("count", "OrderedDict", "Context"): return repr(s)
            if isinstance(s, type): return s.a
            if callable(s) and not hasattr(s, "__self__") and not hasattr(s, "args"): return s()
            if type(s) in (list, tuple): return [show(i) for i in s]
            if isinstance(s, type): return s.a
            if hasattr(s, "args"): return s.args
            if hasattr(s, "getstate"): return s.getstate()
            if hasattr(s, "getvalue"): return s.getvalue()
            if hasattr(s, "__self__"): return vars(s.__self__)
            if hasattr(s, "__dict__") and not isinstance(s, dict): return vars(s)
            if hasattr(s, "x"): return s.x
            if isinstance(s, dict): return {k: show(v) for k, v in s.items()}
            return s
    """)
    seen = script.call("see")
    assert seen == script.see()
    script.run(change)
    assert script.call("see") == script.see() != seen


def test_changes_in_a_class_are_noticed_one_by_one(script):
    script.run("""
        class Ticket:
            made = 0
            prefix = "T"
            @classmethod
            def make(cls):
                cls.made += 1
                return cls.made
            def label(self):
                return self.prefix
    """)
    assert [script.call(script.Ticket.make) for _ in range(3)] == [1, 2, 3]
    script.run("Ticket.prefix = 'K'; Ticket.label = lambda self: self.prefix * 2")
    assert script.call(script.Ticket().label) == "KK"
    assert script.call(script.Ticket.make) == 4  # not reset by that
    script.run("Ticket.made = 10")
    assert script.call(script.Ticket.make) == 11
    assert script.Ticket.made == 10


def test_registrations_are_noticed(script):
    script.run("""
        import abc, functools
        class Shape(abc.ABC): pass
        class Round: pass
        def known(s): return isinstance(s, Shape)
        @functools.singledispatch
        def kind(x): return "?"
        class Writer:
            @functools.singledispatchmethod
            def write(self, x): return "?"
        def write(x): return Writer().write(x)
    """)
    assert script.call("known", script.Round()) is False
    assert script.call("kind", 1) == script.call("write", 1) == "?"
    script.run("""
        Shape.register(Round)
        kind.register(int)(lambda x: "int")
        Writer.write.register(int)(lambda self, x: "int")
    """)
    assert script.call("known", script.Round()) is True
    assert script.call("kind", 1) == script.call("write", 1) == "int"


def test_what_a_class_has_beside_its_attributes(script):
    script.run("""
        import copy, copyreg, collections.abc
        class A:
            def who(self): return "A"
        class B:
            def who(self): return "B"
        class C(A):
            n = 1
            def more(self):
                C.n += 1
                return C.n
        def see():
            c = C()
            return c.who(), C.__name__, isinstance(c, collections.abc.Sized), copy.copy(c).who()
    """)
    assert script.call("see") == ("A", "C", False, "A")
    assert script.call(script.C().more) == 2
    script.run("C.__bases__ = (B,)")
    assert script.call("see") == ("B", "C", False, "B")
    script.run("C.__name__ = 'D'; copyreg.pickle(C, lambda c: (A, ()))")
    assert script.call("see") == script.see() == ("B", "D", False, "A")
    script.run("collections.abc.Sized.register(C); del copyreg.dispatch_table[C]")
    assert script.call("see") == script.see() == ("B", "D", True, "B")
    assert script.call(script.C().more) == 3


# -- State in the worker -------------------------------------------------------------------------


def test_closures_do_not_share_state(script):
    script.run("""
        factor = 1
        def counter():
            n = 0
            def step():
                nonlocal n
                n += factor
                return n
            return step
    """)
    a, b = script.counter(), script.counter()
    assert [script.call(f) for f in (a, a, b)] == [1, 2, 1]
    script.run("factor = 10")
    assert script.call(a) == 12  # what is new is the factor
    script.run("factor = 1")
    assert a() == 1
    assert script.call(a) == 2  # what it kept here is new as well


def test_aliases_and_cycles_among_globals(script):
    script.run("""
        a = [1]
        b = {"a": a}
        a.append(b)
        def same():
            a.append(3)
            return b["a"] is a and a[1] is b and len(a)
    """)
    assert script.call("same") == 3
    assert script.call("same") == 4


def test_several_names_of_one_value(script, monkeypatch):
    mine = ModuleType("mine")
    monkeypatch.setitem(sys.modules, "mine", mine)
    script.run("TABLE = ROWS = [1]\ndef add(n): ROWS.append(n)", mine.__dict__)
    script.run("""
        import mine
        from mine import TABLE, add
        first = second = third = []
        def see():
            third.append(2)
            add(2)
            return first is second is third, TABLE is mine.TABLE is mine.ROWS, len(TABLE)
        def apart(): return second is third, len(third)
    """)
    assert script.call("see") == (True, True, 2)
    early = script.put("see")
    script.run("second = [5]")
    assert script.call("see") == (False, True, 3)
    assert script.call("apart") == (False, 2)
    script.run("second = third; del first")
    assert script.call("apart") == (True, 2)
    assert early.run() == (True, True, 4)
    script.run("third.append(1)")
    assert script.call("apart", worker=1) == script.call("apart") == (True, 1)


def test_kernels_among_the_globals(script):
    types = {"wide": (("i64",), ("i64",))}
    script.module.FIRST = module(types, "wide(u64 n) -> u64\n")
    script.module.SECOND = module(types, "wide(i64 n) -> i64\n")
    script.run("""
        import penny
        k = penny.Kernels(FIRST)
        wide = k.wide
        class Holder:
            kernel = k.wide
        def see(): return str(k.wide.signature), k.wide is wide is Holder.kernel
        def give(kernel): return wide, kernel is wide
    """)
    assert script.call("see") == ("(u64 n) -> u64", True)
    assert script.call("give", script.wide) == (script.wide, True)
    early = script.put("see")
    script.run("k = penny.Kernels(SECOND)")
    assert script.call("see") == ("(i64 n) -> i64", False)
    script.run("wide = Holder.kernel = k.wide")
    assert script.call("see") == ("(i64 n) -> i64", True)
    script.run("def wide(): pass")
    assert script.call("see") == ("(i64 n) -> i64", False)
    assert early.run()[0] == "(u64 n) -> u64"


def test_two_schedulers_and_a_name_that_is_many_things(script):
    other = Script()
    other.module = script.module
    script.run("""
        X = 1
        def helper(): return "old"
        class C: n = 1
        def see(): return X() if callable(X) else getattr(X, "pi", X), helper(), C.n
    """)
    try:
        early = [each.put("see") for each in (script, other)]
        for n, (source, seen) in enumerate([
            ("X = lambda: 2", 2), ("import math as X", math.pi), ("X = [3]", [3]), ("X = 4", 4),
        ]):  # fmt: skip
            script.run(f"{source}\nC.n = {n}\ndef helper(): return {n}")
            for each in (script, other)[:: 1 - n % 2 * 2]:
                assert each.call("see") == (seen, n, n)
        late = [each.put("see") for each in (script, other)]
        script.run("del X")
        for each in script, other:
            with pytest.raises(NameError, match="'X'"):
                each.call("see")
        assert [each.run() for each in late] == [(4, 3, 3)] * 2
        assert [each.run() for each in early] == [(1, "old", 1)] * 2
    finally:
        other.close()


def test_functions_and_classes_have_the_very_globals(script):
    script.run("""
        MISSING = object()
        REG = {}
        LST = [REG]
        class Base:
            default, reg = MISSING, REG
            nested = {"a": [REG]}
            def __init_subclass__(cls):
                REG[cls.__name__] = cls
                cls.mine = REG
            def add(self, key, default=MISSING):
                self.reg[key] = default
                return len(REG), default is MISSING is Base.default, self.mine is REG
        class Sub(Base): pass
        def keep(function, store=REG):
            store[function.__name__] = function
            function.store = store
            return function
        @keep
        def plain(a=MISSING, *, b=REG):
            return a is MISSING, b is REG, REG["plain"] is plain, plain.store is REG
        def closure():
            store = REG
            return keep(lambda: (store is REG, LST[0] is REG, Base.nested["a"][0] is REG))
        inner = closure()
        REG["lst"] = LST
        def nested(): return inner()
        def all_of_it():
            return REG["plain"].__defaults__[0] is MISSING, REG["Sub"].mine is REG
    """)
    for worker, order in enumerate([(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)]):
        calls = [
            (lambda w: script.call("plain", worker=w), (True,) * 4),
            (lambda w: script.call("nested", worker=w), (True,) * 3),
            (lambda w: script.call(script.Sub().add, "k", worker=w), (5, True, True)),
            (lambda w: script.call("all_of_it", worker=w), (True,) * 2),
        ]
        for i in order:
            call, right = calls[i]
            assert call(worker) == right
    script.run("REG['mine'] = 1")
    assert script.call("plain") == (True,) * 4
    assert script.call(script.Sub().add, "k") == (6, True, True)


def test_register_looks_again_into_what_is_large(script):
    script.run("""
        BIG = list(range(5000))
        class Table: rows = BIG
        def see(i, rows=BIG): return rows[i], rows is BIG is Table.rows
    """)
    assert script.call("see", 3) == (3, True)
    script.run("BIG[3] = 100")
    script.records.renew(script.see)
    assert script.call("see", 3) == (100, True)


def test_functions_of_several_names_have_a_cell_in_common(script):
    script.run("""
        def account():
            total = 0
            def add(x):
                nonlocal total
                total += x
                return total
            class Box:
                def add(self, x):
                    nonlocal total
                    total += x
                    return total
            return add, lambda: total, Box, {"get": lambda: total}
        add, get, Box, table = account()
        other, get_other, _, _ = account()
        def by_table(): return table["get"]()
        def by_box(x): return Box().add(x)
    """)
    for worker in 0, 1:
        assert script.call("add", 5, worker=worker) == 5
        assert script.call("get", worker=worker) == 5  # comes later, and resets nothing
        assert script.call("by_box", 2, worker=worker) == 7
        assert script.call("by_table", worker=worker) == 7
        assert script.call("get_other", worker=worker) == 0
    assert script.get() == 0
    script.add(100)
    assert script.call("by_table") == 100
    assert script.call("add", 1) == 101
    assert script.call("get", worker=1) == 100


def test_what_a_library_has_once(script):
    script.run("""
        import dataclasses, os, sys
        from os import environ
        out, missing = sys.stdout, dataclasses.MISSING
        @dataclasses.dataclass
        class Size:
            w: int
            tags: list = dataclasses.field(default_factory=list)
        def see(file=sys.stderr):
            @dataclasses.dataclass
            class Box(Size):
                h: int = 1
            w, tags = (field.default for field in dataclasses.fields(Size))
            return (
                environ is os.environ, out is sys.stdout, file is sys.stderr,
                missing is w is tags is dataclasses.MISSING, Box(1).tags,
            )
    """)
    assert script.call("see") == (True, True, True, True, [])


def test_what_a_module_of_the_scripts_has_once(script, monkeypatch):
    """A sentinel is one object in a worker, too; it asked for itself there, without end."""
    helper = ModuleType("helper")
    monkeypatch.setitem(sys.modules, "helper", helper)
    script.run(
        """
        class Missing:
            def __repr__(self): return "MISSING"
        MISSING = Missing()
        ALIAS = MISSING
        def default(x=MISSING): return x is MISSING is ALIAS
        """,
        helper.__dict__,
    )
    script.run("""
        import helper
        from helper import MISSING
        def see(given):
            here = helper.MISSING
            same = [here is each for each in (MISSING, helper.ALIAS)]
            return here, same, helper.default(), type(given)
    """)
    for worker in 0, 1:
        here, same, default, kind = script.call("see", helper.MISSING, worker=worker)
        assert here is helper.MISSING and same == [True, True] and default
        assert kind is helper.Missing, "an argument, which is a copy"


def test_what_has_no_pickle_of_its_own(script):
    script.run("""
        import functools, itertools, struct
        class Switch:
            ids = itertools.count(1)
            def turn(self, state): return state, next(self.ids)
            on = functools.partialmethod(turn, True)
        backwards = functools.cmp_to_key(lambda a, b: b - a)
        pair = struct.Struct("<HH")
        keys = type({}.keys())
        def see():
            return (
                Switch().on(), sorted([1, 3, 2], key=backwards), pair.unpack(b"a" * 4),
                isinstance({}.keys(), keys),
            )
    """)
    next(script.Switch.ids)
    assert script.call("see") == ((True, 2), [3, 2, 1], (24929, 24929), True)
    assert script.call("see")[0] == (True, 3)


def test_globals_of_builtin_kinds_are_made_by_none_of_their_methods(script):
    script.run("""
        import contextlib
        class Pair(tuple):
            def __new__(cls, *items): return super().__new__(cls, items)
        class Text(str):
            def __new__(cls, text, tag):
                made = super().__new__(cls, text)
                made.tag = tag
                return made
        class Twice(dict):
            def __init__(self, name): self.name = name
            def __setitem__(self, key, value): super().__setitem__(key, 2 * value)
        class Log(list):
            __slots__ = ("size",)
            def append(self, item): super().append([item]); self.size = len(self)
            extend = None
        pair, text, twice, log = Pair(1, 2), Text("a", "b"), Twice("t"), Log()
        twice["me"] = [1]
        log.append(log)
        @contextlib.contextmanager
        def opened(n): yield n
        @opened(1)
        def inside(x): return x
        def see():
            return (
                tuple(pair), type(pair) is Pair, text + text.tag, dict(twice), twice.name,
                log[0][0] is log, log.size, inside(3),
            )
    """)
    assert script.call("see") == script.see()
    script.run("twice['it'] = 'x'; log.append(3)")
    assert script.call("see") == script.see()


def test_subclasses_that_nothing_names(script):
    script.run("""
        class Plugin:
            @classmethod
            def names(cls): return [each.__name__ for each in cls.__subclasses__()]
        class A(Plugin): pass
        class B(Plugin): pass
        def see(): return Plugin.names()
    """)
    assert script.call("see") == script.call(script.Plugin.names, worker=1) == ["A", "B"]
    script.run("class C(Plugin): pass")
    assert script.call("see") == ["A", "B", "C"]


def test_what_an_abstract_class_asks_is_not_asked_on_the_way(script):
    script.run("""
        import abc
        class Shape(abc.ABC):
            @classmethod
            def __subclasshook__(cls, other):
                return True if cls is Shape and "area" in vars(other) else NotImplemented
        class Round: pass
        class Square: area = 1
        Shape.register(Round)
        def see(): return [issubclass(each, Shape) for each in (Round, Square, int)]
    """)
    assert script.call("see") == [True, True, False]


def test_a_module_that_gives_names_on_demand(script, monkeypatch):
    import types

    attic = types.ModuleType("attic")
    monkeypatch.setitem(sys.modules, "attic", attic)
    source = """
        asked = []
        def __getattr__(name):
            if name.startswith("box"):
                asked.append(name)
                return name, len(asked)
            raise AttributeError(name)
    """
    script.run(source, attic.__dict__)
    script.run(source)
    script.run("""
        import attic
        def see():
            import __main__
            return attic.box_a, __main__.box_b, hasattr(attic, "lid"), hasattr(__main__, "lid")
        def names():
            return "see" in dir(__import__("__main__"))
    """)
    assert script.call("see") == (("box_a", 1), ("box_b", 1), False, False)
    assert script.call("see")[0] == ("box_a", 2)
    assert script.call("names", worker=1)


def test_values_that_contain_each_other(script):
    script.run("""
        class Node:
            def __init__(self, other): self.other = other
        top = Node(None); left = Node(top); right = Node(left); top.other = right
        extra = [left, right]
        apart = [extra]
        def see():
            return top.other is right and right.other is left and left.other is top
        def more():
            return extra[0] is left and apart[0] is extra and extra[1] is right
    """)
    assert script.call("see") and script.call("more")
    assert script.call("more", worker=1) and script.call("see", worker=1)
    script.run("left.other = None")
    assert not script.call("see")
    assert script.call("more")


def test_what_is_loaded_may_use_what_it_needs(script):
    script.run("""
        scale = 3
        def helper(n): return n * scale
        class Lens:
            def __init__(self, n): self.n = n
            def __getstate__(self): return {"n": self.n}
            def __setstate__(self, state): self.n = helper(state["n"])
        lens = Lens(2)
        def see(): return lens.n
    """)
    assert script.call("see") == 6


def test_a_successor_has_all_of_it_again(script):
    script.run("""
        n = 0
        def count():
            global n
            n += 1
            return n
    """)
    assert [script.call("count") for _ in range(2)] == [1, 2]
    script.kill(0)
    assert script.call("count") == 1


# -- Modules -------------------------------------------------------------------------------------


def test_a_namespace_without_a_name(script):
    names = {}
    script.run("factor = 2\ndef twice(x): return x * factor\ndef user(x): return twice(x)", names)
    assert script.call(names["user"], 4) == 8
    names["factor"] = 3
    assert script.call(names["user"], 4) == 12
    script.run("class P:\n    def m(self): return twice(1)\ndef twice(x): return -x", names)
    assert script.call(names["user"], 4) == -4
    got = script.call(lambda p: (p.m(), p), names["P"]())
    assert got[0] == -1 and type(got[1]) is names["P"]


def test_a_module_that_only_the_submitter_has(script, monkeypatch):
    import types

    package, inner = types.ModuleType("attic"), types.ModuleType("attic.box")
    package.box = inner
    monkeypatch.setitem(sys.modules, "attic", package)
    monkeypatch.setitem(sys.modules, "attic.box", inner)
    script.run(
        "KEY = 4\nlocks = {'a': 1}\ndef open_it(): return KEY, sorted(locks)", inner.__dict__
    )
    script.run("""
        import attic
        from attic import box
        from attic.box import open_it
        def by_package(): return attic.box.KEY, attic.box.open_it()
        def by_module(): return box.locks
        def by_name(): return open_it()
        def inside():
            import attic.box as b
            from attic.box import KEY
            return b.KEY + KEY
        def dynamic(m): return getattr(m, "K" + "EY")
    """)
    assert script.call("by_package") == (4, (4, ["a"]))
    assert script.call("by_module") == {"a": 1}
    assert script.call("by_name") == (4, ["a"])
    assert script.call("inside", worker=1) == 8
    assert script.call("dynamic", inner, worker=2) == 4
    inner.KEY = 5
    assert script.call("by_package") == (5, (5, ["a"]))
    assert script.call("inside") == 10


def test_a_module_in_place_of_one_that_workers_have(script, monkeypatch):
    import types

    fake = types.ModuleType("colorsys")
    monkeypatch.setitem(sys.modules, "colorsys", fake)
    script.run("def rgb(): return 'fake'", fake.__dict__)
    script.run("import colorsys\ndef see(): return colorsys.rgb()")
    assert script.call("see") == "fake"


def test_names_that_are_asked_for_by_text(script):
    script.run("""
        config = {"depth": 3}
        def helper(): return config["depth"]
        def by_globals(): return globals()["helper"](), globals()["config"]
        def by_eval(): return eval("helper() + config['depth']")
        def by_main():
            import __main__
            return __main__.config, getattr(__main__, "help" + "er")()
    """)
    for worker, name in enumerate(("by_globals", "by_eval", "by_main")):
        assert script.call(name, worker=worker) == getattr(script, name)()


def test_pickle_in_tasks(script):
    script.run("""
        import pickle
        class Point:
            def __init__(self, x): self.x = x
        def pack(x): return pickle.dumps(Point(x))
        def unpack(data): return pickle.loads(data).x
    """)
    assert pickle.loads(script.call("pack", 2)).x == 2
    assert script.call("unpack", pickle.dumps(script.Point(3)), worker=1) == 3


def test_what_pickle_finds_by_name_is_what_the_name_is_now(script):
    script.run("""
        import pickle
        class Point:
            def shown(self): return "old"
        def unpack(data): return pickle.loads(data).shown()
    """)
    assert script.call("unpack", pickle.dumps(script.Point())) == "old"
    script.run("""
        class Point:
            def shown(self): return "new"
        class Other(Point): pass
    """)
    assert script.call("unpack", pickle.dumps(script.Point())) == "new"
    assert script.call("unpack", pickle.dumps(script.Other())) == "new"


def test_what_pickle_finds_is_the_same_whichever_function_was_called_first(script):
    script.run("""
        import pickle
        class Point:
            def shown(self): return "old"
        def other(): return 1
        def unpack(data): return pickle.loads(data).shown()
    """)
    script.call("other")
    assert script.call("unpack", pickle.dumps(script.Point())) == "old"
    script.run("""
        class Point:
            def shown(self): return "new"
        class Other(Point): pass
    """)
    for worker in (0, 1):
        script.call("other")  # which is told of the new ones
        assert script.call("unpack", pickle.dumps(script.Point()), worker=worker) == "new"
        assert script.call("unpack", pickle.dumps(script.Other()), worker=worker) == "new"


def test_of_data_only_what_is_pickled_as_a_name_is_there_in_case(script):
    script.run("""
        import pickle
        class Named:
            def __init__(self, name): self.name = name
            def __reduce__(self): return self.name
        class Vector:
            def __init__(self, data): self.data = data
            def __reduce__(self): return Vector, (self.data,)
        class Sealed:
            def __reduce__(self): raise TypeError("sealed")
        MISSING = Named("MISSING")
        vector = Vector(b"large" * 100_000)
        sealed = Sealed()
        def is_missing(data):
            import __main__
            return pickle.loads(data) is getattr(__main__, "MISS" + "ING")
    """)
    assert script.call("is_missing", pickle.dumps(script.MISSING))
    assert not any(len(form) > 100_000 for form in script.rows.values())


# -- Jobs between workers ------------------------------------------------------------------------


JOBS = """
    factor = 2
    def scale(x): return x * factor
    class Point:
        def __init__(self, x): self.x = x
        def scaled(self): return scale(self.x)
    def by_name(x): return scale, x
    def by_method(x): return Point(x).scaled,
    def by_closure(x):
        def inner(y): return scale(x + y)
        return inner, 1
    def by_class(x): return lambda p: (p.scaled(), type(p) is Point), Point(x)
"""


def test_jobs_see_what_their_task_sees(script):
    script.run(JOBS)
    script.run("def unrelated(): return '%s'" % ("x" * 300))
    script.call("unrelated")
    script.run("def unrelated(): return '%s'" % ("y" * 300))  # what giver has is in no table now
    script.run("factor = 3")
    for name, result in {
        "by_name": 15,
        "by_method": 15,
        "by_closure": 18,
        "by_class": (15, True),
    }.items():
        assert script.hand(name, 5, giver=0, taker=1) == result
    script.run("factor = 4")
    assert script.hand("by_name", 5, giver=1, taker=0) == 20
    assert script.hand("by_closure", 5, giver=0, taker=2) == 24


def test_jobs_that_a_finalizer_spawns_above_another_task_bring_what_they_use(script):
    script.run(JOBS)
    for taker, (name, result) in enumerate(
        {"by_name": 10, "by_method": 10, "by_closure": 12, "by_class": (10, True)}.items(), 1
    ):
        assert script.hand(name, 5, giver=0, taker=taker, by="hand_above") == result


def test_jobs_do_not_bring_what_other_tasks_needed(script):
    script.run(JOBS)
    script.run("table = list(range(20_000))\ndef look(i): return table[i]")
    assert script.call("look", 7) == 7
    assert script.hand("by_closure", 5, giver=0, taker=1) == 12
    # Its bundle is not fetched.
    script.run("def has(): return 'table' in globals().keys()")
    assert script.hand("by_class", 5, giver=0, taker=1) == (10, True)


# -- Errors --------------------------------------------------------------------------------------


def test_a_global_that_cannot_travel_is_named_with_a_way_out(script):
    script.run("""
        letters = (c for c in "abc")
        def inner(): return next(letters)
        def outer(): return inner()
        def other(): return 1
    """)
    with pytest.raises(PickleError, match=r"global inner: global letters .*as a list"):
        script.put("outer")
    assert script.call("other") == 1


# -- What is kept --------------------------------------------------------------------------------


def test_nothing_is_left_of_what_was_redefined(script):
    script.run("def use(): return helper(), factor")
    for i in range(300):
        script.run(f"factor = [{i}] * 100\ndef helper(): return '{'x' * 200}{i}'")
        script.put("use")
    script.call("use")
    assert len(script.rows) < 40
    assert len(script.originals._remembered) < 40


def test_new_names_of_data_take_no_room(script):
    script.run("""
        class Point: pass
        def one(): return 1
        def two(): return Point, "a form of more than fits into the header"
        def three(): return two() and "of which there is one in the table, however many are called"
    """)
    for name in ("one", "two", "three"):
        script.call(name)
    rows = dict(script.rows)
    for i in range(9):
        script.run(f"new_{i} = [{i}]")
        script.call(("one", "two", "three")[i % 3])
    assert script.rows == rows
    # Another function is another thing to ask for: when all are told of it, the old bundle goes.
    script.run("def four(): return 4")
    for name in ("one", "two", "three"):
        script.call(name)
    bundle_of_four = 1
    assert len(script.rows) == len(rows) + bundle_of_four


def test_a_large_global_that_is_let_go(script):
    script.run("big = [bytes(100)] * 5000\ndef use(): return len(big)\ndef other(): return 1")
    assert script.call("use") == 5000
    script.run("big = None\ndef use(): return big")
    assert script.call("use") is None
    for i in range(8):
        script.run(f"factor = {i}\ndef other(): return factor")
        script.call("other")
    assert not any(len(form) > 100_000 for form in script.rows.values())
