"""Where `make test-hosts` has installed the hosts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

HOSTS = Path(__file__).parents[2] / "build" / "hosts"
NODE_MODULES = HOSTS / "node_modules"
VENV = HOSTS / "venv"

PYODIDE = NODE_MODULES / "pyodide-314.0.6"
"""The one that JupyterLite's kernel names: jupyterlite_pyodide_kernel/constants.py."""

PRINTED = "about to fail\nprinted by a task\nthe program has ended\n"
"""By program.py."""


def distribution(folder: Path) -> Path:
    """Pyodide with micropip, IPython and what they need: of PyPI, whose hashes differ."""
    folder.mkdir()
    for file in PYODIDE.iterdir():
        if file.name != "pyodide-lock.json":
            (folder / file.name).symlink_to(file)
    lock = json.loads((PYODIDE / "pyodide-lock.json").read_text())
    wheels = [p for p in lock["packages"].values() if p["file_name"].endswith(".whl")]
    packages = {package["file_name"].partition("-")[0]: package for package in wheels}
    for wheel in (HOSTS / "wheels").iterdir():
        (folder / wheel.name).symlink_to(wheel)
        package = packages.get(wheel.name.partition("-")[0])
        if package is not None:
            package["file_name"] = wheel.name
            package["sha256"] = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "pyodide-lock.json").write_text(json.dumps(lock))
    return folder
