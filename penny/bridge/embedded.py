"""Penny in a Pyodide that no page of Penny's has prepared: a notebook's kernel, an app's own.

All that JavaScript needs is in the wheel. It makes workers from that, by blobs, and starts in them
the Pyodide that is here.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from penny.bridge.packages import python_packages

__all__ = ["begin", "install"]

# Not by importlib.resources, whose eleven modules Pyodide has to compile first: a notebook waits.
_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_BUNDLED = os.path.join(_FOLDER, "web", "bundled")


def _text(name: str) -> str:
    """What is in one of the bundled files."""
    with open(os.path.join(_BUNDLED, name), encoding="utf-8", newline="") as file:
        return file.read()


def begin() -> None:
    """Where a notebook's kernel will block, begin now with what must run by then.

    What a worker starts does not begin while that worker blocks, so a cell that opens a Scheduler
    and waits for it would come too late.
    """
    if os.path.isdir(_BUNDLED):  # else others have brought Penny here
        with contextlib.suppress(Exception):  # whoever opens a Scheduler is told
            install()


def install() -> None:
    """Let `_penny_bridge` be importable, and begin to load what workers start from.

    It takes some milliseconds.

    Raises:
        RuntimeError: Penny does not know this version of Pyodide, or came without its JavaScript,
            or the page's policy forbids what is needed; the message says what to do.
    """
    if not os.path.isdir(_BUNDLED):
        raise RuntimeError(
            "penny.Scheduler needs the page's help here, since this copy of Penny has no "
            "JavaScript: install the wheel penny-runtime. Or load penny.js on the page, and call "
            "`await Penny.install(pyodide)`; or run this code in a "
            '<script type="text/python" data-penny> element, or with `penny run`'
        )
    _embed(_evaluated(_text("embedded.js")))


def _evaluated(source: str) -> Any:
    """What the script's expression gives."""
    import js
    from pyodide.ffi import JsException

    try:
        return js.eval(source)
    except JsException as error:
        if error.name != "EvalError":
            raise
        raise RuntimeError(
            "penny.Scheduler can't start workers here: the page's Content-Security-Policy forbids "
            "JavaScript that comes from a package (it needs script-src 'unsafe-eval' and "
            "worker-src blob:). Under such a policy load penny.js on the page, and call `await "
            "Penny.install(pyodide)`"
        ) from None


def _embed(embedded: Any) -> None:
    import js
    import pyodide_js
    from pyodide.ffi import JsException, to_js

    with open(os.path.join(_FOLDER, "wasm_core", "core.wasm"), "rb") as file:
        core = file.read()
    contents = {
        "worker": _text("worker.js"),
        "core": to_js(core),
        "python": to_js(python_packages()),
    }
    try:
        embedded.embed(pyodide_js, to_js(contents, dict_converter=js.Object.fromEntries))
    except JsException as error:
        if error.name != "PyodideVersionError":
            raise
        raise RuntimeError(error.message) from None
