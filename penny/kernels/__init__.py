"""Kernels: functions compiled to WebAssembly, which all workers call in one shared memory."""
