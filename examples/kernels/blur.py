"""Blurs an image on all cores, in two loops over its rows.

    penny kernel build blur.c -msimd128
    penny run blur.py [WIDTH]

Some pixels are checked, by the sum over the square around each.
"""

import math
import random
import sys
import time
from array import array
from pathlib import Path

import penny


def pattern(width, height):
    """An image of RGBA bytes: rings on a noisy ground."""
    numbers = random.Random(3)
    image = bytearray(numbers.randbytes(4 * width * height))
    for y in range(height):
        for x in range(width):
            if int(math.hypot(x - width / 2, y - height / 2)) // 16 % 2:
                image[4 * (y * width + x)] = 255
    return image


def main(width=480, sigma=4.0):
    height = width * 2 // 3
    reach = int(3 * sigma) + 1
    weights = [math.exp(-0.5 * (d / sigma) ** 2) for d in range(reach)]
    total = weights[0] + 2 * sum(weights[1:])
    weights = [weight / total for weight in weights]
    image = pattern(width, height)

    kernels = penny.Kernels(Path("blur.wasm").read_bytes())
    with penny.Scheduler() as s:
        shared = penny.SharedArray((height, width, 4), "uint8")
        shared.write(image)
        blurred = penny.SharedArray((height, width, 4), "float32")
        w = penny.SharedArray.copy_of(array("f", weights))
        s.submit(abs, 0).result()  # the workers are up
        began = time.perf_counter()
        s.parallel_for(kernels.along_rows, 0, height, args=(shared, blurred, width, w)).result()
        s.parallel_for(kernels.along_columns, 0, height, args=(blurred, shared, width, w)).result()
        seconds = time.perf_counter() - began
        result = bytes(shared.read())

    def expected(x, y, channel):
        """One byte, by the sum over the square around it."""
        value = 0.0
        for dy in range(1 - reach, reach):
            row = min(max(y + dy, 0), height - 1) * width
            for dx in range(1 - reach, reach):
                column = min(max(x + dx, 0), width - 1)
                value += weights[abs(dy)] * weights[abs(dx)] * image[4 * (row + column) + channel]
        return value

    numbers = random.Random(5)
    places = [(0, 0), (width - 1, height - 1)]
    places += [(numbers.randrange(width), numbers.randrange(height)) for _ in range(100)]
    for x, y in places:
        for channel in range(4):
            value = result[4 * (y * width + x) + channel]
            assert abs(value - expected(x, y, channel)) < 0.51, f"pixel {x}, {y}"
    print(f"{width} x {height} pixels in {1000 * seconds:.0f} ms, {len(places)} of them checked")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
