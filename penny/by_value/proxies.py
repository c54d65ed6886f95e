"""Proxies of JavaScript's objects, by the names under which each worker has them: `Math.sqrt`."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["is_proxy", "path_of_proxy"]


def is_proxy(kind: type) -> bool:
    """Whether objects of the class stand for JavaScript's."""
    return kind.__module__ == "pyodide.ffi"


def path_of_proxy(proxy: Any) -> str | None:
    """Where JavaScript's object is found in every worker: `Math.sqrt`; None: nowhere by name."""
    js = sys.modules.get("js")
    if js is None:
        return None
    if proxy is js:
        return ""
    for name, module in (("pyodide_js", sys.modules.get("pyodide_js")),):
        if module is not None and proxy is module:
            return f"!{name}"
    try:
        return _search_js(js, proxy)
    except Exception:
        return None


def _search_js(js: Any, proxy: Any) -> str | None:
    if proxy == js.globalThis:
        return "globalThis"
    names = list(js.Object.getOwnPropertyNames(js.globalThis))
    # Functions and namespaces of the standard library, then what these have.
    for name in names:
        if _is(js.Reflect.get(js.globalThis, name), proxy):
            return str(name)
    for name in names:
        holder = js.Reflect.get(js.globalThis, name)
        if not name[0].isupper() or not hasattr(holder, "js_id"):
            continue
        for inner in js.Object.getOwnPropertyNames(holder):
            if inner not in ("prototype", "caller", "arguments", "callee") and _is(
                js.Reflect.get(holder, inner), proxy
            ):
                return f"{name}.{inner}"
    return None


def _is(found: Any, proxy: Any) -> bool:
    return hasattr(found, "js_id") and found.js_id == proxy.js_id
