"""What benchmarks/handover.py measures, in a worker."""

from time import perf_counter

import penny

kernels = None


def touch(array, i, module=None):
    """Touch one element, by a kernel. The module comes with the first call."""
    global kernels
    if module is not None:
        kernels = penny.Kernels(module)
    return kernels.touch(array, i)


def block(array):
    """Milliseconds to copy all of an array in and back by `block`, and by two plain copies."""
    began = perf_counter()
    with array.block() as data:
        data[0] += 1
    middle = perf_counter()
    near[:] = far
    far[:] = near
    return [(middle - began) * 1000, (perf_counter() - middle) * 1000]


# In this worker's memory. Touched, and kept: as a program has them that copies again and again.
near, far = bytearray(64 << 20), bytearray(64 << 20)
near[:] = far
