"""What a worker's tasks have printed."""

from __future__ import annotations

import os
import sys

__all__ = ["flush"]


def flush() -> None:
    """Send on all that was printed, also what has no end of line."""
    for stream in sys.stdout, sys.stderr:
        stream.flush()
        os.fsync(stream.fileno())
