"""The script tag and the Python elements of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.processes import wait_for_no_workers, wait_until
from support.servers import Server
from support.tasks import NAP
from support.wheels import make_wheel

Open = Callable[..., Page]
Test = TypeVar("Test", bound=Callable[..., None])

BODIES: list[str] = []
WHEEL = make_wheel("stranger", "WHO = 'a stranger'\n")


def body(html: str) -> Callable[[Test], Test]:
    """Put this on the page that the tests have in common."""
    BODIES.append(html)
    return lambda test: test


# The element's text once it contains a text.
_SHOWN = """
const [id, text] = args;
const element = document.getElementById(id);
await new Promise(resolve => {
  const look = () => { if (element.textContent.includes(text)) resolve(); };
  new MutationObserver(look).observe(element, {childList: true});
  look();
});
return element.textContent;
"""


def shown(page: Page, element: str, text: str) -> str:
    """Wait until an element shows a text; gives all it shows then."""
    result: str = page.js(_SHOWN, element, text)
    return result


def uncaught(page: Page) -> list[str]:
    return [text for level, text in page.console() if level == "uncaught"]


def html(body: str, tag: str) -> str:
    return (
        f'<!doctype html><link rel="icon" href="data:,"><script src="penny.js" {tag}></script>\n'
        + body
    )


@pytest.fixture(scope="module")
def common(driver: Chrome, server: Server) -> Iterator[Page]:
    """The page with all these bodies. On it, one worker is the default."""
    server.write(*WHEEL)
    server.write("program.py", "def f():\n    print(__file__)\n\nf()\nprint('end')\n")
    server.write("common.html", html("\n".join(BODIES), 'data-workers="1"'))
    page = Page(driver, server).open("common.html")
    yield page
    page.close()


@pytest.fixture(scope="module")
def three(driver: Chrome, server: Server) -> Iterator[Page]:
    """A page whose tag asks for 3 workers, with an element that says how many there are."""
    body = """
        <pre id="out"></pre>
        <script type="text/python" data-penny data-output="out">
        import penny
        with penny.Scheduler() as s:
            print(s.workers, "workers")
        </script>
    """
    server.write("three.html", html(body, 'data-workers="3"'))
    page = Page(driver, server).open("three.html")
    yield page
    page.close()


@pytest.fixture(scope="module")
def blocked(driver: Chrome, server: Server) -> Iterator[Page]:
    """A page with two elements, of which the first does not end."""
    body = f"""
        <pre id="blocks"></pre><pre id="ends"></pre>
        <script type="text/python" data-penny data-output="blocks">{NAP}
mine = True
import penny
print("blocked")
with penny.Scheduler() as s:
    s.submit(nap, 1e6).result()
        </script>
        <script type="text/python" data-penny data-output="ends">
        print("mine" in globals(), "end")
        </script>
    """
    server.write("blocked.html", html(body, 'data-workers="1"'))
    page = Page(driver, server).open("blocked.html")
    yield page
    page.close()


@pytest.fixture
def open_html(new_page: Callable[..., Page], server: Server) -> Open:
    """Opens a page of the test's own with this body, and before it the tag and `#out`."""

    def open_page(body: str) -> Page:
        server.write("script-tag.html", html(f'<pre id="out"></pre>\n{body}', 'data-workers="1"'))
        return new_page("script-tag.html")

    return open_page


@body("""
    <pre id="sum"></pre>
    <script type="text/python" data-penny data-output="sum">
    import operator, penny
    with penny.Scheduler() as s:
        print(s.submit(operator.add, 31415000, 926).result())
    print("end")
    </script>
""")
def test_output_goes_to_the_element(common: Page) -> None:
    assert shown(common, "sum", "end") == "31415926\nend\n"
    # Not a number that a port may have, which the texts of errors name.
    assert not [text for _, text in common.console() if "31415926" in text]


@body(f"""
    <pre id="packages"></pre>
    <script type="text/python" data-penny data-output="packages" data-packages="./{WHEEL[0]}">
    import penny, stranger
    def task():
        import stranger
        return penny.current_worker(), stranger.WHO
    with penny.Scheduler() as s:
        print(*s.submit(task).result())
    print("end")
    </script>
""")
def test_packages(common: Page) -> None:
    """The element's program has them, and its tasks."""
    assert shown(common, "packages", "end") == "0 a stranger\nend\n"


