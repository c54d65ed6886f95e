"""A script's module in its workers: programs whose functions and classes go there and come back."""

from __future__ import annotations

import pytest
from support.pages import Run

CASES = {
    "globals_are_shared": (
        """
        table, calls = None, 0
        def load(n):
            global table
            table = [i * i for i in range(n)]
            return penny.current_worker()
        def look(i):
            global calls
            calls += 1
            return table[i], calls
        assert s.submit(load, 10).result() == 0
        assert [s.submit(look, i).result() for i in (1, 2)] == [(1, 1), (4, 2)]
        s.register(look)
        assert s.submit(look, 3).result() == (9, 3)
        """
    ),
    "a_class_is_not_reset_by_results": (
        """
        class Ticket:
            made = 0
            def __init__(self):
                Ticket.made += 1
        def make():
            return Ticket(), penny.current_worker()
        pending = s.submit(make)
        mine = [Ticket() for _ in range(10)]
        Ticket.label = lambda self: "K"
        got, worker = pending.result()
        assert (worker, type(got), Ticket.made, got.label()) == (0, Ticket, 10, "K")
        """
    ),
    "closures_have_their_own_state": (
        """
        def counter():
            n = 0
            def step():
                nonlocal n
                n += 1
                return n
            return step
        a, b = counter(), counter()
        assert [s.submit(f).result() for f in (a, a, b)] == [1, 2, 1] and a() == 1
        """
    ),
    "pickles": (
        """
        import copy, pickle, typing
        class Point:
            x: "float"
            def __init__(self, x):
                self.x = x
        def pack(x):
            return pickle.dumps(Point(x)), typing.get_type_hints(Point), copy.deepcopy(Point(2)).x
        def unpack(data):
            return pickle.loads(data).x
        data, hints, two = s.submit(pack, 1).result()
        assert (pickle.loads(data).x, hints, two) == (1, {"x": float}, 2)
        assert s.submit(unpack, pickle.dumps(Point(3))).result() == 3
        """
    ),
    "subclasses_are_registered_once": (
        """
        class Shape:
            kinds = {}
            def __init_subclass__(cls, /, code, **more):
                super().__init_subclass__(**more)
                assert code not in Shape.kinds
                Shape.kinds[code] = cls
        class Square(Shape, code="sq"):
            pass
        class Meta(type):
            made = []
            def __new__(meta, name, bases, namespace, *, tag):
                Meta.made.append(name)
                return super().__new__(meta, name, bases, namespace)
            def __init__(cls, name, bases, namespace, *, tag):
                super().__init__(name, bases, namespace)
        class Tagged(metaclass=Meta, tag=1):
            pass
        def see(x, y):
            return type(x) is Shape.kinds["sq"], Meta.made, type(y) is Tagged
        assert s.submit(see, Square(), Tagged()).result() == (True, ["Tagged"], True)
        """
    ),
    "generic_functions": (
        """
        import functools
        @functools.singledispatch
        def kind(x):
            return "?"
        class Writer:
            @functools.singledispatchmethod
            def write(self, x):
                return "?"
        def both(x):
            return kind(x), Writer().write(x)
        assert s.submit(both, 1).result() == ("?", "?")
        kind.register(int)(lambda x: "int")
        Writer.write.register(int)(lambda self, x: "int")
        assert s.submit(both, 1).result() == ("int", "int")
        """
    ),
    "annotations": (
        """
        import dataclasses, inspect, typing
        class Holder:
            item: Heavy
        @dataclasses.dataclass
        class Size:
            w: float
            tag: Heavy | None = None
        class Options(typing.TypedDict):
            depth: int
        class Pair(typing.NamedTuple):
            a: int
        class Box[T]:
            def get(self: "Box[T]") -> T: ...
        def lazily(x: Heavy) -> Heavy:
            return x
        def plain(x: int) -> float: ...
        def see(h, w):
            return inspect.get_annotations(Options), typing.get_type_hints(Pair), Size(w).w, Box
        got = s.submit(see, Holder(), 2).result()
        assert got == ({"depth": int}, {"a": int}, 2, Box)
        assert s.submit(lazily, 6).result() == 6
        assert s.submit(inspect.get_annotations, plain).result() == {"x": int, "return": float}
        """
    ),
    "types_that_say_of_what": (
        """
        import typing
        from typing import ParamSpec, TypeVar, TypeVarTuple
        type Tree[T] = T | list[Tree[T]]
        type Rec = dict[str, Rec]
        type Lazy = Heavy | int
        Id = typing.NewType("Id", int)
        A, B, C = TypeVar("A", bound="Rec", covariant=True), TypeVarTuple("B"), ParamSpec("C")
        class Node[T: (int, str) = int, **P = [int]]:
            def get[Q: Node](self, q: Q) -> Q:
                return q
        def many[*Ts = *tuple[int]](*a: *Ts): ...
        def local():
            D, E = TypeVar("D", default=int), ParamSpec("E")
            type Inner[Z: Heavy = int] = dict[Z, D] | Inner
            return D, E, Inner
        D, E, Inner = local()
        def see(*given):
            T = Tree.__type_params__[0]
            union, inner = Tree.__value__.__args__, Inner.__value__.__args__
            assert union[0] is T and union[1].__args__[0].__origin__ is Tree
            assert Rec.__value__.__args__[1] is Rec and inner[1] is Inner
            assert inner[0].__args__ == (Inner.__type_params__[0], D)
            for lazy in (lambda: Lazy.__value__, lambda: Inner.__type_params__[0].__bound__):
                try:
                    raise AssertionError(lazy())
                except NameError:
                    pass
            t, p = Node.__type_params__
            assert (t.__constraints__, t.__default__, p.__default__) == ((int, str), int, [int])
            (ts,) = many.__type_params__
            assert repr(ts.__default__) == "*tuple[int]" and repr((t, p, ts)) == "(T, P, Ts)"
            assert Node.get.__type_params__[0].__bound__ is Node and Node().get(3) == 3
            assert A.__covariant__ and A.__module__ == "__main__" and D.__default__ is int
            assert all(map(lambda a, b: a is b, given, (Tree, Rec, Id, A, B, C, D, E, Inner)))
            return penny.current_worker(), Tree, Rec, Id, A, B, C, D, E, Inner
        names = Tree, Rec, Id, A, B, C, D, E, Inner
        worker, *got = s.submit(see, *names).result()
        assert worker == 0 and all(a is b for a, b in zip(got, names))
        """
    ),
    "proxies": (
        """
        import js
        from js import Math
        def by_module(x):
            return js.Math.sqrt(x)
        def by_name(x):
            return Math.sqrt(x)
        async def fetch(path):
            return (await js.fetch(path)).status
        assert s.submit(by_module, 9).result() == s.submit(by_name, 9).result() == 3
        assert s.submit(fetch, js.location.origin + "/penny.js").result() == 200
        """
    ),
    "later_cells": (
        """
        from pyodide.code import eval_code
        apart = {}
        for names in (globals(), apart):
            eval_code("factor = 2\\ndef helper(x): return x * factor", names)
            eval_code("def use(x): return helper(x)", names)
            waiting = s.submit(names["use"], 1)
            assert s.submit(names["use"], 5).result() == 10
            eval_code("factor = 3", names)
            assert s.submit(names["use"], 5).result() == 15
            eval_code("def helper(x): return -x", names)
            assert s.submit(names["use"], 5).result() == -5
            eval_code("del helper", names)
            assert isinstance(s.submit(names["use"], 5).exception(), NameError)
            assert waiting.result() == 2
        """
    ),
    "a_module_that_only_the_script_has": (
        """
        import os, sys
        os.makedirs("/tmp/attic/attic", exist_ok=True)
        open("/tmp/attic/attic/__init__.py", "w").write("from . import box\\nSIZE = 3\\n")
        open("/tmp/attic/attic/box.py", "w").write("KEY = 4\\ndef key():\\n    return KEY\\n")
        sys.path.insert(0, "/tmp/attic")
        import attic
        def use():
            from attic.box import KEY
            return attic.SIZE, attic.box.key(), KEY
        assert s.submit(use).result() == (3, 4, 4)
        """
    ),
    "shared_arrays": (
        """
        image = penny.SharedArray((8,), "uint8")
        def fill(i):
            image[i] = i + 1
            return penny.current_worker()
        assert s.submit(fill, 2).result() == 0
        assert image.read().tolist() == [0, 0, 3, 0, 0, 0, 0, 0]
        """
    ),
    "a_coroutine": (
        """
        total = 0
        async def add(n):
            global total
            total += n
            return total
        def double(n):
            return n * factor
        async def ask(n):
            return await penny.current_scheduler().submit(double, n)
        assert [s.submit(add, n).result() for n in (1, 2)] == [1, 3]
        for factor in 2, 3:
            assert s.submit(ask, 4).result() == 4 * factor
        """
    ),
}


