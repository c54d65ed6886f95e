"""What `multiprocessing` shares between processes: locks, events, numbers, queues, in SharedArrays.

Who waits looks again and again, at most a millisecond apart, since nothing wakes a task that waits
for a number to change. A lock whose holder dies stays held, as between processes. A task may wait
for what another worker's task holds; what a task further down on the stack of the same worker holds
(one that waits in a join, while this one runs on top) never comes.
"""

from __future__ import annotations

import ctypes
import pickle
import queue
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import penny
from penny.adapters import common

__all__ = [
    "Array",
    "BoundedSemaphore",
    "Event",
    "JoinableQueue",
    "Lock",
    "Queue",
    "RLock",
    "RawArray",
    "RawValue",
    "Semaphore",
    "SimpleQueue",
    "Value",
]

NAP = 0.001
"""How long a wait sleeps at a time, in seconds, at most."""

CAPACITY = 1 << 20
"""Bytes that a queue holds."""

_NUMBERS = {
    ctypes.c_bool: "bool",
    ctypes.c_byte: "int8",
    ctypes.c_ubyte: "uint8",
    ctypes.c_short: "int16",
    ctypes.c_ushort: "uint16",
    ctypes.c_int: "int32",
    ctypes.c_uint: "uint32",
    ctypes.c_longlong: "int64",
    ctypes.c_ulonglong: "uint64",
    ctypes.c_float: "float32",
    ctypes.c_double: "float64",
}
_CODES = {
    "b": "int8",
    "B": "uint8",
    "h": "int16",
    "H": "uint16",
    "i": "int32",
    "I": "uint32",
    "l": "int32",
    "L": "uint32",
    "q": "int64",
    "Q": "uint64",
    "f": "float32",
    "d": "float64",
}


def _new(shape: int, kind: str = "int32") -> penny.SharedArray:
    scheduler = None if penny.current_worker() is not None else common.scheduler()
    return penny.SharedArray(shape, kind, scheduler=scheduler)


def _until(condition: Callable[[], bool], timeout: float | None) -> bool:
    """Wait for it, for so many seconds at most. Whether it has come."""
    deadline = None if timeout is None else time.monotonic() + timeout
    nap = 0.0
    while not condition():
        if deadline is not None and time.monotonic() >= deadline:
            return False
        time.sleep(nap)
        nap = min(NAP, nap + NAP / 20)
    return True


class Semaphore:
    """A number that `acquire` takes one of, waiting while there is none. See `multiprocessing`.

    Args:
        value: What it is at first.
    """

    _most: int | None = None

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self._words = _new(1)
        self._words[0] = value

    def _take(self) -> bool:
        value = self._words.atomic_load(0)
        return value > 0 and self._words.atomic_compare_exchange(0, value, value - 1) == value

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take one. False if there was none, or none within `timeout` seconds."""
        return _until(self._take, (None if timeout is None else max(0, timeout)) if block else 0)

    def release(self) -> None:
        """Give one back.

        Raises:
            ValueError: More are given back than were taken, of a lock or a bounded semaphore.
        """
        while True:
            value = self._words.atomic_load(0)
            if self._most is not None and value >= self._most:
                raise ValueError("semaphore or lock released too many times")
            if self._words.atomic_compare_exchange(0, value, value + 1) == value:
                return

    def get_value(self) -> int:
        """How many there are."""
        return int(self._words.atomic_load(0))

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class BoundedSemaphore(Semaphore):
    """A semaphore that is never more than it was at first."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._most = value


class Lock(BoundedSemaphore):
    """A lock that tasks of all workers share. Whoever releases it need not be who has taken it."""

    def __init__(self) -> None:
        super().__init__(1)


