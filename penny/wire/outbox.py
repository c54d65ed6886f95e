"""A payload on its way from Python to JavaScript: small through a box, large in pieces.

The box is a bytearray, and JavaScript knows where it lies in Pyodide's memory. So what is small
crosses as a number, its size, and no object is made for it. What is large, or refers to shared
arrays, crosses as a list of buffers, each of them the memory of an object, which is then copied
once. That is decided here and nowhere else; `web/penny/ports/boxes.js` is the other end, and
`web/penny/core/slots.js` where the payload goes from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from penny.wire.payload import LARGE, Payload, pieces_of

__all__ = ["Apart", "Outbox"]

T = TypeVar("T")

Apart = tuple[()] | tuple[list[Any], list[int]]
"""What a port gets beside a payload's size: nothing, if it lies in the box; or its pieces, and the
numbers of the arrays that it refers to."""


class Outbox:
    """A box for payloads, with a port at its other end.

    It holds what is not LARGE: with more bytes than that the few microseconds do not matter that a
    list of buffers costs.
    """

    def __init__(self) -> None:
        self.box = bytearray(LARGE)
        """For the port. It is never resized."""
        self._view = memoryview(self.box)
        self._taken = False

    def put(self, data: bytes | Payload) -> Apart:
        """Put a payload into the box if it is small and refers to no arrays.

        Until the port has read the box nobody else may put: see `send`.

        Args:
            data: The payload.

        Returns:
            What the port's method gets after the payload's size.
        """
        size = len(data)
        if size <= LARGE and type(data) is bytes:
            self._view[:size] = data
            return ()
        return pieces_of(data)

    def send(self, method: Callable[..., T], data: bytes | Payload, *arguments: Any) -> T:
        """Call a method of the port with arguments and, after them, a payload.

        A finalizer or a signal's handler may send from in between: it finds the box taken, and its
        payload goes in pieces, however small it is.

        Args:
            method: Takes the arguments, the payload's size in bytes, and what `put` gives.
            data: The payload.
            *arguments: What is to come before it.

        Returns:
            What the method does.
        """
        if self._taken:
            return method(*arguments, len(data), *pieces_of(data))
        self._taken = True
        try:
            return method(*arguments, len(data), *self.put(data))
        finally:
            self._taken = False
