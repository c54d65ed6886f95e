"""Installing the packages that a Scheduler names, once for all of its workers.

Pyodide itself loads what it knows by name, with what that needs, and wheels by their URLs. All else
(other names, requirements such as `attrs>=25`, what a wheel needs) is micropip's affair, which is
one of the packages that Pyodide knows. What is here stays in its version: what does not go with it
is an error.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.machinery import SourceFileLoader
from importlib.metadata import distribution, distributions
from typing import Any, NamedTuple

from penny.mirror.installed import PACKAGES, ROOTS, wheel_here

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
    had = _here()
    try:
        await _install(list(packages), list(known), had)
    except _Failed as error:
        return str(error)
    if compile:
        _compile(_here().keys() - had.keys())
    return ""


async def _install(packages: Sequence[str], known: Sequence[str], had: _Here) -> None:
    references = [ref for each in packages if (ref := await _reference(each)) is not None]
    packages = [each for each in packages if "@" not in each or _is_wheel(each)]
    packages += [each.wheel for each in references]
    wheels = [each for each in packages if _is_wheel(each)]
    _check_wheels(wheels, had)
    wheels = [each for each in wheels if _normal(_parts(each)[0]) not in had]
    names = [each for each in packages if each in known and _normal(each) not in had]
    await _load(names + wheels)
    here = _here()
    wanted = [_Wanted(each) for each in packages if each not in known and not _is_wheel(each)]
    wanted += [_Wanted(each.named) for each in references if "[" in each.named]
    for wheel in wheels:
        wanted += here[_normal(_parts(wheel)[0])].needs()
    missing = [each for each in wanted if not await _is_met(each, here, had)]
    if missing:
        await _find(missing)
        here = _here()
    for name, dist in here.items():
        for each in dist.needs():
            if name not in had or each.name not in had:
                await _is_met(each, here, had)


async def _find(missing: Sequence[_Wanted]) -> None:
    """Have micropip install what is required and not here."""
    named = ", ".join(map(str, missing))
    try:
        await _load(["micropip"])
    except _Failed as error:
        raise _Failed(
            f"packages {named}: this Pyodide knows none of these names, and micropip, "
            f"which looks for others, could not be loaded: {error}"
        ) from None
    micropip = importlib.import_module("micropip")
    try:
        await micropip.install([each.requirement for each in missing], keep_going=True)
    except Exception as error:
        raise _Failed(f"packages {named}: {_line(error)}") from None


class _Reference(NamedTuple):
    """What is named together with where its wheel is: `attrs[extra] @ https://…/a.whl`."""

    named: str
    wheel: str


_REFERENCE = re.compile(r"\s*([\w.-]+)\s*(\[[^\]]*\])?\s*@\s*([^\s;]\S*)\s*(?:;(.*))?")


async def _reference(package: str) -> _Reference | None:
    """Such a one; None: it is another sort of name, or not for this Python by its marker."""
    found = _REFERENCE.fullmatch(package)
    if found is None:
        return None
    name, extras, wheel, marker = found.groups()
    if not wheel.partition("#")[0].partition("?")[0].endswith(".whl"):
        raise _Failed(
            f"packages {package}: {wheel} is no wheel, and nothing else can be built here"
        )
    if _normal(_parts(wheel)[0]) != _normal(name):
        raise _Failed(f"packages {package}: that is a wheel of {_parts(wheel)[0]}")
    if marker is not None:
        requirements = await _requirements()
        if requirements is None:
            raise _Failed(f"packages {package}: its marker can't be read without packaging")
        try:
            parsed = requirements.Requirement(package)
        except requirements.InvalidRequirement as error:
            raise _Failed(f"packages {package}: {_line(error)}") from None
        if not parsed.marker.evaluate({"extra": ""}):
            return None
    return _Reference(f"{name}{extras or ''}", wheel)


def _unpack(wheel: str) -> None:
    """Install a wheel that lies in the file system here."""
    import pyodide_js
    from pyodide.ffi import to_js

    path = wheel_here(wheel) or ""
    if not re.search(r"-(none-any|[^-]*(emscripten|pyodide)[^-]*)\.whl$", path):
        raise _Failed(f"packages {wheel}: its name is not that of a wheel for Pyodide")
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise _Failed(f"packages {wheel}: {error.strerror or error}") from None
    try:
        pyodide_js.unpackArchive(to_js(content), "wheel", extractDir=PACKAGES)
    except Exception as error:
        raise _Failed(f"packages {wheel}: {_line(error)}") from None
    importlib.invalidate_caches()


async def _load(packages: list[str]) -> None:
    """Have Pyodide load what it knows by name or URL."""
    for each in packages:
        if wheel_here(each) is not None:
            _unpack(each)
    packages = [each for each in packages if wheel_here(each) is None]
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


def _is_wheel(package: str) -> bool:
    if _REFERENCE.fullmatch(package):
        return False
    return package.endswith(".whl") or "/" in package


def _parts(wheel: str) -> tuple[str, str]:
    """Name and version of the distribution in a wheel, by its URL."""
    name, _, rest = wheel.partition("?")[0].rpartition("/")[2].partition("-")
    return name, rest.partition("-")[0]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# -- What goes together --------------------------------------------------------------------------


class _Wanted(NamedTuple):
    """A requirement."""

    requirement: str
    by: str = ""
    """The distribution that has it, if it is not whoever names packages."""

    @property
    def name(self) -> str:
        """What is required, by its normal name."""
        return _normal(re.split(r"[^\w.-]", self.requirement.strip(), maxsplit=1)[0])

    def __str__(self) -> str:
        return f"{self.requirement} (which {self.by} needs)" if self.by else self.requirement


class _Dist(NamedTuple):
    """A distribution that is here."""

    name: str
    version: str
    requires: Sequence[str]

    def needs(self) -> Iterator[_Wanted]:
        """What it requires in any case."""
        for each in self.requires:
            if "extra ==" not in each:
                yield _Wanted(each, f"{self.name} {self.version}")


_Here = Mapping[str, _Dist]
"""By their normal names."""


def _here() -> _Here:
    found: dict[str, _Dist] = {}
    for each in distributions():
        metadata = each.metadata  # is read at each access
        name, version = metadata["Name"], metadata["Version"]
        if name and version:
            requires = metadata.get_all("Requires-Dist", ())
            found.setdefault(_normal(name), _Dist(name, version, requires))
    return found


def _check_wheels(wheels: Sequence[str], had: _Here) -> None:
    """Raise an error if a wheel is of a distribution that is here, or named, in another version."""
    named: dict[str, str] = {}
    for wheel in wheels:
        name, version = _parts(wheel)
        before = named.setdefault(_normal(name), wheel)
        if _parts(before)[1] != version:
            raise _Failed(f"packages {before} and {wheel} are two versions of {name}")
        here = had.get(_normal(name))
        if here is not None and here.version != version:
            raise _Failed(
                f"packages {wheel} is {name} {version}, and {name} {here.version} is installed "
                "where the Scheduler is opened"
            )


async def _is_met(wanted: _Wanted, here: _Here, had: _Here) -> bool:
    """Whether what is here is what is wanted. An error if it is here in another version."""
    found = here.get(wanted.name)
    if re.fullmatch(r"[\w.-]+", wanted.requirement):
        return found is not None
    requirements = await _requirements()
    if requirements is None:
        if wanted.by or found is None:  # of what a wheel needs, names alone are looked at
            return found is not None or ";" in wanted.requirement
        raise _Failed(
            f"packages {wanted}: {found.name} {found.version} is here, and whether that will do "
            "can't be told without packaging or micropip, which are not among Pyodide's packages"
        )
    try:
        parsed = requirements.Requirement(wanted.requirement)
    except requirements.InvalidRequirement as error:
        raise _Failed(f"packages {wanted}: {_line(error)}") from None
    if parsed.marker is not None and not parsed.marker.evaluate({"extra": ""}):
        return True
    if found is None:
        return False
    if not parsed.specifier.contains(found.version, prereleases=True):
        others = [
            str(each)
            for dist in here.values()
            for each in dist.needs()
            if each.name == wanted.name and each != wanted
        ]
        why = "installed where the Scheduler is opened" if wanted.name in had else "what others get"
        others_too = f", and they want {', '.join(others)}" if others else ""
        raise _Failed(f"packages {wanted}: {found.name} {found.version} is {why}{others_too}")
    return not parsed.extras  # those are micropip's affair


async def _requirements() -> Any:
    """The module that knows what requirements mean; None: it is not to be had."""
    names = ("packaging.requirements", "micropip._vendored.packaging.src.packaging.requirements")
    for load in (("packaging",), ()):
        for name in names:
            try:
                return importlib.import_module(name)
            except ImportError:
                continue
        try:
            await _load(list(load))
        except _Failed:
            break
    return None


# -- Compiled ------------------------------------------------------------------------------------


def _compile(names: Iterable[str]) -> None:
    """Import distributions once: what is imported is written down compiled, for the workers."""
    keep_bytecode()
    for name in names:
        for module in _modules(name):
            try:
                found = importlib.import_module(module)
            except BaseException:  # whoever imports it in a task hears why
                continue
            # Some import the rest when it is asked for.
            for attribute in getattr(found, "__all__", ()):
                try:
                    getattr(found, attribute)
                except BaseException:
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