class RLock:
    """A lock that an interpreter may take again while it has it."""

    def __init__(self) -> None:
        self._words = _new(2)  # who has it, and how often

    def _take(self) -> bool:
        me = _me()
        return self._words.atomic_load(0) == me or (
            self._words.atomic_compare_exchange(0, 0, me) == 0
        )

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take it. False if another has it, or has it for `timeout` seconds."""
        taken = _until(self._take, (None if timeout is None else max(0, timeout)) if block else 0)
        if taken:
            self._words.atomic_add(1, 1)
        return taken

    def release(self) -> None:
        """Give it back.

        Raises:
            AssertionError: Another has it, or nobody.
        """
        if self._words.atomic_load(0) != _me():
            raise AssertionError("attempt to release recursive lock not owned by process")
        if self._words.atomic_add(1, -1) == 1:
            self._words.atomic_store(0, 0)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def _me() -> int:
    worker = penny.current_worker()
    return 1 if worker is None else worker + 2


class Event:
    """A flag that tasks of all workers share."""

    def __init__(self) -> None:
        self._words = _new(1)

    def is_set(self) -> bool:
        """Whether it is."""
        return bool(self._words.atomic_load(0))

    def set(self) -> None:
        """Set it."""
        self._words.atomic_store(0, 1)

    def clear(self) -> None:
        """Clear it."""
        self._words.atomic_store(0, 0)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, for `timeout` seconds at most. Whether it is."""
        return _until(self.is_set, timeout)


# -- Numbers ----------------------------------------------------------------------------------


def _kind(code: Any) -> str:
    kind = _CODES.get(code) if isinstance(code, str) else _NUMBERS.get(code)
    if kind is None:
        raise NotImplementedError(
            f"{code!r}: numbers alone are shared ({', '.join(_CODES)}, or ctypes' for them). For "
            "bytes take 'B', for records a penny.SharedArray for each field"
        )
    return kind


class RawArray:
    """Numbers that tasks of all workers share.

    Args:
        code: Their type: a code of `array`, or a type of ctypes.
        size_or_values: How many zeros, or the numbers.
    """

    def __init__(self, code: Any, size_or_values: int | Iterable[Any]) -> None:
        kind = _kind(code)
        if isinstance(size_or_values, int):
            self._array = _new(size_or_values, kind)
        else:
            values = [*size_or_values]
            self._array = _new(len(values), kind)
            self._array[:] = values

    def __len__(self) -> int:
        return int(self._array.shape[0])

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._array.read(index).tolist()
        return self._array[index]

    def __setitem__(self, index: int | slice, value: Any) -> None:
        if isinstance(index, slice):
            value = [*value]
            if len(value) != len(range(*index.indices(len(self)))):
                raise ValueError("Can only assign sequence of same size")
        self._array[index] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self[:])


class RawValue:
    """A number that tasks of all workers share, as `value`.

    Args:
        code: As `Array` takes it.
        value: The number.
    """

    def __init__(self, code: Any, value: Any = 0) -> None:
        self._array = _new(1, _kind(code))
        self._array[0] = value

    @property
    def value(self) -> Any:
        """The number. `value += 1` is a read and a write: take the lock, for both."""
        return self._array[0]

    @value.setter
    def value(self, value: Any) -> None:
        self._array[0] = value


