"""What a script sets in modules of the standard library, in its workers, which are processes."""

import os
import subprocess
import sys
import textwrap

PRELUDE = """
import os, sys, timeit
from penny.mirror import settings, surroundings
assert not {"decimal", "csv"} & sys.modules.keys()
settings.watch()
surroundings.watch()
from mirror_pool import Script
script = Script(surroundings)
run, put, call, names = script.run, script.put, script.call, script.module.__dict__
"""


def program(code, **names):
    """Run code in a process that no test framework has set anything in."""
    text = PRELUDE + f"locals().update({names!r})\n" + textwrap.dedent(code)
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", text],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# What sets it, what is seen of it, what a task sets.
SETTINGS = {
    "precision": (
        "decimal.getcontext().prec = 50",
        "str(decimal.Decimal(1) / 7)",
        "decimal.getcontext().prec = 3",
    ),
    "rounding": (
        "decimal.getcontext().rounding = decimal.ROUND_UP",
        "str(decimal.Decimal('2.5').to_integral_value())",
        "decimal.getcontext().rounding = decimal.ROUND_DOWN",
    ),
    "traps": (
        "decimal.getcontext().traps[decimal.Inexact] = True",
        "decimal.getcontext().traps[decimal.Inexact], decimal.getcontext().traps[decimal.Clamped]",
        "decimal.getcontext().traps[decimal.Clamped] = True",
    ),
    "context": (
        "decimal.setcontext(decimal.ExtendedContext.copy())",
        "decimal.getcontext().prec, decimal.getcontext().traps[decimal.InvalidOperation]",
        "decimal.getcontext().prec = 5",
    ),
    "default context": (
        "decimal.DefaultContext.prec = 40",
        "decimal.DefaultContext.prec",
        "decimal.DefaultContext.prec = 41",
    ),
    "root's level": (
        "logging.basicConfig(level=10)",
        "logging.root.level",
        "logging.root.level = 5",
    ),
    "level": (
        "logging.getLogger('a.b').setLevel('ERROR')",
        "logging.getLogger('a.b').getEffectiveLevel()",
        "logging.getLogger('a.b').setLevel(1)",
    ),
    "propagate": (
        "logging.getLogger('a').propagate = False",
        "logging.getLogger('a').propagate, logging.getLogger('a').level",
        "logging.getLogger('a').level = 3",
    ),
    "disabled": (
        "logging.getLogger('d').disabled = True",
        "logging.getLogger('d').disabled, logging.getLogger('d').level",
        "logging.getLogger('d').level = 1",
    ),
    "disable": (
        "logging.disable(logging.ERROR)",
        "logging.getLogger('c').isEnabledFor(40), logging.root.manager.disable",
        "logging.disable(logging.WARNING)",
    ),
    "level names": (
        "logging.addLevelName(15, 'FINE')",
        "logging.getLevelName(15)",
        "logging.addLevelName(15, 'FINER')",
    ),
    "captured warnings": (
        "logging.captureWarnings(True)",
        "warnings.showwarning.__module__",
        "logging.captureWarnings(False)",
    ),
    "filters": (
        "warnings.simplefilter('error', Own)",
        "warned()",
        "warnings.simplefilter('ignore', Own)",
    ),
    "filter by text": (
        "warnings.filterwarnings('error', 'odd.*')",
        "warned(UserWarning)",
        "warnings.filterwarnings('ignore', 'odd.*')",
    ),
    "recursion": (
        "sys.setrecursionlimit(5000)",
        "sys.getrecursionlimit()",
        "sys.setrecursionlimit(6000)",
    ),
    "digits": (
        "sys.set_int_max_str_digits(0)",
        "sys.get_int_max_str_digits()",
        "sys.set_int_max_str_digits(5000)",
    ),
    "locale": (
        "locale.setlocale(locale.LC_NUMERIC, 'C.UTF-8')",
        "locale.setlocale(locale.LC_NUMERIC), locale.setlocale(locale.LC_TIME)",
        "locale.setlocale(locale.LC_TIME, 'C.UTF-8')",
    ),
    "timeout": (
        "socket.setdefaulttimeout(3)",
        "socket.getdefaulttimeout()",
        "socket.setdefaulttimeout(4)",
    ),
    "limit": ("csv.field_size_limit(10)", "csv.field_size_limit()", "csv.field_size_limit(11)"),
    "dialect": (
        "csv.register_dialect('mine', delimiter=';')",
        "'mine' in csv.list_dialects() and csv.get_dialect('mine').delimiter",
        "csv.register_dialect('mine', delimiter='|')",
    ),
    "Python's dialect": (
        "csv.register_dialect('excel', delimiter=';')",
        "csv.get_dialect('excel').delimiter",
        "csv.unregister_dialect('excel'); csv.register_dialect('excel', delimiter='|')",
    ),
}


