"""Random programs of done-callbacks: they submit, wait, cancel, raise, leave garbage that does so.

Each call has one outcome, so each future has one right value, or was cancelled. They are played
wherever futures are completed: by a script, by a coroutine task, inside a task. See
web/penny/tasks/README.md and tests/browser/test_callbacks.py.
"""

import argparse
import asyncio
import concurrent.futures
import contextlib
import gc
import logging
import random

import penny

MOST = 150
"""Calls of one program: a callback may submit for ever."""


class Leave(BaseException):
    """What a callback raises that is no Exception."""


def work(number, size):
    return number, "x" * size, penny.current_worker()


def fail(number, _):
    raise KeyError(number)


class Garbage:
    """A circle that acts when it is collected."""

    def __init__(self, play):
        self.circle = self
        self.play = play

    def __del__(self):
        self.play.act_safely(["ask", "submit", "cancel"])


class Play:
    def __init__(self, scheduler, seed):
        self.scheduler = scheduler
        self.random = random.Random(seed)
        self.calls = []
        self.told = []
        self.depth = 0

    def submit(self):
        number = len(self.calls)
        if number >= MOST:
            return
        function = work if self.random.random() < 0.8 else fail
        self.calls.append(None)  # the number is taken
        self.told.append(0)
        size = self.random.choice([0, 10, 100, 1000, 300_000 if self.random.random() < 0.1 else 0])
        future = self.calls[number] = self.scheduler.submit(function, number, size)
        future.add_done_callback(self.called)
        future.add_done_callback(lambda _: self.count(number))

    def count(self, number):
        self.told[number] += 1

    def called(self, future):
        if self.depth < 3 and self.random.random() < 0.7:
            if self.random.random() < 0.1:
                assert not future.cancel() or future.cancelled()  # itself
            self.act(self.ACTIONS)

    def act(self, actions):
        self.depth += 1
        try:
            getattr(self, self.random.choice(actions))()
        finally:
            self.depth -= 1

    def act_safely(self, actions):
        with contextlib.suppress(Leave, LookupError):
            self.act(actions)

    def pending(self):
        return [f for f in self.calls if f is not None and not f._state.startswith(("C", "F"))]

    def refill(self):
        for _ in range(self.random.randrange(5)):
            self.submit()

    def map(self):
        numbers = [self.random.randrange(100) for _ in range(3)]
        with contextlib.suppress(penny.BlockingError):
            assert list(self.scheduler.map(abs, numbers)) == numbers

    def cancel(self):
        if pending := self.pending():
            self.random.choice(pending).cancel()

    def ask(self):
        if pending := self.pending():
            self.random.choice(pending).done()

    def wait(self):
        if pending := self.pending():
            try:
                self.random.choice(pending).exception(60)
            except penny.BlockingError:
                pass
            except concurrent.futures.CancelledError:
                pass

    def wait_for_some(self):
        if pending := self.pending()[:4]:
            with contextlib.suppress(penny.BlockingError):
                assert concurrent.futures.wait(pending, 60, "FIRST_COMPLETED").done

    def litter(self):
        Garbage(self)
        gc.collect(0)

    def leave(self):
        raise Leave

    def fail(self):
        raise LookupError("from a callback")

    ACTIONS = (
        "submit", "submit", "refill", "refill", "map", "cancel", "ask", "wait", "wait",
        "wait_for_some", "litter", "leave", "fail",
    )  # fmt: skip

    def begin(self):
        for _ in range(25):
            self.act_safely(self.ACTIONS)

    def settle(self):
        while pending := self.pending():
            with contextlib.suppress(Leave, concurrent.futures.CancelledError):
                pending[0].exception(60)

    async def settle_by_awaiting(self):
        while pending := self.pending():
            done, _ = await asyncio.wait([asyncio.wrap_future(f) for f in pending[:3]], timeout=60)
            for future in done:  # asyncio reports what nobody asks for, whenever it is collected
                if not future.cancelled():
                    future.exception()

    def check(self):
        workers = set()
        for number, future in enumerate(self.calls):
            assert self.told[number] == 1, f"call {number}: told {self.told[number]} times"
            if future.cancelled():
                continue
            if error := future.exception(0):
                assert type(error) is KeyError and error.args == (number,), repr(error)
            else:
                got, _, worker = future.result(0)
                assert got == number, f"call {number} has got {got}"
                workers.add(worker)
        assert None not in workers
        return len(self.calls), workers


def quiet():
    logging.getLogger("concurrent.futures").disabled = True


def in_task(seed):
    quiet()
    play = Play(penny.current_scheduler(), seed)
    play.begin()
    play.settle()
    return play.check()


async def in_coroutine(seed):
    quiet()
    play = Play(penny.current_scheduler(), seed)
    play.begin()
    await play.settle_by_awaiting()
    return play.check()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--programs", type=int, default=10)
    options = parser.parse_args()
    quiet()
    async with penny.Scheduler() as scheduler:
        calls = 0
        workers = set()
        for seed in range(options.seed, options.seed + options.programs):
            for where in "script", "task", "coroutine":
                print(f"seed {seed}: {where}", flush=True)
                if where == "script":
                    play = Play(scheduler, seed)
                    play.begin()
                    await play.settle_by_awaiting()
                    report = play.check()
                else:
                    function = in_task if where == "task" else in_coroutine
                    report = await scheduler.submit(function, seed)
                calls += report[0]
                workers |= report[1]
    assert calls > 20 * options.programs and workers, (calls, workers)

    # The last callback opens another scheduler, and ends this one.
    scheduler = penny.Scheduler(workers=1)
    others = []

    def end(_):
        others.append(penny.Scheduler(workers=1))
        others.append(others[0].submit(work, 7, 0))
        scheduler.shutdown(wait=False, cancel_futures=True)

    futures = [scheduler.submit(work, number, 0) for number in range(3)]
    futures[0].add_done_callback(end)
    ended = await asyncio.gather(*futures, return_exceptions=True)
    assert ended[0][0] == 0
    for number, outcome in enumerate(ended):
        assert isinstance(outcome, asyncio.CancelledError) or outcome[0] == number
    await scheduler.aclose()
    assert (await others[1])[0] == 7
    await others[0].aclose()
    print(f"{options.programs} programs as expected, three times")


if __name__ == "__main__":
    asyncio.run(main())
