"""Penny.scheduler() for JavaScript: naming functions, calling them, what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.pages import JavaScriptError, Page

JS = Callable[..., Any]


@pytest.fixture
def js(shared_page: Page) -> JS:
    """Runs JavaScript that has `s`, one Scheduler of 2 workers for all these tests.

    `error(promise)` is what a promise is rejected with.
    """

    def run(source: str, *args: Any) -> Any:
        return shared_page.js(
            """
            const s = await (globalThis.sharedScheduler ??= Penny.scheduler({workers: 2}));
            const error = promise => promise.then(
              value => { throw new Error(`it gave ${value}`); },
              ({name, message, type, pythonMessage, traceback, worker, args, attributes}) =>
                ({name, message, type, pythonMessage, traceback, worker, args, attributes}));
            """
            + source,
            *args,
        )

    return run


# -- Names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("operator.add", [40, 2], 42),
        ("len", ["abc"], 3),
        ("os.path.join", ["a", "b"], "a/b"),
        ("builtins.str.upper", ["abc"], "ABC"),
    ],
    ids=["function", "builtin", "submodule", "method"],
)
def test_import_path(js: JS, name: str, args: list[Any], result: Any) -> None:
    assert js("return await s.submit(...args)", name, *args) == result


def test_unknown_module(js: JS) -> None:
    error = js("return await error(s.submit('nowhere.nothing', 1))")
    assert (error["name"], error["type"]) == ("PythonError", "LookupError")
    assert "'nowhere.nothing'" in error["pythonMessage"]
    assert "define" in error["pythonMessage"]


def test_unknown_attribute(js: JS) -> None:
    error = js("return await error(s.submit('operator.nothing', 1))")
    assert error["type"] == "LookupError"
    assert "'operator.nothing'" in error["pythonMessage"]


def test_name_of_no_function(js: JS) -> None:
    error = js("return await error(s.submit('math.pi'))")
    assert error["type"] == "LookupError"
    assert "'math.pi'" in error["pythonMessage"]


def test_name_that_is_no_string(js: JS) -> None:
    assert js("return await error(s.submit(len => len, 1))")["name"] == "TypeError"


def test_worker_goes_on_after_unknown_name(js: JS) -> None:
    assert (
        js("""
        await Promise.allSettled(Array.from({length: 8}, () => s.submit('nowhere.nothing')));
        return await s.submit('len', 'abc');
    """)
        == 3
    )


# -- Definitions -----------------------------------------------------------------------------------


def test_define_expression(js: JS) -> None:
    assert js("s.define('twice', 'lambda x: 2 * x'); return await s.submit('twice', 21)") == 42


def test_define_function(js: JS) -> None:
    source = """
import math

def helper(x):
    return math.isqrt(x)

def root(x):
    return helper(x)
