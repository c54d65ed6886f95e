"""Options of a submission: how long its call may take, and whom it goes before."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum, auto
from numbers import Real
from typing import Final, Literal

__all__ = ["DEFAULT", "UNCHANGED", "Options", "Priority", "Unchanged"]

Priority = Literal["interactive", "batch"]


class Unchanged(Enum):
    """The type of `UNCHANGED`."""

    UNCHANGED = auto()


UNCHANGED: Final = Unchanged.UNCHANGED
"""Stands for an option that is not given, since None is a value of one."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a task is to be run."""

    timeout: float | None = None
    """Seconds that the call may take, from when a worker begins it; None: no limit."""

    interactive: bool | None = None
    """Whether somebody waits at the screen: such tasks go before all others. None: as the task that
    submits it; outside of tasks, no."""

    def changed(
        self,
        timeout: float | Unchanged | None = UNCHANGED,
        priority: Priority | Unchanged = UNCHANGED,
    ) -> Options:
        """These options but for those that are given.

        Raises:
            ValueError: `timeout` is no finite number greater than 0, or there is no such priority.
            TypeError: `timeout` is no number.
        """
        options = self
        if timeout is not UNCHANGED:
            options = replace(options, timeout=_seconds(timeout))
        if priority is not UNCHANGED:
            options = replace(options, interactive=_is_interactive(priority))
        return options

    @property
    def limit(self) -> int:
        """The timeout as the core counts it: milliseconds, at least 1; 0 is no limit."""
        if self.timeout is None:
            return 0
        milliseconds = math.ceil(self.timeout * 1000)
        return milliseconds if milliseconds <= LIMIT_MAX else 0


LIMIT_MAX = (1 << 31) - 1
"""The longest limit in milliseconds, 24 days; what is longer is none."""

DEFAULT: Final = Options()


def _seconds(timeout: float | None) -> float | None:
    if timeout is None:
        return None
    if not isinstance(timeout, Real):
        raise TypeError(f"timeout must be a number of seconds or None, not {timeout!r}")
    seconds = float(timeout)
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ValueError(f"timeout must be a number of seconds greater than 0, not {timeout}")
    return seconds


def _is_interactive(priority: str) -> bool:
    if priority not in ("interactive", "batch"):
        raise ValueError(f"priority must be 'interactive' or 'batch', not {priority!r}")
    return priority == "interactive"
