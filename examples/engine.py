"""An engine of one's own: tasks run in the processes of `concurrent.futures`.

Forty lines make a `penny.Scheduler` of any executor whose workers share nothing with whoever
submits: calls and outcomes cross as bytes. `python examples/engine.py` runs it; docs/engines.md says
what each method owes.
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
        self._pending = {}  # by the executor's future: ours, and what is known of the call
        self._ended = queue.SimpleQueue()  # filled by the executor's thread, emptied by `drain`
        self._run = [0] * self.workers
        self._loop = self._stopped = None
        self.completed = 0

    def submit(self, future, function, args, kwargs, options):
        future.ticket = self._pool.submit(run, lowlevel.dumps_call(function, args, kwargs, options))
        name = getattr(function, "__qualname__", repr(function))
        self._pending[future.ticket] = future, name, options
        future.ticket.add_done_callback(self._tell)

    def renew(self, function):
        """Each call takes its function along."""

    def cancel(self, future):
        return future.ticket is not None and future.ticket.cancel()

    def ask_cancel(self, future):
        return False

    def running(self, future):
        return future.ticket is not None and future.ticket.running()

    def can_block(self):
        return True

    def listen(self):
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self.drain, 0)

    def _tell(self, ended):  # in the executor's thread
        self._ended.put(ended)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.drain, 0)

    def drain(self, timeout=None, wanted=None, since=None):
        before = self.completed if since is None else since
        while True:
            try:
                waits = timeout != 0 and self.completed == before
                self._complete(self._ended.get(waits, timeout))
            except queue.Empty:
                return self.completed != before

    def _complete(self, ended):
        future, name, options = self._pending.pop(ended, (self._stopped, "", None))
        if ended is not None and ended.cancelled():
            return  # its future has settled itself
        self.completed += 1
        future.ticket = None
        if ended is None:
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
            for future, *_ in list(self._pending.values()):
                future.cancel()
        if self._stopped is None:
            self._stopped = lowlevel.Future(self)
            threading.Thread(target=self._stop).start()
        return self._stopped

    def _stop(self):
        self._pool.shutdown()
        self._tell(None)


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
