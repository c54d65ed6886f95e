"""Predicts speedup on more cores than there are at hand: Penny's scheduler as discrete events.

docs/simulation.md says what the model has, what it leaves out, and how well it does where it can be
checked; predictions.py prints what measured costs predict. Times are in seconds.

The model is that of penny/wasm_core, jobs/README.md and sleep/README.md, for Python's jobs: private
jobs in each worker, promotion of the oldest when a hungry worker rings, theft from a random victim,
one spinner, parking, joins that run what belongs to them. Each worker has a core of its own.
"""

from __future__ import annotations

import functools
import hashlib
import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

# -- Programs: trees of calls ----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Node:
    """A call: it spawns its children, calls the last one itself if `inline`, and joins them, the
    newest first. Nodes may be shared: a tree of equal calls is as small as it is deep."""

    calls: int
    """How many calls it stands for: itself, or a whole subtree that is too small to be told."""
    children: tuple[Node, ...] = ()
    inline: bool = False
    spawns: int = 0
    """Spawns beside those of its children: of such a subtree, which all stay private."""


GRAIN, UTS_GRAIN = 64, 16
"""Calls of a subtree that is run as one: some twenty microseconds, a fraction of a steal's
latency."""


@functools.cache
def totals(node: Node) -> tuple[int, int]:
    """Calls and spawns of a tree."""
    calls, spawns = node.calls, node.spawns + len(node.children) - node.inline
    for child in node.children:
        below = totals(child)
        calls += below[0]
        spawns += below[1]
    return calls, spawns


def coarse(node: Node, grain: int = GRAIN) -> Node:
    """The node as one piece of work if its tree is small enough."""
    calls, spawns = totals(node)
    return node if calls > grain else Node(calls, spawns=spawns)


@functools.cache
def fib(n: int) -> Node:
    """fib(n) with a spawn at every call, as in web/forkjoin_tasks.py."""
    return Node(1) if n < 2 else coarse(Node(1, (fib(n - 1), fib(n - 2)), inline=True))


def queens(n: int) -> Node:
    """n-queens with a spawn per placement."""

    @functools.cache
    def below(row: int, columns: int, left: int, right: int) -> Node:
        if row == n:
            return Node(1)
        children = []
        free = ((1 << n) - 1) & ~(columns | left | right)
        while free:
            bit = free & -free
            free ^= bit
            children.append(below(row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1))
        return coarse(Node(1, tuple(children)))

    return below(0, 0, 0, 0)


UTS_CHILDREN, UTS_THRESHOLD, UTS_SEED = 8, 0.124875 * 2**31, 42


def uts(child: int) -> Node:
    """The subtree of one child of the root of T3, of the UTS benchmark; a spawn per child."""

    def digest(node: bytes, index: int) -> bytes:
        message = node + index.to_bytes(4, "big")
        return hashlib.sha1(message, usedforsecurity=False).digest()

    def children(node: bytes) -> Iterator[bytes]:
        if int.from_bytes(node[16:], "big") & (2**31 - 1) < UTS_THRESHOLD:
            for index in range(UTS_CHILDREN):
                yield digest(node, index)

    # By hand: the tree is deeper than Python's stack.
    root = digest(digest(bytes(16), UTS_SEED), child)
    stack: list[tuple[Iterator[bytes], list[Node]]] = [(children(root), [])]
    while True:
        rest, made = stack[-1]
        state = next(rest, None)
        if state is not None:
            stack.append((children(state), []))
            continue
        stack.pop()
        whole = coarse(Node(1, tuple(made)), UTS_GRAIN)
        if not stack:
            return whole
        stack[-1][1].append(whole)


# -- Costs -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Costs:
    """What things take, in seconds."""

    call: float
    """A call of the program, without spawn and join."""
    spawn: float
    """A spawn, and the join of a job that nobody took."""
    promotion: float
    """The victim's, for each job: pickling it, a slot, a hint."""
    steal: float
    """The thief's: claim, unpickling, and handing in the result."""
    request: float
    """From a thief's ring until its victim begins to promote."""
    notify: float
    """The waker's, for each worker that it wakes: a call of the system."""
    wake: float
    """From the end of that until the woken one looks for work."""