"""
    assert js("s.define('root', args[0]); return await s.submit('root', 49)", source) == 7


def test_coroutine_functions_run_side_by_side(js: JS) -> None:
    outcome = js(r"""
        s.define('meet', `import asyncio, penny
here = []
everybody = asyncio.Event()

async def meet(number, *, of):
    here.append(number)
    if len(here) == of:
        everybody.set()
    await everybody.wait()
    return number, penny.current_worker()`);
        s.define('dies', 'async def dies():\n    import os\n    os._exit(3)');
        const numbers = Array.from({length: 20}, (_, number) => number);
        const of = 20;
        const met = await Promise.all(
          numbers.map(number => s.submit('meet', number, Penny.keywords({of}))));
        const big = 'x'.repeat(100_000);
        s.define('later', 'async def later(text):\n    return text');
        const later = await s.submit('later', big) === big;
        const lost = (await error(s.submit('dies'))).name;
        return {met, later, lost, named: await error(s.submit('asyncio.sleep', 0)),
                plain: await s.submit(s.define('later', 'def later(): return 1'))};
    """)
    assert outcome["met"] == [[number, 64] for number in range(20)]
    assert outcome["later"] is True
    assert outcome["lost"] == "WorkerLost"
    assert outcome["plain"] == 1
    assert outcome["named"]["type"] == "TypeError"
    assert "define an `async def`" in outcome["named"]["pythonMessage"]


@pytest.mark.parametrize(
    ("name", "source", "coroutine"),
    [
        ("f", "\n\nimport math\n\nasync  def f(x): pass\n", True),
        ("f", "async def f[T](x: T): pass", True),
        ("f", "async def g(): pass\ndef f(): pass", False),
        ("f", "async def ff(): pass\n\ndef f(): pass", False),
        ("f", "async def f(): pass\n\ndef f(): pass", False),
        ("f", "def f():\n    async def f(): pass", False),
        ("f", "@sync\nasync def f(): pass", False),
        ("a (b", "lambda: 1", False),
    ],
)
def test_whether_a_coroutine_is_defined(js: JS, name: str, source: str, coroutine: bool) -> None:
    look = "return (await import('/penny/wire/functions.js')).definesCoroutine(...args)"
    assert js(look, name, source) is coroutine


def test_define_returns_name(js: JS) -> None:
    assert js("return await s.submit(s.define('one', 'lambda: 1'))") == 1


def test_redefinition_is_for_later_submissions(js: JS) -> None:
    assert js("""
        s.define('version', 'lambda: 1');
        const before = Array.from({length: 100}, () => s.submit('version'));
        s.define('version', 'lambda: 2');
        const after = Array.from({length: 100}, () => s.submit('version'));
        const distinct = async promises => [...new Set(await Promise.all(promises))];
        return [await distinct(before), await distinct(after)];
    """) == [[1], [2]]


def test_definition_hides_import_path(js: JS) -> None:
    assert js("""
        const imported = s.submit('operator.neg', 1);
        s.define('operator.neg', 'lambda x: "mine"');
        return [await imported, await s.submit('operator.neg', 1)];
    """) == [-1, "mine"]


def test_source_that_defines_another_name(js: JS) -> None:
    error = js("s.define('f', 'def g(): pass'); return await error(s.submit('f'))")
    assert error["type"] == "LookupError"
    assert "'f'" in error["pythonMessage"]


def test_source_with_syntax_error(js: JS) -> None:
    error = js("s.define('f', 'def f(:'); return await error(s.submit('f'))")
    assert error["type"] == "SyntaxError"


# -- Arguments and results -------------------------------------------------------------------------

# A value in full: type, identity of -0, what JSON does not show.
SHOW = """
const show = value => {
  if (typeof value === 'bigint') return `${value}n`;
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Uint8Array) return `Uint8Array(${[...value]})`;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (value instanceof Set) return `Set(${[...value].map(show).join(', ')})`;
  if (value instanceof Map)
    return `Map(${[...value].map(([k, v]) => `${show(k)}: ${show(v)}`).join(', ')})`;
  if (value !== null && typeof value === 'object')
    return `{${Object.entries(value).map(([k, v]) => `${k}: ${show(v)}`).join(', ')}}`;
  return String(value);
};
"""


@pytest.mark.parametrize(
    ("value", "python"),
    [
        ("undefined", "NoneType None"),
        ("null", "NoneType None"),
        ("true", "bool True"),
        ("7", "int 7"),
        ("-(2 ** 53 - 1)", "int -9007199254740991"),
        ("2 ** 53", "float 9007199254740992.0"),
        ("-0", "float -0.0"),
        ("1.5", "float 1.5"),
        ("NaN", "float nan"),
        ("-Infinity", "float -inf"),
        ("10n ** 20n", "int 100000000000000000000"),
        ("'é \\u{1F600} \\0'", r"str '\xe9 \U0001f600 \x00'"),
        ("'\\ud800'", r"str '\ud800'"),
        ("new Uint8Array([0, 255])", r"bytes b'\x00\xff'"),
        ("new Uint8Array([1, 2]).buffer", r"bytes b'\x01\x02'"),
        ("[1, ['a', []]]", "list [1, ['a', []]]"),
        ("({a: {b: null}})", "dict {'a': {'b': None}}"),
        ("new Map([[1, 'a'], [[1, 2], 'b']])", "dict {1: 'a', (1, 2): 'b'}"),
        ("new Set([1])", "set {1}"),
    ],
)
def test_argument_in_python(js: JS, value: str, python: str) -> None:
    shown = js(f"""
        s.define('show', 'lambda x: f"{{type(x).__name__}} {{ascii(x)}}"');
        return await s.submit('show', {value});
    """)
    assert shown == python


@pytest.mark.parametrize(
    ("python", "javascript"),
    [
        ("None", "null"),
        ("False", "false"),
        ("2 ** 53 - 1", "9007199254740991"),
        ("2 ** 53", "9007199254740992n"),
        ("-(10 ** 20)", "-100000000000000000000n"),
        ("1.5", "1.5"),
        ("-0.0", "-0"),
        ("float('nan')", "NaN"),
        ("'é \\n 😀'", '"é \\n 😀"'),
        ("b'\\x00\\xff'", "Uint8Array(0,255)"),
        ("bytearray(b'ab')", "Uint8Array(97,98)"),
        ("[1, [], 'a']", '[1, [], "a"]'),
        ("(1, (2.5, None))", "[1, [2.5, null]]"),
        ("{'a': {'b': [1]}}", "{a: {b: [1]}}"),
        ("{1: 'a', 'b': 2}", 'Map(1: "a", "b": 2)'),
        ("{1}", "Set(1)"),
        ("frozenset(['a'])", 'Set("a")'),
    ],
)
def test_result_in_javascript(js: JS, python: str, javascript: str) -> None:
    shown = js(
        SHOW + "s.define('f', args[0]); return show(await s.submit('f'))", f"lambda: {python}"
    )
    assert shown == javascript


def test_no_arguments(js: JS) -> None:
    assert js("return await s.submit('dict')") == {}


def test_keywords(js: JS) -> None:
    assert js("""
        s.define('f', 'def f(a, *rest, k=0, **more): return [a, rest, k, more]');
        return await s.submit('f', 1, 2, 3, Penny.keywords({k: 4, other: [5]}));
    """) == [1, [2, 3], 4, {"other": [5]}]


def test_keywords_alone(js: JS) -> None:
    assert js("return await s.submit('dict', Penny.keywords({a: 1}))") == {"a": 1}


@pytest.mark.parametrize("size", [100, 1_000, 100_000, 3_000_000])
def test_payload_of_any_size(js: JS, size: int) -> None:
    """Inline in the slot, in a small block of the heap, beyond inbox and outbox."""
    assert js(
        """
        s.define('backwards', 'lambda b: b[::-1]');
        const bytes = Uint8Array.from({length: args[0]}, (_, i) => i * i);
        const back = await s.submit('backwards', bytes);
        return back.length === bytes.length && back.every((b, i) => b === bytes.at(-1 - i));
    """,
        size,
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("() => 1", "args[1]"),
        ("{rows: [1, Symbol()]}", "args[1].rows[1]"),
        ("[new Date()]", "args[1][0]"),
        ("Penny.keywords({lock: document})", "kwargs.lock"),
    ],
)
def test_argument_that_cannot_travel(js: JS, value: str, path: str) -> None:
    error = js(f"return await error(s.submit('print', 1, {value}))")
    assert error["name"] == "PickleError"
    assert error["message"].startswith(f"{path}: ")


def test_nothing_is_queued_for_an_argument_that_cannot_travel(js: JS) -> None:
    assert js("await error(s.submit('print', () => 1)); return s.stats().pending") == 0


def test_result_without_javascript_form(js: JS) -> None:
    error = js("s.define('f', 'lambda: [object()]'); return await error(s.submit('f'))")
    assert error["name"] == "UnpicklingError"
    assert "builtins.object" in error["message"]


def test_result_that_cannot_be_pickled(js: JS) -> None:
    error = js("s.define('f', 'lambda: [0, (i for i in [])]'); return await error(s.submit('f'))")
    assert error["type"] == "penny.errors.PickleError"
    assert "result[1]" in error["pythonMessage"]


# -- Exceptions ------------------------------------------------------------------------------------


def test_exception(js: JS) -> None:
    error = js("""
        s.define('fail', 'def fail(x):\\n    raise ValueError(f"no {x}")');
        return await error(s.submit('fail', 'good'));
    """)
    assert error["name"] == "PythonError"
    assert error["type"] == "ValueError"
    assert error["pythonMessage"] == "no good"
    assert error["worker"] in (0, 1)
    assert 'File "<fail>", line 2, in fail' in error["traceback"]
    assert "ValueError: no good" in error["message"]


def test_exception_with_fields(js: JS) -> None:
    error = js("""
        s.define('fail', `def fail():
            error = FileNotFoundError(2, "gone", "file")
            error.proxy, error.code = __import__("js").globalThis, 7
            raise error`);
        return await error(s.submit('fail'));
    """)
    assert error["args"] == [2, "gone"]
    fields = {name: error["attributes"].get(name) for name in ("errno", "filename", "code")}
    assert fields == {"errno": 2, "filename": "file", "code": 7}
    assert "proxy" not in error["attributes"]


def test_exception_of_a_module(js: JS) -> None:
    error = js("return await error(s.submit('json.loads', '{'))")
    assert error["type"] == "json.decoder.JSONDecodeError"


def test_exit_is_the_outcome_of_its_task(js: JS) -> None:
    assert js("return await error(s.submit('sys.exit', 3))")["type"] == "SystemExit"
    assert js("return await s.submit('len', 'abc')") == 3


def test_wrong_number_of_arguments(js: JS) -> None:
    assert js("return await error(s.submit('len'))")["type"] == "TypeError"


# -- Many ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [20_000, 50_000], ids=["bulk", "more than the slots"])
def test_many_submissions(js: JS, count: int) -> None:
    """All results are right, and each task's promise resolves once, those of the slots in order."""
    assert js(
        """
        s.define('inc', 'lambda x: x + 1');
        const promises = Array.from({length: args[0]}, (_, i) => s.submit('inc', i));
        const results = await Promise.all(promises);
        return [results.length, results.every((result, i) => result === i + 1), s.stats().pending];
    """,
        count,
    ) == [count, True, 0]


