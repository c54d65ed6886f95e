"""Which of Pyodide's packages has a module."""

from __future__ import annotations

import importlib

__all__ = ["package_of"]


def package_of(module: str) -> str | None:
    """The name of Pyodide's package with a module, if it has one."""
    try:
        hook = importlib.import_module("_pyodide._importhook")
        found = hook.REPODATA_PACKAGES_IMPORT_TO_PACKAGE_NAME.get(module)
    except Exception:  # private to Pyodide
        return None
    return found if isinstance(found, str) else None