SPIN_MAX, SPIN_MIN = 0.3e-3, 0.01e-3  # parking.c
HELPING_MAX, SMALL_SECONDS = 16, 250e-6  # promotion.py


# -- The machine -----------------------------------------------------------------------------------


class State(Enum):
    """Where a job is; see jobs/README.md."""

    PRIVATE = auto()
    QUEUED = auto()
    RUNNING = auto()
    ENDED = auto()


class Job:
    """A spawned call."""

    __slots__ = ("node", "owner", "state", "task")

    def __init__(self, node: Node, owner: Worker, task: Job | None) -> None:
        self.node = node
        self.owner = owner
        self.state = State.PRIVATE
        self.task = task
        """The stolen job that it was spawned in; None: the program."""

    def is_below(self, task: Job) -> bool:
        """Whether it belongs to a stolen job, or to one of its jobs, and so on."""
        above = self.task
        while above is not None:
            if above is task:
                return True
            above = above.task
        return False


class Frame:
    """A call on a worker's stack."""

    __slots__ = ("entered", "jobs", "node", "root", "task")

    def __init__(self, node: Node, root: Job | None, task: Job | None) -> None:
        self.node = node
        self.root = root
        """The job that it ends; None: its caller goes on by itself."""
        self.task = task
        """The stolen job that it is a part of; None: the program."""
        self.entered = False
        self.jobs: list[Job] = []


@dataclass(eq=False)
class Worker:
    """A worker: its stack, its jobs, and whether it looks for work."""

    number: int
    frames: list[Frame] = field(default_factory=list)
    private: deque[Job] = field(default_factory=deque)
    """Oldest first; entries whose job is not private any more are stale."""
    public: deque[Job] = field(default_factory=deque)
    rung: float | None = None
    """When the doorbell is heard."""
    attention: bool = False
    """Its next spawn promotes."""
    owed: int = 0
    """Promotions that follow without another look at demand."""
    promoting: Job | None = None
    helping: int = 1
    fed: float = -1.0
    spin: float = SPIN_MAX
    has_spun: bool = False
    passes_on: bool = False
    asleep_since: float | None = None
    turn: int = 0
    """Of its events only the one of this number counts."""
    busy: float = 0.0
    """Seconds of calls and spawns: the program itself."""


@dataclass(frozen=True)
class Run:
    """What a simulated run gave."""

    seconds: float
    busy: float
    """Seconds that all workers together spent in the program itself."""
    promotions: int
    steals: int
    """Promoted jobs that a worker took from its own or another's deque."""
    wakes: int


