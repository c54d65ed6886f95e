"""The playground: edit a program, run it, see its output and the workers."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from support import browsers
from support.pages import Page, unregister
from support.processes import wait_for_no_workers, wait_until
from support.servers import Server

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"

EDITOR = """
const {shadowRoot} = document.getElementById('editor');
const content = shadowRoot.querySelector('.cm-content');
"""
TEXT = f"""
{EDITOR}
return [...content.querySelectorAll('.cm-line')].map(line => line.textContent).join('\\n');
"""

# A program comes in by a link, whatever is in the editor.
FILL = f"""
history.replaceState(null, '', location.pathname);
location.hash = args[0];
const dialog = document.getElementById('replace');
const text = () => {{ {TEXT} }};
while (text() !== args[1]) {{
  if (dialog.open) dialog.querySelector('[value=replace]').click();
  await new Promise(resolve => setTimeout(resolve, 5));
}}
history.replaceState(null, '', location.pathname);
document.getElementById('editor').shadowRoot.querySelector('.cm-content').focus();
"""

# Somebody writes over it.
EDIT = f"""
{EDITOR}
content.focus();
const key = {{key: 'a', code: 'KeyA', keyCode: 65, ctrlKey: true, bubbles: true}};
content.dispatchEvent(new KeyboardEvent('keydown', key));
document.execCommand('insertText', false, args[0]);
"""

RUN = """
const [workers, button] = args;
const input = document.getElementById('workers');
input.value = workers;
input.dispatchEvent(new Event('input'));
document.getElementById(button).click();
"""

# Until the element shows the text, or the program has ended and all is shown: Run can be clicked.
SHOWN = """
const [text] = args;
const output = document.getElementById('output');
const run = document.getElementById('run');
await new Promise(resolve => {
  const look = () => {
    const last = output.lastElementChild?.textContent;
    if (!run.disabled || (text && last?.includes(text))) resolve();
  };
  const all = {childList: true, subtree: true, attributes: true, characterData: true};
  new MutationObserver(look).observe(document.body, all);
  look();
});
return output.textContent;
"""


def open_playground(page: Page, path: str = "") -> Page:
    page.open(path)
    look = "return document.body?.dataset.ready"  # at once: the page may load once more
    wait_until(page, lambda: page.driver.execute_script(look), "it does not load")
    return page


@pytest.fixture(scope="module")
def playground(driver: Chrome, server: Server) -> Iterator[Page]:
    """One for all tests: each leaves it with nothing running."""
    page = open_playground(Page(driver, server))
    yield page
    page.close()


def link(program: str, workers: int) -> str:
    """The fragment of a link, made without the page."""
    compress = zlib.compressobj(wbits=-15)
    packed = compress.compress(program.encode()) + compress.flush()
    text = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    return f"#program={text}&workers={workers}"


def fill(page: Page, program: str) -> None:
    """Put a program into the editor."""
    page.js(FILL, link(program, 2), program)


def start(page: Page, program: str | None, workers: int = 2, button: str = "run") -> None:
    if program is not None:
        fill(page, program)
    page.js(RUN, workers, button)


def shown(page: Page, text: str = "") -> str:
    """What is shown when the program has ended; or, if it has not, once that has the text."""
    output: str = page.js(SHOWN, text)
    return output


def run_program(page: Page, program: str | None = None, workers: int = 2) -> str:
    """Run a program to its end; gives what is shown then."""
    start(page, program, workers)
    return shown(page)


def stop(page: Page) -> str:
    """Click Stop; gives what is shown then."""
    page.js("document.getElementById('stop').click()")
    return shown(page)


def status(page: Page) -> tuple[str, str]:
    """Its state, and what is said of it."""
    state, text = page.js(
        "const s = document.getElementById('status'); return [s.dataset.state, s.textContent]"
    )
    return state, text


def choose_example(page: Page, name: str) -> None:
    """Choose an example; whatever was in the editor is replaced."""
    page.js(
        """
        const example = document.getElementById('example');
        example.value = args[0];
        example.dispatchEvent(new Event('change', {bubbles: true}));
        await null;
        const dialog = document.getElementById('replace');
        if (dialog.open) dialog.querySelector('[value=replace]').click();
        """,
        name,
    )
    wait_until(page, lambda: page.js("return document.getElementById('example').value") == name, "")


def lanes(page: Page) -> dict[str, dict[str, Any]]:
    """What the strip says of each worker."""
    rows: list[tuple[str, str, list[str]]] = page.js("""
        const rows = [...document.querySelectorAll('#lanes tbody tr')];
        return rows.map(row => [
          row.querySelector('th span:not([aria-hidden])').textContent,
          row.dataset.state,
          [...row.querySelectorAll('td')].slice(1).map(cell => cell.textContent),
        ]);
    """)
    return {
        name: {"state": state, "tasks": int(tasks), "steals": int(steals), "busy": busy}
        for name, state, (tasks, steals, busy) in rows
    }


def answer(page: Page, line: str) -> None:
    """Type a line into the field for input, once there is one."""
    wait_until(
        page,
        lambda: page.js("return !document.getElementById('stdin').hidden"),
        "the program asks for no input",
    )
    page.js(
        "document.getElementById('line').value = args[0];"
        "document.getElementById('stdin').requestSubmit()",
        line,
    )


# ---- examples ------------------------------------------------------------------------------------

EXAMPLES = {
    "Map: primes on all cores": ("500_000", "50_000", r"5133 primes below 50000\nworker 0 ran \d+"),
    "Spawn and join: queens": ("N = 10", "N = 7", r"7 queens: 40 ways\n"),
    "Parallel loops": (
        "60_001",
        "20_001",
        r"17647 takes 278 steps\n.*take 1834634 steps\nsorted: \[0,",
    ),
    "Shared arrays: a picture": ("480, 320", "120, 80", r"^$"),
    "A chart: sums of three dice": ("20_000, 20", "1_000, 8", r"^8,000 throws of three dice\n"),
    "Kernels in C: Mandelbrot": ("4000", "400", r"^$"),
    "Await: as they complete": ("", "", r"\[coroutines\] woken: a\n"),
    "Cancel, time limits, urgency": ("", "", r"took too long\n.*: 1024\n\[True, True\]\n$"),
    "A worker that dies": (
        "200_000",
        "20_000",
        r"lost: worker \d died while .*crash.*\n16 results\n$",
    ),
    "Errors come back": (
        "",
        "",
        r"^ZeroDivisionError\(.*(.*\n)*penny.errors.PickleError: .*args\[0\]",
    ),
}
"""By name: what is made smaller, and what it prints."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(playground: Page, name: str) -> None:
    choose_example(playground, name)
    program: str = playground.js(TEXT)
    large, small, prints = EXAMPLES[name]
    assert large in program
    output = run_program(playground, program.replace(large, small))
    assert re.search(prints, output), output
    failed = name == "Errors come back"
    assert status(playground)[0] == ("failed" if failed else "done")
    for kind, shown in ("canvas", "picture" in name or "Kernels" in name), ("img", "chart" in name):
        found = playground.js(f"return document.querySelectorAll('#output {kind}').length")
        assert found == shown, kind
    if name == "A worker that dies":
        assert sum(lane["tasks"] for lane in lanes(playground).values()) == 17


