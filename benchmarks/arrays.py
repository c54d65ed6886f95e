"""The figures of shared arrays: handles, and copies in and out of Python."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from figures import Figure, Pages, ratio


def block(pages: Pages) -> Iterator[Figure]:
    """64 MB into and out of a Python task by `block`, beside one memcpy each way.

    With the raw figures: bytes of several sizes into a task and back, over a memcpy.
    """
    times = pages.call("arrays.js", "blockTimes")
    payloads = {
        size: statistics.median(row["task"]) / statistics.median(row["memcpy"])
        for size, row in pages.call("arrays.js", "payloadTimes").items()
    }
    raw = {"ms": times, "bytes_there_and_back_over_memcpy": payloads}
    yield Figure("kernels/array-block", ratio(times["block"], times["memcpy"]), 1.5, False, raw)


def handle(pages: Pages) -> Iterator[Figure]:
    """A 64 MB array handed to a task that touches one element, beside a message with a copy.

    The task is Python's: a kernel's is cheaper by what unpickling takes.
    """
    times = pages.call("arrays.js", "handleTimes")
    value = ratio(times["shared"], times["message"])
    yield Figure("kernels/array-handle", value, 0.02, False, {"ms": times})


SUITES = {
    "kernels/array-block": block,
    "kernels/array-handle": handle,
}
