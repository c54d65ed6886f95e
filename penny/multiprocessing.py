"""multiprocessing on Penny's workers: `from penny.multiprocessing import Pool`."""

from typing import Any

from penny.adapters import multiprocessing as _multiprocessing
from penny.adapters.multiprocessing import *  # noqa: F403


def __getattr__(name: str) -> Any:
    return getattr(_multiprocessing, name)
