"""Python modules for tests in a page: importable in its Pyodide, in host and pool workers."""

from pathlib import Path

FILES = {path.name: path.read_bytes() for path in Path(__file__).parent.glob("[!_]*.py")}
"""Their contents by file name."""
