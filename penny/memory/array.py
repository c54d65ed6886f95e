"""Shared arrays: bulk data that all workers of a scheduler see, and that is sent as a handle.

    a = penny.SharedArray((h, w), "float32")
    s.submit(render, a)                        # a handle of less than 100 bytes

What a task writes, all who have the array see. Python's own memory is not shared, so Python works
on copies, made at memory speed: of a part at a time, by `read`, `write` and `block`. A kernel
(`penny.Kernels`) works on the elements themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from penny.memory import handles, memories
from penny.memory.block import Block, Memory, Placed
from penny.memory.buffers import check_type, elements, misfit, type_of
from penny.memory.layout import Index, Layout, checked_shape
from penny.memory.types import ElementType, element_type

__all__ = ["SharedArray"]


class SharedArray:
    """An array of numbers in the memory that a scheduler's workers share.

    It is zeros at first. Slices, steps, integers and `...` in brackets give views, as in NumPy, and
    an integer for every axis the element. Sent to another worker, in arguments or results, it is a
    handle of the same elements; there is no lock: see `atomic_add`, and give tasks parts of their
    own.

    The memory is given back when the last holder lets go: objects here and in other workers, and
    tasks on their way. `with` and `close` let go for this interpreter, whatever refers to the array
    here; after that its use raises ValueError here, and goes on where others have it.

    Args:
        shape: Elements along each axis; or, as an integer, of the only one.
        dtype: `bool`, `int8` to `int64`, `uint8` to `uint64`, `float32` or `float64`; or a code of
            `struct` or `array` for one of them, or NumPy's type.
        scheduler: Whose memory it is in. None: of the scheduler that runs this task; or that is
            open here, if it is the only one.

    Raises:
        ValueError: A negative extent, or no such type; or several schedulers are open.
        MemoryError: There is no room; the message has the size and the limit.
        RuntimeError: No scheduler is open, in the browser.

    On plain Python an array is in the process's own memory.
    """

    __slots__ = ("_block", "_layout", "_type")

    def __init__(
        self,
        shape: int | Sequence[int],
        dtype: Any = "float64",
        *,
        scheduler: Placed | None = None,
    ) -> None:
        self._type = element_type(dtype)
        self._layout = Layout.dense(checked_shape(shape), self._type.size)
        self._block: Block = _memory_of(scheduler).new_block(self._layout.nbytes)

    @classmethod
    def copy_of(cls, data: Any, *, scheduler: Placed | None = None) -> Self:
        """A new array with the elements, shape and type of a buffer: of `array`, NumPy, ….

        Args:
            data: The buffer, or a SharedArray.
            scheduler: Whose memory the new one is in; None: as for `SharedArray()`.

        Raises:
            TypeError: It is no buffer of numbers.
            MemoryError: There is no room; the message has the size and the limit.
            ValueError: Several schedulers are open, and none is named.
            RuntimeError: No scheduler is open, in the browser.
        """
        if isinstance(data, SharedArray):
            copy = cls(data.shape, data.dtype, scheduler=scheduler)
        else:
            view = memoryview(data)
            copy = cls(view.shape or (), type_of(view).name, scheduler=scheduler)
        copy.write(data)
        return copy

    @classmethod
    def _of(cls, block: Block, layout: Layout, type: ElementType) -> Self:
        array = object.__new__(cls)
        array._block = block
        array._layout = layout
        array._type = type
        return array

    # -- What it is ------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements along each axis."""
        return self._layout.shape

    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes from one element to the next, along each axis."""
        return self._layout.strides

    @property
    def dtype(self) -> str:
        """The elements' type, by its name."""
        return self._type.name

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self._type.size

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._layout.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._layout.size

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._layout.nbytes

    def __len__(self) -> int:
        if not self._layout.shape:
            raise TypeError("an array without axes has no len()")
        return self._layout.shape[0]

    def __repr__(self) -> str:
        freed = ", freed" if self._block.closed else ""
        return f"<SharedArray {self.shape} {self.dtype}{freed}>"

    # -- Views -----------------------------------------------------------------------------------

    def __getitem__(self, index: Index) -> Any:
        """A view of a part; or, given an integer for every axis, an element.

        Args:
            index: Integers, slices, `...` and None, as in NumPy; no lists or arrays.

        Raises:
            IndexError: It is out of bounds, or there are too many.
            TypeError: It is no basic index.
            ValueError: An element of an array that has been freed here.
        """
        where = self._layout.at(index)
        if isinstance(where, int):
            return self._block.get(self._type, where)
        return self._of(self._block, where, self._type)

    def __iter__(self) -> Iterator[Any]:
        """Views along the first axis; of the only one, the elements, which are read at once."""
        if self.ndim == 1:
            return iter(self.read().tolist())
        return (self[i] for i in range(len(self)))

    def reshape(self, *shape: Any) -> Self:
        """A view of the same elements in another shape, of which one extent may be -1.

        Args:
            shape: The extents, one by one or in a sequence.

        Raises:
            ValueError: The numbers of elements differ, or a view won't do.
        """
        extents = shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
        return self._of(self._block, self._layout.reshaped(extents), self._type)

    # -- Copies ----------------------------------------------------------------------------------

    def read(self, *index: Any) -> Any:
        """A copy of a part, `a.read(i)` of `a[i]`; of all of it without an index.

        Returns:
            A memoryview of the part's shape, of memory that is nobody else's. For a part without
            elements it has one axis, as memoryview can't have others. Given an integer for every
            axis, the element.

        Raises:
            IndexError: It is out of bounds, or there are too many.
            TypeError: It is no basic index.
            ValueError: The array has been freed here.
        """
        where = self._layout.at(index or ...)
        if isinstance(where, int):
            return self._block.get(self._type, where)
        return self._shaped(self._block.read(where), where)

    def _shaped(self, data: Any, layout: Layout) -> memoryview:
        empty: Any = memoryview(bytearray())
        shaped: memoryview = (
            data.cast("B").cast(self._type.format, list(layout.shape))
            if layout.size
            else empty.cast(self._type.format)
        )
        return shaped

    def write(self, *index_and_data: Any) -> None:
        """Store a part: `a.write(i, data)` stores `a[i]`, `a.write(data)` all of it.

        Args:
            index_and_data: The index, and then what to store: a buffer (of `array`, memoryview,
                NumPy) of the same type and of the part's shape, or with one axis of as many
                elements, in C's order; `bytes` of as many bytes; another SharedArray; numbers in
                lists; or one number, for all elements.

        Raises:
            TypeError: `data` is of another type.
            ValueError: It is of another shape; or the array has been freed here.
            OverflowError: A number is out of range.
            IndexError: The index is out of bounds, or there are too many.

        Whatever was raised, nothing was stored.
        """
        if not index_and_data:
            raise TypeError("write() takes what to write")
        *index, data = index_and_data
        self._store(tuple(index) or ..., data)

    def __setitem__(self, index: Index, data: Any) -> None:
        """Store a part, as `write` does, or an element."""
        self._store(index, data)

    def _store(self, index: Index, data: Any) -> None:
        where = self._layout.at(index)
        if isinstance(where, int):
            self._block.set(self._type, where, self._type.checked(data))
        elif isinstance(data, SharedArray):
            check_type(data._type, self._type)
            source = data._layout
            if source.shape != where.shape:
                if source.size != where.size or len(source.shape) != 1:
                    raise misfit(source.shape, where.shape)
                source = source.reshaped(where.shape)
            if where.size:
                self._block.copy(where, data._block, source)
        else:
            stored = elements(data, where, self._type)
            if where.size:
                self._block.write(where, stored)

    def block(self, *index: Any) -> AbstractContextManager[memoryview]:
        """A part to work on: `with a.block(i) as b:` copies `a[i]` in, and back at the end.

        `b` is a memoryview, as from `read`. If the block is left by an exception, nothing is copied
        back.

        Raises:
            TypeError: The index is of an element, or no basic index.
            IndexError: It is out of bounds, or there are too many.
            ValueError: The array has been freed here.
        """
        where = self._layout.at(index or ...)
        if isinstance(where, int):
            raise TypeError("block() takes a part, not an element: use a[i] = …, or a slice")
        return _Loan(self._of(self._block, where, self._type))

    def asarray(self) -> Any:
        """A copy as NumPy's array.

        Raises:
            ImportError: There is no NumPy.
        """
        try:
            import numpy
        except ImportError as error:
            raise ImportError(
                "asarray() needs NumPy: in the browser load it with Scheduler(packages=['numpy'])"
            ) from error
        if not self.size:
            return numpy.empty(self.shape, self.dtype)
        return numpy.asarray(self.read())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """For NumPy: always a copy."""
        if copy is False:
            raise ValueError("a shared array can't be NumPy's without a copy")
        array = self.asarray()
        return array if dtype is None else array.astype(dtype, copy=False)

    # -- Atomic operations -----------------------------------------------------------------------

    def atomic_load(self, index: Index) -> int:
        """Read an element in one piece.

        All workers see atomic operations in one order: they are sequentially consistent.

        Args:
            index: An integer for every axis.

        Returns:
            The element.

        Raises:
            TypeError: It is no array of integers.
            IndexError: The index is not of one element, or out of bounds.
            ValueError: The array has been freed here.
        """
        return self._block.load(self._type, self._integer_at(index))

    def atomic_store(self, index: Index, value: int) -> None:
        """Store an element in one piece.

        All workers see atomic operations in one order: they are sequentially consistent.

        Args:
            index: An integer for every axis.
            value: Of the array's type.

        Raises:
            TypeError: It is no array of integers.
            IndexError: The index is not of one element, or out of bounds.
            OverflowError: A value is out of the type's range.
            ValueError: The array has been freed here.
        """
        where = self._integer_at(index)
        self._block.update("store", self._type, where, self._type.checked(value))

    def atomic_exchange(self, index: Index, value: int) -> int:
        """Store an element, and return what it was before, in one piece.

        All workers see atomic operations in one order: they are sequentially consistent.

        Args:
            index: An integer for every axis.
            value: Of the array's type.

        Returns:
            The element before that.

        Raises:
            TypeError: It is no array of integers.
            IndexError: The index is not of one element, or out of bounds.
            OverflowError: A value is out of the type's range.
            ValueError: The array has been freed here.
        """
        where = self._integer_at(index)
        return self._block.update("exchange", self._type, where, self._type.checked(value))

    def atomic_compare_exchange(self, index: Index, expected: int, value: int) -> int:
        """Store an element if it is as expected, in one piece.

        All workers see atomic operations in one order: they are sequentially consistent.

        Args:
            index: An integer for every axis.
            expected: What the element must be for `value` to be stored.
            value: Of the array's type.

        Returns:
            The element before that: it was stored if this is `expected`.

        Raises:
            TypeError: It is no array of integers.
            IndexError: The index is not of one element, or out of bounds.
            OverflowError: A value is out of the type's range.
            ValueError: The array has been freed here.
        """
        where = self._integer_at(index)
        expected, value = self._type.checked(expected), self._type.checked(value)
        return self._block.compare_exchange(self._type, where, expected, value)

    def atomic_add(self, index: Index, value: int) -> int:
        """Add to an element, modulo the range of its type, in one piece.

        All workers see atomic operations in one order: they are sequentially consistent.

        Args:
            index: An integer for every axis.
            value: What is added; any integer.

        Returns:
            The element before that.

        Raises:
            TypeError: It is no array of integers.
            IndexError: The index is not of one element, or out of bounds.
            ValueError: The array has been freed here.
        """
        return self._update("add", index, value)

    def atomic_and(self, index: Index, value: int) -> int:
        """Keep those bits of an element that `value` has, in one piece.

        All workers see atomic operations in one order: they are sequentially consistent.

        Args:
            index: An integer for every axis.
            value: The bits; any integer, modulo the range of the type.

        Returns:
            The element before that.

        Raises:
            TypeError: It is no array of integers.
            IndexError: The index is not of one element, or out of bounds.
            ValueError: The array has been freed here.
        """
        return self._update("and", index, value)

    def atomic_or(self, index: Index, value: int) -> int:
        """Set those bits of an element that `value` has, in one piece.

        All workers see atomic operations in one order: they are sequentially consistent.

        Args:
            index: An integer for every axis.
            value: The bits; any integer, modulo the range of the type.

        Returns:
            The element before that.

        Raises:
            TypeError: It is no array of integers.
            IndexError: The index is not of one element, or out of bounds.
            ValueError: The array has been freed here.
        """
        return self._update("or", index, value)

    def atomic_xor(self, index: Index, value: int) -> int:
        """Turn those bits of an element that `value` has, in one piece.

        All workers see atomic operations in one order: they are sequentially consistent.

        Args:
            index: An integer for every axis.
            value: The bits; any integer, modulo the range of the type.

        Returns:
            The element before that.

        Raises:
            TypeError: It is no array of integers.
            IndexError: The index is not of one element, or out of bounds.
            ValueError: The array has been freed here.
        """
        return self._update("xor", index, value)

    def _update(self, operation: str, index: Index, value: int) -> int:
        where = self._integer_at(index)
        return self._block.update(operation, self._type, where, self._type.wrapped(value))

    def _integer_at(self, index: Index) -> int:
        if not self._type.is_integer:
            raise TypeError(f"atomic operations are for integers, not {self.dtype}")
        where = self._layout.at(index)
        if not isinstance(where, int):
            raise IndexError("an atomic operation takes an integer for every axis")
        return where

    # -- Life ------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the array here, and of all views of it. Harmless the second time."""
        self._block.close()

    @property
    def closed(self) -> bool:
        """Whether it has been let go of here."""
        return self._block.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- Travel ----------------------------------------------------------------------------------

    def __penny_block__(self) -> Block:
        """What carries it: see `payload.Carried`."""
        return self._block

    def __reduce__(self) -> tuple[Any, ...]:
        """A handle, good as long as somebody holds the array.

        Raises:
            ValueError: It has been freed here.
        """
        return _attached, (handles.handle_of(self._block, self._layout, self._type),)

    def __copy__(self) -> Self:
        """Another view of all of it."""
        return self._of(self._block, self._layout, self._type)

    def __deepcopy__(self, memo: Any) -> Self:
        """Another view, since the elements are shared: `copy_of` copies them."""
        return self.__copy__()

    def _kernel_argument(self) -> tuple[int, int]:
        """Address in the shared memory, and number of elements. Valid while the caller holds it.

        Raises:
            ValueError: The elements do not lie one after the other; or it has been freed.
            TypeError: There is no shared memory here.
        """
        if not self._layout.is_dense:
            raise ValueError(
                "a kernel takes an array whose elements lie one after the other, not a view with "
                f"strides {self.strides}: copy it, with SharedArray.copy_of()"
            )
        return self._block.address + self._layout.offset, self.size


class _Loan(AbstractContextManager[memoryview]):
    """What `SharedArray.block` gives."""

    def __init__(self, array: SharedArray) -> None:
        self._array = array
        self._data: memoryview | None = None

    def __enter__(self) -> memoryview:
        self._data = self._array.read(...)
        assert self._data is not None
        return self._data

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        data, self._data = self._data, None
        if exc_type is None and data is not None and self._array.size:
            self._array._block.write(self._array._layout, data.cast("B"))


def _memory_of(scheduler: Placed | None) -> Memory:
    if scheduler is not None:
        return scheduler._memory
    memory = memories.default()
    if memory is None:
        raise ValueError(
            "several schedulers are open here, each with a memory of its own: "
            "say which one's the array is to be in, SharedArray(…, scheduler=s)"
        )
    return memory


def _attached(handle: bytes) -> SharedArray:
    """The array that a handle is of; named in pickles, also by web/penny/wire/.

    Raises:
        ValueError: It has been freed, or is in the memory of another scheduler; or the handle was
            overwritten.
    """
    return SharedArray._of(*handles.resolved(handle))
