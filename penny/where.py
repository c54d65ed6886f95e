"""Where this interpreter runs."""

from __future__ import annotations

import sys

IN_BROWSER = sys.platform == "emscripten"
"""Whether it is Pyodide's, so that there is a JavaScript."""

worker: int | None = None
"""The number of the pool worker that it is, from 0 on; None outside of a pool. Set once, when a
worker starts."""
