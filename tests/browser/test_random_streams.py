"""Each worker draws its own random numbers, whichever way a script came by them."""

from __future__ import annotations

import pytest
from support.pages import Run

# Each way is tried in both workers and the script, before and after a worker was replaced, in a
# worker for coroutines, and by a job that another worker took. All draws have to differ.
PROGRAM = """
import os, random, secrets, tempfile, uuid
from random import random as draw, getrandbits
from secrets import randbelow
from uuid import uuid4
import penny
from forkjoin import stolen
from gates import Gate

rng, seeded, system = random.Random(), random.Random(42), random.SystemRandom()
random.seed(42)

def in_closure(rng):
    return lambda: rng.random()

def by_default(rng=random.Random(7)):
    return rng.random()

WAYS = {
    "module": lambda: random.random(),
    "name": lambda: draw(),
    "bits": lambda: getrandbits(60),
    "generator": lambda: rng.random(),
    "seeded": lambda: seeded.random(),
    "closure": in_closure(random.Random(7)),
    "default": by_default,
    "system": lambda: system.random(),
    "uuid4": lambda: uuid4().int,
    "uuid1": lambda: uuid.uuid1().int,
    "secrets": lambda: secrets.token_hex(),
    "randbelow": lambda: randbelow(2**60),
    "urandom": lambda: os.urandom(16),
    "tempfile": lambda: os.path.basename(tempfile.mktemp()),
}

def all_ways():
    return penny.current_worker(), {name: [way(), way()] for name, way in WAYS.items()}

async def in_a_coroutine():
    return all_ways()

def beside(mine, other):
    mine.open()
    other.wait()
    return all_ways()

def with_a_job():
    job = stolen(penny.spawn(all_ways))
    return all_ways(), job.join()

def die(depth=0):
    return sum(map(die, [depth]))

def is_as_sent(generator):
    return [generator.random() for _ in range(3)]

with penny.Scheduler(workers=2) as s:
    drawn = [all_ways()]
    one, two = Gate(), Gate()
    drawn += [f.result() for f in [s.submit(beside, one, two), s.submit(beside, two, one)]]
    drawn += s.submit(with_a_job).result()
    drawn.append(s.submit(in_a_coroutine).result())
    for _ in range(2):
        print(type(s.submit(die).exception()).__name__)
    one, two = Gate(), Gate()
    drawn += [f.result() for f in [s.submit(beside, one, two), s.submit(beside, two, one)]]
    print(*sorted(str(worker) for worker, _ in drawn))
    for name in WAYS:
        every = [number for _, ways in drawn for number in ways[name]]
        if len(set(every)) < len(every):
            print(name, len(set(every)), "of", len(every))
    names = list(s.map(random.randint, [0] * 20, [2**60] * 20))
    print(len({*names, *(s.submit(draw).result() for _ in range(4))}))
    print(s.submit(is_as_sent, random.Random(7)).result() == is_as_sent(random.Random(7)))
"""


@pytest.mark.program(PROGRAM)
def test_all_numbers_differ(run: Run) -> None:
    # Workers that die print their stacks.
    printed = [
        line for line in run.stdout.splitlines() if not line.startswith((" ", "Current", "..."))
    ]
    assert printed[-5:] == ["WorkerLost", "WorkerLost", "0 0 0 1 1 1 64 None", "24", "True"]
    assert run.status == 0
