"""Counting: functions that set something count their calls from now on.

What surrounds a task is asked for at each submission: to compare all of it would take longer than
all else. Where something is set by a call, two numbers are compared instead. It is never undone: it
does what it did before, for everybody.
"""

from __future__ import annotations

import functools
from typing import Any

__all__ = ["Counter"]


class Counter:
    """Counts calls.

    Attributes:
        count: How many there were.
    """

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def counting(self, function: Any) -> Any:
        """The function, which counts its calls, also those that fail; itself, if it does already.

        A call is counted once it has done its work: who looks meanwhile has to look again.
        """
        if hasattr(function, "__wrapped__"):
            return function

        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            finally:
                self.count += 1

        return counted
