"""An engine whose tasks run when somebody waits for them: what the browser's is, without a browser.

Tasks run one at a time inside `drain`, in the order of submission, or in that of `order`. What the
browser's engine pickles, this one pickles too.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import time
from typing import Any

from penny.engines.engine import Abilities
from penny.engines.outcomes import fail
from penny.errors import BlockingError
from penny.functions import forms, records
from penny.functions.calls import split_call
from penny.futures import Future
from penny.memory.local_blocks import LOCAL
from penny.wire import pickles
from penny.wire.exceptions import dumps_exception, loads_exception


class FakeEngine:
    name = "fake"
    abilities = Abilities(overlaps=True, blocks=True, shares_arrays=True, runs_kernels=True)
    memory = LOCAL
    workers = 2
    patience = None
    completed = 0

    def __init__(self, *, blocking: bool = True, **options: Any) -> None:
        self.options = options
        self.blocking = blocking
        self.queue: list[Future[Any]] = []
        self.taken: Future[Any] | None = None
        self.asked: Future[Any] | None = None
        self.forms: dict[int, bytes] = {}
        self.records = records.FunctionRecords(self._add, self.forms.pop)
        self.stopped: Future[None] | None = None
        self.closed = False
        self.most_queued = 0
        self.submissions = 0

    def _add(self, form: bytes) -> int:
        handle = len(self.forms) + 1
        while handle in self.forms:
            handle += 1
        self.forms[handle] = form
        return handle

    def submit(self, future, function, args, kwargs, options):
        function, args = split_call(function, args)
        record = self.records.record_for(function)
        future.ticket = record, pickles.dumps_arguments(record.name, args, kwargs), options
        self.queue.append(future)
        self.submissions += 1
        self.most_queued = max(self.most_queued, len(self.queue))

    def renew(self, function):
        self.records.renew(split_call(function, ())[0])

    def cancel(self, future):
        if future in self.queue:
            self.queue.remove(future)
            future.ticket = None
            return True
        return False

    def ask_cancel(self, future):
        if future is not self.taken:
            return False
        self.asked = future
        return True

    def running(self, future):
        return future is self.taken

    def can_block(self):
        return self.blocking

    def listen(self):
        """Tests run tasks themselves."""

    def drain(self, timeout=None, wanted=None, since=None):
        if self.taken is None and self.queue:
            if timeout == 0:
                return False
            if not self.blocking:
                raise BlockingError("can't wait here: `await` it")
            self.run_next()
            return True
        if self.stopped is not None and not self.closed:
            self.close()
            return True
        if timeout is None:
            raise AssertionError("would wait for ever")
        time.sleep(timeout)
        return False

    def close(self):
        self.closed = True
        self.stopped.set_result(None)

    def take_next(self):
        """A worker begins the next task, and has not ended it."""
        self.taken = self.queue.pop(0)

    def end_taken(self, outcome):
        """The task that was begun ends: returns, or raises if `outcome` is an exception."""
        future, self.taken = self.taken, None
        record, _, options = future.ticket
        future.ticket = None
        if isinstance(outcome, BaseException):
            error = loads_exception(dumps_exception(outcome))
            fail(future, error, record.name, options)
        else:
            future.set_result(outcome)

    def run_next(self):
        """A worker runs the next task."""
        future = self.queue.pop(0)
        record, arguments, options = future.ticket
        future.ticket = None
        function = forms.loads_function(self.forms[record.handle])
        args, kwargs = pickles.loads(arguments)
        try:
            result = function(*args, **kwargs)
            if inspect.iscoroutine(result):  # in a worker of its own: a loop may run here
                with concurrent.futures.ThreadPoolExecutor(1) as worker:
                    result = worker.submit(asyncio.run, result).result()
            result = pickles.dumps_result(record.name, result)
        except BaseException as error:
            fail(future, loads_exception(dumps_exception(error)), record.name, options)
        else:
            future.set_result(pickles.loads(result))

    def run_all(self):
        while self.queue:
            self.run_next()

    def trace(self):
        return {"traceEvents": []} if self.options.get("trace") else None

    def stats(self):
        return {"workers": [], "heap": {}}

    def shutdown(self, *, cancel):
        if self.stopped is None:
            self.stopped = Future(self)
        if cancel:
            for future in list(self.queue):
                future.cancel()
        return self.stopped
