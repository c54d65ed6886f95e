"""What a program has set in modules of the standard library, so that its tasks find it set, too.

A process that runs the script has it by that, or by a fork. Here it is part of the surroundings
(`penny.mirror.surroundings`): a submitter asks `changed` at each submission, and takes the settings
anew when they have; a worker applies those of a task that are others than those of its last one.

What is set by functions of modules that every program has imported is counted as it is written.
Where nothing is called, or the module may come later, few values are compared, and none of modules
that are not imported. Each setting has a key (module, kind, name) and changes by itself: what tasks
set in their worker stays until the submitter's setting of that key changes.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import logging
import operator
import pickle
import socket
import sys
import warnings
from collections.abc import Callable
from typing import Any, Protocol

from penny.by_value.names import set_names
from penny.by_value.pickler import ByValuePickler
from penny.by_value.reducing import PROTOCOL
from penny.mirror.counting import Counter

__all__ = [
    "apply",
    "begin",
    "changed",
    "context",
    "enter_context",
    "fingerprint",
    "set_context",
    "take",
    "watch",
]

Key = tuple[str, str, str]
"""Module, kind and name of a setting."""

Dump = Callable[[object], bytes]
"""Pickles a value so that a worker can load it; raises where it can't travel."""


class _Module(Protocol):
    """The settings of one module. It is asked for them only when that is imported."""

    compared: bool
    """Whether `changed` is to be asked."""

    def begin(self) -> None:
        """The module has been imported."""

    def see(self) -> list[list[Any]]:
        """Remember how all is now, for `changed`. Returns lists whose items are looked at, too."""

    def changed(self) -> bool:
        """Whether something differs that is neither counted nor in those lists."""

    def values(self) -> dict[Key, Any]:
        """What differs from what Python begins with."""

    def now(self, key: Key) -> Any:
        """What one is here."""

    def put(self, key: Key, value: Any) -> None:
        """Set one."""

    def fewer(self, value: Any, dump: Dump) -> Any:
        """What of a value can travel; None: nothing."""


# -- Counting --------------------------------------------------------------------------------------

_writes = Counter()
"""Counts what sets."""

_COUNTED: tuple[tuple[Any, str], ...] = (
    (sys, "setrecursionlimit set_int_max_str_digits"),
    (socket, "setdefaulttimeout"),
    (logging, "addLevelName setLogRecordFactory captureWarnings"),
    (logging.Filterer, "addFilter removeFilter"),
    (logging.Logger, "addHandler removeHandler"),
)


def watch() -> None:
    """Take note of what is set from now on."""
    for holder, names in _COUNTED:
        for name in names.split():
            setattr(holder, name, _writes.counting(getattr(holder, name)))
    # Attributes of loggers and handlers: levels, `propagate`, `disabled`, formatters; and
    # `logging.disable`. Both classes are but seldom written to.
    for kind in logging.Filterer, logging.Manager:
        kind.__setattr__ = _writes.counting(object.__setattr__)  # type: ignore[method-assign]
    _MODULES["csv"].compared = not _counts_csv()


def _counts_csv() -> bool:
    """Have what csv's functions set counted, unless somebody may have these already."""
    if "csv" in sys.modules:
        return hasattr(sys.modules["csv"].register_dialect, "__wrapped__")
    import csv

    limit = csv.field_size_limit

    @functools.wraps(limit)
    def field_size_limit(*new_limit: Any) -> int:
        try:
            return limit(*new_limit)
        finally:
            _writes.count += len(new_limit)  # none: it only asks

    csv.field_size_limit = field_size_limit  # type: ignore[assignment]
    for name in "register_dialect", "unregister_dialect":
        setattr(csv, name, _writes.counting(getattr(csv, name)))
    return True


# -- Settings that are one value -------------------------------------------------------------------


class _Plain:
    """Values that functions of a module get and set.

    Args:
        module: Its name.
        values: By kind: the function that gets it, the one that sets it, what Python begins with.
    """

    compared = False

    def __init__(self, module: str, values: dict[str, tuple[str, str, Any]]) -> None:
        self._module = module
        self._values = values

    def begin(self) -> None:
        pass

    def see(self) -> list[list[Any]]:
        return []

    def changed(self) -> bool:
        return False

    def values(self) -> dict[Key, Any]:
        return {
            (self._module, kind, ""): value
            for kind, (get, _, default) in self._values.items()
            if (value := getattr(sys.modules[self._module], get)()) != default
        }

    def now(self, key: Key) -> Any:
        return getattr(sys.modules[self._module], self._values[key[1]][0])()

    def put(self, key: Key, value: Any) -> None:
        getattr(sys.modules[self._module], self._values[key[1]][1])(value)

    def fewer(self, value: Any, dump: Dump) -> Any:
        return None


