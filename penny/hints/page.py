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
        from penny.bridge import javascript  # which a program elsewhere does not load

        if not javascript.is_page():
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
        from penny.bridge import javascript

        return javascript.is_global(_object.__get__(error))
    return False
