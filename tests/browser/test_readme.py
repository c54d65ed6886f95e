"""The examples of README.md run, and print what their comments say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.kernel_modules import documented_module
from support.pages import Page, Run
from support.readme import FILE, blocks
from support.servers import Server


@pytest.mark.usefixtures("on")
@pytest.mark.program(blocks("python")[0])
def test_awaiting_python(run: Run) -> None:
    printed = run.ok().split("\n")
    assert printed[:3] == ["49", "[0, 1, 4, 9, 16]", "42"]
    assert sorted(printed[3:7]) == ["1", "2", "4", "8"]


@pytest.mark.program(blocks("python")[1])
def test_blocking_python(run: Run) -> None:
    assert run.ok() == "120\n[1, 2, 3]\n12\n"


@pytest.mark.program(blocks("python")[2])
def test_spawn_and_join(run: Run) -> None:
    assert run.ok() == "6765\n4995\n998001\n6765\n"


@pytest.mark.program(blocks("python")[3])
def test_waiting_cancelling_urgency(run: Run) -> None:
    assert run.ok() == "True\ntook too long\n1024\n"


@pytest.mark.program(blocks("python")[4])
def test_shared_arrays(run: Run) -> None:
    assert run.ok() == "255 [155, 255, 155, 255, 155, 255]\n[255, 155, 155, 255]\n"


@pytest.mark.program(blocks("python")[6])
def test_display(run: Run) -> None:
    assert re.fullmatch(r"<a picture, \d+ bytes>\n", run.ok())


def test_all_python_examples_are_tested() -> None:
    assert len(blocks("python")) == 7  # test_kernel_docs.py has the one about kernels
    assert len(blocks("js")) == 2
    assert len(blocks("html")) == 1


def test_javascript(new_page: Callable[..., Page], server: Server, tmp_path: Path) -> None:
    server.write("kernels.wasm", documented_module(FILE, tmp_path))
    page = new_page()
    page.js(blocks("js")[0])
    logged = [text for level, text in page.console() if level == "log"]
    assert logged[0] == "42"
    assert "Hello Ada?" in logged


def test_install(page: Page) -> None:
    page.js(
        "const url = new URL('penny/pyodide/pyodide.mjs', location.href).href;"
        "const {loadPyodide} = await import(url);"
        "globalThis.printed = [];"
        "const pyodide = await loadPyodide({stdout: line => printed.push(line)});" + blocks("js")[1]
    )
    assert page.js("return printed") == ["1024"]


def test_script_tag(new_page: Callable[..., Page], server: Server) -> None:
    html = blocks("html")[0].replace("data-penny>", 'data-penny data-output="out">')
    server.write("readme.html", f'<!doctype html><meta charset="utf-8"><pre id="out"></pre>{html}')
    page = new_page("readme.html")
    page.js("""
        const out = document.getElementById('out');
        await new Promise(resolve => {
          const look = () => { if (out.textContent.includes('primes')) resolve(); };
          new MutationObserver(look).observe(out, {childList: true});
          look();
        });
    """)
    shown = page.js("return document.getElementById('out').textContent")
    assert shown == "9592 primes below 100000\n"