def test_each_holds_in_tasks_and_changes_by_itself():
    program(
        """
        run('''
            import csv, decimal, locale, logging, os, socket, sys, warnings
            class Own(Warning): pass
            def warned(kind=Own):
                with warnings.catch_warnings(record=True) as caught:
                    try:
                        warnings.warn("odd one", kind)
                    except kind:
                        return "raised"
                return len(caught)
        ''')
        assert call(names["os"].getpid) != os.getpid()
        for name, (set, see, mine) in SETTINGS.items():
            run(f"def see(): return {see}\\ndef mine(): {mine}")
            here = lambda: eval(see, names)
            before, first = here(), put("see")
            assert call("see") == before, (name, call("see"), before)
            run(set)
            now = here()
            assert now != before, name
            later = put("see")
            assert call("see") == call("see", worker=1) == now, (name, call("see"), now)
            call("mine")
            assert call("see") != now, name  # a task's own stays
            # Another setting's change leaves it as it is.
            run("logging.getLogger('other').setLevel(logging.getLogger('other').level + 1)")
            assert call("see") != now, name
            assert first.run() == before, name  # submitted before it was set
            assert later.run() == now, name
            assert call("see") == call("see", worker=1) == now, name
            script.kill(0)  # the next one begins with nothing
            assert call("see") == now, name
        """,
        SETTINGS=SETTINGS,
    )


def test_what_is_set_back_is_as_before():
    program(
        """
        run('''
            import csv, decimal, logging, warnings
            def see():
                with decimal.localcontext() as context:
                    assert context.prec == decimal.getcontext().prec
                return (
                    decimal.getcontext().prec, logging.root.level, len(logging.root.handlers),
                    logging.getLogger("x").disabled, len(warnings.filters),
                    csv.list_dialects(), csv.field_size_limit(),
                )
        ''')
        before = call("see")
        assert before == names["see"]()
        run('''
            decimal.getcontext().prec = 9
            logging.basicConfig(level=1)
            logging.getLogger("x").disabled = True
            warnings.resetwarnings()
            csv.unregister_dialect("unix")
            csv.field_size_limit(7)
        ''')
        assert call("see") == names["see"]() == (9, 1, 1, True, 0, ["excel", "excel-tab"], 7)
        run('''
            decimal.getcontext().prec = 28
            logging.root.setLevel(30)
            logging.root.handlers.clear()  # which no function of `logging` sees
            logging.getLogger("x").disabled = False
            csv.register_dialect("unix", csv.unix_dialect)
            csv.field_size_limit(131072)
        ''')
        assert call("see") == (*before[:4], 0, before[5], before[6]) == names["see"]()
        # Under a context of its own; afterwards without.
        with names["decimal"].localcontext() as context:
            context.prec = 77
            assert call("see")[0] == 77
        assert call("see")[0] == 28
        """
    )


def test_what_is_of_packages_that_workers_lack_stays_behind(tmp_path):
    """In a notebook: IPython's filters for warnings, micropip's handler."""
    (tmp_path / "lacked.py").write_text(
        "import logging\n"
        "class Special(Warning): pass\n"
        "class Handler(logging.StreamHandler): pass\n"
        "class Formatter(logging.Formatter): pass\n"
    )
    program(
        """
        run('''
            import logging, warnings
            def see():
                filters = [category.__name__ for _, _, category, *_ in warnings.filters]
                a, b = (logging.getLogger(name).handlers for name in "ab")
                shown = lambda each: f"{type(each).__name__} {each.level}"
                names = [list(map(shown, a)), list(map(shown, b))]
                return filters, names, a[-1:] == b[:1], logging.getLogger("a").level
        ''')
        sys.path.insert(0, folder)
        import lacked, logging, warnings
        sys.path.remove(folder)
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("error", lacked.Special)
        a, b = map(logging.getLogger, "ab")
        a.setLevel(7)
        shared, formatted = logging.StreamHandler(), logging.StreamHandler()
        shared.setLevel(3)
        formatted.setFormatter(lacked.Formatter())
        for handler in lacked.Handler(), logging.NullHandler(1), formatted, shared:
            a.addHandler(handler)
        for handler in shared, lacked.Handler(), a.handlers[1]:
            b.addHandler(handler)
        filters, names, same, level = names["see"]()
        assert filters[:2] == ["Special", "UserWarning"] and same and level == 7
        there = call("see")
        assert there == (
            filters[1:],
            [["NullHandler 1", "StreamHandler 3"], ["StreamHandler 3", "NullHandler 1"]],
            True,
            7,
        ), there
        a.handlers.clear()
        assert call("see")[1] == [[], ["StreamHandler 3", "NullHandler 1"]], call("see")
        """,
        folder=str(tmp_path),
    )