def test_all_examples_are_run_here(playground: Page) -> None:
    names = playground.js("return [...example.options].map(option => option.value)")
    assert names == ["", *EXAMPLES, "Input and progress"]


# ---- what is shown of the workers ----------------------------------------------------------------

# The task goes on only if an idle worker has stolen its job: five times.
STEALING = """
import penny

def taken(flags, i):
    flags[i] = 1
    return penny.current_worker()

def gives(flags):
    thieves = []
    for i in range(5):
        job = penny.spawn(taken, flags, i)
        while not flags[i]:
            pass
        thieves.append(job.join())
    return penny.current_worker(), thieves

with penny.Scheduler() as s:
    flags = penny.SharedArray(5, "uint8")
    victim, thieves = s.submit(gives, flags).result()
    stolen = [w["stolen"] for w in s.stats()["workers"]]
    print(victim, thieves, stolen)
    input("go on? ")
"""


def test_steals_are_shown_while_it_runs(playground: Page) -> None:
    """In the numbers, and in the picture of the worker that has stolen; as the program counts."""
    start(playground, STEALING)
    output = shown(playground, "go on?")
    victim, thieves, stolen = re.match(r"(\d) \[(.*)\] \[(.*)\]\n", output).groups()  # type: ignore[union-attr]
    thief = 1 - int(victim)
    assert thieves.split(", ") == [str(thief)] * 5
    counts = [int(count) for count in stolen.split(", ")]
    assert counts[thief] == 5

    def steals() -> list[int]:
        return [lane["steals"] for lane in lanes(playground).values()]

    # It waits for input, so it runs.
    wait_until(playground, lambda: steals() == counts, f"not shown: the program counts {counts}")
    assert status(playground) == ("running", "Running")
    assert [lane["state"] for lane in lanes(playground).values()] == ["ready", "ready"]
    answer(playground, "yes")
    shown(playground)
    assert steals() == counts
    assert lanes(playground)[f"worker {victim}"]["tasks"] >= 1
    assert lanes(playground)[f"worker {thief}"]["tasks"] == 5
    # Pixels of stolen tasks are blue, of others copper; blue more than red and the reverse.
    coloured = playground.js("""
        await new Promise(requestAnimationFrame);
        const chart = document.getElementById('chart');
        const context = chart.getContext('2d');
        const half = chart.height / 2;
        return [0, 1].map(lane => {
          const {data} = context.getImageData(0, lane * half, chart.width, half);
          let blue = 0, copper = 0;
          for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3] < 128) continue;
            if (data[i + 2] > data[i] + 60) blue++;
            if (data[i] > data[i + 2] + 60) copper++;
          }
          return {blue, copper};
        });
    """)
    assert coloured[thief]["blue"] > 0
    assert coloured[int(victim)]["copper"] > coloured[int(victim)]["blue"] == 0
    assert "stolen" in playground.js("return document.getElementById('done').textContent")


