"""What the workers of arrays.js run."""

import time

import penny

SIZE = 64 << 20


def block_and_copy(a, rounds):
    """Milliseconds of a block of the whole array, in and out, and of a memcpy each way: in turn."""
    from js import Uint8Array

    shared = a._block._port.bytes(
        a._block.address, a.nbytes
    )  # JavaScript's view of the same memory
    private = Uint8Array.new(a.nbytes)
    times = {"block": [], "memcpy": []}
    for _ in range(rounds):
        began = time.perf_counter()
        with a.block() as b:
            b[0] = 1
        middle = time.perf_counter()
        del b
        private.set(shared)
        shared.set(private)
        times["block"].append((middle - began) * 1000)
        times["memcpy"].append((time.perf_counter() - middle) * 1000)
    return times


def through_a_task(sizes, rounds):
    """Milliseconds of a job that another worker takes: so many bytes as argument and result."""
    from js import Uint8Array

    scheduler = penny.current_scheduler().options(timeout=100)  # public at once
    times = {}
    for size in sizes:
        data = bytes(size)
        source, target = Uint8Array.new(size), Uint8Array.new(size)
        for _ in range(rounds):
            began = time.perf_counter()
            scheduler.submit(back, data).result()
            middle = time.perf_counter()
            target.set(source)
            row = times.setdefault(str(size), {"task": [], "memcpy": []})
            row["task"].append((middle - began) * 1000)
            row["memcpy"].append((time.perf_counter() - middle) * 1000)
    return times


def back(data):
    """Its argument."""
    return data
