"""The results of many calls: in order, or as they come; iterated over, or awaited one by one."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from contextlib import aclosing
from itertools import islice
from typing import Any, TypeVar, cast

from penny.errors import BlockingError
from penny.futures import Future

__all__ = [
    "as_completed",
    "async_chunks",
    "chained",
    "chunks",
    "flattened",
    "imap",
    "map_results",
    "one_tuples",
]

T = TypeVar("T")

Submit = Callable[[Any], Future[Any]]
"""Submits the call for one item of a source, or for one chunk."""


def chunks(source: Iterator[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items each, the last one maybe shorter."""
    while chunk := list(islice(source, size)):
        yield chunk


async def one_tuples(source: AsyncIterable[T]) -> AsyncGenerator[tuple[T], None]:
    """Each item as the arguments of a call: what `zip` gives for a single iterable."""
    async for item in source:
        yield (item,)


async def async_chunks(source: AsyncIterator[T], size: int) -> AsyncGenerator[list[T], None]:
    """Lists of `size` items each, the last one maybe shorter."""
    chunk: list[T] = []
    async for item in source:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def map_results(
    submit: Submit, source: Iterator[Any], timeout: float | None, buffersize: int | None
) -> Iterator[Any]:
    """Submit a call for each item, at once, and iterate over the results in order.

    Args:
        submit: Submits the call for one item.
        source: The items.
        timeout: Seconds from now within which each result must be there.
        buffersize: Number of calls to have submitted beyond the last result that was taken; None:
            all of them.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    futures: deque[Future[Any]] = deque()
    try:
        for item in islice(source, buffersize):
            futures.append(submit(item))
    except BaseException:
        _cancel(futures)
        raise
    # Where all is submitted, what is left to do needs no scheduler: it may be collected.
    return _take(futures, deadline, None if buffersize is None else map(submit, source))


def _take(
    futures: deque[Future[Any]], deadline: float | None, more: Iterator[Future[Any]] | None
) -> Iterator[Any]:
    try:
        while futures:
            if more is not None:
                futures.extend(islice(more, 1))
            timeout = None if deadline is None else deadline - time.monotonic()
            yield _pop(futures, futures[0].result(timeout))
    except BlockingError as error:
        error.add_note("instead of map(), use `async for` over imap()")
        raise
    finally:
        _cancel(futures)


def _pop(futures: deque[Future[Any]], result: T) -> T:
    """The first one's result; it was first in line until now, or else nobody would cancel it.

    In a function, so that the generator keeps no result that it has yielded.
    """
    futures.popleft()
    return result


def _cancel(futures: Iterable[Future[Any]]) -> None:
    for future in futures:
        future.cancel()


async def imap(
    submit: Submit, source: Iterator[Any] | AsyncIterator[Any], buffersize: int
) -> AsyncGenerator[Any, None]:
    """Submit a call for each item, and iterate over the results in order.

    Args:
        submit: Submits the call for one item.
        source: The items, taken no sooner than their calls can be submitted.
        buffersize: Most calls that are submitted and whose results have not been taken.
    """
    futures: deque[Future[Any]] = deque()
    next_item: asyncio.Future[Any] | None = None  # the one that an asynchronous source is at
    exhausted = False
    try:
        while True:
            if isinstance(source, AsyncIterator):
                # Results are not held up by a source that is slow: whichever comes first.
                while not exhausted and len(futures) < buffersize:
                    next_item = next_item or asyncio.ensure_future(_next(source))
                    if not await _first(next_item, futures[0] if futures else None):
                        break
                    item, exhausted = next_item.result()
                    next_item = None
                    if not exhausted:
                        futures.append(submit(item))
            else:
                for item in islice(source, buffersize - len(futures)):
                    futures.append(submit(item))
            if not futures:
                return
            yield _pop(futures, await futures[0])
    finally:
        if next_item is not None:
            next_item.cancel()
        _cancel(futures)


def chained(lists: Iterator[list[T]]) -> Iterator[T]:
    """The items of lists, one after the other."""
    for items in lists:
        items.reverse()
        while items:
            yield items.pop()  # and keep it no longer


async def flattened(lists: AsyncGenerator[list[T], None]) -> AsyncGenerator[T, None]:
    """The items of lists, one after the other. Closes `lists` when it is closed."""
    async with aclosing(lists):
        async for items in lists:
            items.reverse()
            while items:
                yield items.pop()


async def _next(source: AsyncIterator[T]) -> tuple[T | None, bool]:
    """The next item and False; or None and True, if there is none."""
    try:
        return await anext(source), False
    except StopAsyncIteration:
        return None, True


async def _first(item: asyncio.Future[Any], result: Future[Any] | None) -> bool:
    """Wait for either of them. True if the item is there, whether or not the result is."""
    if not (item.done() or (result is not None and result.done())):
        either = asyncio.get_running_loop().create_future()

        def wake(_: object) -> None:
            if not either.done():
                either.set_result(None)

        item.add_done_callback(wake)
        if result is not None:
            result.add_done_callback(wake)
        try:
            await either
        finally:
            item.remove_done_callback(wake)
            if result is not None:
                result.remove_done_callback(wake)
    return item.done()


def as_completed(
    futures: Iterable[Future[T]], timeout: float | None = None
) -> AsyncGenerator[Future[T], None]:
    """The futures in the order in which they complete, each once.

    Args:
        futures: Futures of any scheduler.
        timeout: Seconds from now within which all must be done, else TimeoutError.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    return _as_completed(dict.fromkeys(futures), deadline)


async def _as_completed(
    futures: dict[Future[T], None], deadline: float | None
) -> AsyncGenerator[Future[T], None]:
    total = len(futures)
    done: deque[Future[T]] = deque()
    arrival: asyncio.Future[None] | None = None

    def arrived(future: concurrent.futures.Future[T]) -> None:
        done.append(cast(Future[T], future))
        wake()

    def wake() -> None:
        if arrival is not None and not arrival.done():
            arrival.set_result(None)

    for future in futures:
        future.add_done_callback(arrived)
    loop = asyncio.get_running_loop()
    try:
        while futures:
            if not done:
                remaining = None if deadline is None else deadline - time.monotonic()
                if remaining is not None and remaining <= 0:
                    raise TimeoutError(f"{len(futures)} (of {total}) futures unfinished")
                arrival = loop.create_future()
                timer = None if remaining is None else loop.call_later(remaining, wake)
                try:
                    await arrival
                finally:
                    if timer is not None:
                        timer.cancel()
                continue
            del futures[done[0]]
            yield done.popleft()
    finally:
        for future in futures:
            future.remove_done_callback(arrived)