def test_of_a_notebook_s_machinery_only_what_is_set_goes_along():
    """A filter for warnings of a class of IPython's had all of IPython pickled, for any task."""
    program(
        """
        from types import ModuleType
        from penny.mirror.modules import stay_here
        machinery = sys.modules["machinery"] = ModuleType("machinery")
        machinery.__file__ = "/machinery.py"
        stay_here([machinery.__file__])
        run('''
            class Special(Warning): pass
            def unasked(): pass
            def used(): return getattr(__import__("machinery"), "".join(["un", "asked"])).__name__
        ''', machinery.__dict__)
        run('''
            import sys, warnings
            def see(name):
                there = vars(sys.modules[name])
                return [f[2].__name__ for f in warnings.filters], "unasked" in there
        ''')
        import warnings
        warnings.simplefilter("error", machinery.Special)
        put("see", "machinery")
        module = script.originals.modules["machinery"]
        assert module.definitions.keys() == {"Special"}, module.definitions.keys()
        filters, unasked = call("see", "machinery", worker=1)
        assert filters[0] == "Special" and not unasked, filters
        # What a task uses is offered with all of its module, as of any.
        run("import machinery\\ndef use(): return machinery.used()")
        assert call("use", worker=2) == "unasked"
        """
    )


def test_handlers_are_there_with_the_script_s_own_classes():
    program(
        """
        run('''
            import logging, sys, threading
            SIGN = "!"
            class Shout(logging.Formatter):
                def format(self, record):
                    return super().format(record).upper() + SIGN
            class Only(logging.Filter):
                def filter(self, record):
                    return "no" not in record.msg
            class Record(logging.LogRecord): pass
            class Held(logging.Handler):
                def __init__(self):
                    super().__init__()
                    self.file = open(__import__("os").devnull, "w")
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(Shout("%(name)s %(message)s"))
            log = logging.getLogger("app")
            log.addHandler(handler)
            def see():
                found = logging.getLogger("app").handlers
                record = logging.getLogRecordFactory()("app", 20, "", 1, "hello", (), None)
                return [
                    (type(each), each.stream is sys.stderr, each.format(record), len(each.filters),
                    each.filter(logging.makeLogRecord({"msg": "no"})), each.level)
                    for each in found
                ]
        ''')
        assert call("see") == names["see"]() != []
        assert call("see")[0][2] == "APP HELLO!"
        run("SIGN = '?'")
        assert call("see")[0][2] == "APP HELLO?"
        run("Shout.format = lambda self, record: 'another'")
        assert call("see")[0][2] == "another"
        run("handler.addFilter(Only())")
        assert call("see") == names["see"]() and not call("see")[0][4]
        run("handler.setLevel(40); handler.formatter = None")
        assert call("see") == names["see"]() and call("see")[0][5] == 40
        # What can't travel stays, and the rest goes.
        run("log.addHandler(Held()); log.addHandler(logging.StreamHandler())")
        assert len(names["log"].handlers) == 3 and len(call("see")) == 2
        run("log.removeHandler(handler)")
        assert len(call("see")) == 1
        run("del log.handlers[:]")
        assert call("see") == []
        run("logging.setLogRecordFactory(Record)\\n"
            "def made(): return type(logging.getLogRecordFactory()('', 1, '', 1, '', (), None))")
        assert call("made") is names["Record"]
        """
    )


def test_a_look_is_cheap_and_a_version_is_another_only_if_they_are():
    program(
        """
        import csv, decimal, locale, logging
        logging.basicConfig()
        version = surroundings.version()
        logging.getLogger("one that is new")
        logging.getLogger().setLevel(logging.WARNING)
        decimal.getcontext().prec = 28
        csv.field_size_limit(csv.field_size_limit())
        sys.setrecursionlimit(sys.getrecursionlimit())
        assert surroundings.version() == version
        assert not settings.changed()
        assert min(timeit.repeat(settings.changed, number=1000, repeat=50)) < 0.01
        decimal.getcontext().prec = 29
        assert settings.changed()
        assert surroundings.version() == version + 1 == surroundings.version()
        """
    )


def test_coroutine_tasks_have_each_the_context_of_its_submission():
    program(
        """
        import asyncio, decimal, pickle
        decimal.getcontext().prec = 50
        wide = settings.take(settings.fingerprint)
        decimal.getcontext().prec = 28
        plain = settings.take(settings.fingerprint)
        async def task(form, gate):
            settings.apply(form)
            settings.enter_context()
            await gate()
            return decimal.getcontext().prec
        async def main():
            gate = asyncio.Barrier(3).wait
            side_by_side = task(wide, gate), task(plain, gate), task(wide, gate)
            assert await asyncio.gather(*side_by_side) == [50, 28, 50]
            gate = asyncio.Barrier(1).wait
            for form in wide, wide, plain, plain, wide:  # applied by a task that has ended
                seen = await asyncio.create_task(task(form, gate))
                assert seen == (50 if form is wide else 28)
        asyncio.run(main())
        """
    )