class Simulation:
    """One program on so many workers, from its first call until that returns."""

    def __init__(self, program: Node, costs: Costs, workers: int, seed: int = 1) -> None:
        self.costs = costs
        self.workers = [Worker(number) for number in range(workers)]
        self.idle: set[int] = set(range(1, workers))  # asleep, or about to be
        self.waiting: set[int] = set()  # asleep in a join
        self.spinner: Worker | None = None
        self.onlooker: Worker | None = None  # that spins in a join
        self.queued = 0  # jobs that are visible
        self.promotions = self.steals = self.wakes = 0
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, Worker, int, Callable[[Worker, float], None]]] = []
        self._sequence = 0
        self._end: float | None = None
        first = self.workers[0]
        for worker in self.workers[1:]:
            worker.asleep_since = 0.0
        first.frames.append(Frame(program, None, None))
        first.attention = self._hungry(None)
        self._at(first, 0.0, self._step)

    def run(self) -> Run:
        """Until the program has ended."""
        while self._end is None:
            now, _, worker, turn, action = heapq.heappop(self._events)
            if turn == worker.turn:
                action(worker, now)
        busy = sum(worker.busy for worker in self.workers)
        return Run(self._end, busy, self.promotions, self.steals, self.wakes)

    def _at(self, worker: Worker, time: float, action: Callable[[Worker, float], None]) -> None:
        """What the worker does next; whatever it was to do before is off."""
        worker.turn += 1
        self._sequence += 1
        heapq.heappush(self._events, (time, self._sequence, worker, worker.turn, action))

    # -- Running ---------------------------------------------------------------------------------

    def _step(self, worker: Worker, now: float) -> None:
        """The next piece of what the worker runs, or looking for something to run."""
        if self._answers(worker, now):
            return
        costs = self.costs
        while worker.frames:
            frame = worker.frames[-1]
            node = frame.node
            if not frame.entered:
                frame.entered = True
                spawned = node.children[:-1] if node.inline else node.children
                frame.jobs = [Job(child, worker, frame.task) for child in spawned]
                worker.private.extend(frame.jobs)
                spent = node.calls * costs.call + (node.spawns + len(spawned)) * costs.spawn
                worker.busy += spent
                if node.inline:
                    worker.frames.append(Frame(node.children[-1], None, frame.task))
                if worker.attention and frame.jobs:
                    worker.rung = now  # heard when this piece is over
                self._at(worker, now + spent, self._step)
                return
            if not frame.jobs:
                worker.frames.pop()
                if frame.root is not None:
                    if spent := self._ended(frame.root, now):
                        self._at(worker, now + spent, self._step)
                        return
                elif not worker.frames:
                    self._end = now
                    return
                if self._answers(worker, now):
                    return
                continue
            job = frame.jobs[-1]
            if job.state is State.PRIVATE or (job.state is State.QUEUED and job.owner is worker):
                if job.state is State.QUEUED:  # taken back
                    self.queued -= 1
                job.state = State.RUNNING
                self._drop_stale(worker)
                frame.jobs.pop()
                worker.frames.append(Frame(job.node, None, frame.task))
            elif job.state is State.ENDED:
                frame.jobs.pop()
            else:
                break  # another worker runs it
        self._look(worker, now)

    @staticmethod
    def _drop_stale(worker: Worker) -> None:
        while worker.private and worker.private[-1].state is not State.PRIVATE:
            worker.private.pop()

    def _ended(self, job: Job, now: float) -> float:
        """The job has ended. Returns how long that takes."""
        job.state = State.ENDED
        owner = job.owner
        if owner.number in self.waiting and self._awaited(owner) is job:
            self.waiting.remove(owner.number)
            return self._wake(owner, now)
        if self.onlooker is owner and self._awaited(owner) is job:
            self._at(owner, now, self._found)
        return 0.0

    @staticmethod
    def _awaited(worker: Worker) -> Job | None:
        return worker.frames[-1].jobs[-1] if worker.frames else None

    # -- Looking for work ------------------------------------------------------------------------

    def _look(self, worker: Worker, now: float) -> None:
        """A worker whose stack is empty, or whose innermost call waits for a stolen job."""
        awaited = self._awaited(worker)
        if awaited is not None and awaited.state is State.ENDED:
            self._resume(worker, now)
            return
        self._drop_stale(worker)
        if worker.private:
            job = worker.private.pop()
            job.state = State.RUNNING
            worker.frames.append(Frame(job.node, job, worker.frames[-1].task))
            self._step(worker, now)
            return
        job = self._take(worker)
        if job is not None:
            job.state = State.RUNNING
            self.queued -= 1
            self.steals += 1
            worker.frames.append(Frame(job.node, job, job))
            self._resume(worker, now, self.costs.steal)
        elif not worker.has_spun and (self.spinner if awaited is None else self.onlooker) is None:
            worker.has_spun = True
            if awaited is None:
                self.spinner = worker
            else:
                self.onlooker = worker
            self._ring_busy(worker, now)
            self._at(worker, now + worker.spin, self._gives_up)
        else:
            self._park(worker, now)

    def _resume(self, worker: Worker, now: float, after: float = 0.0) -> None:
        """Go on with something to do."""
        if worker.passes_on and self.queued:
            after += self._wake_one(now)
        worker.has_spun = worker.passes_on = False
        worker.attention = self._hungry(worker.frames[-1].task)
        worker.rung = None
        self._at(worker, now + after, self._step)

    def _take(self, worker: Worker) -> Job | None:
        """Its own newest public job, or the oldest of another's, from a random one on."""
        public = worker.public
        while public and (
            public[-1].state is not State.QUEUED or self._may_take(worker, public[-1])
        ):
            job = public.pop()
            if job.state is State.QUEUED:
                return job
        if not self.queued:
            return None
        first = self._random.randrange(len(self.workers))
        for i in range(len(self.workers)):
            public = self.workers[(first + i) % len(self.workers)].public
            while public and (
                public[0].state is not State.QUEUED or self._may_take(worker, public[0])
            ):
                job = public.popleft()
                if job.state is State.QUEUED:
                    return job
        return None

    def _may_take(self, worker: Worker, job: Job) -> bool:
        awaited = self._awaited(worker)
        return awaited is None or job.is_below(awaited)

    def _stops_spinning(self, worker: Worker) -> None:
        if self.spinner is worker:
            self.spinner = None
        if self.onlooker is worker:
            self.onlooker = None

    def _found(self, worker: Worker, now: float) -> None:
        self._stops_spinning(worker)
        worker.spin = SPIN_MAX
        worker.passes_on = True
        self._look(worker, now)

    def _gives_up(self, worker: Worker, now: float) -> None:
        self._stops_spinning(worker)
        worker.spin = max(worker.spin / 2, SPIN_MIN)
        worker.passes_on = True
        self._look(worker, now)

    def _park(self, worker: Worker, now: float) -> None:
        (self.waiting if worker.frames else self.idle).add(worker.number)
        worker.asleep_since = now
        worker.turn += 1
        self._ring_busy(worker, now)

    def _woken(self, worker: Worker, now: float) -> None:
        assert worker.asleep_since is not None
        if now - worker.asleep_since < SPIN_MAX:
            worker.spin = SPIN_MAX
        worker.asleep_since = None
        worker.passes_on = True
        self._look(worker, now)

    def _wake(self, worker: Worker, now: float) -> float:
        self.wakes += 1
        self._at(worker, now + self.costs.notify + self.costs.wake, self._woken)
        return self.costs.notify

    def _wake_one(self, now: float) -> float:
        """Wake a worker if one is asleep and nobody spins. Returns how long that takes."""
        if self.spinner is not None or not self.idle:
            return 0.0
        number = min(self.idle)  # the lowest bit
        self.idle.remove(number)
        return self._wake(self.workers[number], now)

    # -- Demand and promotion --------------------------------------------------------------------

    def _hungry(self, task: Job | None) -> bool:
        """Whether anybody is, for jobs of that task."""
        if self.idle or (self.spinner is not None and not self.queued):
            return True
        waiters = [self.workers[number] for number in self.waiting]
        if self.onlooker is not None:
            waiters.append(self.onlooker)
        return any(self._feeds(waiter, task) for waiter in waiters)

    def _feeds(self, waiter: Worker, task: Job | None) -> bool:
        awaited = self._awaited(waiter)
        if task is None or awaited is None:
            return False
        return task is awaited or task.is_below(awaited)

    def _ring_busy(self, caller: Worker, now: float) -> None:
        for worker in self.workers:
            asleep = worker.number in self.idle or worker.number in self.waiting
            if worker is not caller and not asleep and worker.rung is None:
                worker.rung = now + self.costs.request

    def _answers(self, worker: Worker, now: float) -> bool:
        """See to what was asked for by now. True: that takes a while, and comes first."""
        if not worker.owed:
            if worker.rung is None or worker.rung > now:
                return False
            worker.rung = None
            task = worker.frames[-1].task if worker.frames else None
            worker.attention = self._hungry(task)
            if not worker.attention:
                return False
            job = self._oldest(worker)
            if job is None:
                return False  # the next spawn will
            small = now - worker.fed < worker.helping * SMALL_SECONDS
            worker.helping = (
                min(worker.helping * 2, HELPING_MAX) if small else max(worker.helping // 2, 1)
            )
            worker.fed = now
            worker.owed = worker.helping
        else:
            job = self._oldest(worker)
            if job is None:
                worker.owed = 0
                worker.rung = now
                return self._answers(worker, now)
        worker.owed -= 1
        if not worker.owed:
            worker.rung = now  # and look at demand again
        worker.promoting = job
        self._at(worker, now + self.costs.promotion, self._promoted)
        return True

    @staticmethod
    def _oldest(worker: Worker) -> Job | None:
        while worker.private:
            job = worker.private.popleft()
            if job.state is State.PRIVATE:
                return job
        return None

    def _promoted(self, worker: Worker, now: float) -> None:
        job = worker.promoting
        assert job is not None
        worker.promoting = None
        job.state = State.QUEUED
        worker.public.append(job)
        self.queued += 1
        self.promotions += 1
        if self.spinner is not None:
            self._at(self.spinner, now, self._found)
        if self.onlooker is not None and self._may_take(self.onlooker, job):
            self._at(self.onlooker, now, self._found)
        elif self.spinner is None and not self.idle:
            for number in self.waiting:
                if self._may_take(self.workers[number], job):
                    self.waiting.remove(number)
                    self._at(worker, now + self._wake(self.workers[number], now), self._step)
                    return
        self._at(worker, now + self._wake_one(now), self._step)


def work(program: Node, costs: Costs) -> float:
    """T₁: what a lone worker takes."""
    calls, spawns = totals(program)
    return calls * costs.call + spawns * costs.spawn


def span(program: Node, costs: Costs) -> float:
    """T∞: the longest path, which no number of workers makes shorter."""

    longest: dict[Node, float] = {}
    stack = [program]
    while stack:  # by hand: trees are deeper than Python's stack
        node = stack[-1]
        below = [child for child in node.children if child not in longest]
        if below:
            stack += below
            continue
        stack.pop()
        spawned = len(node.children) - node.inline
        own = node.calls * costs.call + (node.spawns + spawned) * costs.spawn
        longest[node] = own + max((longest[child] for child in node.children), default=0.0)
    return longest[program]


def simulate(program: Node, costs: Costs, workers: int, seed: int = 1) -> Run:
    """A run of the program on so many workers."""
    return Simulation(program, costs, workers, seed).run()


# -- Predictions -----------------------------------------------------------------------------------

MEASURED: dict[str, Callable[[], Node]] = {
    "fib": functools.partial(fib, 28),
    "nqueens": functools.partial(queens, 11),
    "uts": functools.partial(uts, 208),
}
"""The programs of web/scaling.js, by their name there."""

LABELS = {"fib": "fib(28)", "nqueens": "11 queens", "uts": "UTS, 242,289 nodes"}
"""What these are called where others are shown beside them."""

LARGER: dict[str, tuple[str, Callable[[], Node]]] = {
    "fib(30)": ("fib", functools.partial(fib, 30)),
    "12 queens": ("nqueens", functools.partial(queens, 12)),
}
"""More of the same, with the calls' cost of the measured one."""

WORKERS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Prediction:
    """What the model says of a program."""

    seconds: dict[int, float]
    """By the number of workers."""
    ideal: float
    """T₁/T∞: the speedup that no number of workers exceeds."""

    def speedups(self) -> list[list[float]]:
        """Pairs of a number of workers, and the speedup over one."""
        return [[workers, self.seconds[1] / each] for workers, each in self.seconds.items()]


def predict(program: Node, costs: Costs) -> Prediction:
    """Simulate the program on all WORKERS."""
    seconds = {workers: simulate(program, costs, workers).seconds for workers in WORKERS}
    return Prediction(seconds, work(program, costs) / span(program, costs))


def predictions(costs_us: dict[str, float], serial_ms: dict[str, float]) -> dict[str, Prediction]:
    """All programs, the measured ones under their own names.

    Args:
        costs_us: The fields of Costs but for `call`, in µs.
        serial_ms: What each measured program takes without spawns, by name.
    """
    shared = {name: us / 1e6 for name, us in costs_us.items()}
    costs, found = {}, {}
    for name, make in MEASURED.items():
        program = make()
        costs[name] = Costs(call=serial_ms[name] / 1e3 / totals(program)[0], **shared)
        found[name] = predict(program, costs[name])
    for label, (name, make) in LARGER.items():
        found[label] = predict(make(), costs[name])
    return found