def test_one_worker_resolves_in_order(page: Page) -> None:
    assert page.js("""
        const s = await Penny.scheduler({workers: 1});
        const order = [];
        await Promise.all(Array.from({length: 20_000}, (_, i) =>
          s.submit('abs', i).then(result => order.push(result))));
        return order.every((result, i) => result === i);
    """)


def test_submissions_from_completions(js: JS) -> None:
    """Chains: each result is submitted again, many chains at once."""
    assert (
        js("""
        s.define('inc', 'lambda x: x + 1');
        const chain = async () => {
          let x = 0;
          while (x < 50) x = await s.submit('inc', x);
          return x;
        };
        return await Promise.all(Array.from({length: 20}, chain));
    """)
        == [50] * 20
    )


# -- Memory ----------------------------------------------------------------------------------------


@pytest.fixture
def small(shared_page: Page) -> JS:
    """Runs JavaScript with `s`, a Scheduler with the smallest heap, 4 MiB."""

    def run(source: str) -> Any:
        return shared_page.js(
            "const s = await (globalThis.smallScheduler ??= "
            "  Penny.scheduler({workers: 2, memory: 4 * 2 ** 20}));" + source
        )

    return run


def test_argument_larger_than_the_memory(small: JS) -> None:
    name, message, is_range_error = small("""
        try { await s.submit('len', new Uint8Array(5_000_000)); }
        catch (error) { return [error.name, error.message, error instanceof RangeError]; }
    """)
    assert (name, is_range_error) == ("HeapLimitError", True)
    assert "larger memory" in message
    assert str(small("return s.stats().heap.limit")) in message


