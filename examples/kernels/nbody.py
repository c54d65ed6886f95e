"""Moves bodies that attract each other, on all cores.

    penny kernel build nbody.c
    penny run nbody.py [BODIES] [STEPS]

A few steps of a few bodies are checked against Python; of many, that energy and momentum are kept.
"""

import math
import random
import sys
import time
from array import array
from pathlib import Path

import penny


def advance(positions, velocities, masses, dt):
    """A step, computed another way: vector by vector."""
    vectors = list(zip(*[iter(positions)] * 3, strict=True))
    for i, here in enumerate(vectors):
        acceleration = [0.0, 0.0, 0.0]
        for there, mass in zip(vectors, masses, strict=True):
            away = [q - p for p, q in zip(here, there, strict=True)]
            distance = math.sqrt(sum(d * d for d in away) + 1e-9)
            for axis in range(3):
                acceleration[axis] += mass * away[axis] / distance**3
        for axis in range(3):
            velocities[3 * i + axis] += dt * acceleration[axis]
    for i in range(len(positions)):
        positions[i] += dt * velocities[i]


def main(count=2000, steps=10, dt=1e-3):
    kernels = penny.Kernels(Path("nbody.wasm").read_bytes())
    numbers = random.Random(7)

    def shared(values):
        return penny.SharedArray.copy_of(array("d", values))

    def cluster(count):
        """Bodies of the mass 1 in all, in a cube."""
        positions = [numbers.uniform(-1, 1) for _ in range(3 * count)]
        velocities = [numbers.gauss(0, 0.3) for _ in range(3 * count)]
        return positions, velocities, [1 / count] * count

    with penny.Scheduler() as s:
        few = cluster(20)
        state = [shared(values) for values in few]
        s.submit(kernels.advance, *state, 3, dt).result()
        for _ in range(3):
            advance(*few, dt)
        for got, expected in zip(state, few, strict=True):
            for value, wanted in zip(got.read(), expected, strict=True):
                assert math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-9), (value, wanted)

        state = [shared(values) for values in cluster(count)]
        momentum = [sum(state[1].read()[axis::3]) for axis in range(3)]
        before = s.submit(kernels.energy, *state).result()
        began = time.perf_counter()
        s.submit(kernels.advance, *state, steps, dt).result()
        seconds = time.perf_counter() - began
        after = s.submit(kernels.energy, *state).result()
        assert abs(after - before) < 1e-2 * abs(before), (before, after)
        for axis in range(3):
            assert math.isclose(sum(state[1].read()[axis::3]), momentum[axis], abs_tol=1e-9)
    million = count * count * steps / seconds / 1e6
    print(
        f"{count} bodies, {steps} steps: {million:.0f} million pairs a second; energy {after:.6f}"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
