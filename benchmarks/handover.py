"""What it costs to hand a shared array to a kernel."""

from __future__ import annotations

from collections.abc import Iterator

from figures import Figure, Pages, ratio


def handover(pages: Pages) -> Iterator[Figure]:
    """64 MB handed to a kernel that touches one element, beside a copy by postMessage."""
    times = pages.call("handover.js", "handoverTimes")
    value = ratio(times["shared"], times["copied"])
    yield Figure("kernels/handover", value, 0.02, False, {"ms": times})


SUITES = {"kernels/handover": handover}
