"""Which pool worker this interpreter is."""

from __future__ import annotations

worker: int | None = None
"""The worker's number, from 0 on; None outside of a pool. Set once, when a worker starts."""
