"""A script and its workers, which are processes: for `penny.mirror.originals` and
`penny.mirror.mirror`.

Every call is answered before the next one is made, by the worker that the test names; what is
submitted early and run late is a `Submitted`. A worker is forked off this file, run as a program.
"""

from __future__ import annotations

import itertools
import os
import pickle
import socket
import subprocess
import sys
import textwrap
from multiprocessing.connection import Connection
from types import ModuleType

from penny.by_value.names import set_names
from penny.functions import records
from penny.functions.cache import FunctionCache
from penny.functions.calls import split_call
from penny.mirror import headers, mirror, originals, returning, settings
from penny.wire import exceptions, pickles


class Bundle:
    """A row of the table, for as long as somebody has this."""

    def __init__(self, rows, form):
        self.rows = rows
        self.place = next(rows.numbers)
        rows[self.place] = form

    def __del__(self):
        del self.rows[self.place]


class Rows(dict):
    def __init__(self):
        super().__init__()
        self.numbers = itertools.count(1)


class Submitted:
    """A call as it waits in a queue."""

    def __init__(self, script, record, data, needs):
        self._script = script
        self.record = record
        self.data = data
        self.needs = needs

    def run(self, worker=0):
        """Have the worker run it. Returns its result, or raises what it raised."""
        return self._script.ask(worker, "call", self.record.handle, self.data)


class Script:
    """A program in `__main__`, and the workers that its functions are submitted to."""

    def __init__(self, surroundings=None):
        self.module = ModuleType("__main__")
        self.rows = Rows()
        self.originals = originals.Originals(lambda form: Bundle(self.rows, form), surroundings)
        self.records = records.FunctionRecords(self._add, self.rows.__delitem__, self.originals)
        self._workers: dict[int, Connection] = {}

    def _add(self, form):
        handle = next(self.rows.numbers)
        self.rows[handle] = form
        return handle

    def run(self, source, namespace=None):
        """Execute source in the module, as a script or a cell of a notebook. Returns its names."""
        namespace = self.module.__dict__ if namespace is None else namespace
        exec(compile(textwrap.dedent(source), "script.py", "exec"), namespace)
        return namespace

    def __getattr__(self, name):
        return self.module.__dict__[name]

    def put(self, function, *args):
        """Pickle a call, as `submit` does."""
        if isinstance(function, str):
            function = self.module.__dict__[function]
        function, args = split_call(function, args)
        outer = set_names(self.originals)
        try:
            record = self.records.record_for(function)
            data = pickles.pack_arguments(record.name, args, {})
        finally:
            set_names(outer)
        data = data if isinstance(data, bytes) else data.joined()
        return Submitted(self, record, data, self.originals.take_used())

    def call(self, function, *args, worker=0):
        """Submit a call, and have it run at once."""
        return self.put(function, *args).run(worker)

    def hand(self, function, *args, giver, taker, by="hand"):
        """Call a function in a worker, that returns another call; have that run elsewhere.

        With "hand_above" it is handed on while a task runs there that knows nothing of the script.
        """
        submitted = self.put(function, *args)
        place, form, data = self.ask(giver, by, submitted.record.handle, submitted.data)
        if not place:
            place = self._add(form)
        return self.ask(taker, "call", place, data)

    def ask(self, worker, *message):
        if worker not in self._workers:
            self._workers[worker] = _fork()
        connection = self._workers[worker]
        connection.send_bytes(pickle.dumps(message))
        while True:
            kind, *answer = pickle.loads(connection.recv_bytes())
            if kind == "row":
                connection.send_bytes(pickle.dumps(self.rows.get(answer[0])))
            elif kind == "raised":
                raise exceptions.loads_exception(answer[0])
            elif kind == "handed":
                return answer
            else:
                return pickles.loads(answer[0])

    def kill(self, worker):
        """End a worker; its successor is a new process."""
        self._workers.pop(worker).close()

    def close(self):
        for connection in self._workers.values():
            connection.close()


_zygote: socket.socket | None = None


def _fork():
    global _zygote
    if _zygote is None:
        _zygote, theirs = socket.socketpair()
        subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        theirs.close()
    ours, theirs = socket.socketpair()
    for each in ours, theirs:  # whatever the script has made the default timeout
        each.setblocking(True)
    socket.send_fds(_zygote, [b"x"], [theirs.fileno()])
    theirs.close()
    return Connection(ours.detach())


# -- The worker's side ---------------------------------------------------------------------------


def main(descriptor):
    import signal

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as requests:
        while (received := socket.recv_fds(requests, 1, 1))[0]:
            if os.fork() == 0:
                requests.close()
                serve(Connection(received[1][0]))
                os._exit(0)
            os.close(received[1][0])


def serve(connection):
    def row(place):
        connection.send_bytes(pickle.dumps(("row", place)))
        return pickle.loads(connection.recv_bytes())

    here = mirror.start(row)
    cache = FunctionCache()
    here.on_change = cache.set_aside
    here.apply_settings = settings.apply
    set_names(returning.Results(here))
    places = {}
    while True:
        try:
            kind, place, data = pickle.loads(connection.recv_bytes())
        except EOFError:
            return
        try:
            function = cache.get(place)
            if function is None:
                function = cache.load(place, lambda place=place: row(place))
                places[id(function)] = place, function, cache.header(place)
            here.last = b""
            args, kwargs = pickles.loads(data)
            header = headers.joined(cache.header(place), here.last)
            result = function(*args, **kwargs)
            if kind in ("hand", "hand_above"):
                answer = hand(header if kind == "hand" else b"", places, *result)
            else:
                answer = "returned", pickles.dumps_result("task", result)
        except BaseException as error:
            answer = "raised", exceptions.dumps_exception(error)
        connection.send_bytes(pickle.dumps(answer))


def hand(header, places, function, *args):
    """A job as it is handed to another worker."""
    function, args = split_call(function, args)
    forms = {}

    def add(form):
        forms[1] = form
        return 1

    with returning.for_jobs(header):
        data = pickles.pack_arguments("job", args, {})
        place, known, known_header = places.get(id(function), (0, None, b""))
        if known is not function or not returning.agrees(known_header):
            place = 0
            records.FunctionRecords(add, lambda _: None).record_for(function)
    data = data if isinstance(data, bytes) else data.joined()
    return "handed", place, forms.get(1, b""), data


if __name__ == "__main__":
    import mirror_pool

    mirror_pool.main(int(sys.argv[1]))
