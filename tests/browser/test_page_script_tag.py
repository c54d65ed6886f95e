"""The script tag and the Python elements of a page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.pages import Page
from support.processes import wait_for_no_workers
from support.servers import Server

Open = Callable[..., Page]

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


def shown(page: Page, text: str, element: str = "out") -> str:
    """Wait until an element shows a text; gives all it shows then."""
    result: str = page.js(_SHOWN, element, text)
    return result


def uncaught(page: Page) -> list[str]:
    return [text for level, text in page.console() if level == "uncaught"]


@pytest.fixture
def open_html(new_page: Callable[..., Page], server: Server) -> Open:
    """Opens a page with this body and `<script src="penny.js" …>` before it."""

    def open_page(body: str, tag: str = 'data-workers="2"') -> Page:
        server.write(
            "script-tag.html",
            f'<!doctype html><link rel="icon" href="data:,"><script src="penny.js" {tag}></script>'
            f'<pre id="out"></pre><pre id="out2"></pre>\n{body}',
        )
        return new_page("script-tag.html")

    return open_page


def test_output_goes_to_the_element(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-penny data-output="out">
        import operator, penny
        with penny.Scheduler() as s:
            print(s.submit(operator.add, 40, 2).result())
        print("end")
        </script>
    """)
    assert shown(page, "end") == "42\nend\n"
    assert page.console() == []


def test_output_of_tasks_goes_to_the_element(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-penny data-output="out">
        import penny
        with penny.Scheduler() as s:
            s.submit(print, "from a task").result()
        print("end")
        </script>
    """)
    assert shown(page, "end") == "from a task\nend\n"


def test_output_goes_to_the_console_where_no_element_is_named(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-penny>
        import sys
        print("good")
        print("bad", file=sys.stderr)
        </script>
        <script type="text/python" data-penny data-on="page">
        from js import document
        document.getElementById("out").append("page")
        </script>
    """)
    shown(page, "page")
    wait_for_no_workers(page)
    assert sorted(page.console()) == [("error", "bad"), ("log", "good")]


def test_workers_of_the_tag(open_html: Open) -> None:
    page = open_html(
        """
        <script type="text/python" data-penny data-output="out">
        import penny
        with penny.Scheduler() as s:
            print(s.workers, "workers")
        </script>
        """,
        tag='data-workers="3"',
    )
    assert shown(page, "workers") == "3 workers\n"


def test_workers_of_the_tag_in_javascript(open_html: Open) -> None:
    page = open_html("", tag='data-workers="3"')
    assert (
        page.js("""
        const s = await Penny.scheduler();
        await s.shutdown();
        return s.workers;
    """)
        == 3
    )


def test_workers_of_the_element(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-penny data-output="out" data-workers="1">
        import penny
        with penny.Scheduler() as s:
            print(s.workers, "workers")
        </script>
    """)
    assert shown(page, "workers") == "1 workers\n"


def test_wrong_number_of_workers_is_shown(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-penny data-output="out" data-workers="many">
        print("never")
        </script>
    """)
    assert "workers must be an integer" in shown(page, "workers")
    assert "workers must be an integer" in "".join(uncaught(page))


def test_python_on_the_page_uses_its_document(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-penny data-on="page">
        from js import document
        import penny
        async with penny.Scheduler() as s:
            document.getElementById("out").textContent = await s.submit(str.upper, "done")
        </script>
    """)
    assert shown(page, "DONE") == "DONE"


def test_output_of_python_on_the_page(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-penny data-on="page" data-output="out">
        import penny
        async with penny.Scheduler() as s:
            await s.submit(print, "from a task")
        print("end")
        </script>
    """)
    assert shown(page, "end") == "from a task\nend\n"


def test_page_goes_on_while_python_blocks(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-penny data-output="out">
        import penny, time
        print("blocked")
        with penny.Scheduler() as s:
            s.submit(time.sleep, 60).result()
        </script>
    """)
    shown(page, "blocked")
    assert (
        page.js("return await new Promise(resolve => setTimeout(resolve, 10, 'alive'))") == "alive"
    )


def test_src(open_html: Open, server: Server) -> None:
    url = server.write("program.py", "def f():\n    print(__file__)\n\nf()\nprint('end')\n")
    page = open_html(
        '<script type="text/python" src="program.py" data-penny data-output="out"></script>'
    )
    assert shown(page, "end") == f"{url}\nend\n"


def test_missing_src_is_shown_and_reported(open_html: Open) -> None:
    page = open_html(
        '<script type="text/python" src="none.py" data-penny data-output="out"></script>'
    )
    text = shown(page, "404")
    assert "none.py" in text
    assert "none.py" in "".join(uncaught(page))


def test_dedent(open_html: Open) -> None:
    """The markup's indentation goes, Python's own stays; blank lines may have none."""
    page = open_html("""
                <script type="text/python" data-penny data-output="out">
                    text = '''a
                      b'''

                    if text:
                        print(repr(text))
                    print("end")
                </script>
    """)
    assert shown(page, "end") == "'a\\n  b'\nend\n"


def test_traceback_names_element_and_line(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-penny id="mine" data-output="out">
        def f():
            return 1 / 0

        f()
        </script>
    """)
    text = shown(page, "ZeroDivisionError")
    assert text.startswith('Traceback (most recent call last):\n  File "<script#mine>", line 5')
    assert "return 1 / 0" in text


