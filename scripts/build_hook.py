"""Hatchling's hook: no package without what the build makes.

A wheel is pure data to Hatchling, which would make one without complaint in a checkout where `make
core bundles` has not run yet.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = {
    "penny/wasm_core/core.wasm": "core",
    "web/penny/core/layout.js": "core",
    "penny/bridge/numbers.py": "core",
    "web/bundled/embedded.js": "bundles",
    "web/bundled/worker.js": "bundles",
    "web/bundled/penny/page.js": "bundles",
    "web/bundled/playground/editor.js": "bundles",
    "web/bundled/playground/kernels.zip": "bundles",
}
"""Generated files, by what makes them."""


class CoreHook(BuildHookInterface[Any]):
    """Refuses to build a wheel or an sdist whose generated files are missing."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Check, before the files are collected."""
        if version == "editable":
            return
        missing = [name for name in BUILT if not (Path(self.root) / name).is_file()]
        if missing:
            goals = " ".join(sorted({BUILT[name] for name in missing}))
            raise FileNotFoundError(f"not built yet: {', '.join(missing)}. Run `make {goals}`.")
