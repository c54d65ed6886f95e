"""Draws the Mandelbrot set, a row of pixels a call of a kernel.

    penny kernel build mandelbrot.c
    penny run mandelbrot.py [WIDTH]

Some pixels are checked with Python's own arithmetic. To watch the set being drawn: `penny serve .`,
and /mandelbrot.html there.
"""

import random
import sys
import time
from pathlib import Path

import penny


def draw(wasm, pixels, left, top, step, limit):
    """A task: draws all of an image, a SharedArray of bytes of the shape (height, width, 4)."""
    height, width, _ = pixels.shape
    kernels = penny.Kernels(wasm)
    penny.parallel_for(kernels.row, 0, height, args=(pixels, width, left, top, step, limit))


def colour(c, limit):
    """The bytes of a pixel, computed another way: with Python's complex numbers."""
    z = 0j
    for steps in range(limit):
        if z.real * z.real + z.imag * z.imag > 4:
            red, green, blue = steps * 5, steps * 7 + 32, steps * 11 + 96
            return bytes([*(min(n % 512, 511 - n % 512) for n in (red, green, blue)), 255])
        z = complex(z.real * z.real - z.imag * z.imag + c.real, 2 * z.real * z.imag + c.imag)
    return bytes([0, 0, 0, 255])


def main(width=900):
    height = width * 2 // 3
    left, top, step, limit = -2.2, -1.0, 3.0 / width, 1000
    kernels = penny.Kernels(Path("mandelbrot.wasm").read_bytes())
    with penny.Scheduler() as s:
        pixels = penny.SharedArray((height, width, 4), "uint8")
        s.submit(abs, 0).result()  # the workers are up
        began = time.perf_counter()
        args = (pixels, width, left, top, step, limit)
        s.parallel_for(kernels.row, 0, height, args=args).result()
        seconds = time.perf_counter() - began
        image = bytes(pixels.read())
    for _ in range(500):
        x, y = random.randrange(width), random.randrange(height)
        at = 4 * (y * width + x)
        expected = colour(complex(left + x * step, top + y * step), limit)
        assert image[at : at + 4] == expected, f"pixel {x}, {y}"
    print(f"{width} x {height} pixels in {seconds:.2f} s, 500 of them checked")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
