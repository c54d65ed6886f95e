"""Chunk calls: a task that does a chunk of calls of one function, as `map` and the loops make them.

A task each would cost more than many a call takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from penny.functions.calls import TableFunction, is_coroutine_function

__all__ = ["AsyncChunkCall", "ChunkCall", "chunk_call"]

T = TypeVar("T")


class ChunkCall(TableFunction, Generic[T]):
    """A function as a task that does a chunk of calls: a list of argument tuples, one of results.

    It is a function for the table, which is pickled once, as the function itself would be.
    """

    def __init__(self, function: Callable[..., T]) -> None:
        self.function = function
        self.__module__ = getattr(function, "__module__", __name__)
        self.__qualname__ = getattr(function, "__qualname__", type(function).__qualname__)

    def __call__(self, chunk: list[tuple[Any, ...]]) -> list[T]:
        """Call the function with each tuple."""
        function = self.function
        return [function(*args) for args in chunk]


class AsyncChunkCall(ChunkCall[Coroutine[Any, Any, T]]):
    """A chunk call of a coroutine function: the calls wait side by side."""

    async def __call__(self, chunk: list[tuple[Any, ...]]) -> list[T]:  # type: ignore[override]
        """Await a call with each tuple. When one fails, the others are cancelled."""
        calls = [asyncio.ensure_future(self.function(*args)) for args in chunk]
        try:
            return await asyncio.gather(*calls)
        finally:
            for call in calls:
                call.cancel()


def chunk_call(function: Callable[..., Any]) -> ChunkCall[Any]:
    """The function as one for chunks of calls."""
    return AsyncChunkCall(function) if is_coroutine_function(function) else ChunkCall(function)
