"""What Python did not find of JavaScript, since it belongs to a page and this is a worker."""

from __future__ import annotations

from typing import Any

__all__ = ["hint"]

NOTE = (
    "(Tasks, and scripts of `penny run`, run in a Web Worker, which has no document, no window and "
    "nothing else of the page. Do that in Python or JavaScript on the page, before or after, and "
    "pass values: as arguments of the task, and as its result.)"
)


def hint(error: BaseException) -> str:
    """What to do instead, if the error is for want of something of the page's. In a browser only.

    Which names belong to a page nobody knows in a worker. So each name that JavaScript does not
    have there may be one.
    """
    if _wants_global(error):
        import js

        if not hasattr(js, "document"):
            return NOTE
    return ""


# Whatever a class of the program's makes of them.
_name: Any = ImportError.__dict__["name"]
_object: Any = AttributeError.__dict__["obj"]


def _wants_global(error: BaseException) -> bool:
    """Whether it says that JavaScript has no global of some name."""
    if isinstance(error, ImportError):
        name = _name.__get__(error)
        return type(name) is str and name.partition(".")[0] == "js"
    if isinstance(error, AttributeError):
        import js

        value = _object.__get__(error)
        return value is js or _is_global_this(value)
    return False


def _is_global_this(value: object) -> bool:
    import js
    from pyodide.ffi import JsProxy

    return isinstance(value, JsProxy) and bool(value.js_id == js.globalThis.js_id)