COMPARED = """
import penny

def work(n):
    return sum(i * i for i in range(n))

count = int(input("How many? "))
with penny.Scheduler() as s:
    s.submit(len, "").result()
    print(s.workers, "of", len(list(s.map(work, [100_000] * count))))
"""


def test_comparison(playground: Page) -> None:
    """The same program on 1 worker and on 2: their times give the factor."""
    start(playground, COMPARED, 2, "compare")
    answer(playground, "8")
    output = shown(playground)
    assert re.fullmatch(
        r"— on 1 worker —\nHow many\? 8\n1 of 8\n\n— on 2 workers —\nHow many\? 8\n2 of 8\n", output
    )
    texts = playground.js("return [...comparison.children].map(e => e.textContent).filter(Boolean)")
    factor, one, slow, two, fast = texts
    assert (one, two) == ("1 worker", "2 workers")
    times = [float(text.removesuffix(" s")) for text in (slow, fast)]
    told = float(re.match(r"×([\d.]+) on 2 workers", factor)[1])  # type: ignore[index]
    assert told == pytest.approx(times[0] / times[1], rel=0.1)
    assert len(lanes(playground)) == 2


@pytest.mark.scene("""
    const order = [];
    const program = `
import penny
with penny.Scheduler() as s:
    for future in [s.submit(print, "ran") for _ in range(30)]:
        future.result()
`;
    const status = await Penny.run(program, {
      workers: 3,
      together: true,
      worker: ({state}) => order.push(state),
      output: (stream, text, worker) => worker !== null && order.push('task'),
    });
    return [status, order];
""")
def test_what_is_compared_begins_when_all_workers_are_ready(outcome: Any) -> None:
    """Else the time of a program has that in it in which others still start."""
    status, order = outcome
    assert (status, order.count("ready")) == (0, 3)
    assert order.index("task") > max(i for i, what in enumerate(order) if what == "ready")