class _Locked:
    _lock: Any

    def get_lock(self) -> Any:
        """Its lock."""
        return self._lock

    def get_obj(self) -> Any:
        """The same; it looks after itself."""
        return self

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take its lock."""
        taken: bool = self._lock.acquire(block, timeout)
        return taken

    def release(self) -> None:
        """Give its lock back."""
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class _Value(_Locked, RawValue):
    def __init__(self, code: Any, value: Any, lock: Any) -> None:
        super().__init__(code, value)
        self._lock = lock


class _Array(_Locked, RawArray):
    def __init__(self, code: Any, size_or_values: int | Iterable[Any], lock: Any) -> None:
        super().__init__(code, size_or_values)
        self._lock = lock


def Value(code: Any, value: Any = 0, *, lock: Any = True) -> RawValue:
    """A number that tasks share, with a lock; see `multiprocessing.Value`."""
    if lock is False:
        return RawValue(code, value)
    return _Value(code, value, RLock() if lock in (True, None) else lock)


def Array(code: Any, size_or_values: int | Iterable[Any], *, lock: Any = True) -> RawArray:
    """Numbers that tasks share, with a lock; see `multiprocessing.Array`."""
    if lock is False:
        return RawArray(code, size_or_values)
    return _Array(code, size_or_values, RLock() if lock in (True, None) else lock)


# -- Queues -----------------------------------------------------------------------------------

_PUT, _TAKEN, _START, _USED, _UNFINISHED = range(5)


class Queue:
    """Values that some tasks put and others get, in order: their pickles, in a ring of 1 MB.

    Args:
        maxsize: How many it holds; 0: as many as there is room for.
    """

    def __init__(self, maxsize: int = 0) -> None:
        self._most = maxsize
        self._lock = Lock()
        self._words = _new(5, "int64")
        self._ring = _new(CAPACITY, "uint8")

    # Each is done with the lock held.

    def _copy_in(self, data: bytes, at: int) -> None:
        first = min(len(data), CAPACITY - at)
        self._ring[at : at + first] = data[:first]
        if first < len(data):
            self._ring[: len(data) - first] = data[first:]

    def _copy_out(self, at: int, size: int) -> bytes:
        first = min(size, CAPACITY - at)
        data = bytes(self._ring.read(slice(at, at + first)))
        if first < size:
            data += bytes(self._ring.read(slice(0, size - first)))
        return data

    def _add(self, data: bytes) -> bool:
        words = self._words
        with self._lock:
            start, used = words[_START], words[_USED]
            full = self._most > 0 and words[_PUT] - words[_TAKEN] >= self._most
            if full or used + len(data) > CAPACITY:
                return False
            self._copy_in(data, (start + used) % CAPACITY)
            words[_USED] = used + len(data)
            words.atomic_add(_PUT, 1)
            words.atomic_add(_UNFINISHED, 1)
        return True

    def _remove(self) -> bytes | None:
        words = self._words
        if not self.qsize():
            return None
        with self._lock:
            if not self.qsize():
                return None
            start = words[_START]
            size = int.from_bytes(self._copy_out(start, 4), "little")
            data = self._copy_out((start + 4) % CAPACITY, size)
            words[_START] = (start + 4 + size) % CAPACITY
            words[_USED] = words[_USED] - 4 - size
            words.atomic_add(_TAKEN, 1)
        return data

    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put a value, waiting for room.

        Raises:
            queue.Full: There was none, or none within `timeout` seconds.
            ValueError: Its pickle is larger than the queue.
        """
        pickled = pickle.dumps(obj, 5)
        data = len(pickled).to_bytes(4, "little") + pickled
        if len(data) > CAPACITY:
            raise ValueError(
                f"the value's pickle has {len(pickled)} bytes, and the queue holds {CAPACITY}: "
                "give it to a task as an argument, or put it into a penny.SharedArray"
            )
        if not _until(lambda: self._add(data), timeout if block else 0):
            raise queue.Full

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the value that was put first, waiting for one.

        Raises:
            queue.Empty: There was none, or none within `timeout` seconds.
        """
        found: list[bytes] = []

        def remove() -> bool:
            data = self._remove()
            if data is not None:
                found.append(data)
            return data is not None

        if not _until(remove, timeout if block else 0):
            raise queue.Empty
        return pickle.loads(found[0])

    def put_nowait(self, obj: Any) -> None:
        """`put` that does not wait."""
        self.put(obj, False)

    def get_nowait(self) -> Any:
        """`get` that does not wait."""
        return self.get(False)

    def qsize(self) -> int:
        """How many there are."""
        return int(self._words.atomic_load(_PUT) - self._words.atomic_load(_TAKEN))

    def empty(self) -> bool:
        """Whether there are none."""
        return self.qsize() == 0

    def full(self) -> bool:
        """Whether there are as many as it may hold."""
        return 0 < self._most <= self.qsize()

    def close(self) -> None:
        """Nothing: what was put is there."""

    join_thread = cancel_join_thread = close


class SimpleQueue(Queue):
    """A queue without a limit of its own."""

    def __init__(self) -> None:
        super().__init__()


class JoinableQueue(Queue):
    """A queue that knows when all that was put has been dealt with."""

    def task_done(self) -> None:
        """What was taken is dealt with.

        Raises:
            ValueError: More than were put.
        """
        if self._words.atomic_add(_UNFINISHED, -1) <= 0:
            self._words.atomic_add(_UNFINISHED, 1)
            raise ValueError("task_done() called too many times")

    def join(self) -> None:
        """Wait until all is dealt with."""
        _until(lambda: self._words.atomic_load(_UNFINISHED) == 0, None)
