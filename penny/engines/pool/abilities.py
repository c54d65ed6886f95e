"""What the pool can do, for its client's half and for its workers'."""

from __future__ import annotations

from typing import Final

from penny.engines.engine import Abilities

__all__ = ["ABILITIES", "NAME"]

NAME: Final = "pool"

ABILITIES: Final = Abilities(
    overlaps=True,
    steals=True,
    shares_arrays=True,
    runs_kernels=True,
    cancels=True,
    prioritizes=True,
    blocks=True,
    interrupts=True,
)
