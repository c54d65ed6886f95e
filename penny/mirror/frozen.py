"""What of the surroundings was read before a worker began.

As packages were imported into the memory snapshot from which it comes (`penny.hosts.imports`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

__all__ = ["check", "environment", "variables"]

variables: dict[str, str | None] = {}
"""Variables of the environment and their values; None: not set."""


def check(environment: Mapping[str, str]) -> None:
    """Look whether that holds where a task was submitted.

    Raises:
        ImportError: A variable is another there, and what has read it is imported here.
    """
    if not variables:
        return
    for name, value in variables.items():
        if environment.get(name) != value:
            raise ImportError(
                f"the variable {name} is {environment.get(name)!r} where the task was submitted, "
                f"and packages were imported in its worker when it was {value!r}: set it before "
                "the Scheduler is opened"
            )


def environment() -> str:
    """The variables as they are here, as JSON: for whoever chooses a snapshot."""
    return json.dumps(dict(os.environ))