@pytest.mark.scene("""
    const states = [];
    const program = `
import penny
with penny.Scheduler() as s:
    print(s.submit(penny.current_worker).result() in (0, 1))
`;
    const printed = [];
    const status = await Penny.run(program, {
      workers: 2,
      together: true,
      output: (stream, text) => printed.push(text),
      worker(change) {
        states.push(change.state);
      },
    });
    return [status, printed.join(''), states.filter(state => state === 'stopped').length];
""")
def test_and_ends_as_any_other(outcome: Any) -> None:
    assert outcome == [0, "True\n", 2]


def test_number_of_workers(playground: Page) -> None:
    program = "import penny\nwith penny.Scheduler() as s:\n    print(s.workers)"
    assert run_program(playground, program, workers=3) == "3\n"
    assert list(lanes(playground)) == ["worker 0", "worker 1", "worker 2"]
    refused = playground.js("""
        const ids = ['workers', 'refused', 'run'];
        const [input, told, run] = ids.map(id => document.getElementById(id));
        return ['0', '-3', '65', '1.5', ''].map(value => {
          input.value = value;
          run.click();
          return [run.disabled, input.ariaInvalid, told.textContent, document.activeElement.id];
        });
    """)
    message = "Workers: a whole number from 1 to 64."
    assert refused == [[False, "true", message, "workers"]] * 5
    assert run_program(playground, "print('fine')") == "fine\n"
    assert playground.js("return refused.textContent") == ""


# ---- what it prints ------------------------------------------------------------------------------

PRINTS = """
import sys
import penny

def paint():
    penny.display(memoryview(bytes([255, 0, 0] * 6)).cast("B", (2, 3, 3)))

for percent in range(0, 101, 50):
    print(f"\\r{percent}%", end="", flush=True)
print()
with penny.Scheduler() as s:
    s.submit(paint).result()
penny.display(b'<svg xmlns="http://www.w3.org/2000/svg" width="7" height="5"/>')
print("\\x1b[31mred\\x1b[0m", end="", flush=True)
print(" and", len(sys.stdin.read()))
print("an error", file=sys.stderr)
import more_itertools
"""


def test_what_it_prints(playground: Page) -> None:
    """Lines that are rewritten, pictures of tasks and script, stdin to its end, errors; a hint."""
    start(playground, PRINTS)
    answer(playground, "12345")
    wait_until(playground, lambda: playground.js("return !stdin.hidden"), "it does not read on")
    playground.js("eof.click()")
    output = shown(playground)
    assert output.startswith("100%\nred12345\n and 6\nan error\nTraceback")
    assert 'await pyodide_js.loadPackage("more_itertools")' in output
    assert status(playground) == ("failed", "Failed, exit status 1")
    kinds = playground.js("""
        const kinds = {};
        for (const span of output.querySelectorAll('span[class]'))
          kinds[span.className] = (kinds[span.className] ?? '') + span.textContent;
        return kinds;
    """)
    assert kinds["stdout"].startswith("100%")
    assert kinds["stderr"].startswith("an error\nTraceback")
    assert kinds["stdin"] == "12345"
    assert "penny.Scheduler(packages=" in kinds["note"]
    pixels = """
        const canvas = document.querySelector('#output canvas');
        const {data} = canvas.getContext('2d').getImageData(2, 1, 1, 1);
        return [canvas.width, canvas.height, ...data, canvas.ariaLabel];
    """
    wait_until(
        playground, lambda: playground.js("return output.querySelectorAll('img').length"), ""
    )
    *numbers, label = playground.js(pixels)
    assert numbers == [3, 2, 255, 0, 0, 255]
    assert label == "picture of 3 by 2 pixels, drawn by the program"
    assert playground.js("return output.querySelector('img').naturalWidth") == 7


