"""The core and the other workers, without a browser: what a pool worker's Python sees of them.

One worker is real: `penny.engines.pool.worker` runs in this interpreter on a FakePort. Tasks lie in
a dictionary instead of slots, and the thieves are simulated: what one has claimed is run, in a
state of its own, when its outcome is asked for. Functions, arguments and outcomes are pickled as
they would be.
"""

from __future__ import annotations

import contextlib
import enum
import itertools
import json
import pickle
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from fake_arrays import FakeArraysPort

from penny import where
from penny.bridge import javascript
from penny.bridge.numbers import CancelReason, Code, Flag, Joined, Place, Reason, Refusal, Wait
from penny.engines import current
from penny.engines.pool.worker import Worker
from penny.functions import forms
from penny.functions.calls import split_call
from penny.jobs import execution, running
from penny.jobs import job as jobs
from penny.kernels import modules
from penny.wire import pickles
from penny.wire.exceptions import dumps_exception, loads_exception

STATE = (
    "_stale",
    "attention",
    "checking",
    "innermost",
    "masked",
    "noted",
    "outside",
    "private",
    "public",
    "stack",
)


@contextlib.contextmanager
def isolated(worker: int | None = None) -> Iterator[None]:
    """Penny's state of another interpreter."""
    saved = {name: getattr(jobs, name) for name in STATE}
    outer_worker, outer_scheduler = where.worker, current.attached
    outer_home = modules.set_home(None)
    handler = signal.getsignal(signal.SIGUSR1)
    token = jobs.scope_now.set(None)
    outside = execution.Execution()
    jobs._stale = 0
    jobs.attention = True
    jobs.checking = jobs.masked = jobs.noted = False
    jobs.innermost = jobs.outside = outside
    jobs.private = outside.jobs
    jobs.public = None
    jobs.stack = [outside]
    where.worker = worker
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, handler)
        jobs.scope_now.reset(token)
        for name, value in saved.items():
            setattr(jobs, name, value)
        where.worker, current.attached = outer_worker, outer_scheduler
        modules.set_home(outer_home)


class State(enum.Enum):
    QUEUED = enum.auto()
    RUNNING_HERE = enum.auto()
    RUNNING_THERE = enum.auto()
    RETURNED = Joined.RETURNED
    RAISED = Joined.RAISED
    LOST = Joined.LOST


class Task:
    def __init__(
        self, entry, flags, data, interactive, limit=0, owned=True, parent=None, alone=False
    ):
        self.entry = entry
        self.flags = flags
        self.data = data
        self.interactive = interactive
        self.limit = limit
        self.owned = owned
        self.parent = parent
        self.alone = alone
        self.state = State.QUEUED
        self.outcome = b""
        self.asked = 0
        self.carried: Sequence[int] = []


class Reference:
    """Pickles as the very object."""

    objects: ClassVar[dict[int, object]] = {}

    def __init__(self, value):
        self.value = value

    def __reduce__(self):
        self.objects[id(self.value)] = self.value
        return referred, (id(self.value),)


def referred(key):
    return Reference.objects[key]


class Bytes(bytes):
    def to_bytes(self):
        return bytes(self)


