"""Sorts doubles where they are, on all cores.

    penny kernel build mergesort.c
    penny run mergesort.py [COUNT]

The result has to be that of Python's sorted().
"""

import random
import sys
import time
from array import array
from pathlib import Path

import penny


def main(count=10_000_000):
    kernels = penny.Kernels(Path("mergesort.wasm").read_bytes())
    values = array("d", (random.random() for _ in range(count)))
    with penny.Scheduler() as s:
        x = penny.SharedArray((count,), "float64")
        scratch = penny.SharedArray((count,), "float64")
        x.write(values)
        s.submit(kernels.mergesort, x[:0], scratch).result()  # the workers are up and know it
        began = time.perf_counter()
        s.submit(kernels.mergesort, x, scratch).result()
        seconds = time.perf_counter() - began
        result = array("d", bytes(x.read()))
    assert result == array("d", sorted(values))
    print(f"{count} doubles in {seconds:.2f} s, as Python's sorted() has them")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