def test_a_hundred_thousand_lines(playground: Page) -> None:
    """All of them are there, and Stop ends the program; of more the oldest go."""
    start(playground, "for i in range(100_000): print('line', i)\nwhile True: pass")
    output = shown(playground, "line 99999\n")
    assert output.startswith("line 0\nline 1\n")
    assert output.count("\n") == 100_000
    assert playground.js("return document.getElementById('count').textContent") == "100,000 lines"
    stop(playground)
    assert status(playground) == ("stopped", "Stopped")
    wait_for_no_workers(playground)
    output = run_program(playground, "print(*range(103_000), sep='\\n')")
    note, _, lines = output.partition("\n")
    first = re.fullmatch(r"… (\d),(\d+) lines before these are no longer shown", note)
    assert first is not None
    numbers = lines.split()
    assert int(numbers[0]) == int(first[1] + first[2]) > 0
    assert numbers == [str(n) for n in range(int(numbers[0]), 103_000)]
    assert len(numbers) >= 100_000
    playground.js("clear.click()")
    assert playground.js("return output.textContent + count.textContent") == ""


@pytest.mark.skipif(browsers.NAME != "chromium", reason="clicks by Chromium's protocol")
def test_stop_in_a_flood(playground: Page) -> None:
    """A click, while a program prints without end: it is heard at once, and ends it."""
    x, y = playground.js("""
        const button = document.getElementById('stop');
        button.addEventListener('click', event => {
          const heard = performance.now();
          globalThis.late = heard - event.timeStamp;
          const ended = () => (globalThis.ending = performance.now() - heard);
          new MutationObserver(ended).observe(button, {attributeFilter: ['disabled']});
        }, {once: true});
        const box = button.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    """)
    start(playground, "while True: print('line')")
    shown(playground, "line\n" * 100)
    for kind in ("mousePressed", "mouseReleased"):
        event = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
        playground.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    shown(playground)
    assert status(playground) == ("stopped", "Stopped")
    late, ending = playground.js("return [late, ending]")
    assert late < 2_000
    assert ending < 2_000
    wait_for_no_workers(playground)


# ---- beginning and ending ------------------------------------------------------------------------


def test_stop(playground: Page) -> None:
    """A program that does not end: its host worker blocks, its pool worker is busy."""
    disabled = "return ['run', 'compare', 'stop'].map(id => document.getElementById(id).disabled)"
    assert playground.js(disabled) == [False, False, True]
    start(
        playground,
        "import penny\n"
        "def endless():\n"
        "    print('begun')\n"
        "    while True: pass\n"
        "with penny.Scheduler() as s:\n"
        "    s.submit(endless).result()",
        1,
    )
    assert "[0] begun" in shown(playground, "begun")
    assert playground.js(disabled) == [True, True, False]
    assert stop(playground) == "[0] begun\n"
    assert playground.js(disabled) == [False, False, True]
    # No failure, and not the colour of one.
    assert status(playground) == ("stopped", "Stopped")
    colours = playground.js("""
        const colour = element => getComputedStyle(element).color;
        return [colour(document.getElementById('status')), colour(document.body)];
    """)
    assert colours[0] == colours[1]
    wait_for_no_workers(playground)
    start(playground, "print('never')")
    assert stop(playground) == ""
    assert status(playground) == ("stopped", "Stopped")
    wait_for_no_workers(playground)
    assert run_program(playground, "print('again')") == "again\n"


def test_stop_while_loading(new_page: Callable[..., Page], server: Server) -> None:
    with server.holding("/penny/pyodide/pyodide.asm.wasm") as release:
        server.requests.clear()
        page = open_playground(new_page(""))
        start(page, "print('never')")
        wait_until(
            page,
            lambda: "/penny/pyodide/pyodide.asm.wasm" in server.requests,
            "the runtime is not loaded",
        )
        page.js("document.getElementById('stop').click()")
        release()
        assert shown(page) == ""
        assert status(page) == ("stopped", "Stopped")
    wait_for_no_workers(page)


# ---- programs of one's own -----------------------------------------------------------------------


