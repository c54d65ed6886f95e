"""What Python did not find of JavaScript, since it belongs to a page and this is a worker."""

from __future__ import annotations

from penny._bridge import IN_BROWSER
from penny.exception_parts import add_notes, notes_of

__all__ = ["explain"]

NOTE = (
    "(Tasks, and scripts of `penny run`, run in a Web Worker, which has no document, no window and "
    "nothing else of the page. Do that in Python or JavaScript on the page, before or after, and "
    "pass values: as arguments of the task, and as its result.)"
)


def explain(error: BaseException) -> None:
    """Give an error that is for want of something of the page's a note that says so.

    Which names belong to a page nobody knows in a worker. So each name that JavaScript does not
    have there may be one.
    """
    if IN_BROWSER and _wants_global(error) and NOTE not in notes_of(error):
        import js

        if not hasattr(js, "document"):
            add_notes(error, NOTE)


def _wants_global(error: BaseException) -> bool:
    """Whether it says that JavaScript has no global of some name."""
    if isinstance(error, ImportError):
        return error.name == "js" or (error.name or "").startswith("js.")
    if isinstance(error, AttributeError):
        import js

        return error.obj is js or _is_global_this(error.obj)
    return False


def _is_global_this(value: object) -> bool:
    import js
    from pyodide.ffi import JsProxy

    return isinstance(value, JsProxy) and bool(value.js_id == js.globalThis.js_id)
