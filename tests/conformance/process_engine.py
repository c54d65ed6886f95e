"""An engine with a process for each worker: what the browser's is, on CPython.

Tasks are pickled, run while their caller goes on, are interrupted by signals, and are collected by
whoever waits. A worker is this file, run as a program: jobs and futures inside its tasks are those
of a pool worker, only that nobody steals from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from multiprocessing.connection import Connection

from penny.engines import remote_calls
from penny.engines.engine import Abilities
from penny.errors import Cancelled
from penny.futures import Future
from penny.jobs import running as jobs
from penny.memory.local_blocks import LOCAL
from penny.wire import pickles

QUEUED, CLAIMED, RUNNING, ENDED = range(4)


class Task:
    def __init__(self, name, message, options):
        self.name = name
        self.message = message
        self.options = options
        self.state = QUEUED
        self.process: subprocess.Popen | None = None


class ProcessEngine:
    name = "processes"
    abilities = Abilities(overlaps=True, prioritizes=True, cancels=True, blocks=True)
    memory = LOCAL
    patience = None
    completed = 0

    def __init__(self, *, workers=None, packages=(), memory=None, check=False, trace=None):
        self.workers = workers or 2
        self._changed = threading.Condition()  # guards what follows
        self._queues: tuple[deque[Task], ...] = (deque(), deque())  # interactive, batch
        self._stopping = False
        self._run = [0] * self.workers
        # The rest belongs to the thread of whoever submits.
        self._ended: queue.SimpleQueue = queue.SimpleQueue()
        self._pending: dict[Task, Future] = {}
        self._alive = self.workers
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: Future | None = None
        for worker in range(self.workers):
            threading.Thread(target=self._serve, args=(worker, check), daemon=True).start()

    def submit(self, future, function, args, kwargs, options):
        call = remote_calls.dumps_call(function, args, kwargs, options)
        message = pickle.dumps((options.timeout, call))
        future.ticket = Task(pickles.qualified_name(function), message, options)
        self._pending[future.ticket] = future
        with self._changed:
            self._queues[0 if options.interactive else 1].append(future.ticket)
            self._changed.notify()

    def renew(self, function):
        """Each call takes its function along."""

    def cancel(self, future):
        task = future.ticket
        with self._changed:
            if task is None or task.state != QUEUED:
                return False
            self._queues[0 if task.options.interactive else 1].remove(task)
        future.ticket = None
        del self._pending[task]
        self._stop_when_idle()
        return True

    def ask_cancel(self, future):
        task = future.ticket
        with self._changed:
            while task is not None and task.state == CLAIMED:
                self._changed.wait()
            if task is None or task.state != RUNNING:
                return False
            task.process.send_signal(signal.SIGUSR1)
            return True

    def running(self, future):
        return future.ticket is not None and future.ticket.state != QUEUED

    def can_block(self):
        return True

    def listen(self):
        loop = asyncio._get_running_loop()
        if loop is not None and loop is not self._loop:
            self._loop = loop
            loop.call_soon(self._deliver)

    def drain(self, timeout=None, wanted=None, since=None):
        try:
            self._complete(*self._ended.get(timeout != 0, timeout))
        except queue.Empty:
            return False
        self._deliver()
        return True

    def _deliver(self):
        with contextlib.suppress(queue.Empty):
            while True:
                self._complete(*self._ended.get_nowait())

    def _complete(self, task, answer):
        if task is None:
            self._alive -= 1
            if self._alive == 0:
                self._stopped.set_result(None)
            return
        future = self._pending.pop(task)
        future.ticket = None
        self._stop_when_idle()
        remote_calls.settle(future, answer, task.name, task.options)

    def trace(self):
        return None

    def stats(self):
        return {"workers": [{"run": run} for run in self._run], "heap": {}}

    def shutdown(self, *, cancel):
        if self._stopped is None:
            self._stopped = Future(self)
        if cancel:
            for future in list(self._pending.values()):
                future.cancel()
        self._stop_when_idle()
        return self._stopped

    def _stop_when_idle(self):
        if self._stopped is not None and not self._pending:
            with self._changed:
                self._stopping = True
                self._changed.notify_all()

    # -- The threads, one for each worker --------------------------------------------------------

    def _serve(self, worker, check):
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(
            [sys.executable, __file__, str(worker), str(self.workers), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        theirs.close()
        with process, Connection(ours.detach()) as connection:
            assert connection.recv_bytes() == b"ready"
            while (task := self._next(worker, process)) is not None:
                connection.send_bytes(task.message)
                answer = connection.recv_bytes()
                if answer == b"begun":  # and not deaf to signals any more
                    self._set(task, RUNNING)
                    answer = connection.recv_bytes()
                self._set(task, ENDED)
                self._tell(task, answer)
            connection.send_bytes(b"")
        self._tell(None, b"")

    def _next(self, worker, process):
        with self._changed:
            while not any(self._queues):
                if self._stopping:
                    return None
                self._changed.wait()
            task = (self._queues[0] or self._queues[1]).popleft()
            task.state = CLAIMED
            task.process = process
            self._run[worker] += 1
            return task

    def _set(self, task, state):
        with self._changed:
            task.state = state
            self._changed.notify_all()

    def _tell(self, task, answer):
        self._ended.put((task, answer))
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop may have ended
                self._loop.call_soon_threadsafe(self._deliver)


# -- The worker's side ---------------------------------------------------------------------------


def main(worker, workers, descriptor):
    running = False

    def interrupt(number, _):
        if running:
            raise Cancelled(timed_out=number == signal.SIGALRM)

    signal.signal(signal.SIGUSR1, interrupt)
    signal.signal(signal.SIGALRM, interrupt)
    remote_calls.enter_worker(worker, workers, ProcessEngine.name)
    with Connection(descriptor) as connection:
        connection.send_bytes(b"ready")
        while message := connection.recv_bytes():
            timeout, call = pickle.loads(message)

            def run(function, args, timeout=timeout):
                nonlocal running
                try:
                    running = True
                    connection.send_bytes(b"begun")
                    signal.setitimer(signal.ITIMER_REAL, timeout or 0)
                    return jobs.run(function, args)
                finally:
                    running = False
                    signal.setitimer(signal.ITIMER_REAL, 0)

            connection.send_bytes(remote_calls.run_call(call, run))


class FileGate:
    """A gate (see `conformance.Gate`) between processes, in a folder."""

    def __init__(self, folder):
        self.path = folder / os.urandom(8).hex()

    def wait(self):
        self._mark("reached").touch()
        self._await("open")

    def open(self):
        self._mark("open").touch()

    def reached(self):
        self._await("reached")

    def _mark(self, what):
        return self.path.with_suffix(f".{what}")

    def _await(self, what):
        deadline = time.monotonic() + 30
        while not self._mark(what).exists():
            assert time.monotonic() < deadline, f"the gate was never {what}"
            time.sleep(0.002)


if __name__ == "__main__":
    # Under the name by which classes of this module pickle.
    import process_engine

    process_engine.main(*map(int, sys.argv[1:]))