def test_nothing_is_queued_for_an_argument_larger_than_the_memory(small: JS) -> None:
    assert small("""
        await s.submit('len', new Uint8Array(5_000_000)).catch(() => {});
        return [s.stats().pending, await s.submit('len', 'abc')];
    """) == [0, 3]


def test_result_larger_than_the_memory(small: JS) -> None:
    with pytest.raises(JavaScriptError) as caught:
        small("return await s.submit('bytes', 5_000_000)")
    assert caught.value.name == "PythonError"
    assert "MemoryError" in caught.value.message
    assert "larger memory" in caught.value.message


def test_full_memory_makes_submissions_wait(small: JS) -> None:
    """40 MB of arguments and as much of results, through 4 MiB."""
    assert small("""
        s.define('same', 'lambda b: b');
        const sizes = Array.from({length: 40}, (_, i) => 1_000_000 + i);
        const results = await Promise.all(
          sizes.map(size => s.submit('same', new Uint8Array(size))));
        return results.every((bytes, i) => bytes.length === sizes[i]);
    """)


def test_memory_is_free_afterwards(small: JS) -> None:
    before, after = small("""
        s.define('same', 'lambda b: b');
        await s.submit('same', new Uint8Array(1));
        const before = s.stats().heap.used;
        await Promise.all(
          Array.from({length: 200}, (_, i) => s.submit('same', new Uint8Array(i * 400))));
        return [before, s.stats().heap.used];
    """)
    assert after == before
