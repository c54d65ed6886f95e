"""An engine of one's own: tasks run in the processes of `concurrent.futures`.

Forty lines make a `penny.Scheduler` of any executor whose workers share nothing with whoever
submits: calls and outcomes cross as bytes. `python examples/executor_engine.py` runs it, and
docs/engines.md says what each method owes.
"""

import asyncio
import os
import queue
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import penny
from penny import lowlevel


class ExecutorEngine:
    """A process for each worker. See `lowlevel.Engine` for the methods."""

    name = "executor"
    abilities = lowlevel.Abilities(overlaps=True, blocks=True)
    memory = lowlevel.LOCAL
    patience = None  # all completions come by one queue

    def __init__(self, *, workers=None, packages=(), memory=None, check=False, trace=None):
        self.workers = workers or os.cpu_count() or 1
        context = get_context("spawn")
        numbers = context.SimpleQueue()
        for number in range(self.workers):
            numbers.put(number)
        self._pool = ProcessPoolExecutor(self.workers, context, enter, (numbers, self.workers))
        self._changed = threading.Condition()  # guards the next two
        self._queued = {}  # by future, in the order of submission: what it takes to call
        self._calls = {}  # by the executor's future: ours, and what is known of the call
        self._ended = queue.SimpleQueue()  # filled by the executor's thread, emptied by `drain`
        self._run = [0] * self.workers
        self._loop = self._stopped = None
        self.completed = 0

    def submit(self, future, function, args, kwargs, options):
        call = lowlevel.dumps_call(function, args, kwargs, options)
        name = getattr(function, "__qualname__", repr(function))
        self._queued[future] = call, name, options
        self._feed()

    def _feed(self):  # no more than there are workers, so that the rest can be withdrawn
        with self._changed:
            while self._queued and len(self._calls) < self.workers:
                future = next(iter(self._queued))
                call, *known = self._queued.pop(future)
                begun = self._pool.submit(run, call)
                self._calls[begun] = future, *known
                begun.add_done_callback(self._tell)

    def _tell(self, ended):  # in the executor's thread
        with self._changed:
            self._ended.put((ended, *self._calls.pop(ended)))
            self._feed()
            self._changed.notify()
        self._wake()

    def renew(self, function):
        """Each call takes its function along."""

    def cancel(self, future):
        with self._changed:
            self._changed.notify()
            return self._queued.pop(future, None) is not None

    def ask_cancel(self, future):
        return False

    def running(self, future):
        return future not in self._queued

    def can_block(self):
        return True

    def listen(self):
        loop = asyncio._get_running_loop()
        if loop is not None and loop is not self._loop:
            self._loop = loop
            loop.call_soon(self.drain, 0)

    def _wake(self):
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.drain, 0)

    def drain(self, timeout=None, wanted=None, since=None):
        before = self.completed if since is None else since
        while True:
            try:
                waits = timeout != 0 and self.completed == before
                self._complete(*self._ended.get(waits, timeout))
            except queue.Empty:
                return self.completed != before

    def _complete(self, ended, future, name="", options=None):
        self.completed += 1
        if ended is None:  # all have, and the processes
            future.set_result(None)
        elif (error := ended.exception()) is not None:  # a process has died
            future.set_exception(penny.BrokenPool(str(error)))
        else:
            worker, outcome = ended.result()
            self._run[worker] += 1
            lowlevel.settle(future, outcome, name, options)

    def stats(self):
        return {"workers": [{"run": run} for run in self._run], "heap": {}}

    def trace(self):
        return None

    def shutdown(self, *, cancel):
        if cancel:
            for future in list(self._queued):
                future.cancel()
        if self._stopped is None:
            self._stopped = lowlevel.Future(self)
            threading.Thread(target=self._stop).start()
        return self._stopped

    def _stop(self):
        with self._changed:
            self._changed.wait_for(lambda: not self._queued and not self._calls)
        self._pool.shutdown()
        self._ended.put((None, self._stopped))
        self._wake()


def enter(numbers, workers):
    lowlevel.enter_worker(numbers.get(), workers, ExecutorEngine.name)


def run(call):
    return penny.current_worker(), lowlevel.run_call(call)


def main():
    lowlevel.register_engine("executor", ExecutorEngine)
    with penny.Scheduler(workers=2, engine="executor") as s:
        futures = [s.submit(pow, 3, n) for n in range(5)]
        print([future.result() for future in futures])
        print({s.submit(penny.current_worker).result() for _ in range(20)})


if __name__ == "__main__":
    main()
