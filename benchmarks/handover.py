"""The figures of shared arrays: handing one over, and copying it into a Python task and back."""

from __future__ import annotations

from collections.abc import Iterator

from figures import Figure, Pages, ratio


def handover(pages: Pages) -> Iterator[Figure]:
    """64 MB handed to a kernel that touches one element, beside a copy by postMessage."""
    times = pages.call("handover.js", "handoverTimes")
    value = ratio(times["shared"], times["copied"])
    yield Figure("kernels/handover", value, 0.02, False, {"ms": times})


def block(pages: Pages) -> Iterator[Figure]:
    """The same array into and out of a Python task with `block`, beside one memcpy each way."""
    times = pages.call("handover.js", "blockTimes")
    value = ratio(times["block"], times["memcpy"])
    yield Figure("kernels/block", value, 1.5, False, {"ms": times})


SUITES = {"kernels/handover": handover, "kernels/block": block}
