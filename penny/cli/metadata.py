"""What a script says that it needs: its inline metadata (PEP 723), as `uv run` and pipx read it.

# /// script
# requires-python = ">=3.12"
# dependencies = ["attrs>=25", "rich"]
# ///
"""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from typing import Any

from penny.cli.errors import CommandError
from penny.cli.pyodide import PYTHON_VERSION

__all__ = ["dependencies"]

# As the specification has it.
_BLOCK = re.compile(
    r"^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$", re.MULTILINE
)


def dependencies(source: str, script: str) -> list[str]:
    """Return the requirements that a script names.

    Args:
        source: The script's.
        script: Its name, for errors.

    Raises:
        CommandError: The metadata can't be read, or Pyodide's Python is not one that it asks for.
    """
    found = _BLOCK.finditer(source.replace("\r\n", "\n"))
    blocks = [block for block in found if block["type"] == "script"]
    if not blocks:
        return []
    if len(blocks) > 1:
        raise CommandError(f"{script} has several blocks of metadata, `# /// script`")
    lines = (line.removeprefix("#") for line in blocks[0]["content"].splitlines())
    try:
        metadata = tomllib.loads("\n".join(line.removeprefix(" ") for line in lines))
    except tomllib.TOMLDecodeError as error:
        raise CommandError(f"the metadata of {script} is no TOML: {error}") from None
    named = metadata.get("dependencies", [])
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise CommandError(f"dependencies in the metadata of {script} is no list of strings")
    _check_python(metadata.get("requires-python"), script)
    if "uv" in metadata.get("tool", {}):
        print(
            f"penny: [tool.uv] in the metadata of {script} is for uv alone, and not read",
            file=sys.stderr,
        )
    return named


def _check_python(required: object, script: str) -> None:
    if required is None:
        return
    specifiers = _specifiers()
    try:
        fits = specifiers.SpecifierSet(required).contains(PYTHON_VERSION, prereleases=True)
    except (specifiers.InvalidSpecifier, AttributeError, TypeError):
        raise CommandError(
            f"requires-python in the metadata of {script} is no specifier: {required}"
        ) from None
    if not fits:
        raise CommandError(
            f"{script} requires Python {required}, and Pyodide's is {PYTHON_VERSION}"
        )


def _specifiers() -> Any:
    for name in ("packaging.specifiers", "pip._vendor.packaging.specifiers"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise CommandError("requires-python of a script needs packaging: `pip install packaging`")
