"""Wheels: some made on the spot, some from PyPI."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from penny.cli import bundle
from support.servers import Server

FOLDER = Path(__file__).parents[3] / "build" / "wheels"
"""Where `make wheels` puts those of tests/wheels.txt."""


def serve_downloaded(server: Server, *names: str) -> list[str]:
    """Have the server give wheels of tests/wheels.txt, by name. Returns their paths there."""
    files = {file.name.partition("-")[0]: file for file in FOLDER.glob("*.whl")}
    assert files, "the tests need wheels: `make wheels`"
    for name in names:
        server.write(f"wheels/{files[name].name}", files[name].read_bytes())
    return [f"wheels/{files[name].name}" for name in names]


def downloaded(name: str) -> tuple[str, bytes]:
    """A wheel of tests/wheels.txt: its file name and its content."""
    (file,) = FOLDER.glob(f"{name}-*.whl")
    return file.name, file.read_bytes()


def make_wheel(
    name: str, source: str, requires: str = "", version: str = "1.0"
) -> tuple[str, bytes]:
    """A wheel with one module: its file name and its content.

    Args:
        name: Of the module and the distribution.
        source: The module's.
        requires: A requirement of it.
        version: Its version.
    """
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "".join(
            f"{path},,\n" for path in (f"{name}.py", f"{info}/METADATA", f"{info}/WHEEL")
        ),
    }
    content = bundle.pack({path: text.encode() for path, text in files.items()})
    return f"{name}-{version}-py3-none-any.whl", content


@contextlib.contextmanager
def index(
    server: Server, *wheels: tuple[str, bytes], depends: Mapping[str, list[str]]
) -> Iterator[None]:
    """Inside the block, Pyodide knows these wheels by name, as it does its own packages.

    Args:
        server: Its lock file names them.
        wheels: As `make_wheel` gives them.
        depends: What they need of each other, by name.
    """
    folder = "/penny/pyodide/"
    lock = json.loads(server.content(f"{folder}pyodide-lock.json"))
    with contextlib.ExitStack() as stack:
        for file, content in wheels:
            name, version = file.split("-")[:2]
            lock["packages"][name] = {
                "depends": depends.get(name, []),
                "file_name": file,
                "imports": [name],
                "install_dir": "site",
                "name": name,
                "package_type": "package",
                "sha256": hashlib.sha256(content).hexdigest(),
                "unvendored_tests": False,
                "version": version,
            }
            stack.enter_context(server.answering(folder + file, body=content))
        body = json.dumps(lock)
        stack.enter_context(server.answering(f"{folder}pyodide-lock.json", body=body))
        yield
