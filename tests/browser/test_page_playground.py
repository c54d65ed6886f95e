"""The playground: edit a program, run it, see its output and the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.processes import wait_for_no_workers, wait_until
from support.servers import Server

# All that a user does: write a program, click.
RUN = """
const [program, workers] = args;
if (program !== null) document.getElementById('source').value = program;
document.getElementById('workers').value = workers;
document.getElementById('run').click();
"""

# Until the element shows the text, or the program has ended (Run can be clicked again).
SHOWN = """
const [text] = args;
const output = document.getElementById('output');
const run = document.getElementById('run');
await new Promise(resolve => {
  const look = () => {
    if (!run.disabled || (text && output.textContent.includes(text))) resolve();
  };
  const all = {childList: true, subtree: true, attributes: true};
  new MutationObserver(look).observe(document.body, all);
  look();
});
return output.textContent;
"""


@pytest.fixture(scope="module")
def playground(driver: Chrome, server: Server) -> Iterator[Page]:
    """One for all tests: each leaves it with nothing running."""
    page = Page(driver, server).open("")
    yield page
    page.close()


def stop(page: Page) -> str:
    """Click Stop; gives what is shown then."""
    page.js("document.getElementById('stop').click()")
    shown: str = page.js(SHOWN, "")
    return shown


def run_program(page: Page, program: str | None = None, workers: int = 2) -> str:
    """Run a program to its end; gives what is shown then."""
    page.js(RUN, program, workers)
    shown: str = page.js(SHOWN, "")
    return shown


def choose_example(page: Page, name: str) -> None:
    page.js(
        """
        const example = document.getElementById('example');
        example.value = [...example.options].find(option => option.text === args[0]).value;
        example.dispatchEvent(new Event('change', {bubbles: true}));
        """,
        name,
    )


def run_example(page: Page, name: str) -> str:
    choose_example(page, name)
    return run_program(page)


def test_buttons(playground: Page) -> None:
    """Run and Stop: one of them can be clicked."""
    disabled = "return ['run', 'stop'].map(id => document.getElementById(id).disabled)"
    assert playground.js(disabled) == [False, True]
    playground.js(RUN, "print('begun')\nwhile True: pass", 2)
    assert playground.js(disabled) == [True, False]
    playground.js(SHOWN, "begun")
    stop(playground)
    assert playground.js(disabled) == [False, True]


def test_first_steps(playground: Page) -> None:
    output = run_example(playground, "First steps")
    assert output.startswith("49\n[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]\n")
    assert output.endswith(("0 ran this\n", "1 ran this\n"))


def test_as_they_complete(playground: Page) -> None:
    lines = run_example(playground, "As they complete").splitlines()
    told = [line for line in lines if "done with" in line]
    assert sorted(line.rpartition(" ")[2] for line in told) == list("abcdef")
    assert {line[:3] for line in told} == {"[0]", "[1]"}
    assert sorted(line for line in lines if line not in told) == list("abcdef")


def test_when_things_go_wrong(playground: Page) -> None:
    output = run_example(playground, "When things go wrong")
    assert output.startswith("ZeroDivisionError('division by zero') caused by in worker ")
    assert "PickleError" in output
    assert "args[0]" in output
    assert output.endswith("exit status 1\n")


def test_primes(playground: Page) -> None:
    choose_example(playground, "Primes")
    program = playground.js("return source.value")
    assert "1_000_000" in program
    output = run_program(playground, program.replace("1_000_000", "40_000"))
    assert output.startswith("4203 primes below 40000\n")
    assert "worker 0: " in output
    assert "worker 1: " in output


def test_number_of_workers(playground: Page) -> None:
    program = "import penny\nwith penny.Scheduler() as s:\n    print(s.workers)"
    assert run_program(playground, program, workers=3) == "3\n"


def test_workers_are_shown(playground: Page) -> None:
    program = "import penny\nwith penny.Scheduler() as s:\n    s.submit(len, '').result()"
    run_program(playground, program)
    assert playground.js("return [...pool.children].map(badge => badge.textContent)") == [
        "worker 0",
        "worker 1",
    ]


def test_errors_look_different(playground: Page) -> None:
    run_program(playground, "print('fine')\n1 / 0")
    kinds = playground.js("""
        const kinds = {};
        for (const {className, textContent} of output.children)
          kinds[className] = (kinds[className] ?? '') + textContent;
        return kinds;
    """)
    assert kinds["stdout"] == "fine\n"
    assert "ZeroDivisionError" in kinds["stderr"]


def test_stop(playground: Page) -> None:
    """A program that does not end: its host worker blocks, its pool worker is busy."""
    playground.js(
        RUN,
        "import penny\n"
        "def endless():\n"
        "    print('begun')\n"
        "    while True: pass\n"
        "with penny.Scheduler() as s:\n"
        "    s.submit(endless).result()",
        1,
    )
    assert "begun" in playground.js(SHOWN, "begun")
    assert "stopped" in stop(playground)
    wait_for_no_workers(playground)


def test_run_after_stop(playground: Page) -> None:
    playground.js(RUN, "print('begun')\nwhile True: pass", 2)
    playground.js(SHOWN, "begun")
    stop(playground)
    assert run_program(playground, "print('again')") == "again\n"


def test_stop_while_starting(playground: Page) -> None:
    playground.js(RUN, "print('never')", 2)
    assert stop(playground) == "Error: stopped\n"
    wait_for_no_workers(playground)


def test_control_enter_runs(playground: Page) -> None:
    playground.js("""
        const source = document.getElementById('source');
        source.value = "print('typed')";
        source.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', ctrlKey: true}));
    """)
    wait_until(
        playground,
        lambda: playground.js("return output.textContent") == "typed\n",
        "Ctrl+Enter does not run the program",
    )


def test_stop_while_loading(new_page: Callable[..., Page], server: Server) -> None:
    with server.holding("/penny/pyodide/pyodide.asm.wasm") as release:
        server.requests.clear()
        page = new_page("")
        page.js(RUN, "print('never')", 2)
        wait_until(
            page,
            lambda: "/penny/pyodide/pyodide.asm.wasm" in server.requests,
            "the runtime is not loaded",
        )
        page.js("document.getElementById('stop').click()")
        release()
        assert page.js(SHOWN, "") == "Error: stopped\n"
    wait_for_no_workers(page)
