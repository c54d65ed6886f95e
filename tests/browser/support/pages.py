"""A page in the browser, as tests see it: JavaScript and Python to run in it, its console."""

from __future__ import annotations

import base64
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome

from penny.cli import bundle
from support.browsers import add_script
from support.firefox import Firefox
from support.in_pyodide import FILES, INLINE
from support.servers import Server

TIMEOUT = 60.0
"""Seconds after which a script in a page counts as hanging; all take far less."""

BLANK = "blank.html"
"""A page of the servers with penny.js and nothing else."""

BLANK_HTML = """\
<!doctype html>
<meta charset="utf-8">
<title>A page with penny.js</title>
<link rel="icon" href="data:,">
<script src="penny.js"></script>
"""

# Runs in every page before its own scripts.
_RECORDER = """
globalThis.__console = [];
globalThis.__printing = new Set(); // what each Python program that runs has printed
for (const level of ['debug', 'log', 'info', 'warn', 'error']) {
  const original = console[level];
  console[level] = (...values) => {
    __console.push([level, values.map(String).join(' ')]);
    original.apply(console, values);
  };
}
const inWords = error => (error?.stack ? `${error}\n${error.stack}` : String(error));
const note = text => __console.push(['uncaught', text]);
addEventListener('error', ({error, message, target}) =>
  note(error ? inWords(error) : (message ?? `could not load ${target?.src}`)), true);
addEventListener('unhandledrejection', event => note(inWords(event.reason)));
"""

# What becomes of a test's source: its value or its error, as JSON.
_WRAPPER = """
const finish = arguments[arguments.length - 1];
const AsyncFunction = (async () => {}).constructor;
const [source, values] = arguments;
new AsyncFunction('args', source)(values).then(
  value => finish({value: value === undefined ? null : value}),
  error => finish({
    name: error?.name ?? typeof error,
    message: String(error?.message ?? error),
    stack: String(error?.stack ?? error),
  }),
);
"""

_RUN = """
const [source, {files, workers, ...options}] = args;
const printed = [];
__printing.add(printed);
try {
  const status = await Penny.run(source, {
    ...options,
    ...(workers !== null && {workers}),
    files: [Uint8Array.from(atob(files), c => c.charCodeAt(0)).buffer],
    output: (stream, text, worker) => printed.push([stream, text, worker]),
  });
  return {status, output: printed};
} finally {
  __printing.delete(printed);
}
"""


class JavaScriptError(Exception):
    """A JavaScript error. `name` and `message` are its own; str() shows its stack, too."""

    def __init__(self, name: str, message: str, stack: str) -> None:
        super().__init__(name, message, stack)
        self.name = name
        self.message = message
        self.stack = stack

    def __str__(self) -> str:
        return f"{self.name}: {self.message}\n{self.stack}"


def archive(files: Mapping[str, str | bytes]) -> str:
    """A zip archive of files, by name, in base64."""
    contents = {n: c.encode() if isinstance(c, str) else c for n, c in files.items()}
    return base64.b64encode(bundle.pack(contents)).decode()


@dataclass
class Run:
    """What a Python program did."""

    status: int
    """Its exit status."""
    output: list[tuple[str, str, int | None]] = field(default_factory=list)
    """Its output as it came: "stdout" or "stderr", the piece of text, the number of the pool worker
    that printed it (None: the program itself)."""

    @classmethod
    def of(cls, value: dict[str, Any]) -> Run:
        """The Run that the JavaScript of `program` gives."""
        return cls(value["status"], [tuple(piece) for piece in value["output"]])

    @property
    def stdout(self) -> str:
        return "".join(text for stream, text, _ in self.output if stream == "stdout")

    @property
    def stderr(self) -> str:
        return "".join(text for stream, text, _ in self.output if stream == "stderr")

    def ok(self) -> str:
        """Its stdout; fails unless the program ended with status 0 and nothing on stderr."""
        assert (self.status, self.stderr) == (0, ""), f"status {self.status}\n{self.stderr}"
        return self.stdout