class _Interpreter(_Plain):
    def put(self, key: Key, value: Any) -> None:
        if key[1] == "recursion limit":
            # A worker's own leaves room for what `join` takes, so no task gets less than that. And
            # a task on top of others may be deeper than an older limit.
            with contextlib.suppress(RecursionError):
                sys.setrecursionlimit(max(value, _began[key]))
        else:
            super().put(key, value)


class _Locale:
    """`locale.setlocale`, of all categories in one text."""

    _KEY = "locale", "all", ""
    compared = False

    def __init__(self) -> None:
        try:
            import _locale

            self._default = _locale.setlocale(_locale.LC_ALL)
        except Exception:  # there is none
            self._default = ""

    def begin(self) -> None:
        # What the module's own functions call, so that it is nothing to have imported them before.
        import locale

        module: Any = locale
        original = module._setlocale

        @functools.wraps(original)
        def counted(category: int, value: Any = None) -> Any:
            _writes.count += value is not None  # else it only asks
            return original(category, value)

        if not hasattr(original, "__wrapped__"):
            module._setlocale = counted

    def see(self) -> list[list[Any]]:
        return []

    def changed(self) -> bool:
        return False

    def values(self) -> dict[Key, Any]:
        now = self.now(self._KEY)
        return {} if now == self._default else {self._KEY: now}

    def now(self, key: Key) -> Any:
        import locale

        return locale.setlocale(locale.LC_ALL)

    def put(self, key: Key, value: Any) -> None:
        import locale

        locale.setlocale(locale.LC_ALL, value)

    def fewer(self, value: Any, dump: Dump) -> Any:
        return None


# -- decimal ---------------------------------------------------------------------------------------

