"""A client's Python half against an oracle, on a port as mean as may be.

Callbacks submit, wait, cancel, raise; finalizers do it between any two steps.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import logging
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from mean_port import LOST, RAISED, RETURNED, Stuck, interrupted, mean_engine, suspending

import penny
from penny.bridge import javascript
from penny.engines.ported.delivery import Waiting
from penny.futures import DONE
from penny.options import DEFAULT

MOST = 120
"""Calls of one run, which end it: a callback may submit for ever."""


class Leave(BaseException):
    """What a callback raises that is no Exception."""


def work(number):
    raise AssertionError("it is the port that works")


class Call:
    """One call, and what is known of it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.future: penny.Future[Any]
        self.cancelled = False
        self.told: list[str] = []


class Play:
    """An engine, its calls, and what may be done with them."""

    def __init__(self, seed: int, waiting: Waiting, often: float) -> None:
        self.random = Random(seed)
        self.waiting = waiting
        self.often = often
        self.engine = mean_engine(self.random, waiting)
        self.other = mean_engine(self.random, Waiting.NEVER)
        self.calls: list[Call] = []
        self.faults: list[str] = []
        self.depth = 0
        self.sleeps = True
        self.stopping = False

    # -- Actions, each of which may come from a callback, or interrupt another --------------------

    def submit(self, engine: Any = None) -> None:
        if len(self.calls) >= MOST:
            return
        call = Call(len(self.calls))
        self.calls.append(call)
        call.future = penny.Future(engine or self.engine)
        many = 1 if self.random.random() < 0.9 else 5000  # larger than the outbox
        try:
            call.future._engine.submit(
                call.future, work, (call.number, "y" * 16 * many), {}, DEFAULT
            )
        except RuntimeError:
            assert self.stopping
            call.cancelled = True
            call.told = ["FINISHED"]
            call.future = penny.Future(self.engine)
            call.future.set_cancelled()
            return
        try:
            call.future.add_done_callback(self.called)  # at once, if it has been delivered already
        finally:  # and then that may leave
            call.future.add_done_callback(lambda future: call.told.append(future._state))

    def called(self, _: Any) -> None:
        """A future's first callback."""
        if self.depth < 4 and self.random.random() < 0.6:
            self.act(self.random.choice(self.ACTIONS))

    def act(self, action: str) -> None:
        self.depth += 1
        try:
            getattr(self, action)()
        except Stuck:
            self.faults.append(f"{action} sleeps for ever")
        except AssertionError as error:
            self.faults.append(f"{action}: {error!r}")
        finally:
            self.depth -= 1

    def interrupt(self) -> None:
        """A finalizer. What it raises is nobody's; it never sleeps, since it may be what is below
        that completes what it waits for."""
        if self.depth < 3:
            outer, self.sleeps = self.sleeps, False
            with contextlib.suppress(Leave, LookupError):
                self.act(self.random.choice(self.ACTIONS))
            self.sleeps = outer

    def pending(self) -> list[Call]:
        # Whose ticket is gone is just being completed, by what was interrupted.
        return [c for c in self.calls if hasattr(c, "future") and c.future.ticket is not None]

    def a_pending(self) -> Call | None:
        pending = self.pending()
        return self.random.choice(pending) if pending else None

    def elsewhere(self) -> None:
        self.submit(self.other)

    def refill(self) -> None:
        for _ in range(self.random.randrange(4)):
            self.submit()

    def cancel(self) -> None:
        call = self.a_pending()
        if call is not None and call.future.cancel():
            call.cancelled = True

    def cancel_many(self) -> None:
        for call in self.pending():
            if self.random.random() < 0.5 and call.future.cancel():
                call.cancelled = True

    def ask(self) -> None:
        if (call := self.a_pending()) is not None:
            call.future.done()
            call.future.running()

    def result(self) -> None:
        call = self.a_pending()
        if call is None:
            return
        timeout = self.random.choice([0, None])
        if call.future._engine is self.other or not self.sleeps:
            timeout = 0
        try:
            call.future.result(timeout)
        except Exception as error:
            assert timeout == 0 or not isinstance(error, TimeoutError)

    def wait(self) -> None:
        futures = [c.future for c in self.pending() if c.future._engine is self.engine][:3]
        if futures:
            first = self.random.random() < 0.5
            when = concurrent.futures.FIRST_COMPLETED if first else concurrent.futures.ALL_COMPLETED
            timeout = None if self.sleeps else 0
            done = concurrent.futures.wait(futures, timeout, return_when=when).done
            assert timeout == 0 or len(done) >= (1 if first else len(futures))

    def turn(self) -> None:
        self.random.choice([self.engine, self.other])._port.turn()

    def leave(self) -> None:
        raise Leave

    def fail(self) -> None:
        raise LookupError("from a callback")

    def collect_garbage(self) -> None:
        gc.collect(0)

    def nothing(self) -> None:
        pass

    ACTIONS = (
        "submit", "submit", "refill", "elsewhere", "cancel", "cancel_many", "ask", "ask", "result",
        "result", "wait", "turn", "leave", "fail", "collect_garbage", "nothing",
    )  # fmt: skip

    # -- From outside ----------------------------------------------------------------------------

    def do(self, action: str) -> None:
        interrupting = interrupted(self.random, self.often, self.interrupt)
        with suspending(self.engine._port), interrupting, contextlib.suppress(Leave, LookupError):
            self.act(action)
        assert not self.faults, self.faults

    def stop(self, cancel: bool) -> None:
        def shut() -> None:
            self.stopping = True
            self.engine.shutdown(cancel=cancel)

        self.shut = shut
        self.do("shut")

    def check(self) -> None:
        """Everything ends, once, as its own task has."""
        for _ in range(10 * MOST):
            if not any(c.future.ticket is not None for c in self.calls):
                break
            for engine in self.engine, self.other:
                engine._port.end_one()
            self.do("turn")
        outcomes = self.engine._port.outcomes | self.other._port.outcomes
        for call in self.calls:
            future = call.future
            assert future._state in DONE, f"call {call.number} never ended"
            assert len(call.told) == 1, call.told
            if future.cancelled():
                assert call.number not in outcomes
                continue
            assert not call.cancelled
            outcome, _ = outcomes[call.number]
            error = future.exception()
            if outcome == RETURNED:
                assert future.result()[0] == call.number
            elif outcome == RAISED:
                assert isinstance(error, KeyError) and error.args == (call.number,)
            else:
                assert outcome == LOST and isinstance(error, penny.WorkerLost)
        for engine in self.engine, self.other:
            assert not engine._pending and not engine._arrivals.queue and not engine._port.large
        if self.stopping:
            assert self.engine._closing


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    patch(monkeypatch)


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(javascript, "proxy", Callback)
    monkeypatch.setattr(javascript, "once", lambda callback: callback)
    monkeypatch.setattr(logging.getLogger("concurrent.futures"), "disabled", True)


class Callback:
    """What keeps a function for JavaScript."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self) -> None:
        self.function()

    def destroy(self) -> None:
        pass


class Delivery(RuleBasedStateMachine):
    """Hypothesis says what is done from outside; what happens meanwhile, the seed does."""

    @initialize(
        seed=st.integers(0, 2**32),
        waiting=st.sampled_from([Waiting.ASLEEP, Waiting.SUSPENDED]),
        often=st.sampled_from([0.0, 0.003, 0.03]),
    )
    def begin(self, seed: int, waiting: Waiting, often: float) -> None:
        self.patch = pytest.MonkeyPatch()
        patch(self.patch)
        self.play = Play(seed, waiting, often)

    @rule(action=st.sampled_from(Play.ACTIONS))
    def act(self, action: str) -> None:
        self.play.do(action)

    @rule(many=st.integers(1, 8))
    def submit_many(self, many: int) -> None:
        for _ in range(many):
            self.play.do("submit")

    @precondition(lambda self: not self.play.stopping)
    @rule(cancel=st.booleans())
    def shut_down(self, cancel: bool) -> None:
        self.play.stop(cancel)

    def teardown(self) -> None:
        try:
            if hasattr(self, "play"):
                self.play.check()
        finally:
            self.patch.undo()


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