class FakePort:
    """See WorkerPort. What follows the first blank line is for tests.

    Attributes:
        thieves: How many other workers are hungry.
        rooms: How many more jobs find room.
        helps: Whether a join gives queued tasks, that belong to it, to the worker that waits.
        before_end: Called with each task that a thief is about to run, while a join waits for it.
        kernels: What the exported functions of all modules do, by name.
        hears: What the last join was to be interrupted for.
    """

    heap_limit = 1 << 24
    workers = 2
    traced = False

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.tasks: dict[int, Task] = {}
        self.queue: deque[int] = deque()
        self.stack: list[int] = []
        self.table: dict[int, tuple[int, bytes]] = {}
        self.handles = itertools.count(64)
        self.serials = itertools.count(1)
        self.reason_bits = 0

        self.thieves = 0
        self.rooms = sys.maxsize
        self.helps = True
        self.before_end: Callable[[Task], object] = lambda task: None
        self.promoted: list[tuple[Any, ...]] = []
        self.taken_back = 0
        self.outcomes: list[Any] = []
        self.kernels: dict[str, Callable[..., Any]] = {}
        self.modules: list[bytes] = []
        self.module_rooms = sys.maxsize
        self.ranges: list[tuple[int, int]] = []
        self.joins = 0
        self.hears = 0
        self.arrays = FakeArraysPort()

    def open(self, inbox: bytearray, outbox: bytearray, parcel: bytearray) -> FakePort:
        self.inbox, self.outbox, self.parcel = inbox, outbox, parcel
        return self

    # -- The test's side -------------------------------------------------------------------------

    def submit(self, function, *args, interactive=False, parent=None, **kwargs) -> int:
        """Queue a task, as a client does; but its function is not copied.

        Or, with a parent, as the worker does that runs it.
        """
        function, args = split_call(function, args)
        entry = self._enter(pickle.dumps(Reference(function)))
        data = pickles.dumps((args, kwargs) if kwargs else args)
        flags = Flag.HAS_KWARGS if kwargs else 0
        task = Task(entry, flags, data, interactive, owned=False, parent=parent)
        return self._add(task)

    def run(self, function, *args, **kwargs) -> Any:
        """Have the worker run this task, and what else is queued; the task's outcome."""
        handle = self.submit(function, *args, **kwargs)
        self.serve()
        task = self.tasks.pop(handle)
        try:
            return self.value(task)
        finally:
            self.check_clean()

    def serve(self, check: bool = False) -> None:
        """Run the worker until nothing is queued."""
        with isolated(worker=0):
            jobs.set_check(check)
            Worker(self.open).run()

    def check_clean(self) -> None:
        """Nothing is left of any job."""
        assert not self.tasks, {handle: task.state for handle, task in self.tasks.items()}
        assert not self.stack

    def value(self, task: Task) -> Any:
        if task.state is State.RETURNED:
            return pickles.loads(task.outcome)
        assert task.state is State.RAISED, task.state
        raise loads_exception(task.outcome)

    def ring(self, reasons: int = Reason.STEAL, thieves: int | None = None) -> None:
        """Ring the worker, by a signal."""
        self.prepare_ring(reasons, thieves)
        signal.raise_signal(signal.SIGUSR1)

    def prepare_ring(self, reasons: int = Reason.STEAL, thieves: int | None = None) -> None:
        if thieves is not None:
            self.thieves = thieves
        elif reasons & Reason.STEAL:
            self.thieves = max(self.thieves, 1)
        self.reason_bits |= reasons

    def cancel(self, handle: int, why: int = CancelReason.ASKED) -> None:
        """Ask the task to end, and ring."""
        self.tasks[handle].asked = why
        self.ring(Reason.CANCEL)

    def steal(self, handle: int | None = None) -> Task | None:
        """A thief claims a job: that one, or the oldest."""
        if handle is None:
            handle = next((each for each in self.queue if self.tasks[each].owned), None)
            if handle is None:
                return None
        self.queue.remove(handle)
        self.tasks[handle].state = State.RUNNING_THERE
        return self.tasks[handle]

    def end_stolen(self, task: Task) -> None:
        """A thief runs what it has claimed."""
        self.before_end(task)
        heard = self.reason_bits & (Reason.CANCEL | self.hears)
        if task.state is not State.RUNNING_THERE or heard:
            return
        with isolated(worker=1):
            modules.set_home(modules.Destination(self.add_kernels, javascript.KernelCaller(self)))
            try:
                function = forms.loads_function(self.table[task.entry][1])
                arguments = pickles.loads(task.data)
                result = running.run(function, arguments)
                task.outcome = pickles.dumps_result(pickles.qualified_name(function), result)
                task.state = State.RETURNED
            except BaseException as error:
                task.outcome = dumps_exception(error)
                task.state = State.RAISED

    # -- The worker's side: the loop -------------------------------------------------------------

    def start(self):
        if not self.queue:
            return Wait.STOPPED
        return self._begin(self.queue.popleft())

    def step(self, raised, size):
        self.finish(raised, size)
        return self.start()

    def finish(self, raised, size, pieces=None, arrays=()):
        task = self.tasks[self.stack.pop()]
        task.outcome = bytes(self.outbox[:size]) if pieces is None else b"".join(pieces)
        assert len(task.outcome) == size
        self._uncarry(task)
        self._carry(task, arrays)
        task.state = State.RAISED if raised else State.RETURNED

    def _begin(self, handle):
        task = self.tasks[handle]
        assert task.state is State.QUEUED
        task.state = State.RUNNING_HERE
        self.stack.append(handle)
        code = self.table[task.entry][0] << Code.SHIFT | Code.IS_TASK | task.flags & Code.HAS_KWARGS
        if self.thieves:
            code |= Code.HUNGRY
        if task.interactive:
            code |= Code.IS_INTERACTIVE
        if len(task.data) > len(self.inbox):
            return code | Code.IS_LARGE
        self.inbox[: len(task.data)] = task.data
        return code

    # -- The innermost task ----------------------------------------------------------------------

    def task(self):
        return self.stack[-1]

    def entry(self):
        return self.tasks[self.stack[-1]].entry

    def arguments_size(self):
        return len(self.tasks[self.stack[-1]].data)

    def read_arguments(self, offset, buffer):
        buffer[:] = self.tasks[self.stack[-1]].data[offset : offset + len(buffer)]

    def arguments_read(self):
        self.tasks[self.stack[-1]].arguments_read = True

    def function(self):
        return Bytes(self.table[self.entry()][1])

    # -- The doorbell ----------------------------------------------------------------------------

    def reasons(self):
        bits, self.reason_bits = self.reason_bits, 0
        return bits

    def hungry(self, handle):
        assert handle in self.stack
        return self.thieves

    def urgent(self):
        for handle in self.queue:
            if self.tasks[handle].interactive:
                self.queue.remove(handle)
                return self._begin(handle)
        return Wait.NOTHING

    def cancel_asked(self, handle):
        assert handle in self.stack
        return self.tasks[handle].asked

    # -- Promotion -------------------------------------------------------------------------------

    def promote(
        self, entry, serial, flags, interactive, limit, parent, alone, size, pieces=None, arrays=()
    ):
        assert parent in self.stack
        if not self.rooms:
            return Refusal.NO_ROOM
        if self.table.get(entry, (0, b""))[0] != serial:
            return Refusal.ENTRY_GONE
        self.rooms -= 1
        data = bytes(self.parcel[:size]) if pieces is None else b"".join(pieces)
        assert len(data) == size
        task = Task(entry, flags, data, interactive, limit, parent=parent, alone=alone)
        self._carry(task, arrays)
        handle = self._add(task)
        self.promoted.append(pickles.loads(data))
        if self.thieves:
            self.thieves -= 1
            self.steal(handle)
        return handle

    def _carry(self, task, arrays):
        assert len(set(arrays)) == len(arrays)
        task.carried = arrays
        for number in arrays:
            assert self.arrays.hold(number, self.arrays.serial(number))

    def _uncarry(self, task):
        for number in task.carried:
            self.arrays.drop(number)
        task.carried = []

    def _add(self, task):
        handle = next(self.handles)
        self.tasks[handle] = task
        self.queue.append(handle)
        return handle

    def _enter(self, form):
        entry = next(each for each in itertools.count(1) if each not in self.table)
        self.table[entry] = next(self.serials), form
        return entry

    def add_function(self, data):
        entry = self._enter(bytes(data))
        return self.table[entry][0] << Place.BITS | entry

    def drop_function(self, entry):
        del self.table[entry]

    # -- Promoted jobs ---------------------------------------------------------------------------

    def take_back(self, handle):
        task = self.tasks[handle]
        if task.state is not State.QUEUED:
            return False
        self.queue.remove(handle)
        self._uncarry(self.tasks.pop(handle))
        self.taken_back += 1
        return True

    def join(self, handle, help, hears, milliseconds):
        task = self.tasks[handle]
        self.joins += 1
        self.hears = hears
        if self.reason_bits & (Reason.CANCEL | hears):
            return Joined.INTERRUPTED
        if help and self.helps and task.state is State.RUNNING_THERE:
            for each in self.queue:
                if self.belongs(each, handle):
                    self.queue.remove(each)
                    return self._begin(each)
        if milliseconds >= 0 and task.state in (State.QUEUED, State.RUNNING_THERE):
            return Joined.NOTHING
        if task.state is State.QUEUED:
            self.steal(handle)
        if task.state is State.RUNNING_THERE:
            self.end_stolen(task)
        if task.state is State.RUNNING_THERE:  # before_end has something else in mind
            return Joined.INTERRUPTED
        assert task.state is not State.RUNNING_HERE
        self.joined = task
        if len(task.outcome) <= len(self.inbox):
            self.inbox[: len(task.outcome)] = task.outcome
        return task.state.value

    def belongs(self, handle, joined):
        """As belongs() in belonging.c. Handles are given out in order."""
        while (parent := self.tasks[handle].parent) is not None:
            if parent == self.tasks[joined].parent:
                return handle == joined or (handle > joined and not self.tasks[joined].alone)
            if parent not in self.tasks:  # it has ended
                return False
            handle = parent
        return False

    def outcome_size(self):
        return len(self.joined.outcome)

    def read_outcome(self, offset, buffer):
        buffer[:] = self.joined.outcome[offset : offset + len(buffer)]

    def outcome_worker(self):
        return 1

    def outcome_asked(self):
        return self.joined.asked

    def release(self, handle):
        assert self.tasks.pop(handle) is self.joined
        self._uncarry(self.joined)

    def begun(self, handle):
        return self.tasks[handle].state is not State.QUEUED

    def ended(self, handle):
        return self.tasks[handle].state in (State.RETURNED, State.RAISED, State.LOST)

    def ask_cancel(self, handle):
        task = self.tasks[handle]
        running = task.state in (State.RUNNING_HERE, State.RUNNING_THERE)
        if running:
            task.asked = CancelReason.ASKED
        return running

    # -- Kernels ---------------------------------------------------------------------------------

    def add_kernels(self, data):
        if not self.module_rooms:
            return Refusal.NO_ROOM
        self.module_rooms -= 1
        self.modules.append(bytes(data))
        return len(self.modules)

    def call_kernel(self, module, name, args):
        assert 1 <= module <= len(self.modules)
        return self.kernels[name](*args)

    def on_task(self, run):
        self.run_found = Reference(run)

    def begin(self, task):
        return self._begin(task)

    def kernel_range(self, module, name, low, high, args):
        self.ranges.append((low, high))
        for i in range(low, high):
            self.call_kernel(module, name, [i, *args])

    def name_function(self, serial, name):
        self.names[serial] = name

    def trace(self):
        return json.dumps({"traceEvents": []}) if self.traced else ""

    def stats(self):
        return "{}"
