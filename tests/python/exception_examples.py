"""Exceptions of many kinds, and what is to be seen of one."""

from __future__ import annotations

import dataclasses
import errno
import json

import penny
from penny import PickleError


def raised(function, *args) -> BaseException:
    try:
        function(*args)
    except BaseException as error:
        return error
    raise AssertionError


class Picky(Exception):
    """Its constructor takes other arguments than `args` holds."""

    def __init__(self, code, *, reason):
        super().__init__(f"{code}: {reason}")
        self.code = code


class Holder(Exception):
    def __init__(self, message, thing):
        super().__init__(message)
        self.thing = thing


class Breaking(Exception):
    def __reduce__(self):
        raise RuntimeError("no")


class SensorGone(OSError):
    def __init__(self, port, reading=None):
        super().__init__(errno.ENODEV, "no such sensor", port)
        self.reading = reading


class Renamed(OSError):
    def __init__(self):
        super().__init__(errno.EEXIST, "there is one", "a", None, "b")


class Quit(SystemExit):
    def __init__(self, why, *, status):
        super().__init__(status)
        self.why = why


class NoPlugin(ImportError):
    def __init__(self, plugin, path):
        super().__init__(f"no plugin {plugin}", name=plugin, path=path)


class BadText(UnicodeDecodeError):
    def __init__(self, data):
        super().__init__("ascii", data, 0, 1, "not plain")


class BadLine(SyntaxError):
    def __init__(self, line, number):
        super().__init__("strange line", ("config.ini", number, 1, line, number, 3))


class Stopped(StopIteration):
    def __init__(self, a, b):
        super().__init__((a, b))


class Slotted(KeyError):
    __slots__ = ("__private", "code", "unset")

    def __init__(self, code):
        super().__init__("k")
        self.code = code
        self.__private = -code


class Further(Slotted):
    __slots__ = ("__private",)

    def __init__(self):
        super().__init__(3)
        self.__private = None

    def both(self):
        return self.__private, self._Slotted__private


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    code: int
    rows: list


class Counted(Exception):
    made = 0

    def __new__(cls, *args, **kwargs):
        cls.made += 1
        return super().__new__(cls)

    def __init__(self, *, code):
        type(self).made += 1
        self.code = code


class Lying(Exception):
    def __reduce__(self):
        return ValueError, ("something else",)


class Odd(Exception):
    """Nothing of it behaves."""

    def __init__(self, code):
        super().__init__("odd")
        self.code = code

    def __getattr__(self, name):
        return f"a {name}"

    def __setattr__(self, name, value):
        if name != "code" or "code" in vars(self):
            raise TypeError("finished")
        super().__setattr__(name, value)

    def __eq__(self, other):
        raise TypeError("not to be compared")

    __hash__ = None

    def __str__(self):
        return Text(f"odd {self.code}")


class Text(str):
    """Not to be met where a str is meant."""


class Both(NoPlugin, KeyError):
    """Of two built-in bases, of which one has fields."""


class Answer(ValueError):
    args = ("not these",)


def renamed_late():
    error = FileNotFoundError(2, "gone", "file")
    error.errno, error.filename = 5, b"other"
    return error


def written():
    error = BlockingIOError(11, "later", 7)
    error.more = {"a": [1, 2]}
    return error


def changed():
    error = ValueError("before")
    error.args = ("after", 2)
    return error


MADE = [
    lambda: ValueError("bad", 3),
    lambda: KeyError("k"),
    lambda: OSError(2, "gone", "file"),
    lambda: OSError(),
    lambda: OSError("one"),
    lambda: OSError(2, "gone", "file", None, "other"),
    lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    lambda: UnicodeEncodeError("ascii", "\xff", 0, 1, "bad"),
    lambda: UnicodeTranslateError("\xff", 0, 1, "bad"),
    lambda: SystemExit(3),
    lambda: SystemExit(),
    lambda: KeyboardInterrupt(),
    lambda: StopIteration(5),
    lambda: StopAsyncIteration(),
    lambda: GeneratorExit(),
    lambda: MemoryError(),
    lambda: PickleError("told so"),
    lambda: ImportError("m", name="n", path="p"),
    lambda: NameError("m", name="n"),
    lambda: AttributeError("m", name="n", obj=[1]),
    lambda: raised(compile, "a = = b", "file.py", "exec"),
    lambda: raised(compile, "if 1:\n\tx\n        y", "file.py", "exec"),
    lambda: raised(json.loads, "{"),
    lambda: raised(int, "x"),
    lambda: raised(lambda: {}["k"]),
    lambda: SensorGone("/dev/ttyS9", reading=7),
    Renamed,
    lambda: Quit("enough", status=3),
    lambda: NoPlugin("csv2", "/plugins/csv2.py"),
    lambda: BadText(b"\xe9"),
    lambda: BadLine("a == = b", 12),
    lambda: Stopped(1, 2),
    lambda: Slotted(5),
    Further,
    lambda: Frozen(5, [1]),
    lambda: Lying("as it was"),
    lambda: Odd(5),
    lambda: Both("a", "b"),
    lambda: Answer("these"),
    renamed_late,
    written,
    changed,
    lambda: penny.KernelError("k", "trap"),
    lambda: penny.Cancelled(timed_out=True),
]


FIELDS = (
    *("errno", "strerror", "filename", "filename2", "characters_written", "code", "msg", "name"),
    *("path", "name_from", "encoding", "object", "start", "end", "reason", "lineno", "offset"),
    *("text", "end_lineno", "end_offset", "print_file_and_line", "value", "obj", "kernel"),
    *("doc", "pos", "colno", "unset", "_Slotted__private", "_Further__private", "rows"),
)


def looks(error: BaseException) -> tuple:
    fields = {name: getattr(error, name) for name in FIELDS if hasattr(error, name)}
    attributes = BaseException.__dict__["__dict__"].__get__(error)
    attributes = {k: v for k, v in attributes.items() if k != "_occasion"}
    real_args = BaseException.args.__get__(error)
    return type(error), real_args, str(error), repr(error), fields, attributes
