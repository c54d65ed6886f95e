"""What event loops know an executor of Penny's by."""

from __future__ import annotations

__all__ = ["LoopExecutor"]


class LoopExecutor:
    """An executor of Penny's own, which needs no threads and takes functions without a context."""

    async def _loop_ends(self) -> None:
        """The event loop ends whose default executor this is. By itself that changes nothing."""
