"""How deep Python's stack is."""

from __future__ import annotations

import sys

__all__ = ["deep", "deeper_than", "need_stack"]


def deeper_than(frames: int) -> bool:
    """Whether there are more frames on the stack than so many."""
    try:
        sys._getframe(frames)
    except ValueError:
        return False
    return True


def need_stack(frames: int = 8) -> None:
    """Raise RecursionError here if so many frames do not fit any more, rather than further on."""
    if frames > 1:
        need_stack(frames - 1)


def deep(share: float) -> bool:
    """Whether more than this share of the recursion limit's frames are on the stack."""
    return deeper_than(int(sys.getrecursionlimit() * share))
