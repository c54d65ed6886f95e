"""Multiplies two matrices of float32 on all cores.

    penny kernel build matmul.c -msimd128
    penny run matmul.py [SIZE]

The product is checked by multiplying it and its factors with random vectors.
"""

import random
import sys
import time
from array import array
from pathlib import Path

import penny


def product(matrix, vector):
    """A matrix, a memoryview, times a vector."""
    size = len(vector)
    rows = matrix.cast("B").cast("f")
    return [
        sum(a * x for a, x in zip(rows[i : i + size], vector, strict=True))
        for i in range(0, len(rows), size)
    ]


def main(size=512):
    kernels = penny.Kernels(Path("matmul.wasm").read_bytes())
    with penny.Scheduler() as s:
        a, b, c = (penny.SharedArray((size, size), "float32") for _ in range(3))
        for matrix in a, b:
            matrix.write(array("f", (random.uniform(-1, 1) for _ in range(size * size))))
        s.submit(kernels.matmul, a, b, c, 0, 0, 0).result()  # the workers are up and know it
        began = time.perf_counter()
        s.submit(kernels.matmul, a, b, c, size, size, size).result()
        seconds = time.perf_counter() - began
        # After R. Freivalds, 1977: C x = A (B x) for a random x only if C = A B, or by great luck.
        x = [random.choice((-1.0, 1.0)) for _ in range(size)]
        expected = product(a.read(), product(b.read(), x))
        for value, wanted in zip(product(c.read(), x), expected, strict=True):
            assert abs(value - wanted) < 1e-5 * size, (value, wanted)
    print(f"{size} x {size}: {2 * size**3 / seconds / 1e9:.2f} GFLOP/s, checked")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