def program(
    python: str,
    *,
    workers: int | None = 2,
    on: Literal["host", "page"] = "host",
    files: Mapping[str, str | bytes] | None = None,
    argv: list[str] | None = None,
    filename: str = "script.py",
) -> tuple[str, list[Any]]:
    """The JavaScript that runs a Python program, and its `args`.

    Args:
        python: Its source, dedented here.
        workers: Default of `Scheduler()`.
        on: "host", a worker of its own, or "page", the page's own Pyodide, whose `__main__` all
            such runs on one page share.
        files: Files in its working directory, by name, also in that of the pool workers. With
            them go those of support/in_pyodide.
        argv: Its `sys.argv`.
        filename: Its name in tracebacks.
    """
    options: dict[str, Any] = {"workers": workers, "on": on, "filename": filename}
    if argv is not None:
        options["argv"] = argv
    options["files"] = archive({**FILES, **(files or {})})
    return _RUN, [INLINE + textwrap.dedent(python), options]


class Page:
    """A tab. Its JavaScript is limited to `timeout` seconds for each call."""

    def __init__(self, driver: Chrome, server: Server) -> None:
        self.driver = driver
        self.server = server
        self.hung = False
        """Whether something in it did not end: it may be busy for ever."""
        driver.switch_to.new_window("tab")
        self._window = driver.current_window_handle
        self.timeout = TIMEOUT
        add_script(driver, _RECORDER)

    def open(self, path: str = BLANK) -> Page:
        """Load a page of the server, by path or whole URL; returns once its `load` event was."""
        self._switch()
        self.driver.get(path if "://" in path else self.server.url + path.removeprefix("/"))
        return self

    def js(self, source: str, *args: Any, nested: bool = False) -> Any:
        """Run the body of an async function, whose `args` is the list of `args`.

        Args:
            source: The body.
            *args: As JSON has them.
            nested: Whether a worker of the page's starts workers meanwhile, which Firefox does not
                always survive while it is observed.

        Returns:
            What it returns, by way of JSON.

        Raises:
            JavaScriptError: It throws.
            AssertionError: It does not end; says what is on the console.
        """
        self._switch()
        self.driver.set_script_timeout(self.timeout)
        execute = self.driver.execute_async_script
        if nested and isinstance(self.driver, Firefox):
            execute = self.driver.execute_unobserved_script
        try:
            answer = execute(_WRAPPER, source, list(args))
        except TimeoutException:
            self.hung = True
            printed = self.driver.execute_script("return [...__printing]")
            raise AssertionError(
                f"the page was not done within {self.timeout:g} s\n"
                f"console: {self.console()}\nprinted by Python: {printed}"
            ) from None
        if "value" not in answer:
            raise JavaScriptError(**answer)
        return answer["value"]

    def run(self, python: str, **options: Any) -> Run:
        """Run a Python program to its end, by `Penny.run`, with the options of `program`.

        Raises:
            JavaScriptError: `Penny.run` was rejected.
        """
        source, args = program(python, **options)
        return Run.of(self.js(source, *args))

    def run_long(self, python: str, **options: Any) -> Run:
        """Like `run`, for programs that take minutes, which one call of the driver may not."""
        source, args = program(python, **options)
        self.js(
            f"""
            globalThis.__long = null;
            (async () => {{ {source} }})().then(
              run => {{ globalThis.__long = run; }},
              error => {{
                globalThis.__long = {{status: -1, output: [['stderr', String(error), null]]}};
              }},
            );
            """,
            *args,
        )
        turn = 0.5
        turns = 0  # by a clock, a machine that stood still would count as a program that hangs
        while (run := self.js("return globalThis.__long")) is None:
            if turns * turn > self.timeout:
                self.hung = True
                raise AssertionError(
                    f"the program was not done within {self.timeout:g} s\n"
                    f"printed by Python: {self.js('return [...__printing]')}"
                )
            time.sleep(turn)
            turns += 1
        return Run.of(run)

    def console(self) -> list[tuple[str, str]]:
        """What came on the page's console since it was loaded: (level, text).

        Level "uncaught" is for errors and rejections that nobody caught, and for scripts that did
        not load. Workers have consoles of their own.
        """
        self._switch()
        return [tuple(entry) for entry in self.driver.execute_script("return __console")]

    def close(self) -> None:
        """Close the tab, which ends all its workers, whatever they do."""
        self._switch()
        self.driver.close()
        # Selenium opens no tab from one that is gone. The browser's first one stays.
        self.driver.switch_to.window(self.driver.window_handles[0])

    def _switch(self) -> None:
        self.driver.switch_to.window(self._window)


def unregister(page: Page) -> None:
    """Remove the service worker, which isolates other pages of the server, too.

    It is gone when no page has it any more: the tab is left without one.
    """
    page.open()
    page.js("""
        for (const registration of await navigator.serviceWorker.getRegistrations())
          await registration.unregister();
    """)
    page.driver.get("about:blank")