def test_links(playground: Page, new_page: Callable[..., Page]) -> None:
    program = "print('pässe – ✓')\n" + "".join(f"print({i})\n" for i in range(20))
    fill(playground, program)
    playground.js("workers.value = 3; share.click()")
    wait_until(playground, lambda: playground.js("return location.hash"), "there is no link")
    page = new_page("")
    open_playground(page, playground.js("return location.href"))
    assert page.js(TEXT) == program
    assert page.js("return [workers.value, example.value]") == ["3", ""]
    # Another one, on a page whose program nobody has changed; then on one where somebody has.
    page.js("location.hash = args[0]", link("print(1)", 2))
    wait_until(page, lambda: page.js(TEXT) == "print(1)", "the link is not followed")
    page.js(EDIT, "print('mine')")
    page.js("location.hash = args[0]", link("print(2)", 2))
    wait_until(page, lambda: page.js("return replace.open"), "nobody asks")
    page.js("replace.querySelector('[value=keep]').click()")
    assert page.js(TEXT) == "print('mine')"
    page.js("location.hash = '#program=abc'")
    wait_until(page, lambda: "damaged" in page.js("return refused.textContent"), "nothing is said")


def test_edits_are_not_lost(playground: Page) -> None:
    """Whoever chooses an example is asked, and may keep them."""
    choose_example(playground, "Parallel loops")
    playground.js(EDIT, "print('mine')")
    choose = """
        example.value = args[0];
        example.dispatchEvent(new Event('change'));
        await null;
        const asked = replace.open;
        const closed = new Promise(resolve => replace.addEventListener('close', resolve));
        if (asked) replace.querySelector(`[value=${args[1]}]`).click();
        if (asked) await closed;
        await null;
        return [asked, example.value];
    """
    assert playground.js(choose, "Errors come back", "keep") == [True, "Parallel loops"]
    assert playground.js(TEXT) == "print('mine')"
    assert playground.js(choose, "Errors come back", "replace") == [True, "Errors come back"]
    assert "divide" in playground.js(TEXT)
    assert playground.js(choose, "Parallel loops", "keep") == [False, "Parallel loops"]


# ---- whoever looks at it, and however ------------------------------------------------------------


