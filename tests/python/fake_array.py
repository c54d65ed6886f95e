"""What kernels need of a SharedArray, without shared memory."""

from __future__ import annotations


class FakeArray:
    def __init__(self, dtype="float32", length=4, address=4096, shape=None, strides=None):
        self.dtype = dtype
        self.itemsize = int("".join(filter(str.isdigit, dtype))) // 8
        self.shape = (length,) if shape is None else shape
        self.strides = (self.itemsize,) if strides is None else strides
        self.place = address, length

    def _kernel_argument(self):
        return self.place

    def __eq__(self, other):
        return isinstance(other, FakeArray) and vars(self) == vars(other)

    __hash__ = None
