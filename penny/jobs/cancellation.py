"""Asking jobs to end, and whether the running code has been asked to."""

from __future__ import annotations

from collections.abc import Iterable

from penny.bridge.numbers import CancelReason
from penny.jobs import job as jobs
from penny.jobs.outcomes import AnyJob

__all__ = ["cancel_all", "cancelled"]


def cancelled() -> bool:
    """Whether the present task, or a scope that encloses the caller, has been asked to cancel.

    For code that would rather stop at a place of its own choice than by `Cancelled`, and for jobs
    of a cancelled scope that run on the stack of the one who cancelled it. False outside.
    """
    scope = jobs.scope_now.get()
    asked = jobs.innermost.cancelled != CancelReason.NOT_ASKED
    return asked or (scope is not None and scope.cancelled)


def cancel_all(jobs: Iterable[AnyJob]) -> None:
    """Withdraw those jobs that have not begun, and ask the others to end."""
    for job in list(jobs):
        if not job.cancel():
            job.ask_cancel()
