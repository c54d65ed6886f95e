"""The figures of shared arrays: handing one over, and copies in and out of Python."""

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


def handover(pages: Pages) -> Iterator[Figure]:
    """64 MB handed to a kernel that touches one element, beside a copy by postMessage."""
    times = pages.call("handover.js", "handoverTimes")
    value = ratio(times["shared"], times["copied"])
    yield Figure("kernels/handover", value, 0.02, False, {"ms": times})


SUITES = {"kernels/array-block": block, "kernels/handover": handover}
