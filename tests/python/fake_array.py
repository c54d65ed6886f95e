"""What kernels need of a SharedArray, without shared memory."""

from __future__ import annotations


class FakeArray:
    def __init__(self, dtype="float32", length=4, address=4096, contiguous=True):
        self.dtype = dtype
        self.shape = (length,)
        self.contiguous = contiguous
        self.place = address, length

    def _kernel_argument(self):
        return self.place

    def __eq__(self, other):
        return isinstance(other, FakeArray) and vars(self) == vars(other)

    __hash__ = None