def program(body: str) -> str:
    begin = "import penny\nwith penny.Scheduler(workers=1) as s:\n"
    return begin + body.replace("\n" + " " * 4, "\n")


@pytest.mark.parametrize(
    "case",
    [pytest.param(name, marks=pytest.mark.program(program(body))) for name, body in CASES.items()],
)
def test_a_worker_has_the_scripts_module(run: Run, case: str) -> None:
    assert run.ok() == "", case


@pytest.mark.program(
    """
    import penny

    class Point:
        def __init__(self, x):
            self.x = x

    def unrelated():
        return 1

    def both(x):
        def part(p):
            here[p.x - x] = 1
            while sum(here.read()) < 2:  # until the other worker has the other part
                pass
            return penny.current_worker(), p.x * factor, type(p) is Point
        jobs = [penny.spawn(part, Point(x + i)) for i in range(2)]
        return sorted(job.join()[1:] for job in jobs), {job.join()[0] for job in jobs}

    with penny.Scheduler(workers=2) as s:
        s.submit(unrelated).result()
        exec("def unrelated(): return '" + 300 * "x" + "'")  # what the worker has is gone
        for factor in 2, 3:
            here = penny.SharedArray((2,), "uint8")
            results, workers = s.submit(both, 5).result()
            print(results, len(workers))
    """
)
def test_stolen_jobs_see_what_their_task_sees(run: Run) -> None:
    assert run.ok() == "[(10, True), (12, True)] 2\n[(15, True), (18, True)] 2\n"


