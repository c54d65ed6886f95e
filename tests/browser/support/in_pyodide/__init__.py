"""Python modules for tests in a page: importable in its Pyodide, in host and pool workers."""

import os
from pathlib import Path

FILES = {path.name: path.read_bytes() for path in Path(__file__).parent.glob("[!_]*.py")}
"""Their contents by file name."""

INLINE = "import inline; inline.replace()\n" if os.environ.get("PENNY_TEST_INLINE") else ""
"""What Python has to run first; empty but where tests are to show that they need workers."""
