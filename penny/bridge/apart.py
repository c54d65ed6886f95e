"""Modules of Penny's that a built site keeps apart from the others, and are fetched when needed.

A page that uses none of them would else fetch them before its first result. `penny build` puts a
call of `fetch` in their place (`penny.cli.prose`).
"""

from __future__ import annotations

import importlib
import json
import os

__all__ = ["fetch"]

PLACE = "/lib/penny-apart"
"""A file with the URL that they are fetched from (`web/penny/boot/pyodide.js`)."""

FOLDER = "/lib/penny-modules"


def fetch(package: str, path: list[str]) -> None:
    """Have the modules of a package found, fetched if they are not here yet.

    Args:
        package: Its name.
        path: Its `__path__`, to which their folder is added.

    Raises:
        ImportError: They are not to be had.
    """
    folder = f"{FOLDER}/{package}"
    if not os.path.isdir(folder):
        from pyodide.http import open_url  # waits, on a page as in a worker

        try:
            with open(PLACE, encoding="utf-8") as place:
                url = place.read()
            files = json.loads(open_url(url).read())
        except Exception as error:
            raise ImportError(f"{package} could not be fetched: {error}", name=package) from error
        for name, source in files.items():
            os.makedirs(os.path.dirname(f"{FOLDER}/{name}"), exist_ok=True)
            with open(f"{FOLDER}/{name}", "w", encoding="utf-8") as file:
                file.write(source)
        importlib.invalidate_caches()
    path.append(folder)