class Keyboard:
    """Keys of a page, as they come from a keyboard."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, key: str, code: int, *, text: str = "", control: bool = False) -> None:
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 2 * control}
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.page.driver.execute_cdp_cmd(
                "Input.dispatchKeyEvent", {"type": kind, **event, **typed}
            )

    def tab(self) -> str:
        """Gives the id of what has the focus then."""
        self.press("Tab", 9)
        at: str = self.page.js("return document.activeElement.id")
        return at

    def type(self, text: str) -> None:
        for character in text:
            if character == "\n":
                self.press("Enter", 13, text="\r")
            else:
                self.page.driver.execute_cdp_cmd(
                    "Input.dispatchKeyEvent", {"type": "char", "text": character}
                )


def test_keyboard_alone(playground: Page) -> None:
    """From one end of the page to the other; Tab indents in the editor, until Escape comes."""
    keys = Keyboard(playground)
    fill(playground, "")
    keys.type("for i in range(2):\nprint(i")
    assert playground.js(TEXT) == "for i in range(2):\n    print(i)"  # indents, closes brackets
    keys.press("Enter", 13, control=True)
    assert shown(playground) == "0\n1\n"
    keys.press("End", 35)
    keys.type("\n")
    assert keys.tab() == "editor"
    assert playground.js(TEXT).endswith("print(i)\n        ")
    keys.press("Escape", 27)
    order = [keys.tab() for _ in range(6)]
    assert order == ["workers", "run", "compare", "pool", "clear", "output"]
    playground.js("run.focus()")
    keys.press("Enter", 13, text="\r")
    assert shown(playground) == "0\n1\n"
    assert playground.js("return document.activeElement.id") == "run"
    # Input gets the focus, and the button that follows when it has come.
    start(playground, "print(input('? ') * 2)")
    wait_until(playground, lambda: playground.js("return document.activeElement.id") == "line", "")
    keys.type("ab\n")
    assert shown(playground) == "? ab\nabab\n"
    assert playground.js("return document.activeElement.id") == "run"


# What axe finds wrong: rules of WCAG, and good practice.
AXE_RUN = """
const {violations} = await axe.run(document, {resultTypes: ['violations']});
return violations.map(({id, help, nodes}) => `${id}: ${help}: ${nodes.map(node => node.html)}`);
"""


@pytest.fixture
def emulated(playground: Page) -> Iterator[Callable[[int, str], None]]:
    """`emulated(width, scheme)`: how wide the page is, and which colour scheme its user has."""

    def emulate(width: int, scheme: str) -> None:
        playground.js("")  # the driver looks at this page now
        cdp = playground.driver.execute_cdp_cmd
        metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": False}
        cdp("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        cdp("Emulation.setEmulatedMedia", {"features": [feature]})

    yield emulate
    playground.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    playground.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_every_width_and_colour_scheme(
    playground: Page, emulated: Callable[[int, str], None]
) -> None:
    """No page is wider than the window; what axe checks holds (names, roles, contrast); after a
    failure, with a comparison, and with input asked for."""
    emulated(1280, "light")
    playground.driver.execute_script(AXE.read_text())
    start(playground, COMPARED, 2, "compare")
    answer(playground, "2")
    shown(playground)
    backgrounds = set()

    def look(width: int, scheme: str) -> None:
        emulated(width, scheme)
        widths = playground.js("""
            await new Promise(requestAnimationFrame);
            const {scrollWidth, clientWidth} = document.documentElement;
            return [scrollWidth, clientWidth, pool.scrollWidth - pool.clientWidth];
        """)
        assert widths[0] <= widths[1] <= width
        assert widths[2] == 0
        assert playground.js(AXE_RUN) == []
        backgrounds.add(playground.js("return getComputedStyle(document.body).backgroundColor"))

    for width, scheme in ((1280, "light"), (800, "dark"), (390, "light")):
        look(width, scheme)
    assert playground.js("return !comparison.hidden")
    assert len(backgrounds) == 2
    start(playground, "input('? ')\n1 / 0")
    wait_until(playground, lambda: playground.js("return !stdin.hidden"), "it asks for no input")
    look(390, "dark")
    answer(playground, "")
    shown(playground)
    assert status(playground)[0] == "failed"
    look(1280, "dark")


def test_strict_policy(new_page: Callable[..., Page], server: Server) -> None:
    """Nothing of the playground's is inline, nor from a URL of its own making."""
    policy = (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
        "connect-src 'self'; style-src 'self'; img-src 'self'"
    )
    server.headers["/"] = {"Content-Security-Policy": policy}
    try:
        page = open_playground(new_page(""))
    finally:
        del server.headers["/"]
    page.js("""
        globalThis.refused_ = [];
        const note = event => refused_.push([event.violatedDirective, event.blockedURI]);
        document.addEventListener('securitypolicyviolation', note);
    """)
    program = (
        "import penny\npenny.display(memoryview(bytes(12)).cast('B', (2, 2, 3)))\nprint('fine')"
    )
    assert run_program(page, program) == "fine\n"
    assert page.js("return output.querySelectorAll('canvas').length") == 1
    assert page.js("return refused_") == []
    colours = page.js(f"""
        {EDITOR}
        const colour = element => getComputedStyle(element).color;
        const words = [...content.querySelectorAll('.cm-line span')];
        const keyword = words.find(word => word.textContent === 'import');
        return [colour(keyword), colour(content)];
    """)
    assert colours[0] != colours[1]


def test_on_a_server_without_headers(new_page: Callable[..., Page], plain_server: Server) -> None:
    """As a site of `penny build` is on most hosts: the page isolates itself, and works the same."""
    page = open_playground(new_page("", server=plain_server))
    try:
        assert run_program(page, POOL) == "1024\n"
        assert sum(lane["tasks"] for lane in lanes(page).values()) == 1
    finally:
        unregister(page)


POOL = """
import penny
with penny.Scheduler() as s:
    print(s.submit(pow, 2, 10).result())
"""
