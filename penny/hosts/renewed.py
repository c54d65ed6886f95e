"""What begins anew in each worker that starts from a memory snapshot, which froze it."""

from __future__ import annotations

import random
import sys

from penny.by_value import identities

__all__ = ["renew"]


def renew() -> None:
    """Give this worker random numbers of its own, and its identity."""
    random.seed()
    identities.renew()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