def test_unknown_output_element_is_reported(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-penny data-output="nowhere">print("never")</script>
        <script type="text/python" data-penny data-output="out">print("end")</script>
    """)
    assert shown(page, "end") == "end\n"
    (error,) = uncaught(page)
    assert 'data-output="nowhere"' in error


def test_missing_runtime_is_shown_and_reported(open_html: Open, server: Server) -> None:
    with server.answering("/penny/pyodide/pyodide.asm.wasm", status=404):
        page = open_html("""
            <script type="text/python" data-penny data-output="out">print("never")</script>
        """)
        assert "pyodide.asm.wasm" in shown(page, "404")
    assert "pyodide.asm.wasm" in "".join(uncaught(page))


def test_several_elements(open_html: Open) -> None:
    """Each in a worker and a namespace of its own: one that does not end keeps none waiting."""
    page = open_html("""
        <script type="text/python" data-penny data-output="out2">
        mine = True
        print("blocks")
        while True:
            pass
        </script>
        <script type="text/python" data-penny data-output="out">
        print("mine" in globals(), "end")
        </script>
    """)
    assert shown(page, "blocks", "out2") == "blocks\n"
    assert shown(page, "end") == "False end\n"


def test_elements_on_the_page_share_their_python(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-penny data-on="page">x = 42</script>
        <script type="text/python" data-penny data-on="page" data-output="out">print(x)</script>
    """)
    assert shown(page, "\n") == "42\n"


def test_elements_on_the_page_take_turns(open_html: Open) -> None:
    """One ends before the next begins, so each prints into its own element."""
    page = open_html("""
        <pre id="ended"></pre>
        <script type="text/python" data-penny data-on="page" data-output="out">
        import asyncio
        from js import document
        for _ in range(20):
            await asyncio.sleep(0)
        print("first")
        document.getElementById("ended").append("1")
        </script>
        <script type="text/python" data-penny data-on="page" data-output="out2">
        from js import document
        print("second")
        document.getElementById("ended").append("2")
        </script>
    """)
    page.js("""
        const ended = document.getElementById('ended');
        await new Promise(resolve => {
          const look = () => { if (ended.textContent.length === 2) resolve(); };
          new MutationObserver(look).observe(ended, {childList: true});
          look();
        });
    """)
    assert page.js("return [ended, out, out2].map(element => element.textContent)") == [
        "12",
        "first\n",
        "second\n",
    ]


def test_elements_on_the_page_have_options_of_their_own(open_html: Open) -> None:
    """Number of workers, and where the output of tasks goes."""
    page = open_html("""
        <script type="text/python" data-penny data-on="page" data-output="out" data-workers="1">
        import penny
        async with penny.Scheduler() as s:
            await s.submit(print, s.workers, "in the first")
        </script>
        <script type="text/python" data-penny data-on="page" data-output="out2" data-workers="2">
        import penny
        async with penny.Scheduler() as s:
            await s.submit(print, s.workers, "in the second")
        print("end")
        </script>
    """)
    page.js("""
        await new Promise(resolve => {
          const look = () => {
            if ((out.textContent + out2.textContent).includes('end')) resolve();
          };
          new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
          look();
        });
    """)
    assert page.js("return [out, out2].map(element => element.textContent)") == [
        "1 in the first\n",
        "2 in the second\nend\n",
    ]


def test_only_elements_with_data_penny_run(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-output="out2">print("another's")</script>
        <script type="text/python" data-penny data-output="out">print("end")</script>
    """)
    shown(page, "end")
    assert page.js("return document.getElementById('out2').textContent") == ""


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
    assert shown(page, "end") == "end\n"


def test_nothing_is_loaded_before_it_is_used(open_html: Open, server: Server) -> None:
    server.requests.clear()
    open_html("")
    assert [path for path in server.requests if path.startswith("/penny/")] == []


def test_workers_end_with_their_program(open_html: Open) -> None:
    page = open_html("""
        <script type="text/python" data-penny data-output="out">
        import penny
        s = penny.Scheduler()
        print(s.submit(len, "abc").result(), "end")
        </script>
    """)
    shown(page, "end")
    wait_for_no_workers(page)
