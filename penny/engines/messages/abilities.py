"""What the engine `messages` can do, for its client's half and for its workers'."""

from __future__ import annotations

from typing import Final

from penny.engines.engine import Abilities

__all__ = ["ABILITIES", "NAME"]

NAME: Final = "messages"

ABILITIES: Final = Abilities(overlaps=True, cancels=True, prioritizes=True, blocks=True)
"""Nobody steals, and nobody shares memory: neither arrays nor kernels."""