@body("""
    <pre id="task"></pre>
    <script type="text/python" data-penny data-output="task">
    import penny
    with penny.Scheduler() as s:
        s.submit(print, "from a task").result()
    print("end")
    </script>
""")
def test_output_of_tasks_goes_to_the_element(common: Page) -> None:
    assert shown(common, "task", "end") == "from a task\nend\n"


@body("""
    <pre id="unnamed"></pre>
    <script type="text/python" data-penny>
    import sys
    print("good")
    print("bad", file=sys.stderr)
    </script>
    <script type="text/python" data-penny data-on="page">
    from js import document
    document.getElementById("unnamed").append("page")
    </script>
""")
def test_output_goes_to_the_console_where_no_element_is_named(common: Page) -> None:
    shown(common, "unnamed", "page")
    wait_until(
        common,
        lambda: {("error", "bad"), ("log", "good")} <= set(common.console()),
        "the console does not show it",
    )


def test_workers_of_the_tag(three: Page) -> None:
    assert shown(three, "out", "workers") == "3 workers\n"


def test_workers_of_the_tag_in_javascript(three: Page) -> None:
    assert (
        three.js("""
        const s = await Penny.scheduler();
        await s.shutdown({now: true});
        return s.workers;
    """)
        == 3
    )


@body("""
    <pre id="workers"></pre>
    <script type="text/python" data-penny data-output="workers" data-workers="2">
    import penny
    with penny.Scheduler() as s:
        print(s.workers, "workers")
    </script>
""")
def test_workers_of_the_element(common: Page) -> None:
    assert shown(common, "workers", "workers") == "2 workers\n"


@body("""
    <pre id="many"></pre>
    <script type="text/python" data-penny data-output="many" data-workers="many">
    print("never")
    </script>
""")
def test_wrong_number_of_workers_is_shown(common: Page) -> None:
    assert "workers must be an integer" in shown(common, "many", "workers")
    assert "workers must be an integer" in "".join(uncaught(common))


@body("""
    <pre id="document"></pre>
    <script type="text/python" data-penny data-on="page">
    from js import document
    import penny
    async with penny.Scheduler() as s:
        document.getElementById("document").textContent = await s.submit(str.upper, "done")
    </script>
""")
def test_python_on_the_page_uses_its_document(common: Page) -> None:
    assert shown(common, "document", "DONE") == "DONE"


@body("""
    <pre id="on-page"></pre>
    <script type="text/python" data-penny data-on="page" data-output="on-page">
    import penny
    async with penny.Scheduler() as s:
        await s.submit(print, "from a task")
    print("end")
    </script>
""")
def test_output_of_python_on_the_page(common: Page) -> None:
    assert shown(common, "on-page", "end") == "from a task\nend\n"


def test_page_goes_on_while_python_blocks(blocked: Page) -> None:
    shown(blocked, "blocks", "blocked")
    assert (
        blocked.js("return await new Promise(resolve => setTimeout(resolve, 10, 'alive'))")
        == "alive"
    )


@body(
    '<pre id="program"></pre>'
    '<script type="text/python" src="program.py" data-penny data-output="program"></script>'
)
def test_src(common: Page) -> None:
    assert shown(common, "program", "end") == f"{common.server.url}program.py\nend\n"


@body(
    '<pre id="missing"></pre>'
    '<script type="text/python" src="none.py" data-penny data-output="missing"></script>'
)
def test_missing_src_is_shown_and_reported(common: Page) -> None:
    text = shown(common, "missing", "404")
    assert "none.py" in text
    assert "none.py" in "".join(uncaught(common))


@body("""
            <pre id="dedent"></pre>
            <script type="text/python" data-penny data-output="dedent">
                text = '''a
                  b'''

                if text:
                    print(repr(text))
                print("end")
            </script>
""")
def test_dedent(common: Page) -> None:
    """The markup's indentation goes, Python's own stays; blank lines may have none."""
    assert shown(common, "dedent", "end") == "'a\\n  b'\nend\n"


@body("""
    <pre id="traceback"></pre>
    <script type="text/python" data-penny id="mine" data-output="traceback">
    def f():
        return 1 / 0

    f()
    </script>
""")
def test_traceback_names_element_and_line(common: Page) -> None:
    text = shown(common, "traceback", "ZeroDivisionError")
    assert text.startswith('Traceback (most recent call last):\n  File "<script#mine>", line 5')
    assert "return 1 / 0" in text


