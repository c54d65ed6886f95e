"""Places of functions in the scheduler's table, where promoted jobs find what they call.

A task names its function by the place, and by the serial of what lies there: so a function is
pickled once, not with each job. One that came to this worker with a task has its place already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penny.bridge.numbers import Place
from penny.bridge.ports import WorkerPort
from penny.functions.calls import split_call
from penny.functions.records import FunctionRecords, Record
from penny.jobs import job as jobs
from penny.jobs.execution import Execution
from penny.mirror.returning import agrees, for_jobs, header_now

__all__ = ["Places"]


class Places:
    """Where a pool worker's functions lie in the table.

    Args:
        port: To the core.
        header_of: Gives what the task of an execution needs of the submitter's modules.
    """

    def __init__(self, port: WorkerPort, header_of: Callable[[Execution], bytes]) -> None:
        self._port = port
        self._header_of = header_of
        # Functions that were loaded from the table, by identity, with their place in it.
        self._loaded: dict[int, tuple[Callable[..., Any], int, int, bytes]] = {}
        self._records = FunctionRecords(self._add_function, self._drop_function, stamp=header_now)

    def loaded(
        self, function: Callable[..., Any], entry: int, serial: int, header: bytes = b""
    ) -> None:
        """Remember where in the table a function comes from: it need not be pickled again."""
        self._loaded[id(function)] = function, entry, serial, header

    def unloaded(self, function: Callable[..., Any]) -> None:
        """Forget it."""
        self._loaded.pop(id(function), None)

    def renew(self, function: Callable[..., Any]) -> None:
        """Make later promotions use the function's present form. Raises PickleError."""
        function = split_call(function, ())[0]
        self.unloaded(function)
        with for_jobs(self._header_of(jobs.innermost)):
            self._records.renew(function)

    def place_of(self, function: Callable[..., Any]) -> tuple[int, int, Record | None]:
        """Number and serial of the function in the table; and, if we put it there, its record.

        Raises:
            PickleError: It can't be pickled.
            MemoryError: There is no room for it.
        """
        known = self._loaded.get(id(function))
        # There it is with the names of one submission: the job's may be another.
        if known is not None and agrees(known[3]):
            return known[1], known[2], None
        record = self._records.record_for(function)
        return record.handle & ((1 << Place.BITS) - 1), record.handle >> Place.BITS, record

    def _add_function(self, form: bytes) -> int:
        handle = self._port.add_function(form)
        if handle < 0:
            raise MemoryError("no room for a function in the shared heap")
        return handle

    def _drop_function(self, handle: int) -> None:
        self._port.drop_function(handle & ((1 << Place.BITS) - 1))