SOURCE = """
import pickle
import typing
from dataclasses import dataclass
import penny

@dataclass
class P:
    x: int

class N(typing.NamedTuple):
    y: int

def square(p, here):
    here[p.x] = 1
    while sum(here.read()) < 2:  # until the other worker has the other one
        pass
    return [penny.current_worker(), p.x * p.x * SCALE, type(p) is P]

def f():
    hints = typing.get_type_hints(P) == {"x": int}
    copied = pickle.loads(pickle.dumps(P(3))) == P(3)
    here = penny.SharedArray((2,), "uint8")
    jobs = [penny.spawn(square, P(i), here) for i in range(2)]
    return [N(2).y, hints, copied, [job.join() for job in jobs]]
"""


@pytest.mark.scene(
    """
    const s = await Penny.scheduler({workers: 2});
    const outcomes = [];
    for (const scale of [1, 10]) {
      s.define('f', args[0].replace('SCALE', String(scale)));
      outcomes.push(await s.submit('f'));
    }
    s.define('g', 'def g(:');
    outcomes.push(await s.submit('g').then(String, error => error.message));
    await s.shutdown();
    return outcomes;
    """,
    SOURCE,
)
def test_what_javascript_defines_is_a_module(outcome: list[object]) -> None:
    first, second, error = outcome
    for got, scale in (first, 1), (second, 10):
        y, hints, copied, jobs = got  # type: ignore[misc]
        assert (y, hints, copied) == (2, True, True)
        assert sorted(job[1:] for job in jobs) == [[0, True], [scale, True]]
        assert {job[0] for job in jobs} == {0, 1}
    assert "SyntaxError" in str(error)