@body("""
    <pre id="known"></pre>
    <script type="text/python" data-penny data-output="nowhere">print("never")</script>
    <script type="text/python" data-penny data-output="known">print("end")</script>
""")
def test_unknown_output_element_is_reported(common: Page) -> None:
    assert shown(common, "known", "end") == "end\n"
    (error,) = [text for text in uncaught(common) if "nowhere" in text]
    assert 'data-output="nowhere"' in error


def test_missing_runtime_is_shown_and_reported(open_html: Open, server: Server) -> None:
    with server.answering("/penny/pyodide/pyodide.asm.wasm", status=404):
        page = open_html("""
            <script type="text/python" data-penny data-output="out">print("never")</script>
        """)
        assert "pyodide.asm.wasm" in shown(page, "out", "404")
    assert "pyodide.asm.wasm" in "".join(uncaught(page))


def test_several_elements(blocked: Page) -> None:
    """Each in a worker and a namespace of its own: one that does not end keeps none waiting."""
    assert shown(blocked, "blocks", "blocked") == "blocked\n"
    assert shown(blocked, "ends", "end") == "False end\n"


@body("""
    <pre id="x"></pre>
    <script type="text/python" data-penny data-on="page">x = 42</script>
    <script type="text/python" data-penny data-on="page" data-output="x">print(x)</script>
""")
def test_elements_on_the_page_share_their_python(common: Page) -> None:
    assert shown(common, "x", "\n") == "42\n"


@body("""
    <pre id="turns"></pre><pre id="first"></pre><pre id="second"></pre>
    <script type="text/python" data-penny data-on="page" data-output="first">
    import asyncio
    from js import document
    for _ in range(20):
        await asyncio.sleep(0)
    print("first")
    document.getElementById("turns").append("1")
    </script>
    <script type="text/python" data-penny data-on="page" data-output="second">
    from js import document
    print("second")
    document.getElementById("turns").append("2")
    </script>
""")
def test_elements_on_the_page_take_turns(common: Page) -> None:
    """One ends before the next begins, so each prints into its own element."""
    assert shown(common, "turns", "2") == "12"
    assert shown(common, "first", "") == "first\n"
    assert shown(common, "second", "") == "second\n"


@body("""
    <pre id="one"></pre><pre id="two"></pre>
    <script type="text/python" data-penny data-on="page" data-output="one" data-workers="1">
    import penny
    async with penny.Scheduler() as s:
        await s.submit(print, s.workers, "in the first")
    </script>
    <script type="text/python" data-penny data-on="page" data-output="two" data-workers="2">
    import penny
    async with penny.Scheduler() as s:
        await s.submit(print, s.workers, "in the second")
    print("end")
    </script>
""")
def test_elements_on_the_page_have_options_of_their_own(common: Page) -> None:
    """Number of workers, and where the output of tasks goes."""
    assert shown(common, "two", "end") == "2 in the second\nend\n"
    assert shown(common, "one", "") == "1 in the first\n"


@body("""
    <pre id="penny"></pre><pre id="other"></pre>
    <script type="text/python" data-output="other">print("another's")</script>
    <script type="text/python" data-penny data-output="penny">print("end")</script>
""")
def test_only_elements_with_data_penny_run(common: Page) -> None:
    shown(common, "penny", "end")
    assert shown(common, "other", "") == ""


def test_tag_that_is_added_later(new_page: Open, server: Server) -> None:
    server.write(
        "later.html",
        '<!doctype html><link rel="icon" href="data:,"><pre id="out"></pre>'
        '<script type="text/python" data-penny data-output="out">print("end")</script>',
    )
    page = new_page("later.html")
    page.js(
        "document.head.append(Object.assign(document.createElement('script'), {src: 'penny.js'}))"
    )
    assert shown(page, "out", "end") == "end\n"


def test_nothing_is_loaded_before_it_is_used(open_html: Open, server: Server) -> None:
    server.requests.clear()
    open_html("")
    assert [path for path in server.requests if path.startswith("/penny/")] == []


@body("""
    <pre id="left"></pre>
    <script type="text/python" data-penny data-output="left">
    import penny
    s = penny.Scheduler()
    print(s.submit(len, "abc").result(), "end")
    </script>
""")
def test_workers_end_with_their_program(common: Page) -> None:
    """This one's does without being told to; all others on the page have ended, too."""
    shown(common, "left", "end")
    wait_for_no_workers(common)