_CONTEXT = "decimal", "context", ""
_DEFAULT = "decimal", "DefaultContext", ""
_fields = operator.attrgetter("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "traps")


class _Decimal:
    """The context of whoever submits, and what contexts are made of where there is none yet."""

    compared = True
    _PYTHONS = 28, "ROUND_HALF_EVEN", -999999, 999999, 1, 0
    _TRAPS = "DivisionByZero", "InvalidOperation", "Overflow"

    def begin(self) -> None:
        import decimal

        self._decimal = decimal

    def see(self) -> list[list[Any]]:
        contexts = self._decimal.getcontext(), self._decimal.DefaultContext
        self._copies = [context.copy() for context in contexts]  # traps live as long as these
        self._seen, self._seen_default = map(_fields, self._copies)
        return []

    def changed(self) -> bool:
        decimal = self._decimal
        return (
            _fields(decimal.getcontext()) != self._seen
            or _fields(decimal.DefaultContext) != self._seen_default
        )

    def values(self) -> dict[Key, Any]:
        pythons = *self._PYTHONS, self._TRAPS
        return {key: value for key in (_CONTEXT, _DEFAULT) if (value := self.now(key)) != pythons}

    def now(self, key: Key) -> Any:
        import decimal

        context = decimal.getcontext() if key == _CONTEXT else decimal.DefaultContext
        *fields, traps = _fields(context)
        return *fields, tuple(sorted(signal.__name__ for signal, trap in traps.items() if trap))

    def put(self, key: Key, value: Any) -> None:
        import decimal

        context = decimal.Context() if key == _CONTEXT else decimal.DefaultContext
        precision, rounding, low, high, capitals, clamp, traps = value
        context.prec, context.rounding, context.Emin, context.Emax = precision, rounding, low, high
        context.capitals, context.clamp = capitals, clamp
        for signal in context.traps:
            context.traps[signal] = signal.__name__ in traps
        if key == _CONTEXT:
            context.clear_flags()
            decimal.setcontext(context)

    def fewer(self, value: Any, dump: Dump) -> Any:
        return None


def context() -> Any:
    """The decimal context here; None: nobody has imported `decimal`."""
    decimal = sys.modules.get("decimal")
    return None if decimal is None else decimal.getcontext()


def set_context(context: Any) -> None:
    """Make what `context` gave the decimal context again."""
    if context is not None:
        sys.modules["decimal"].setcontext(context)


def enter_context() -> None:
    """Let the running coroutine task have the decimal context of its submission.

    Such a context is a context variable's value: each task has its own, also one that begins while
    another waits.
    """
    form = _applied.get(_CONTEXT)
    if form is not None:
        _MODULES["decimal"].put(_CONTEXT, pickle.loads(form))


# -- logging ---------------------------------------------------------------------------------------


_LEVEL_NAMES = {
    logging.CRITICAL: "CRITICAL",
    logging.ERROR: "ERROR",
    logging.WARNING: "WARNING",
    logging.INFO: "INFO",
    logging.DEBUG: "DEBUG",
    logging.NOTSET: "NOTSET",
}


class _Logging:
    """Levels and switches of each logger, handlers and filters of all of them, and what is global.

    The name of the root logger is empty: another one may be called `root`.
    """

    compared = False

    def __init__(self) -> None:
        self._held: set[str] = set()
        """Loggers here that have handlers or filters of the submitter's."""

    def begin(self) -> None:
        pass

    def see(self) -> list[list[Any]]:
        # `handlers.clear()` and the like are counted by nobody.
        loggers = (logger for name, logger in self._loggers() if logger.handlers or not name)
        return [logger.handlers for logger in loggers]

    def changed(self) -> bool:
        return False

    def values(self) -> dict[Key, Any]:
        values: dict[Key, Any] = {}
        # Each with where it is: loggers may share one, and each travels by itself.
        held: dict[int, tuple[list[tuple[str, str, int]], Any]] = {}
        for name, logger in self._loggers():
            switches = logger.level, logger.propagate, logger.disabled
            if switches != ((0 if name else logging.WARNING), True, False):
                values["logging", "logger", name] = switches
            for kind, items in ("handlers", logger.handlers), ("filters", logger.filters):
                for place, item in enumerate(items):
                    held.setdefault(id(item), ([], item))[0].append((name, kind, place))
        if held:
            values["logging", "handlers", ""] = list(held.values())
        if logging._levelToName != _LEVEL_NAMES:
            values["logging", "level names", ""] = dict(logging._levelToName)
        if logging.root.manager.disable:
            values["logging", "disable", ""] = logging.root.manager.disable
        if logging.getLogRecordFactory() is not logging.LogRecord:
            values["logging", "record factory", ""] = logging.getLogRecordFactory()
        if self.now(("logging", "warnings", "")):
            values["logging", "warnings", ""] = True
        return values

    def now(self, key: Key) -> Any:
        _, kind, name = key
        if kind == "logger":
            logger = self._logger(name)
            return logger.level, logger.propagate, logger.disabled
        if kind == "handlers":
            return []
        if kind == "level names":
            return dict(logging._levelToName)
        if kind == "disable":
            return logging.root.manager.disable
        if kind == "record factory":
            return logging.getLogRecordFactory()
        return logging._warnings_showwarning is not None  # type: ignore[attr-defined]

    def put(self, key: Key, value: Any) -> None:
        _, kind, name = key
        if kind == "logger":
            logger = self._logger(name)
            level, logger.propagate, logger.disabled = value
            logger.setLevel(level)
        elif kind == "handlers":
            for each in self._held:
                self._logger(each).handlers, self._logger(each).filters = [], []
            places = [(*where, item) for wheres, item in value for where in wheres]
            self._held = {each for each, *_ in places}
            for each in self._held:
                self._logger(each).handlers, self._logger(each).filters = [], []
            for each, held, _, item in sorted(places, key=operator.itemgetter(2)):
                getattr(self._logger(each), held).append(item)
        elif kind == "level names":
            for level in logging._levelToName.keys() - value.keys():
                logging._nameToLevel.pop(logging._levelToName.pop(level), None)
            for level, text in value.items():
                logging.addLevelName(level, text)
        elif kind == "disable":
            logging.disable(value)
        elif kind == "record factory":
            logging.setLogRecordFactory(value)
        else:
            logging.captureWarnings(value)

    def fewer(self, value: Any, dump: Dump) -> Any:
        return None

    def _loggers(self) -> list[tuple[str, logging.Logger]]:
        known = list(logging.root.manager.loggerDict.items())
        loggers = [(name, each) for name, each in known if isinstance(each, logging.Logger)]
        return [("", logging.root), *loggers]

    def _logger(self, name: str) -> logging.Logger:
        return logging.getLogger(name) if name else logging.root


def _dumped(value: Any, dump: Dump) -> bytes | None:
    try:
        return dump(value)
    except MemoryError:
        raise
    except Exception:
        return None


# -- warnings, csv ---------------------------------------------------------------------------------


class _Warnings:
    """The list of filters, which is another one within `catch_warnings`."""

    compared = False
    _KEY = "warnings", "filters", ""
    _PYTHONS = (
        ("default", None, DeprecationWarning, "__main__", 0),
        *(
            ("ignore", None, kind, None, 0)
            for kind in (
                DeprecationWarning,
                PendingDeprecationWarning,
                ImportWarning,
                ResourceWarning,
            )
        ),
    )

    def begin(self) -> None:
        pass

    def see(self) -> list[list[Any]]:
        return [warnings.filters]  # type: ignore[list-item]

    def changed(self) -> bool:
        return False

    def values(self) -> dict[Key, Any]:
        now = list(warnings.filters)
        return {} if now == list(self._PYTHONS) else {self._KEY: now}

    def now(self, key: Key) -> Any:
        return list(warnings.filters)

    def put(self, key: Key, value: Any) -> None:
        warnings.resetwarnings()  # what was decided by the filters before is forgotten
        warnings.filters[:] = value  # type: ignore[index]

    def fewer(self, value: Any, dump: Dump) -> Any:
        return None


_DIALECT = "delimiter quotechar escapechar doublequote skipinitialspace lineterminator"
_dialect = operator.attrgetter(*_DIALECT.split(), "quoting", "strict")


class _Csv(_Plain):
    """Dialects by their names, and the limit."""

    compared = True

    def __init__(self) -> None:
        super().__init__("csv", {"limit": ("field_size_limit", "field_size_limit", 131072)})

    def begin(self) -> None:
        import csv

        self._csv = csv

    def see(self) -> list[list[Any]]:
        csv = self._csv
        self._names = csv.list_dialects()
        self._dialects = [csv.get_dialect(name) for name in self._names]
        self._limit = csv.field_size_limit()
        return []

    def changed(self) -> bool:
        csv = self._csv
        return (
            csv.list_dialects() != self._names
            or list(map(csv.get_dialect, self._names)) != self._dialects
            or csv.field_size_limit() != self._limit
        )

    def values(self) -> dict[Key, Any]:
        csv = self._csv
        pythons: dict[str, Any] = {
            "excel": csv.excel,
            "excel-tab": csv.excel_tab,
            "unix": csv.unix_dialect,
        }
        now = dict.fromkeys(pythons) | {name: _dialect(d) for name, d in self._registered().items()}
        for name, kind in pythons.items():
            if now[name] == _dialect(csv.reader((), dialect=kind).dialect):
                del now[name]
        return super().values() | {("csv", "dialect", name): v for name, v in now.items()}

    def now(self, key: Key) -> Any:
        if key[1] != "dialect":
            return super().now(key)
        found = self._registered().get(key[2])
        return None if found is None else _dialect(found)

    def put(self, key: Key, value: Any) -> None:
        import csv

        if key[1] != "dialect":
            super().put(key, value)
        elif value is not None:
            names = *_DIALECT.split(), "quoting", "strict"
            csv.register_dialect(key[2], **dict(zip(names, value, strict=True)))
        elif key[2] in csv.list_dialects():
            csv.unregister_dialect(key[2])

    def _registered(self) -> dict[str, Any]:
        import csv

        return {name: csv.get_dialect(name) for name in csv.list_dialects()}


# -- All of them -----------------------------------------------------------------------------------

_MODULES: dict[str, _Module] = {
    "sys": _Interpreter(
        "sys",
        {
            "recursion limit": ("getrecursionlimit", "setrecursionlimit", 1000),
            "digits": (
                "get_int_max_str_digits",
                "set_int_max_str_digits",
                sys.int_info.default_max_str_digits,
            ),
        },
    ),
    "logging": _Logging(),
    "warnings": _Warnings(),
    "socket": _Plain("socket", {"timeout": ("getdefaulttimeout", "setdefaulttimeout", None)}),
    "locale": _Locale(),
    "decimal": _Decimal(),
    "csv": _Csv(),
}


_imported: list[_Module] = []
_waiting = dict(_MODULES)
"""Those that nobody has imported yet."""
_applied: dict[Key, bytes] = {}
"""What was last applied here."""
_began: dict[Key, Any] = {}
"""What was here before, of what has been applied."""


# How it was when it was last taken here.
_seen_writes = -1
_seen_modules = -1
_filters: Any = None
_lists: list[list[Any]] = []
_items: list[list[Any]] = []
_checks: list[Callable[[], bool]] = []


def changed() -> bool:
    """Whether something may differ from what was last taken here. Well below 1 µs."""
    if (
        _writes.count != _seen_writes
        or warnings.filters is not _filters
        or _lists != _items
        or (len(sys.modules) != _seen_modules and _look_around())
    ):
        return True
    for check in _checks:  # noqa: SIM110 - asked at each submission: no generator
        if check():
            return True
    return False


def _look_around() -> bool:
    """Whether there are modules with settings that were not imported before."""
    global _seen_modules
    _seen_modules = len(sys.modules)
    found = [name for name in _waiting if name in sys.modules]
    for name in found:
        module = _waiting.pop(name)
        module.begin()
        _imported.append(module)
    return bool(found)


def begin() -> None:
    """Import all modules that have settings, so that how they begin is known from now on."""
    for name in _MODULES:
        importlib.import_module(name)
    _look_around()


def take(dump: Dump) -> bytes:
    """The settings as they are here, for `apply`: what differs from what Python begins with.

    Handlers, filters and the like that can't travel are left out.
    """
    global _seen_writes, _filters, _lists, _items, _checks
    _look_around()
    _seen_writes, _filters = _writes.count, warnings.filters
    _lists = [each for module in _imported for each in module.see()]
    _items = [list(each) for each in _lists]
    _checks = [module.changed for module in _imported if module.compared]
    forms = {}
    for module in _imported:
        for key, value in module.values().items():
            form = _form(value, dump)
            if form is None:
                fewer = module.fewer(value, dump)
                form = _form(fewer, dump) if fewer else None
            if form is not None:
                forms[key] = form
    return pickle.dumps(forms, PROTOCOL)


def _form(value: Any, dump: Dump) -> bytes | None:
    """How a value travels; a list's items each by itself, without those that can't.

    A handler that writes to an open file, say, stays where it is.
    """
    if not isinstance(value, list):
        return _dumped(value, dump)
    items = [_dumped(item, dump) for item in value]
    return pickle.dumps([item for item in items if item is not None], PROTOCOL)


def _loaded(form: bytes) -> Any:
    """What `_form` was given, without those of its items that are of packages which are not here.

    Such as IPython's own filters for warnings, and micropip's handler.
    """
    value = pickle.loads(form)
    if not isinstance(value, list):
        return value
    found = []
    for item in value:
        with contextlib.suppress(ImportError):
            found.append(pickle.loads(item))
    return found


def fingerprint(value: object) -> bytes:
    """A `Dump` that says whether settings are others than before; nobody loads what it gives.

    So it is pickled for nobody: it is the same whoever asks.
    """
    outer_names = set_names(None)
    try:
        with io.BytesIO() as file:
            ByValuePickler(file, state=True).dump(value)
            return file.getvalue()
    finally:
        set_names(outer_names)


def apply(settings: bytes) -> None:
    """Make these the settings here: whatever differs from those that were applied before.

    Raises:
        Exception: One can't be set here. The next call tries again.
    """
    new: dict[Key, bytes] = pickle.loads(settings)
    for key in {**_applied, **new}:
        form = new.get(key)
        if form == _applied.get(key):
            continue
        importlib.import_module(key[0])
        module = _MODULES[key[0]]
        if key not in _began:
            _began[key] = module.now(key)
        module.put(key, _began[key] if form is None else _loaded(form))
        if form is None:
            _applied.pop(key, None)
        else:
            _applied[key] = form


if sys.platform == "emscripten":
    watch()
