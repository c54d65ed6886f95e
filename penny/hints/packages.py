"""Which package has a module: of Pyodide's, or of those that are installed here."""

from __future__ import annotations

import importlib
import importlib.metadata

__all__ = ["distribution_of", "installed", "package_of"]


def package_of(module: str) -> str | None:
    """The name of Pyodide's package with a module, if it has one."""
    try:
        hook = importlib.import_module("_pyodide._importhook")
        found = hook.REPODATA_PACKAGES_IMPORT_TO_PACKAGE_NAME.get(module)
    except Exception:  # private to Pyodide
        return None
    return found if isinstance(found, str) else None


def distribution_of(module: str) -> str | None:
    """The name of the distribution with a module at its top, if that is installed here."""
    found = importlib.metadata.packages_distributions().get(module)
    return found[0] if found else None


def installed() -> list[str]:
    """The distributions that are installed here, as in `attrs 25.1`, in order of their names."""
    found = {each.name: each.version for each in importlib.metadata.distributions()}
    return [f"{name} {found[name]}" for name in sorted(found, key=str.lower)]
