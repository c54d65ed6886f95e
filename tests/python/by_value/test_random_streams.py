"""Generators of random numbers travel with their state, but for those that functions have."""

from __future__ import annotations

import copyreg
import pickle
import random
import secrets
import sys
import types

import pytest
from other_interpreter import elsewhere, in_main

from penny.functions.calls import split_call
from penny.functions.forms import dumps_function, loads_function
from penny.wire import pickles


@pytest.mark.parametrize("name", ["random", "randint", "getrandbits", "shuffle", "gauss"])
def test_the_module_s_functions_travel_by_name(name):
    function = getattr(random, name)
    for form in pickles.dumps(function), dumps_function(function), pickle.dumps(function):
        assert len(form) < 120
        assert pickles.loads(form) == function
    function, args = split_call(function, (1,))
    sent = pickles.loads(pickles.dumps_arguments("f", args, {}))[0]
    assert sent == args


def test_functions_that_use_such_a_name_use_the_worker_s():
    draw = in_main("from random import random as draw\ndef f(): return draw()", "f")
    random.seed(1)
    here = loads_function(dumps_function(draw))()
    random.seed(1)
    assert random.random() == here
    assert b"getstate" not in dumps_function(draw) and len(dumps_function(draw)) < 1000


def test_secrets_travel():
    choice = pickles.loads(pickles.dumps((secrets.choice, random.SystemRandom())))[0]
    assert choice([5]) == 5
    f = in_main("from secrets import randbelow\ndef f(): return randbelow(1)", "f")
    assert loads_function(dumps_function(f))() == 0


SEEDED = """
    import random
    rng = random.Random(42)

    class Loaded(random.Random):
        def roll(self):
            return self.randrange(2**60)

    class Dice:
        rng = Loaded(42)

    dice = {"one": [Loaded(42)]}

    def make():
        rng = random.Random(42)
        return lambda: rng.randrange(2**60)

    by_closure = make()

    def by_global():
        return rng.randrange(2**60)

    def by_default(rng=random.Random(42)):
        return rng.randrange(2**60)

    def by_class():
        return Dice.rng.roll()

    def by_container():
        return dice["one"][0].roll()

    def twice():
        return rng.random(), rng is rng, rng.random()
"""


@pytest.mark.parametrize("name", ["global", "closure", "default", "class", "container"])
def test_a_generator_that_a_function_has_is_another_in_each_worker(name):
    function = in_main(SEEDED, f"by_{name}")
    form = dumps_function(function)
    assert form == dumps_function(function)  # whatever was drawn meanwhile, nothing is sent again
    program = """
        from penny.functions.forms import loads_function
        function = loads_function(data)
        answer = f"{function()} {function()}".encode()
    """
    drawn = {*elsewhere(form, program).split(), *elsewhere(form, program).split()}
    assert len(drawn | {str(function()).encode()}) == 5


def test_an_argument_arrives_as_it_is():
    rng, again = random.Random(7), random.Random(7)
    thing = in_main("class Thing: pass", "Thing")()  # so that all goes by value
    thing.rng = rng
    (arrived, other), _ = pickles.loads(pickles.dumps_arguments("f", (rng, thing), {}))
    assert arrived is other.rng and type(arrived) is random.Random
    assert [arrived.random() for _ in range(3)] == [again.random() for _ in range(3)]
    assert pickles.loads(pickles.dumps_result("f", rng)).getstate() == rng.getstate()


class Fixed(random.Random):
    """Says itself how it is pickled."""

    def __reduce__(self):
        return Fixed, (5,)


def test_a_generator_with_its_own_way_keeps_it():
    def f(rng=Fixed(5)):  # noqa: B008
        return rng

    rng = random.Random(5)
    assert loads_function(dumps_function(f))().random() == rng.random()


# -- NumPy, which pretends -------------------------------------------------------------------------


class State:
    def __init__(self, *state):
        self.state = state or ("of the system",)

    def __reduce__(self):
        return type(self), self.state


class BitGenerator(State):
    pass


class PCG64(BitGenerator):
    pass


class Generator:
    def __init__(self, bit_generator):
        self.bit_generator = bit_generator

    def __reduce__(self):
        return Generator, (PCG64("copied"),)


class RandomState(State):
    def rand(self):
        return self.state


@pytest.fixture
def numpy(monkeypatch):
    module = types.ModuleType("numpy.random")
    module.BitGenerator, module.Generator, module.RandomState = BitGenerator, Generator, RandomState
    mtrand = types.ModuleType("numpy.random.mtrand")
    mtrand._rand = RandomState(5)
    numpy = {"": types.ModuleType("numpy"), ".random": module, ".random.mtrand": mtrand}
    for name, found in numpy.items():
        monkeypatch.setitem(sys.modules, f"numpy{name}", found)
    monkeypatch.setattr(RandomState, "__module__", "numpy.random.mtrand")
    monkeypatch.setattr(mtrand, "RandomState", RandomState, raising=False)
    yield mtrand
    copyreg.dispatch_table.pop(RandomState, None)


def test_numpy_s_generators(numpy):
    rng, old, rand = Generator(PCG64(42)), RandomState(42), numpy._rand.rand

    def f():
        return rng, old, rand

    new, other, function = loads_function(dumps_function(f))()
    assert new.bit_generator.state == other.state == ("of the system",)
    assert type(new.bit_generator) is PCG64 and function.__self__ is numpy._rand
    assert pickles.loads(pickles.dumps(rand)).__self__ is numpy._rand
    assert pickles.loads(pickles.dumps(old)).state == (42,)
