"""Installing the packages that a Scheduler names, once for all of its workers.

Pyodide itself loads what it knows by name, with what that needs, and wheels by their URLs. All else
(other names, requirements such as `attrs>=25`, what a wheel needs) is micropip's affair, which is
one of the packages that Pyodide knows.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import SourceFileLoader
from importlib.metadata import PackageNotFoundError, distribution, distributions
from typing import Any

from penny.mirror.installed import ROOTS

__all__ = ["add", "keep_bytecode"]


class _Failed(Exception):
    """Says why, in a line."""


async def add(packages: Iterable[str], known: Iterable[str], compile: bool) -> str:
    """Install packages in this Pyodide.

    Args:
        packages: Names, requirements, URLs of wheels.
        known: Those of them that are names of Pyodide's packages.
        compile: Import what is new once, so that it is there compiled.

    Returns:
        "" or, in a line, why they can't be installed.
    """
    here = _names()
    try:
        await _install(list(packages), list(known))
    except _Failed as error:
        return str(error)
    if compile:
        _compile(_names() - here)
    return ""


async def _install(packages: Sequence[str], known: Sequence[str]) -> None:
    wheels = [each for each in packages if each.endswith(".whl") or "/" in each]
    missing = [each for each in packages if each not in known and each not in wheels]
    wheels = [each for each in wheels if not _has(each)]
    await _load([each for each in packages if each in known] + wheels)
    for wheel in wheels:
        missing += _lacking(wheel)
    if not missing:
        return
    try:
        await _load(["micropip"])
    except _Failed as error:
        raise _Failed(
            f"packages {', '.join(missing)}: this Pyodide knows none of these names, and micropip, "
            f"which looks for others, could not be loaded: {error}"
        ) from None
    micropip = importlib.import_module("micropip")
    try:
        await micropip.install(missing, keep_going=True)
    except Exception as error:
        raise _Failed(f"packages {', '.join(missing)}: {_line(error)}") from None


async def _load(packages: list[str]) -> None:
    """Have Pyodide load what it knows by name or URL."""
    if not packages:
        return
    import pyodide_js

    errors: list[str] = []
    try:
        await pyodide_js.loadPackage(
            packages, messageCallback=lambda _: None, errorCallback=errors.append
        )
    except Exception as error:
        errors.append(_line(error))
    if errors:
        raise _Failed(f"could not load packages {', '.join(packages)}: {_line('; '.join(errors))}")


def _line(said: object) -> str:
    return re.sub(r"\s+", " ", str(said)).strip()


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _names() -> set[str]:
    return {_normalized(each.name) for each in distributions()}


def _parts(wheel: str) -> tuple[str, str]:
    """Name and version of the distribution in a wheel, by its URL."""
    name, _, rest = wheel.partition("?")[0].rpartition("/")[2].partition("-")
    return name, rest.partition("-")[0]


def _has(wheel: str) -> bool:
    """Whether that distribution is here in that version."""
    name, version = _parts(wheel)
    try:
        return distribution(name).version == version
    except PackageNotFoundError:
        return False


def _lacking(wheel: str) -> Iterable[str]:
    """The requirements of a wheel that was loaded, of which nothing is here."""
    here = _names()
    for requirement in distribution(_parts(wheel)[0]).requires or ():
        name = re.match(r"[\w.-]+", requirement)
        if name and "extra ==" not in requirement and _normalized(name[0]) not in here:
            yield requirement


def _compile(names: Iterable[str]) -> None:
    """Import distributions once: what is imported is written down compiled, for the workers."""
    keep_bytecode()
    for name in names:
        for module in _modules(name):
            try:
                importlib.import_module(module)
            except BaseException:  # whoever imports it in a task hears why
                continue


def keep_bytecode() -> None:
    """Write down, compiled, whatever is imported of packages, for workers that get them.

    Not of a program's own modules: bytecode goes by the second in which its source was changed, so
    one that is written anew within it would be imported as it was.
    """
    loader: Any = SourceFileLoader
    write = loader._cache_bytecode

    def of_packages(self: Any, source: str, target: str, data: bytes) -> None:
        if source.startswith(ROOTS):
            write(self, source, target, data)

    loader._cache_bytecode = of_packages
    sys.dont_write_bytecode = False


def _modules(name: str) -> set[str]:
    """The modules and packages at the top of a distribution."""
    tops = {str(path).partition("/")[0] for path in distribution(name).files or ()}
    modules = {re.sub(r"(\.cpython-.*|\.abi3)?\.(py|so)$", "", top) for top in tops}
    return {module for module in modules if module.isidentifier() and module != "micropip"}
